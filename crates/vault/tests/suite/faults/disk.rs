//! The recorded disk: every write and sync of a run in order, and what a power loss at any point leaves of it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The file whose writes are acknowledgements to a client, not part of the store.
pub const ACKS: &str = "acks";

/// One recorded operation.
#[derive(Debug)]
pub enum Op {
    Write { path: PathBuf, offset: u64, bytes: Vec<u8> },
    Sync { path: PathBuf },
    Truncate { path: PathBuf, length: u64 },
    Unlink { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    DirectorySync,
    Ack(String),
}

/// A run's operations, and for each the index of the next sync of its file.
pub struct Record {
    pub ops: Vec<Op>,
    next_sync: Vec<usize>,
}

impl Record {
    /// Reads the shim's record.
    pub fn read(log: &Path) -> Record {
        let ops = read_ops(log);
        let mut next_sync = vec![usize::MAX; ops.len()];
        let mut latest: HashMap<&Path, usize> = HashMap::new();
        for (i, op) in ops.iter().enumerate().rev() {
            match op {
                Op::Sync { path } => {
                    latest.insert(path, i);
                }
                Op::Write { path, .. } | Op::Truncate { path, .. } => {
                    next_sync[i] = latest.get(path.as_path()).copied().unwrap_or(usize::MAX);
                }
                _ => {}
            }
        }
        Record { ops, next_sync }
    }

    /// What was acknowledged before `cut`.
    pub fn acknowledged(&self, cut: usize) -> impl Iterator<Item = &str> {
        self.ops[..cut].iter().filter_map(|op| if let Op::Ack(line) = op { Some(line.as_str()) } else { None })
    }
}

fn read_ops(log: &Path) -> Vec<Op> {
    let bytes = fs::read(log).expect("the shim left no record");
    let mut ops = Vec::new();
    let mut at = 0;
    while at + 17 <= bytes.len() {
        let word = |from: usize| u32::from_le_bytes(bytes[from..from + 4].try_into().unwrap()) as usize;
        let kind = bytes[at];
        let offset = u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap());
        let (path_length, length) = (word(at + 9), word(at + 13));
        at += 17;
        let path = PathBuf::from(str::from_utf8(&bytes[at..at + path_length]).unwrap());
        let content = &bytes[at + path_length..at + path_length + length];
        at += path_length + length;
        ops.push(match kind {
            b'W' if path.ends_with(ACKS) => Op::Ack(str::from_utf8(content).unwrap().trim_end().to_owned()),
            b'W' => Op::Write { path, offset, bytes: content.to_vec() },
            b'S' => Op::Sync { path },
            b'T' => Op::Truncate { path, length: offset },
            b'U' => Op::Unlink { path },
            b'R' => Op::Rename { from: path, to: PathBuf::from(str::from_utf8(content).unwrap()) },
            b'D' => Op::DirectorySync,
            other => panic!("unknown record kind {other}"),
        });
    }
    ops
}

/// What of the operations that were not yet synced reaches the platter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// None of them.
    All,
    /// Each by the toss of a coin: the disk reorders.
    Some(u64),
    /// Each 512-byte sector by the toss of a coin: writes are torn.
    Torn(u64),
    /// All of them: the process died, the machine did not.
    Nothing,
}

/// The files as they are after a power loss that let only `ops[..cut]` happen.
pub fn image(record: &Record, cut: usize, loss: Loss) -> HashMap<PathBuf, Vec<u8>> {
    let state = match loss {
        Loss::Some(seed) | Loss::Torn(seed) => seed,
        Loss::All | Loss::Nothing => 0,
    };
    let mut coin = Coin { state, last: false };
    let mut files: HashMap<PathBuf, Vec<u8>> = HashMap::new();
    for (i, op) in record.ops[..cut].iter().enumerate() {
        let keep = record.next_sync[i] < cut || loss == Loss::Nothing;
        match op {
            Op::Write { path, offset, bytes } => {
                let file = files.entry(path.clone()).or_default();
                for (n, sector) in bytes.chunks(512).enumerate() {
                    let kept = keep
                        || match loss {
                            Loss::Some(_) if n == 0 => coin.toss(),
                            Loss::Some(_) => coin.last,
                            Loss::Torn(_) => coin.toss(),
                            Loss::All | Loss::Nothing => false,
                        };
                    if kept {
                        place(file, *offset as usize + n * 512, sector);
                    }
                }
            }
            Op::Truncate { path, length } => {
                if keep || (loss != Loss::All && coin.toss()) {
                    files.entry(path.clone()).or_default().resize(*length as usize, 0);
                }
            }
            Op::Unlink { path } => {
                files.remove(path);
            }
            Op::Rename { from, to } => {
                if let Some(file) = files.remove(from) {
                    files.insert(to.clone(), file);
                }
            }
            Op::Sync { .. } | Op::DirectorySync | Op::Ack(_) => {}
        }
    }
    files
}

fn place(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// Where to cut: around every sync and every acknowledgement, thinned to at most `most`, spread over the whole run.
pub fn cuts(ops: &[Op], most: usize) -> Vec<usize> {
    let mut all: Vec<usize> = Vec::new();
    for (i, op) in ops.iter().enumerate() {
        if matches!(op, Op::Sync { .. } | Op::Ack(_) | Op::DirectorySync | Op::Truncate { .. } | Op::Unlink { .. }) {
            all.extend([i.saturating_sub(1), i, i + 1]);
        }
    }
    all.push(ops.len());
    all.sort_unstable();
    all.dedup();
    let step = all.len().div_ceil(most).max(1);
    let mut chosen: Vec<usize> = all.iter().copied().step_by(step).collect();
    chosen.push(ops.len());
    chosen
}

/// A seeded coin.
struct Coin {
    state: u64,
    last: bool,
}

impl Coin {
    fn toss(&mut self) -> bool {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.last = self.state >> 63 == 1;
        self.last
    }
}
