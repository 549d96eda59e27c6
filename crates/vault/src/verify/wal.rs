//! The write-ahead log of a record that was not closed: frames that are whole behind one that is broken.
//!
//! SQLite takes frames up to the first that does not fit its checksum and drops the rest without a word (file format
//! section 4): one flipped byte there silently takes back what was committed behind it. A power loss in the middle of a
//! write can leave the same picture; what was being written then had not been acknowledged.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// Bytes before the first frame, and before each page.
const HEADER: usize = 32;
const FRAME: usize = 24;

/// Somebody may be writing just now; what is broken only in passing is whole a moment later.
const LOOKS: usize = 5;

/// A broken frame with whole ones behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Its number, from 1; 0 is the file's header.
    pub frame: u64,
    /// Commits behind it.
    pub commits: u64,
}

/// Looks through a write-ahead log; nothing is found in one that is missing or empty.
pub(super) fn look(path: &Path) -> std::io::Result<Option<Broken>> {
    let mut found = None;
    for _ in 0..LOOKS {
        let now = look_once(path)?;
        if now.is_none() || now == found {
            return Ok(now);
        }
        found = now;
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    // It changed at each look: somebody is writing.
    Ok(None)
}

fn look_once(path: &Path) -> std::io::Result<Option<Broken>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER];
    if !fill(&mut reader, &mut header)? {
        return Ok(None);
    }
    let big_endian = word(&header, 0) & 1 == 1;
    let page = word(&header, 8) as usize;
    let mut sum = Sum { big_endian, s: [0, 0] };
    sum.add(&header[..24]);
    let mut whole = sum.s == [word(&header, 24), word(&header, 28)];
    let mut salts = whole.then(|| header[16..24].to_vec());
    let (mut number, mut broken, mut commits) = (0, 0, 0);
    if !page.is_power_of_two() || !(512..=65_536).contains(&page) {
        // Without the page size nothing behind the header can be told apart.
        return Ok(fill(&mut reader, &mut header)?.then_some(Broken { frame: 0, commits: 1 }));
    }
    let mut frame = vec![0; FRAME + page];
    while fill(&mut reader, &mut frame)? {
        number += 1;
        // Frames of an earlier round carry other salts and count for nothing.
        let of_this_round = frame[8..16] == *salts.get_or_insert_with(|| frame[8..16].to_vec());
        if whole {
            sum.add(&frame[..8]);
            sum.add(&frame[FRAME..]);
            whole = of_this_round && sum.s == [word(&frame, 16), word(&frame, 20)];
            if !whole {
                broken = number;
            }
        } else if of_this_round && word(&frame, 4) > 0 {
            commits += 1;
        }
    }
    Ok((commits > 0).then_some(Broken { frame: broken, commits }))
}

/// Fills a buffer; `false` at the end of the file.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

/// SQLite's running checksum over pairs of words.
struct Sum {
    big_endian: bool,
    s: [u32; 2],
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let (a, b) = (self.word(&pair[..4]), self.word(&pair[4..]));
            self.s[0] = self.s[0].wrapping_add(a).wrapping_add(self.s[1]);
            self.s[1] = self.s[1].wrapping_add(b).wrapping_add(self.s[0]);
        }
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        let word = word(bytes, 0);
        if self.big_endian { word } else { word.swap_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn a_flipped_byte_with_commits_behind_it_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let db = Connection::open(dir.path().join("a")).expect("opened");
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t(x)").expect("made");
        for _ in 0..5 {
            db.execute("INSERT INTO t VALUES (randomblob(100))", []).expect("written");
        }
        let wal = dir.path().join("a-wal");
        assert_eq!(look(&wal).expect("read"), None);
        let bytes = std::fs::read(&wal).expect("read");
        let frames = (bytes.len() - HEADER) / (FRAME + 4096);
        let copy = dir.path().join("copy");
        for at in [1, 9, 17, 27, HEADER + 4, HEADER + 20, HEADER + 1000, HEADER + FRAME + 4096 + 500] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            std::fs::write(&copy, &flipped).expect("written");
            let broken = look(&copy).expect("read").expect("found");
            let frame = if at < HEADER { 0 } else { 1 + (at - HEADER) / (FRAME + 4096) };
            assert_eq!(broken.frame, frame as u64, "byte {at}");
            assert!(broken.commits > 0);
        }
        // The last frame, a cut, and an empty file leave nothing behind that was committed.
        let mut flipped = bytes.clone();
        flipped[HEADER + (frames - 1) * (FRAME + 4096) + 100] ^= 1;
        for harmless in [&flipped[..], &bytes[..bytes.len() - 10], &[]] {
            std::fs::write(&copy, harmless).expect("written");
            assert_eq!(look(&copy).expect("read"), None);
        }
        assert_eq!(look(&dir.path().join("none")).expect("looked"), None);
    }
}
