//! Memos: what an import or a bulk export keeps beside the record, in files of their own, each line sealed.
//!
//! They name what a disk may not tell: files called after patients, elements that nobody knows. A line is the Base64 of
//! nonce, ciphertext and tag, under a label of the memo's name and the line's number, so that none can be moved. Their key
//! hangs from the shared data key and so outlives a change of the root key. Memos are no part of the log: nothing is
//! proved about them, and they may be deleted at any time.

use crate::error::{Error, Fault};
use crate::keys::patients::{PatientKey, SHARED};
use crate::keys::seal::Sealer;
use crate::records::opening::ring_of;
use crate::records::store::{altered_key, wrapped_key};
use crate::records::{Options, Vault, schema};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The end of a memo's file name.
const ENDING: &str = "sealed";

/// The memos of a data directory.
#[derive(Clone)]
pub struct Memos {
    dir: PathBuf,
    sealer: Arc<Sealer>,
}

/// A memo being written. Every line is in the file when [`Memo::add`] returns.
pub struct Memo {
    name: String,
    path: PathBuf,
    file: File,
    lines: u64,
    sealer: Arc<Sealer>,
}

/// What a memo holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The lines up to the first that does not open.
    pub lines: Vec<Vec<u8>>,
    /// Whether all of them opened. An import that was killed may leave half a line at the end.
    pub whole: bool,
    /// Bytes of the lines that opened.
    bytes: u64,
}

impl Vault {
    /// The memos beside this record.
    pub fn memos(&self) -> Result<Memos, Error> {
        let store = &self.inner.store;
        Ok(Memos::of(&store.dir, &store.keys.shared())?)
    }
}

impl Memos {
    fn of(dir: &Path, shared: &PatientKey) -> Result<Memos, Fault> {
        Ok(Memos { dir: dir.to_owned(), sealer: Arc::new(Sealer::new(&shared.derived(b"memos"))?) })
    }

    /// The memos of a data directory that has a record, beside a running server too.
    pub fn open(options: &Options) -> Result<Memos, Error> {
        let ring = ring_of(&options.dir, &options.key)?;
        let connection = schema::reader(&options.dir.join(schema::FILE))?;
        let (owner, wrapped) = wrapped_key(&connection, SHARED)?.ok_or_else(|| altered_key(SHARED))?;
        let shared = PatientKey::unwrap(&ring, SHARED, owner, &wrapped).ok_or_else(|| altered_key(SHARED))?;
        Ok(Memos::of(&options.dir, &shared)?)
    }

    /// The names of all memos that begin with `start`, in order.
    pub fn names(&self, start: &str) -> Result<Vec<String>, Error> {
        let looked = fs::read_dir(&self.dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let files = looked.map_err(|error| Fault::file("looking into", &self.dir, error))?;
        let name =
            |file: &fs::DirEntry| file.file_name().to_str()?.strip_suffix(ENDING)?.strip_suffix('.').map(str::to_owned);
        let mut names: Vec<String> = files.iter().filter_map(name).filter(|name| name.starts_with(start)).collect();
        names.sort();
        Ok(names)
    }

    /// Reads a memo. `None`: there is none of that name.
    pub fn read(&self, name: &str) -> Result<Option<Kept>, Error> {
        let path = self.path(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(self.lines(name, file).map_err(|error| Fault::file("reading", &path, error))?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::file("reading", &path, error).into()),
        }
    }

    /// A memo to add lines to, and what it holds already. What does not open at its end is cut off.
    pub fn write(&self, name: &str) -> Result<(Memo, Kept), Error> {
        let kept = self.read(name)?.unwrap_or_default();
        let path = self.path(name);
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let opened = options.open(&path).and_then(|file| file.set_len(kept.bytes).map(|()| file));
        let file = opened.map_err(|error| Fault::file("opening", &path, error))?;
        let lines = kept.lines.len() as u64;
        Ok((Memo { name: name.to_owned(), path, file, lines, sealer: Arc::clone(&self.sealer) }, kept))
    }

    /// Deletes a memo. One that is not there is as good as deleted.
    pub fn forget(dir: &Path, name: &str) {
        drop(fs::remove_file(dir.join(format!("{name}.{ENDING}"))));
    }

    /// Deletes a memo of these.
    pub fn remove(&self, name: &str) {
        Memos::forget(&self.dir, name);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.{ENDING}"))
    }

    fn lines(&self, name: &str, file: File) -> std::io::Result<Kept> {
        let mut kept = Kept { whole: true, ..Kept::default() };
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 {
            let Some(plain) = self.opened(name, kept.lines.len() as u64, &line) else {
                kept.whole = false;
                break;
            };
            kept.bytes += line.len() as u64;
            kept.lines.push(plain);
            line.clear();
        }
        Ok(kept)
    }

    fn opened(&self, name: &str, number: u64, line: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = BASE64_STANDARD.decode(line.strip_suffix(b"\n")?).ok()?;
        self.sealer.open(&label(name, number), &mut sealed).map(<[u8]>::to_vec)
    }
}

impl Memo {
    /// Adds a line.
    pub fn add(&mut self, line: &[u8]) -> Result<(), Error> {
        let sealed = self.sealer.seal(&label(&self.name, self.lines), line)?;
        let written = self.file.write_all(format!("{}\n", BASE64_STANDARD.encode(sealed)).as_bytes());
        written.map_err(|error| Fault::file("writing", &self.path, error))?;
        self.lines += 1;
        Ok(())
    }

    /// Takes everything out.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.file.set_len(0).map_err(|error| Fault::file("emptying", &self.path, error))?;
        self.lines = 0;
        Ok(())
    }

    /// Brings everything to disk.
    pub fn sync(&self) -> Result<(), Error> {
        Ok(self.file.sync_all().map_err(|error| Fault::file("writing", &self.path, error))?)
    }
}

/// What ties a line to its memo and its place there.
fn label(name: &str, number: u64) -> Vec<u8> {
    format!("memo {name} {number}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::patients::PatientKey;

    fn memos(dir: &Path) -> Memos {
        Memos::of(dir, &PatientKey::new(SHARED, 0, [9; 32], true).expect("a key")).expect("memos")
    }

    #[test]
    fn lines_are_kept_in_order_and_nothing_of_them_is_in_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let memos = memos(dir.path());
        let (mut memo, kept) = memos.write("m").expect("opened");
        assert!(kept.lines.is_empty());
        memo.add(b"Zqxfamily.json").expect("added");
        drop(memo);
        let (mut memo, kept) = memos.write("m").expect("opened again");
        assert_eq!((kept.lines, kept.whole), (vec![b"Zqxfamily.json".to_vec()], true));
        memo.add(b"two").expect("added");
        memo.sync().expect("on disk");
        let file = fs::read_to_string(dir.path().join("m.sealed")).expect("a file");
        assert!(file.lines().count() == 2 && !file.contains("Zqx"), "{file}");
        assert_eq!(memos.names("m").expect("listed"), ["m"]);
        assert!(memos.read("other").expect("looked").is_none());
        memo.clear().expect("emptied");
        memo.add(b"three").expect("added");
        assert_eq!(memos.read("m").expect("read").expect("there").lines, [b"three"]);
        Memos::forget(dir.path(), "m");
        assert!(memos.names("").expect("listed").is_empty());
    }

    #[test]
    fn a_half_line_a_moved_line_and_a_strange_line_end_what_is_believed() {
        let dir = tempfile::tempdir().expect("a folder");
        let memos = memos(dir.path());
        let (mut memo, _) = memos.write("m").expect("opened");
        for line in [b"0", b"1", b"2"] {
            memo.add(line).expect("added");
        }
        let path = dir.path().join("m.sealed");
        let text = fs::read_to_string(&path).expect("a file");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (altered, good) in [
            (text[..text.len() - 9].to_owned(), 2),
            (text[..text.len() - 1].to_owned(), 2),
            (format!("{}{}{}", lines[0], lines[2], lines[1]), 1),
            (format!("ab 3 1\n{text}"), 0),
        ] {
            fs::write(&path, &altered).expect("written");
            let kept = memos.read("m").expect("read").expect("there");
            assert_eq!((kept.lines.len(), kept.whole), (good, false), "{altered}");
            let (mut memo, _) = memos.write("m").expect("opened");
            memo.add(b"more").expect("added");
            let kept = memos.read("m").expect("read").expect("there");
            assert_eq!((kept.lines.len(), kept.whole), (good + 1, true), "what did not open was cut off");
        }
        fs::rename(&path, dir.path().join("n.sealed")).expect("renamed");
        assert!(!memos.read("n").expect("read").expect("there").whole);
    }
}
