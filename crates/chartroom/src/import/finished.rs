//! Finished files: what earlier imports took in completely, so that the same command again is quick.
//!
//! One line a file in `DATA/imported`: its SHA-256, how many resources it held, and the log position by then. It is a
//! shortcut, not a truth: as soon as anything but an import may have written, it is forgotten, and the resources
//! themselves are compared again.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use vault::exchange::Fingerprint;

const NAME: &str = "imported";

/// The files that are done.
pub struct Finished {
    known: HashMap<String, u64>,
    file: File,
}

impl Finished {
    /// Reads what is known. A record that has fewer entries than were noted is another one: all is forgotten.
    pub fn open(data: &Path, head: u64) -> io::Result<Finished> {
        let path = data.join(NAME);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<(&str, u64, u64)> = text.split_inclusive('\n').filter_map(parsed).collect();
        let fits = lines.iter().all(|&(_, _, then)| then <= head);
        let known = if fits {
            lines.iter().map(|&(hash, count, _)| (hash.to_owned(), count)).collect()
        } else {
            HashMap::new()
        };
        let mut options = OpenOptions::new();
        let file = options.mode(0o600).create(true).write(true).append(fits).truncate(!fits).open(path)?;
        Ok(Finished { known, file })
    }

    /// How many resources a finished file held.
    pub fn count(&self, hash: &str) -> Option<u64> {
        self.known.get(hash).copied()
    }

    /// Notes a file as done.
    pub fn add(&mut self, hash: &str, count: u64, head: u64) -> io::Result<()> {
        self.known.insert(hash.to_owned(), count);
        self.file.write_all(format!("{hash} {count} {head}\n").as_bytes())
    }
}

/// Forgets everything, because something else is about to write.
pub fn forget(data: &Path) {
    // A file that is not there is as good as a forgotten one.
    drop(fs::remove_file(data.join(NAME)));
}

/// A line that was written whole.
fn parsed(line: &str) -> Option<(&str, u64, u64)> {
    let mut parts = line.strip_suffix('\n')?.split(' ');
    Some((parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The SHA-256 of a file as it is on disk.
pub fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut fingerprint = Fingerprint::default();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(fingerprint.hex()),
            count => fingerprint.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_file_is_known_until_the_record_is_another_one() {
        let dir = tempfile::tempdir().expect("a folder");
        Finished::open(dir.path(), 10).expect("opened").add("ab", 3, 10).expect("noted");
        assert_eq!(Finished::open(dir.path(), 10).expect("opened").count("ab"), Some(3));
        assert_eq!(Finished::open(dir.path(), 9).expect("opened").count("ab"), None);
        assert_eq!(Finished::open(dir.path(), 10).expect("opened").count("ab"), None);
    }

    #[test]
    fn a_half_written_line_is_not_believed() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join(NAME), "ab 3 1\ncd 4").expect("written");
        let known = Finished::open(dir.path(), 10).expect("opened");
        assert_eq!((known.count("ab"), known.count("cd")), (Some(3), None));
    }
}
