//! `control.sock`: where in the data directory the server's door is, and who may knock.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixSocket};

const FILE: &str = "control.sock";

/// The address of a socket holds 104 bytes on some systems and 108 on Linux, the closing zero included.
const ADDRESS_BYTES_MAX: usize = 103;

/// Commands that may wait at the door.
const WAITING_MAX: u32 = 16;

/// A socket that listens; its file goes with it.
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Listens in a data directory whose lock is held: what lies there from an earlier process is removed, not followed.
    pub fn listen(data: &Path) -> io::Result<(Socket, UnixListener)> {
        let path = data.join(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let address = Address::of(data)?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(&address.path)?;
        // Nobody can connect between these two: a socket that is bound does not listen yet.
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok((Socket { path }, socket.listen(WAITING_MAX)?))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What stays behind is removed at the next start.
        drop(fs::remove_file(&self.path));
    }
}

/// A connection to the server that has this directory open. `None`: there is none, or nobody answers.
pub fn connect(data: &Path) -> Option<UnixStream> {
    let found = fs::symlink_metadata(data.join(FILE)).ok()?;
    // A new key is told only to a socket of the owner's own.
    let is_owners = [data.to_owned(), data.join("record.sqlite")]
        .iter()
        .any(|own| fs::metadata(own).is_ok_and(|own| own.uid() == found.uid()));
    if !found.file_type().is_socket() || !is_owners {
        return None;
    }
    UnixStream::connect(&Address::of(data).ok()?.path).ok()
}

/// A path that fits into the address of a socket.
struct Address {
    path: PathBuf,
    _dir: Option<File>,
}

impl Address {
    fn of(data: &Path) -> io::Result<Address> {
        let path = data.join(FILE);
        if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
            return Ok(Address { path, _dir: None });
        }
        // Linux: the open directory is a short way to it.
        let dir = File::open(data)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{FILE}", dir.as_raw_fd()));
        Ok(Address { path, _dir: Some(dir) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(data: &Path) -> io::Result<(Socket, UnixListener)> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async { Socket::listen(data) })
    }

    #[test]
    fn a_socket_is_its_owners_and_goes_with_its_server() {
        let folder = tempfile::tempdir().expect("a folder");
        for data in [folder.path().join("d"), folder.path().join("long".repeat(40)).join("d")] {
            fs::create_dir_all(&data).expect("made");
            assert!(connect(&data).is_none(), "nobody is there");
            let (socket, listener) = listen(&data).expect("listens");
            let mode = fs::metadata(data.join(FILE)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(connect(&data).is_some(), "{}", data.display());
            drop(listener);
            assert!(connect(&data).is_none(), "nobody answers");
            let (again, _listener) = listen(&data).expect("a stale file is replaced");
            assert!(connect(&data).is_some());
            drop((socket, again));
            assert!(!data.join(FILE).exists());
        }
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, elsewhere) = (folder.path().join("d"), folder.path().join("elsewhere"));
        fs::create_dir_all(&data).expect("made");
        fs::write(&elsewhere, "kept").expect("written");
        std::os::unix::fs::symlink(&elsewhere, data.join(FILE)).expect("linked");
        assert!(connect(&data).is_none());
        let (_socket, _listener) = listen(&data).expect("listens");
        assert!(fs::symlink_metadata(data.join(FILE)).expect("there").file_type().is_socket());
        assert_eq!(fs::read_to_string(&elsewhere).expect("there"), "kept");
        fs::remove_file(data.join(FILE)).expect("removed");
        fs::create_dir(data.join(FILE)).expect("made");
        assert!(listen(&data).is_err(), "a directory is not removed");
    }
}
