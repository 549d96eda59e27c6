//! The index: `index.sqlite`, derived from the log and following it by position.
//!
//! A thread of its own takes entries in log order and writes them in sorted batches; the watermark moves in the same
//! transaction, so that after a crash the vault hands in again what is missing. Old versions keep their rows: which
//! version was current when is told by position ([`places`]), so that history, as-of reads and pinned pages come from
//! one structure. Lists of positions are packed ([`list`], [`mod@column`]): a posting costs a byte or two. What the file
//! cannot take, because the disk is full, is searched in memory meanwhile ([`held`]).

mod batch;
pub(crate) mod cell;
pub mod column;
pub(crate) mod differences;
mod following;
mod held;
mod links;
pub mod list;
mod places;
mod reading;
mod scrub;
mod store;
pub mod sums;
mod tails;
mod taking;
pub(crate) mod verify;
mod walk;

pub use reading::{ListName, Reading};
pub use sums::Sums;

use super::rows::{Rows, Unit};
use crate::access::label::Label;
use crate::error::Fault;
use crate::keys::Hasher;
use crate::keys::patients::Kid;
use crate::records::Position;
use crossbeam_channel::Sender;
use fhir::terminology::Stored;
use following::{BATCH_ROWS, Writer};
use held::Held;
use parking_lot::{Condvar, Mutex, RwLock};
pub use places::Place;
use places::Places;
use rusqlite::Connection;
use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use store::State;

/// Rows that may wait before writers wait too: 16 to 40 MB.
const QUEUE_ROWS: usize = 1_000_000;
/// Rows that memory holds for a file that cannot take them; then nothing more is written to the record either.
const HELD_ROWS: usize = 500_000;

/// One log entry as the index needs it.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Its place in the log. Every place is handed in, once and in order.
    pub position: Position,
    /// The keyed hash of the resource's identity ([`Hasher::resource`]); 0 for an entry that is no resource.
    pub key: i64,
    /// The number of the data key it is sealed under: whose it is.
    pub kid: Kid,
    /// The place of the version that this one ends, if there was one.
    pub previous: Option<u32>,
    /// What was derived from the resource; [`Rows::none`] for a deletion or another kind of entry.
    pub rows: Rows,
}

impl Appended {
    fn place(&self) -> Place {
        let Rows { type_number, sensitivity, .. } = self.rows;
        Place { key: self.key, type_number, kid: self.kid, labels: sensitivity }
    }
}

/// The open index. Dropping it writes what waits, and closes the file.
pub struct Index {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    stamp: String,
    hasher: Hasher,
    queue: Mutex<Queue>,
    work: Condvar,
    moved: Condvar,
    places: RwLock<Places>,
    units: RwLock<Vec<Unit>>,
    readers: Mutex<Vec<Connection>>,
    /// What the file could not take. A reader takes it and its snapshot of the file under one lock.
    held: RwLock<Held>,
    /// URLs that this server is known by, without a slash at the end.
    bases: RwLock<Vec<String>>,
    /// Code systems and value sets that were read, by their position.
    shelf: Mutex<VecDeque<(u32, Stored)>>,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Appended>,
    rows: usize,
    next: u32,
    /// What the file holds.
    state: State,
    /// Everything below can be found, in the file or in memory.
    found: u32,
    waiting: usize,
    closed: bool,
    failure: Option<Failure>,
    scrub: Option<Scrub>,
}

/// Entries whose rows are to be taken out, and who waits for that.
struct Scrub {
    entries: Vec<Appended>,
    done: Sender<Result<(), Fault>>,
}

/// Why the file does not follow the log.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What the database engine said.
    pub why: String,
    /// Whether the disk is full.
    pub is_full: bool,
    /// Whether memory holds as much as it may.
    is_last: bool,
}

impl Index {
    /// Opens the index file, or makes it. Memory of it is filled, and its writer started.
    ///
    /// `stamp` names what the rows depend on beside the records: the definitions' checksum. A file of another stamp is
    /// dropped, and so is one whose schema this program does not write; the watermark is then 0 and the vault hands in
    /// everything again.
    pub fn open(path: &Path, hasher: &Hasher, stamp: &str) -> Result<Index, Fault> {
        let (db, state) = store::open(path, hasher, stamp)?;
        let places = store::read_places(&db, state.watermark)?;
        let units = store::read_units(&db)?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            stamp: stamp.to_owned(),
            hasher: hasher.clone(),
            queue: Mutex::new(Queue { next: state.watermark, found: state.watermark, state, ..Queue::default() }),
            work: Condvar::new(),
            moved: Condvar::new(),
            places: RwLock::new(places),
            units: RwLock::new(units.clone()),
            readers: Mutex::default(),
            held: RwLock::default(),
            bases: RwLock::default(),
            shelf: Mutex::default(),
        });
        taking::begin(&shared)?;
        let writer = Writer::new(Arc::clone(&shared), db, units);
        let thread = std::thread::Builder::new().name("index".into()).spawn(move || writer.run());
        let thread = thread.map_err(|source| Fault::File { what: "starting the index's thread".into(), source })?;
        Ok(Index { shared, writer: Some(thread) })
    }

    /// Deletes an index file, so that the next [`Index::open`] begins at 0.
    pub fn remove(path: &Path) -> Result<(), Fault> {
        store::remove(path)
    }

    /// Hands in entries, in log order. Returns at once unless very much is waiting. Entries that are indexed already
    /// are passed over.
    ///
    /// # Panics
    /// If an entry is missing in between, or the log has more than 2^32 - 2 entries.
    pub fn append(&self, entries: impl IntoIterator<Item = Appended>) {
        let mut queue = self.shared.queue.lock();
        let was_empty = queue.entries.is_empty();
        for entry in entries {
            while queue.rows > QUEUE_ROWS && !queue.closed {
                self.shared.work.notify_one();
                self.shared.moved.wait(&mut queue);
            }
            let position = u32::try_from(entry.position.0).unwrap_or(u32::MAX);
            assert!(
                position <= queue.next && position < places::STILL,
                "the index was handed entry {position} too early"
            );
            if position == queue.next {
                queue.next += 1;
                queue.rows += entry.rows.len();
                queue.entries.push_back(entry);
            }
        }
        // A batch that waits for company needs to hear of it only when there is enough.
        if was_empty || queue.rows >= BATCH_ROWS {
            self.shared.work.notify_one();
        }
    }

    /// Waits until everything below `position` can be found. A fault says why it cannot be, for now.
    pub fn wait_for(&self, position: Position) -> Result<(), Fault> {
        self.wait(position, |queue| (queue.found, queue.failure.as_ref().filter(|failure| failure.is_last)))
    }

    /// Waits until everything below `position` is in the file. A fault says why it cannot be, for now.
    pub fn wait_for_file(&self, position: Position) -> Result<(), Fault> {
        self.wait(position, |queue| (queue.state.watermark, queue.failure.as_ref()))
    }

    /// Why nothing more may be handed in for now, if so: the file does not follow, and memory holds what it can.
    pub fn overfull(&self) -> Option<Failure> {
        self.shared.queue.lock().failure.clone().filter(|failure| failure.is_last)
    }

    fn wait(&self, position: Position, at: impl Fn(&Queue) -> (u32, Option<&Failure>)) -> Result<(), Fault> {
        let mut queue = self.shared.queue.lock();
        loop {
            let (reached, failure) = at(&queue);
            if u64::from(reached) >= position.0 {
                return Ok(());
            }
            if let Some(Failure { why, .. }) = failure {
                return Err(Fault::Busy(format!("the index cannot follow the log just now: {why}")));
            }
            assert!(position.0 <= u64::from(queue.next), "nobody handed in entry {}", position.0 - 1);
            queue.waiting += 1;
            self.shared.work.notify_one();
            self.shared.moved.wait(&mut queue);
            queue.waiting -= 1;
        }
    }

    /// Takes out what the file says of entries, all of which it must have, and waits until it is done. What is left is
    /// what an index made anew without them would hold. A fault leaves the rows as they were.
    ///
    /// For one caller at a time.
    pub fn scrub(&self, entries: Vec<Appended>) -> Result<(), Fault> {
        let (done, answer) = crossbeam_channel::bounded(1);
        self.shared.queue.lock().scrub = Some(Scrub { entries, done });
        self.shared.work.notify_one();
        answer.recv().unwrap_or_else(|_| Err(Fault::Busy("the index is closing".to_owned())))
    }

    /// The position of the first entry that is not in the file.
    pub fn watermark(&self) -> Position {
        Position(u64::from(self.shared.queue.lock().state.watermark))
    }

    /// Sums over all rows that are written.
    pub fn sums(&self) -> Sums {
        self.shared.queue.lock().state.sums
    }

    /// The keyed hash of the resource whose version is at `position`; 0 when it is no resource.
    pub fn key(&self, position: Position) -> i64 {
        u32::try_from(position.0).map_or(0, |position| self.shared.places.read().key(position))
    }

    /// Whether a place between two positions meets a test.
    pub fn any_place(&self, mut between: Range<u32>, test: impl Fn(&Place) -> bool) -> bool {
        let places = self.shared.places.read();
        between.any(|position| test(&places.get(position)))
    }

    /// Whether the file still says what versions were that are sealed under one of these keys.
    pub fn tells_of(&self, kids: &HashSet<Kid>) -> bool {
        let end = self.shared.queue.lock().state.watermark;
        !kids.is_empty() && self.any_place(0..end, |place| place.type_number != 0 && kids.contains(&place.kid))
    }

    /// Positions in a range, newest first and at most `count`, at which a version of the type stands, or a deletion of
    /// what may be of that type: a deletion has no type here.
    pub fn of_type(&self, type_number: u8, range: Range<u32>, count: usize) -> Vec<u32> {
        let places = self.shared.places.read();
        let may_be = |position: &u32| match places.type_number(*position) {
            0 => places.key(*position) != 0,
            found => found == type_number,
        };
        range.rev().filter(may_be).take(count).collect()
    }

    /// What stands at the position.
    pub fn place(&self, position: u32) -> Place {
        self.shared.places.read().get(position)
    }

    /// Whose current versions bear a label when the log has `at` entries. Looks at every position: a millisecond for some
    /// hundred thousand.
    pub fn patients_with(&self, label: Label, at: u32) -> HashSet<Kid> {
        self.shared.places.read().patients_with(label, at)
    }

    /// Where the newest version of what stands at the position stands.
    pub fn newest(&self, position: u32) -> u32 {
        self.shared.places.read().newest(position)
    }

    /// Notes a URL that this server is known by: references that begin with it lead here.
    pub fn know_base(&self, base: &str) {
        let base = base.trim_end_matches('/').to_owned();
        let mut bases = self.shared.bases.write();
        if !base.is_empty() && !bases.contains(&base) {
            bases.push(base);
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The keyed hash that names lists.
    pub fn hasher(&self) -> &Hasher {
        &self.shared.hasher
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // So that the last to go, the writer, can clear up behind the write-ahead log.
        self.shared.readers.lock().clear();
        self.shared.queue.lock().closed = true;
        self.shared.work.notify_all();
        self.shared.moved.notify_all();
        if let Some(thread) = self.writer.take() {
            // The thread's own panic has been printed where it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::rows::{Names, Posting, Sort};
    use column::{Span, dates};

    fn hasher() -> Hasher {
        Hasher::new(&[9; 32])
    }

    /// Entry `n`: a word everybody has, one that every third has, one of its own, and a day.
    fn entry(n: u32) -> Appended {
        let hasher = hasher();
        let mut names = Names::new(&hasher);
        let mut post = |word: &str, system| Posting { hash: names.list(40, Sort::Code, &[word]), system };
        let mut postings = vec![post("all", n % 2 + 1), post(&n.to_string(), 0)];
        if n.is_multiple_of(3) {
            postings.push(post("third", 0));
        }
        postings.sort_unstable();
        let low = i64::from(n) * 3_600_000;
        let spans = vec![Span { axis: dates(41), low, high: low + 999, unit: 0 }];
        let rows = Rows { type_number: 5, postings, spans, ..Rows::none() };
        let previous = (n > 100).then(|| n - 50);
        Appended { position: Position(u64::from(n)), key: i64::from(n % 50), kid: n % 7, previous, rows }
    }

    fn list(index: &Index, at: u32, word: &str, system: Option<u32>) -> Vec<u32> {
        let hash = Names::new(&hasher()).list(40, Sort::Code, &[word]);
        let mut out = Vec::new();
        index.reading(at).unwrap().list(ListName { hash, system }, &mut out).unwrap();
        out.sort_unstable();
        out
    }

    #[test]
    fn what_is_handed_in_is_found_at_its_position() {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("index.sqlite"), &hasher(), "test").unwrap();
        for start in [0, 7, 1000, 1003] {
            index.append(
                (start..[7, 1000, 1003, 3000][[0, 7, 1000, 1003].iter().position(|s| *s == start).unwrap()]).map(entry),
            );
            index.wait_for(Position(u64::from(start + 3))).unwrap();
        }
        index.wait_for(Position(3000)).unwrap();
        assert_eq!(list(&index, 3000, "all", None), (0..3000).collect::<Vec<_>>());
        assert_eq!(list(&index, 3000, "all", Some(2)), (0..3000).filter(|n| n % 2 == 1).collect::<Vec<_>>());
        assert_eq!(list(&index, 10, "third", Some(0)), [0, 3, 6, 9]);
        assert_eq!(list(&index, 3000, "1234", Some(0)), [1234]);
        let reading = index.reading(3000).unwrap();
        let hash = Names::new(&hasher()).list(40, Sort::Code, &["third"]);
        let steps = [1, 2, 7, 61, 500, 999, 1999].map(|step| (0..3000).step_by(step).collect::<Vec<u32>>());
        let ends = [vec![3, 4, 5, 6, 2997, 2998], vec![], vec![1], (1500..3000).collect()];
        for candidates in steps.into_iter().chain(ends) {
            let mut out = Vec::new();
            reading.list_within(ListName { hash, system: None }, &candidates, &mut out).unwrap();
            assert_eq!(out, candidates.iter().copied().filter(|c| c % 3 == 0).collect::<Vec<_>>());
        }
        let mut seen = Vec::new();
        let low = |n: u32| i64::from(n) * 3_600_000;
        reading.column_within(dates(41), &[5, 700, 2999], |p, span| seen.push((p, span.low))).unwrap();
        assert_eq!(seen, [(5, low(5)), (700, low(700)), (2999, low(2999))]);
        let mut found = Vec::new();
        reading.buckets(dates(41), low(48)..=low(60), &mut found).unwrap();
        found.sort_unstable();
        assert_eq!(found, (48..72).collect::<Vec<_>>());
        let places = reading.places();
        assert!(places.current(60, 110) && !places.current(60, 111) && !places.current(120, 120));
    }

    fn altered(path: &Path) -> Vec<&'static str> {
        let examined = Index::examine(&store::reader(path).unwrap(), &hasher());
        let differing = examined.differing.iter().map(|table| table.name());
        differing.chain(examined.damage.iter().map(|damage| damage.table)).collect()
    }

    #[test]
    fn an_index_made_anew_equals_the_live_one_and_a_changed_byte_shows() {
        let dir = tempfile::tempdir().unwrap();
        let (live, again) = (dir.path().join("live.sqlite"), dir.path().join("again.sqlite"));
        let sums = {
            let index = Index::open(&live, &hasher(), "test").unwrap();
            for n in 0..300 {
                index.append([entry(n)]);
                if n % 20 == 0 {
                    index.wait_for(Position(u64::from(n) + 1)).unwrap();
                }
            }
            index.wait_for(Position(300)).unwrap();
            assert_eq!(altered(&live), Vec::<&str>::new());
            index.sums()
        };
        let index = Index::open(&live, &hasher(), "test").unwrap();
        assert_eq!((index.watermark(), index.sums()), (Position(300), sums));
        drop(index);
        let rebuilt = Index::open(&again, &hasher(), "test").unwrap();
        rebuilt.append((0..300).map(entry));
        rebuilt.wait_for(Position(300)).unwrap();
        assert_eq!(rebuilt.sums(), sums);
        let changes = [
            ("UPDATE posting SET first = first + 1 WHERE hash = (SELECT min(hash) FROM posting)", "posting"),
            ("UPDATE superseded SET until = until + 1 WHERE position = 70", "superseded"),
            ("DELETE FROM bucket WHERE bucket = 3", "bucket"),
            ("UPDATE place SET list = list || x'000000000000000001000000000000'", "place"),
        ];
        drop(rebuilt);
        for (sql, table) in changes {
            Connection::open(&again).unwrap().execute_batch(sql).unwrap();
            assert!(altered(&again).contains(&table), "{sql}");
        }
        Connection::open(&again).unwrap().execute_batch("UPDATE state SET watermark = 299").unwrap();
        assert!(matches!(Index::open(&again, &hasher(), "test"), Err(Fault::Altered(_))));
        assert_eq!(Index::open(&live, &hasher(), "other").unwrap().watermark(), Position(0));
    }
}
