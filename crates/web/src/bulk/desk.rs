//! The jobs there are. Each has a sealed memo in the data directory, so that it is there after a restart; the memo holds the
//! question and which files it has, and nothing of any record.

use super::job::{Job, Owner, Part, State, read_found, write_found};
use crate::answer::log_fault;
use crate::lanes::Lane;
use base::clock::Instant;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vault::access::Visit;
use vault::memo::Memos;
use vault::{Error, Vault};

/// What the memos of jobs are called.
const MEMO: &str = "bulk-export-";

/// Jobs that are there at a time, of everybody together.
const JOBS_MAX: usize = 1_000;

/// What a file that is being sent holds at most: the piece that is being taken, the next, and one that waits behind it.
const FILE_BYTES: usize = 4 << 20;

/// Jobs that are counted at a time; more wait.
const COUNTED_AT_A_TIME: usize = 2;

/// The jobs there are.
pub struct Desk {
    jobs: Mutex<BTreeMap<String, Arc<Job>>>,
    memos: Option<Memos>,
    /// Turns of counting.
    pub turns: Lane,
    /// Places of files that are being sent.
    pub files: Lane,
}

impl Desk {
    /// Reads what was kept before a restart, and drops what is over. Files take half of the `leaving` bytes that answers may
    /// hold together, so that clients that take nothing of theirs leave room for everybody else.
    pub fn open(vault: &Vault, leaving: usize) -> Desk {
        let memos = vault.memos().map_err(|error| told(&error)).ok();
        let jobs = memos.as_ref().map(|memos| kept(memos).map_err(|error| told(&error)).unwrap_or_default());
        let files = Lane::new(leaving / 2 / FILE_BYTES);
        let desk =
            Desk { jobs: Mutex::new(jobs.unwrap_or_default()), memos, turns: Lane::new(COUNTED_AT_A_TIME), files };
        desk.sweep(vault.clock().now());
        desk
    }

    /// Takes a job in. `false`: its account has as many as one may have, by whatever apps, or there are too many in all.
    pub fn add(&self, job: &Arc<Job>, own_max: usize, now: Instant) -> Result<bool, Error> {
        self.sweep(now);
        let mut jobs = self.jobs();
        let own = jobs.values().filter(|other| other.owner.is_account_of(&job.owner)).count();
        if own >= own_max || jobs.len() >= JOBS_MAX {
            return Ok(false);
        }
        self.write(job, &[job.written()])?;
        jobs.insert(job.id.clone(), job.clone());
        Ok(true)
    }

    /// A visitor's own job.
    pub fn find(&self, id: &str, visit: &Visit, now: Instant) -> Option<Arc<Job>> {
        self.sweep(now);
        self.jobs().get(id).filter(|job| job.owner == Owner::of(visit)).cloned()
    }

    /// Keeps what was found.
    pub fn keep_found(&self, job: &Job, parts: Vec<Part>, notes: Vec<String>) -> Result<(), Error> {
        // Under the lock: a job that is ended now must not leave a memo behind.
        let jobs = self.jobs();
        if jobs.contains_key(&job.id) {
            self.write(job, &[job.written(), write_found(&parts, &notes)])?;
            job.set(State::Ready(Arc::new(parts), Arc::new(notes)));
        }
        Ok(())
    }

    /// Ends a job.
    pub fn end(&self, job: &Job) {
        let mut jobs = self.jobs();
        job.end();
        jobs.remove(&job.id);
        self.forget(job);
    }

    /// Ends those whose time is up.
    fn sweep(&self, now: Instant) {
        self.jobs().retain(|_, job| {
            let is_over = job.expires <= now;
            if is_over {
                job.end();
                self.forget(job);
            }
            !is_over
        });
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, job: &Job, lines: &[Vec<u8>]) -> Result<(), Error> {
        let Some(memos) = &self.memos else { return Ok(()) };
        let (mut memo, _) = memos.write(&name(&job.id))?;
        memo.clear()?;
        lines.iter().try_for_each(|line| memo.add(line))
    }

    fn forget(&self, job: &Job) {
        if let Some(memos) = &self.memos {
            memos.remove(&name(&job.id));
        }
    }
}

fn name(id: &str) -> String {
    format!("{MEMO}{id}")
}

fn kept(memos: &Memos) -> Result<BTreeMap<String, Arc<Job>>, Error> {
    let mut jobs = BTreeMap::new();
    for name in memos.names(MEMO)? {
        let id = name.strip_prefix(MEMO).unwrap_or_default();
        let lines = memos.read(&name)?.unwrap_or_default().lines;
        let Some(job) = lines.first().and_then(|line| Job::read(id, line)) else {
            // Cut off while it was written, or of another record: nobody can ask for it.
            memos.remove(&name);
            continue;
        };
        if let Some((parts, notes)) = lines.get(1).and_then(|line| read_found(line)) {
            job.set(State::Ready(Arc::new(parts), Arc::new(notes)));
        }
        jobs.insert(job.id.clone(), Arc::new(job));
    }
    Ok(jobs)
}

/// Exports of before a restart may be lost, and nothing else: the server goes on.
fn told(error: &Error) {
    if let Error::Fault(fault) = error {
        log_fault(fault, "bulk exports");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::{Level, Start, Wanted};
    use base::clock::Clock;
    use base::id::Ids;
    use vault::records::KeySource;
    use vault::{Options, Position};

    fn job(id: &str, expires: i64) -> Arc<Job> {
        Arc::new(Job::new(Start {
            id: id.to_owned(),
            owner: Owner::of(&Visit::operator()),
            request: "http://h/fhir/$export".to_owned(),
            pairs: Vec::new(),
            wanted: Wanted::read(Level::System, &[], true).unwrap(),
            pin: (Position(7), Instant(0)),
            kept: (Instant(0), Instant(expires)),
        }))
    }

    #[test]
    fn jobs_are_there_after_a_restart_until_they_end() {
        let dir = tempfile::tempdir().unwrap();
        let (clock, ids) = (Clock::manual(Instant(10)), Ids::seeded(1));
        let options =
            Options { dir: dir.path().to_owned(), key: KeySource::Beside, clock: clock.clone(), ids, labels: None };
        let vault = Vault::open(options).unwrap();
        let (now, operator) = (clock.now(), Visit::operator());
        let desk = Desk::open(&vault, 8 << 20);
        let (counted, waiting) = (job("counted", 100), job("waiting", 50));
        assert!(desk.add(&counted, 2, now).unwrap() && desk.add(&waiting, 2, now).unwrap());
        assert!(!desk.add(&job("third", 100), 2, now).unwrap());
        let part = Part { name: "Patient-1".to_owned(), resource_type: "Patient".to_owned(), from: 0, to: 5, count: 5 };
        desk.keep_found(&counted, vec![part.clone()], Vec::new()).unwrap();
        vault.memos().unwrap().write("bulk-export-broken").unwrap().0.add(b"{}").unwrap();

        let desk = Desk::open(&vault, 8 << 20);
        let found = desk.find("counted", &operator, now).unwrap();
        assert!(matches!(found.state(), State::Ready(parts, _) if *parts == [part]));
        assert!(matches!(desk.find("waiting", &operator, now).unwrap().state(), State::Counting(..)));
        assert_eq!(vault.memos().unwrap().names(MEMO).unwrap(), ["bulk-export-counted", "bulk-export-waiting"]);
        desk.end(&found);
        desk.keep_found(&found, Vec::new(), Vec::new()).unwrap();
        assert!(desk.find("counted", &operator, now).is_none() && found.is_ended());

        clock.advance(40);
        assert!(Desk::open(&vault, 8 << 20).find("waiting", &operator, clock.now()).is_none());
        assert!(vault.memos().unwrap().names(MEMO).unwrap().is_empty());
    }
}
