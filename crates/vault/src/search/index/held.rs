//! What is acknowledged and not in the index's file, because that cannot grow: held in memory, and searched there.
//!
//! Each look has its counterpart in [`super::reading`]. There is little to look through and it is looked through whole:
//! being right is all that is asked of it until the disk has room.

use super::Appended;
use super::column::{Axis, Span, bucket};
use super::reading::ListName;
use crate::keys::Hasher;
use crate::search::rows::{Names, Posting, Rows, Sort, prefixes};
use fhir::search::params::PathId;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Batches in log order, each going on where the one before it ends.
#[derive(Clone, Default)]
pub struct Held {
    batches: Vec<Arc<Vec<Appended>>>,
}

impl Held {
    /// Whether the file has everything.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many rows, as a measure of memory.
    pub fn rows(&self) -> usize {
        self.batches.iter().flat_map(|batch| batch.iter()).map(|entry| entry.rows.len()).sum()
    }

    /// All that is held.
    pub fn batches(&self) -> impl Iterator<Item = &[Appended]> {
        self.batches.iter().map(|batch| batch.as_slice())
    }

    /// The batch that the file needs next.
    pub fn first(&self) -> Option<Arc<Vec<Appended>>> {
        self.batches.first().cloned()
    }

    /// Lets go of the batch that the file has now.
    pub fn drop_first(&mut self) {
        self.batches.remove(0);
    }

    /// Adds the batch that follows. What stands at one position is put in the order that the file has.
    pub fn push(&mut self, mut entries: Vec<Appended>) {
        for rows in entries.iter_mut().map(|entry| &mut entry.rows) {
            rows.postings.sort_unstable();
            rows.spans.sort_unstable();
            rows.links.sort_unstable();
        }
        if !entries.is_empty() {
            self.batches.push(Arc::new(entries));
        }
    }

    fn entries(&self) -> impl Iterator<Item = (u32, &Rows)> {
        self.batches.iter().flat_map(|batch| batch.iter()).map(|entry| (position(entry), &entry.rows))
    }

    /// The entries at those of the ascending `candidates` that are held.
    fn among(&self, candidates: &[u32]) -> impl Iterator<Item = (u32, &Rows)> {
        let begin = self.batches.first().and_then(|batch| batch.first()).map_or(u32::MAX, position);
        let from = candidates.partition_point(|&candidate| candidate < begin);
        candidates[from..].iter().filter_map(|&candidate| self.at(candidate).map(|rows| (candidate, rows)))
    }

    fn at(&self, wanted: u32) -> Option<&Rows> {
        let after = self.batches.partition_point(|batch| batch.first().is_some_and(|entry| position(entry) <= wanted));
        let batch = self.batches.get(after.checked_sub(1)?)?;
        let offset = wanted - batch.first().map(position)?;
        batch.get(offset as usize).map(|entry| &entry.rows)
    }

    /// Adds every position of a list to `out`.
    pub fn list(&self, name: ListName, out: &mut Vec<u32>) {
        out.extend(self.entries().flat_map(|(position, rows)| postings(rows, name).map(move |_| position)));
    }

    /// How many positions a list has.
    pub fn rows_of(&self, name: ListName) -> u32 {
        self.entries().filter(|(_, rows)| postings(rows, name).next().is_some()).count() as u32
    }

    /// Those of the ascending `candidates` that a list has.
    pub fn list_within(&self, name: ListName, candidates: &[u32], out: &mut Vec<u32>) {
        out.extend(self.among(candidates).flat_map(|(position, rows)| postings(rows, name).map(move |_| position)));
    }

    /// Calls `each` with every span of an axis, in log order.
    pub fn column(&self, axis: Axis, mut each: impl FnMut(u32, Span)) {
        self.entries().for_each(|(position, rows)| spans(rows, axis).for_each(|span| each(position, *span)));
    }

    /// Calls `each` with every span of an axis that lies at one of the ascending `candidates`.
    pub fn column_within(&self, axis: Axis, candidates: &[u32], mut each: impl FnMut(u32, Span)) {
        self.among(candidates).for_each(|(position, rows)| spans(rows, axis).for_each(|span| each(position, *span)));
    }

    /// Calls `each` with every local reference by a path, in log order.
    pub fn links(&self, path: PathId, mut each: impl FnMut(u32, i64)) {
        for (position, rows) in self.entries() {
            rows.links.iter().filter(|link| link.0 == path).for_each(|link| each(position, link.1));
        }
    }

    /// Calls `each` with every local reference by a path that lies at one of the ascending `candidates`.
    pub fn links_within(&self, path: PathId, candidates: &[u32], mut each: impl FnMut(u32, i64)) {
        for (position, rows) in self.among(candidates) {
            rows.links.iter().filter(|link| link.0 == path).for_each(|link| each(position, link.1));
        }
    }

    /// Adds the positions with some value of the axis in one of the buckets.
    pub fn buckets(&self, axis: Axis, buckets: &RangeInclusive<i64>, out: &mut Vec<u32>) {
        let lies = |span: &&Span| [span.low, span.high].iter().any(|value| buckets.contains(&bucket(axis, *value)));
        out.extend(self.entries().filter(|(_, rows)| spans(rows, axis).any(|span| lies(&span))).map(|entry| entry.0));
    }

    /// Adds the lists of displays that begin with a label.
    pub fn displays(&self, label: i64, hasher: &Hasher, out: &mut Vec<i64>) {
        let mut names = Names::new(hasher);
        for (path, display, text) in self.entries().flat_map(|(_, rows)| &rows.labels) {
            if prefixes(text).any(|prefix| names.list(*path, Sort::Label, &[prefix]) == label) {
                out.push(*display);
            }
        }
    }
}

fn position(entry: &Appended) -> u32 {
    u32::try_from(entry.position.0).unwrap_or(u32::MAX)
}

fn postings(rows: &Rows, name: ListName) -> impl Iterator<Item = &Posting> {
    let from = rows.postings.partition_point(|posting| posting.hash < name.hash);
    let named = rows.postings[from..].iter().take_while(move |posting| posting.hash == name.hash);
    named.filter(move |posting| name.system.is_none_or(|system| posting.system == system))
}

fn spans(rows: &Rows, axis: Axis) -> impl Iterator<Item = &Span> {
    rows.spans.iter().filter(move |span| span.axis == axis)
}

#[cfg(test)]
mod tests {
    use super::super::{Index, column::dates};
    use super::*;
    use crate::records::Position;

    const PATH: PathId = 40;

    fn hasher() -> Hasher {
        Hasher::new(&[9; 32])
    }

    fn entry(n: u32) -> Appended {
        let hasher = hasher();
        let mut names = Names::new(&hasher);
        let mut post = |word: String, system| Posting { hash: names.list(PATH, Sort::Code, &[word.as_str()]), system };
        let postings = vec![post("all".into(), n % 2 + 1), post(n.to_string(), 0), post(format!("third {}", n % 3), 0)];
        let low = i64::from(n) * 3_600_000;
        let spans = [low, low - 7_200_000].map(|low| Span { axis: dates(41), low, high: low + 86_400_000, unit: 0 });
        let text = format!("word {}", n % 5);
        let display = names.list(PATH, Sort::Display, &[text.as_str()]);
        let links = vec![(PATH, i64::from(n % 7)), (PATH, 3)];
        let labels = vec![(PATH, display, text.into())];
        let rows = Rows { type_number: 5, postings, spans: spans.to_vec(), links, labels, ..Rows::none() };
        Appended { position: Position(u64::from(n)), key: i64::from(n), kid: n % 7, previous: None, rows }
    }

    /// All that can be asked, answered in one line each.
    fn answers(index: &Index, at: u32) -> Vec<String> {
        let hasher = hasher();
        let reading = index.reading(at).unwrap();
        let mut names = Names::new(&hasher);
        let mut said = Vec::new();
        for (word, system) in [("all", None), ("all", Some(2)), ("third 1", Some(0)), ("77", Some(0)), ("none", None)] {
            let name = ListName { hash: names.list(PATH, Sort::Code, &[word]), system };
            let (mut whole, mut within) = (Vec::new(), Vec::new());
            reading.list(name, &mut whole).unwrap();
            reading.list_within(name, &(0..at).step_by(3).collect::<Vec<_>>(), &mut within).unwrap();
            whole.sort_unstable();
            within.sort_unstable();
            said.push(format!("{word} {system:?} {whole:?} {within:?} {}", reading.rows(name, 9).unwrap() > 0));
        }
        let (mut column, mut within, mut links, mut buckets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        reading.column(dates(41), |position, span| column.push((position, span))).unwrap();
        let candidates: Vec<u32> = (5..at).step_by(7).collect();
        reading.column_within(dates(41), &candidates, |position, span| within.push((position, span))).unwrap();
        reading.links_within(PATH, &candidates, |position, key| links.push((position, key))).unwrap();
        reading.buckets(dates(41), 100_000_000..=500_000_000, &mut buckets).unwrap();
        buckets.sort_unstable();
        buckets.dedup();
        let mut displays = reading.displays(names.list(PATH, Sort::Label, &["word"])).unwrap();
        displays.sort_unstable();
        said.push(format!("{column:?} {within:?} {links:?} {buckets:?} {displays:?}"));
        said
    }

    #[test]
    fn what_is_held_is_found_as_if_it_were_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let whole = Index::open(&dir.path().join("whole.sqlite"), &hasher(), "test").unwrap();
        whole.append((0..300).map(entry));
        whole.wait_for_file(Position(300)).unwrap();
        for filed in [0, 1, 150, 299] {
            let part = Index::open(&dir.path().join(format!("{filed}.sqlite")), &hasher(), "test").unwrap();
            part.append((0..filed).map(entry));
            part.wait_for_file(Position(u64::from(filed))).unwrap();
            let middle = filed + (300 - filed) / 2;
            for range in [filed..middle, middle..300] {
                part.shared.held.write().push(range.map(entry).collect());
            }
            for at in [300, 200, 10] {
                let same = answers(&part, at) == answers(&whole, at);
                assert!(same, "{filed} in the file, asked at {at}");
            }
        }
    }
}
