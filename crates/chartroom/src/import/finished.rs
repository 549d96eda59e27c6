//! Finished files: what earlier imports took in completely, so that the same command again is quick.
//!
//! One line a file in the memo `imported`: its SHA-256, how many resources it held, and the log position by then. It is a
//! shortcut, not a truth: as soon as anything but an import may have written, it is forgotten, and the resources
//! themselves are compared again. It is sealed, because who holds a copy of a file could look for its hash.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use vault::Error;
use vault::exchange::Fingerprint;
use vault::memo::{Memo, Memos};

const NAME: &str = "imported";

/// The files that are done.
pub struct Finished {
    known: HashMap<String, u64>,
    memo: Memo,
}

impl Finished {
    /// Reads what is known. A record that has fewer entries than were noted is another one: all is forgotten.
    pub fn open(memos: &Memos, head: u64) -> Result<Finished, Error> {
        let (mut memo, kept) = memos.write(NAME)?;
        let noted: Option<Vec<(String, u64, u64)>> = kept.lines.iter().map(|line| parsed(line)).collect();
        match noted.filter(|all| all.iter().all(|&(_, _, then)| then <= head)) {
            Some(all) => Ok(Finished { known: all.into_iter().map(|(hash, count, _)| (hash, count)).collect(), memo }),
            None => {
                memo.clear()?;
                Ok(Finished { known: HashMap::new(), memo })
            }
        }
    }

    /// How many resources a finished file held.
    pub fn count(&self, hash: &str) -> Option<u64> {
        self.known.get(hash).copied()
    }

    /// Notes a file as done.
    pub fn add(&mut self, hash: &str, count: u64, head: u64) -> Result<(), Error> {
        self.known.insert(hash.to_owned(), count);
        self.memo.add(format!("{hash} {count} {head}").as_bytes())
    }
}

/// Forgets everything, because something else is about to write.
pub fn forget(data: &Path) {
    Memos::forget(data, NAME);
}

fn parsed(line: &[u8]) -> Option<(String, u64, u64)> {
    let mut parts = std::str::from_utf8(line).ok()?.split(' ');
    Some((parts.next()?.to_owned(), parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
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
    use base::clock::Clock;
    use base::id::Ids;
    use vault::records::KeySource;
    use vault::{Options, Vault};

    fn memos(dir: &Path) -> Memos {
        let options = Options {
            dir: dir.to_owned(),
            key: KeySource::Beside,
            clock: Clock::System,
            ids: Ids::System,
            labels: None,
        };
        Vault::open(options).expect("a vault").memos().expect("its memos")
    }

    #[test]
    fn a_finished_file_is_known_until_the_record_is_another_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let memos = memos(dir.path());
        Finished::open(&memos, 10).expect("opened").add("ab", 3, 10).expect("noted");
        assert_eq!(Finished::open(&memos, 10).expect("opened").count("ab"), Some(3));
        assert_eq!(Finished::open(&memos, 9).expect("opened").count("ab"), None);
        assert_eq!(Finished::open(&memos, 10).expect("opened").count("ab"), None);
        Finished::open(&memos, 10).expect("opened").add("ab", 3, 10).expect("noted");
        forget(dir.path());
        assert_eq!(Finished::open(&memos, 10).expect("opened").count("ab"), None);
    }
}
