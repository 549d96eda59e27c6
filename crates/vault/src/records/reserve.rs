//! The reserve: room on the disk that is kept for the audit, so that a full disk does not end reading at once.
//!
//! A file of random bytes, which no file system can make smaller, lies beside the record. When there is no room for entries of
//! the audit, a part of it is given back; changes are refused from then on, until it is whole again. It holds nothing of
//! anybody, needs no backup, and is made anew when it is missing.

use crate::error::Fault;
use base::id::Ids;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file's name in the data directory.
pub(crate) const FILE: &str = "audit.reserve";

/// What is given back at a time, and written at a time.
const STEP: u64 = 1 << 20;

/// From one try to make it whole to the next.
const RETRY: Duration = Duration::from_secs(1);

/// Room that is kept.
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    whole: u64,
    tried: Instant,
}

impl Reserve {
    /// Keeps so many bytes, or as many as there is room for now.
    pub fn keep(dir: &Path, bytes: u64) -> Result<Reserve, Fault> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let there = file.and_then(|file| file.metadata()).map_err(|error| Fault::file("opening", &path, error))?.len();
        let whole = bytes.div_ceil(STEP) * STEP;
        let mut reserve = Reserve { path, bytes: there, whole, tried: Instant::now() };
        reserve.cut(there.min(whole) / STEP * STEP)?;
        // As much as there is room for is better than nothing.
        let _ = reserve.fill();
        Ok(reserve)
    }

    /// Whether all of it is there; tries to make it so, now and then.
    pub fn is_whole(&mut self) -> bool {
        if self.bytes < self.whole && self.tried.elapsed() >= RETRY {
            self.tried = Instant::now();
            let before = self.bytes;
            if self.fill().is_err() {
                // What was found is not enough to let changes in again, so it stays for the audit.
                let _ = self.cut(before);
            }
        }
        self.bytes >= self.whole
    }

    /// Gives a part back to the disk; `false` when nothing is left.
    pub fn give(&mut self) -> bool {
        self.bytes > 0 && self.cut(self.bytes.saturating_sub(STEP)).is_ok()
    }

    /// Bytes that are there.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn fill(&mut self) -> Result<(), Fault> {
        if self.bytes >= self.whole {
            return Ok(());
        }
        let failed = |error| Fault::file("writing", &self.path, error);
        let mut file = self.open()?;
        file.seek(SeekFrom::Start(self.bytes)).map_err(failed)?;
        let mut piece = vec![0; usize::try_from(STEP).unwrap_or(0)];
        let mut done = self.bytes;
        let filled = loop {
            if done >= self.whole {
                break Ok(());
            }
            Ids::System.fill(&mut piece);
            // A file system may find out only now that there is no room.
            match file.write_all(&piece).and_then(|()| file.sync_data()) {
                Ok(()) => done += STEP,
                Err(error) => break Err(failed(error)),
            }
        };
        let cut = file.set_len(done).map_err(failed);
        self.bytes = done;
        filled.and(cut)
    }

    fn cut(&mut self, bytes: u64) -> Result<(), Fault> {
        let cut = self.open()?.set_len(bytes);
        cut.map_err(|error| Fault::file("cutting", &self.path, error))?;
        self.bytes = bytes;
        Ok(())
    }

    fn open(&self) -> Result<File, Fault> {
        let file = OpenOptions::new().write(true).open(&self.path);
        file.map_err(|error| Fault::file("opening", &self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_back_in_steps_and_made_whole_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let length = || std::fs::metadata(dir.path().join(FILE)).expect("there").len();
        let mut reserve = Reserve::keep(dir.path(), 2 * STEP).expect("kept");
        assert!(reserve.is_whole() && length() == 2 * STEP);
        assert!(reserve.give() && reserve.give() && !reserve.give());
        assert_eq!(length(), 0);
        assert!(!reserve.is_whole(), "not tried again at once");
        reserve.tried = Instant::now().checked_sub(RETRY).expect("a time");
        assert!(reserve.is_whole() && length() == 2 * STEP);
        // A longer one of an earlier version, and one that was cut off in a step.
        let reserve = Reserve::keep(dir.path(), STEP).expect("kept");
        assert_eq!((reserve.bytes(), length()), (STEP, STEP));
        std::fs::write(dir.path().join(FILE), b"some").expect("written");
        assert_eq!(Reserve::keep(dir.path(), STEP).expect("kept").bytes(), STEP);
    }
}
