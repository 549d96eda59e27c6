//! A worker: parses a piece, prepares its resources, gathers them in groups and submits these.

use super::jobs::{self, Piece, WHOLE_BYTES_MAX};
use super::run::{Held, Job, Only, Run, Underway, locked};
use super::unpack::add_up_to;
use crate::stop::Stop;
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use crossbeam_channel::Receiver;
use fhir::json::Json;
use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use vault::exchange::{Arrival, Arrivals, Ready, Shape, waits};
use vault::{Change, Error};

/// Resources that need not stay together are committed in groups of about this many ...
const GROUP: usize = 1_000;
/// ... or this many bytes of input.
const GROUP_BYTES: usize = 4 << 20;

/// A text whose tree may take more than this many bytes is refused: the largest bundle of our Synthea data
/// comes to 37 MiB.
const TREE_BYTES_MAX: usize = 768 << 20;
/// Trees up to this many bytes are read side by side.
const TREE_BYTES_SHARED: usize = 64 << 20;
/// Texts up to this many bytes are read side by side.
const WHOLE_BYTES_SHARED: usize = 16 << 20;

/// One thread of an import.
pub struct Worker<'r, 'v> {
    run: &'r Run<'v>,
    group: Group,
}

#[derive(Default)]
struct Group {
    changes: Vec<Change>,
    targets: HashSet<String>,
    files: Vec<Arc<Underway>>,
    bytes: usize,
}

/// One JSON text: a line, or a whole file.
struct Text<'t> {
    file: &'t Arc<Underway>,
    line: Option<u64>,
    bytes: &'t [u8],
    /// Which entries to look at, when it is looked at again.
    only: Option<&'t Only>,
    /// Whether it is a single resource.
    single: Cell<bool>,
    /// The tree, for the quarantine; parsed again when something is refused.
    tree: OnceCell<Option<Json<'t>>>,
}

impl<'t> Text<'t> {
    fn new(file: &'t Arc<Underway>, line: Option<u64>, bytes: &'t [u8], only: Option<&'t Only>) -> Text<'t> {
        Text { file, line, bytes, only, single: Cell::new(true), tree: OnceCell::new() }
    }
}

impl<'r, 'v> Worker<'r, 'v> {
    /// A worker of a run.
    pub fn new(run: &'r Run<'v>) -> Worker<'r, 'v> {
        Worker { run, group: Group::default() }
    }

    /// Works until there is nothing left.
    pub fn work(mut self, jobs: &Receiver<Job>) {
        for Job { file, piece, only } in jobs {
            if self.run.tally.failed.load(Ordering::SeqCst) {
                file.lacking.store(true, Ordering::SeqCst);
                continue;
            }
            match piece {
                Piece::Lines { first, text } => self.lines(&file, first, &text, only.as_deref()),
                Piece::TooLong(line) if only.is_none() => self.too_long(&file, Some(line)),
                // It was counted the first time.
                Piece::TooLong(_) => {}
                Piece::Whole { head, rest } => self.read_whole(&file, head, rest, only.as_deref()),
            }
            self.run.show();
        }
        self.flush();
    }

    fn lines(&mut self, file: &Arc<Underway>, first: u64, text: &[u8], only: Option<&Only>) {
        for (line, bytes) in jobs::lines(first, text) {
            if self.run.gives_up(file) {
                return;
            }
            if only.is_none_or(|only| only.contains_key(&line)) {
                self.text(&Text::new(file, Some(line), bytes, only), None);
            }
        }
    }

    /// Reads a text to its end, or as far as one may go.
    fn read_whole(
        &mut self,
        file: &Arc<Underway>,
        mut text: Vec<u8>,
        mut rest: Box<dyn Read + Send>,
        only: Option<&Only>,
    ) {
        let run = self.run;
        let read = add_up_to(&mut text, &mut rest, WHOLE_BYTES_SHARED as u64);
        // One large text at a time; what else is large waits here.
        let turn = (text.len() > WHOLE_BYTES_SHARED).then(|| locked(&run.large));
        let most = (WHOLE_BYTES_MAX + 1).saturating_sub(text.len());
        match read.and_then(|()| add_up_to(&mut text, &mut rest, most as u64)) {
            Ok(()) if text.len() > WHOLE_BYTES_MAX => self.too_long(file, None),
            Ok(()) => self.whole(file, &text, only, turn),
            Err(error) => run.unreadable(file, &error),
        }
    }

    fn too_long(&self, file: &Underway, line: Option<u64>) {
        let what = if line.is_some() { "line" } else { "text" };
        let most = WHOLE_BYTES_MAX >> 20;
        let message =
            format!("the {what} has more than {most} MiB; split it, or write NDJSON in a file called .ndjson");
        self.run.lost(file, line, Finding::error("too-long", "", message));
    }

    fn whole(&mut self, file: &Arc<Underway>, bytes: &[u8], only: Option<&Only>, turn: Option<MutexGuard<'_, ()>>) {
        // Bytes that are one JSON text after another are NDJSON that did not look like it at first.
        let first = bytes.trim_ascii_start().split(|&b| b == b'\n').next().unwrap_or_default();
        let first_is_whole =
            first.len() < bytes.len() && tree_bytes(first) <= TREE_BYTES_MAX && Json::parse(first).is_ok();
        let is_lines = first_is_whole && (tree_bytes(bytes) > TREE_BYTES_MAX || Json::parse(bytes).is_err());
        if is_lines {
            drop(turn);
            self.lines(file, 1, bytes, only);
        } else {
            self.text(&Text::new(file, None, bytes, only), turn);
        }
    }

    /// Takes one JSON text. `turn` is held by whoever reads something large.
    fn text(&mut self, text: &Text<'_>, turn: Option<MutexGuard<'_, ()>>) {
        let run = self.run;
        let tree = tree_bytes(text.bytes);
        // One large tree at a time; what else is large waits here.
        let _turn = turn.or_else(|| (tree > TREE_BYTES_SHARED).then(|| locked(&run.large)));
        if tree > TREE_BYTES_MAX {
            let message = "the text holds too many values to be read at once; split it, or write NDJSON";
            return run.lost(text.file, text.line, Finding::error("too-long", "", message));
        }
        let arrivals = Json::parse(text.bytes)
            .map_err(|e| Refusal::new(Kind::Malformed, "structure", format!("this is not JSON: {e}")))
            .and_then(Arrivals::of);
        let arrivals = match arrivals {
            Ok(arrivals) => arrivals,
            Err(refusal) => {
                self.run.found(text.file, 1);
                return self.run.refuse(text.file, (text.line, None), &refusal.findings, None);
            }
        };
        if text.only.is_none() {
            self.run.found(text.file, arrivals.len());
        }
        let only = text.only.and_then(|only| only.get(&text.line.unwrap_or(0))?.as_deref());
        let shape = arrivals.shape;
        text.single.set(shape == Shape::Single);
        let bytes_each = text.bytes.len() / arrivals.len().max(1);
        let arrived = arrivals.prepare(only, &self.run.resolver);
        if arrived.iter().any(|a| !matches!(&a.outcome, Err(Error::Refusal(refusal)) if !waits(refusal))) {
            text.file.usable.store(true, Ordering::Relaxed);
        }
        if shape == Shape::Transaction {
            self.together(text, arrived);
        } else {
            self.apart(text, arrived, bytes_each);
        }
    }

    /// Resources that come each on its own.
    fn apart(&mut self, text: &Text<'_>, arrived: Vec<Arrival>, bytes_each: usize) {
        let mut waiting = Vec::new();
        for Arrival { index, outcome } in arrived {
            match outcome {
                Ok(Ready::Change(change, _)) => self.add(change, text.file, bytes_each),
                Ok(Ready::Nothing) => self.unchanged(1),
                Err(Error::Refusal(refusal)) if self.may_wait(&refusal) => waiting.push(index),
                Err(Error::Refusal(refusal)) => self.refuse(text, index, &refusal.findings),
                Err(fault) => return self.fail(fault),
            }
        }
        if !waiting.is_empty() {
            self.hold(text, waiting, false);
        }
    }

    /// A transaction: written in one commit, and waiting as a whole.
    fn together(&mut self, text: &Text<'_>, arrived: Vec<Arrival>) {
        let waits = |a: &Arrival| matches!(&a.outcome, Err(Error::Refusal(refusal)) if self.may_wait(refusal));
        if arrived.iter().any(waits) {
            return self.hold(text, arrived.iter().map(|a| a.index).collect(), true);
        }
        // What this worker gathered before may be about the same resources.
        self.flush();
        let mut changes = Vec::with_capacity(arrived.len());
        for Arrival { index, outcome } in arrived {
            match outcome {
                Ok(Ready::Change(change, _)) => changes.push(change),
                Ok(Ready::Nothing) => self.unchanged(1),
                Err(Error::Refusal(refusal)) => self.refuse(text, index, &refusal.findings),
                Err(fault) => return self.fail(fault),
            }
        }
        self.run.submit(changes, vec![Arc::clone(text.file)]);
    }

    fn may_wait(&self, refusal: &Refusal) -> bool {
        waits(refusal) && !self.run.last.load(Ordering::SeqCst)
    }

    fn hold(&self, text: &Text<'_>, entries: Vec<usize>, together: bool) {
        let again = text.file.source.path.is_none().then(|| text.bytes.to_vec());
        let line = text.line.unwrap_or(0);
        if let Err(held) = self.run.hold(Held { file: Arc::clone(text.file), line, entries, together, text: again }) {
            let message = "its conditional references do not resolve yet, and there is no room to keep it waiting; \
                           import from a file instead of standard input";
            self.run.refuse_held(&held, message);
        }
    }

    fn refuse(&self, text: &Text<'_>, index: usize, why: &[Finding]) {
        let keeps = self.run.keeps_resources();
        let tree = text.tree.get_or_init(|| keeps.then(|| Json::parse(text.bytes).ok()).flatten());
        let resource = tree.as_ref().and_then(|tree| part(tree, index));
        let entry = (!text.single.get()).then_some(index);
        self.run.refuse(text.file, (text.line, entry), why, resource);
    }

    fn unchanged(&self, count: u64) {
        self.run.tally.unchanged.fetch_add(count, Ordering::Relaxed);
    }

    fn fail(&self, error: Error) {
        self.run.tally.fail(Stop::vault("The import was stopped; what was read so far is safe.", error));
    }

    /// Adds a change to the group. A resource comes only once in a group.
    fn add(&mut self, change: Change, file: &Arc<Underway>, bytes: usize) {
        let target = target(&change);
        if self.group.targets.contains(&target) {
            self.flush();
        }
        self.group.targets.insert(target);
        self.group.changes.push(change);
        self.group.bytes += bytes;
        if self.group.files.last().is_none_or(|last| !Arc::ptr_eq(last, file)) {
            self.group.files.push(Arc::clone(file));
        }
        if self.group.changes.len() >= GROUP || self.group.bytes >= GROUP_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let Group { changes, files, .. } = std::mem::take(&mut self.group);
        self.run.submit(changes, files);
    }
}

fn target(change: &Change) -> String {
    match change {
        Change::Put { resource, .. } => {
            format!("{}/{}", resource.text("resourceType").unwrap_or_default(), resource.text("id").unwrap_or_default())
        }
        Change::Delete { resource_type, id, .. } => format!("{resource_type}/{id}"),
    }
}

/// The resource at an index of a bundle or array, or the one resource that the text is.
fn part<'t>(tree: &'t Json<'t>, index: usize) -> Option<&'t Json<'t>> {
    match tree {
        Json::Array(items) => items.get(index),
        tree => match tree.get("entry") {
            Some(entries) => entries.items().get(index)?.get("resource"),
            None => Some(tree),
        },
    }
}

/// An upper bound of what a JSON tree of the text takes: every comma may start a value, every bracket holds room for four.
fn tree_bytes(text: &[u8]) -> usize {
    // In units of 32 bytes, and added up in 16 bits, so that the compiler takes many bytes at once.
    let cost = |&byte: &u8| u16::from(byte == b',') * 2 + u16::from(byte == b'[') * 5 + u16::from(byte == b'{') * 8;
    text.chunks(4096).map(|part| usize::from(part.iter().map(cost).sum::<u16>()) * 32).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_comma_and_bracket_costs() {
        assert_eq!(tree_bytes(br#"{"a":[1,2,3]}"#), 256 + 160 + 2 * 64);
        assert_eq!(tree_bytes(&[b'{'; 10_000]), 256 * 10_000);
    }
}
