//! Jobs: a source cut into pieces of work: chunks of lines, or the whole of it.
//!
//! A source whose first line is a complete JSON value is taken line by line (NDJSON), in chunks of about
//! [`CHUNK_BYTES`]; any other is one JSON text, read whole up to [`WHOLE_BYTES_MAX`]. Whoever works on a whole source
//! also uncompresses it, so that many bundles are uncompressed side by side.

use super::source::{Source, up_to};
use fhir::json::Json;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A chunk of lines is handed on when it has this many bytes.
pub const CHUNK_BYTES: usize = 1 << 20;

/// A JSON text that is no NDJSON, or a single line of NDJSON, may have this many bytes, uncompressed.
pub const WHOLE_BYTES_MAX: usize = 96 << 20;

const PEEK_BYTES: u64 = 64 << 10;

/// A piece of work.
pub enum Piece {
    /// Complete lines; the first has this number, from 1.
    Lines {
        /// Number of the first line.
        first: u64,
        /// The lines.
        text: Vec<u8>,
    },
    /// One JSON text: what was read already, and the rest.
    Whole {
        /// What was read to look at it.
        head: Vec<u8>,
        /// What follows.
        rest: Box<dyn Read + Send>,
    },
}

/// Cuts a source into pieces and gives each to `take`; stops early when that says so.
pub fn cut(source: &Source, counter: &Arc<AtomicU64>, take: &mut dyn FnMut(Piece) -> bool) -> io::Result<()> {
    let mut rest = source.open(counter)?;
    let head = up_to(&mut rest, PEEK_BYTES)?;
    if !is_lines(&head, &source.name) {
        take(Piece::Whole { head, rest });
        return Ok(());
    }
    cut_lines(head, &mut rest, take)
}

fn is_lines(head: &[u8], name: &str) -> bool {
    let text = head.trim_ascii_start();
    match text.iter().position(|&b| b == b'\n') {
        Some(end) => Json::parse(&text[..end]).is_ok_and(|first| matches!(first, Json::Object(_))),
        None => name.contains(".ndjson") || name.contains(".jsonl"),
    }
}

fn cut_lines(head: Vec<u8>, rest: &mut dyn Read, take: &mut dyn FnMut(Piece) -> bool) -> io::Result<()> {
    let (mut text, mut first) = (head, 1);
    loop {
        let more = up_to(rest, CHUNK_BYTES as u64)?;
        let ended = more.is_empty();
        let known = text.len();
        text.extend_from_slice(&more);
        // Only what is new can hold the last line end, unless this is the first round.
        let from = if first == 1 { 0 } else { known };
        let end = text[from..].iter().rposition(|&b| b == b'\n').map(|i| from + i + 1);
        let end = if ended { text.len() } else { end.unwrap_or(0) };
        // A line without end would grow without bound; it is handed on as it is, to be refused.
        let end = if end == 0 && text.len() > WHOLE_BYTES_MAX { text.len() } else { end };
        if end > 0 {
            let tail = text.split_off(end);
            let count = text.iter().filter(|&&b| b == b'\n').count() as u64;
            if !take(Piece::Lines { first, text: std::mem::replace(&mut text, tail) }) {
                return Ok(());
            }
            first += count;
        }
        if ended {
            return Ok(());
        }
    }
}

/// The lines of a chunk that hold something, with their numbers.
pub fn lines(first: u64, text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let numbered = text.split(|&b| b == b'\n').zip(first..);
    numbered.map(|(line, number)| (number, line.trim_ascii())).filter(|(_, line)| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(name: &str, text: &[u8]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        let source = Source { name: name.to_owned(), path: Some(path), bytes: text.len() as u64 };
        let mut found = Vec::new();
        cut(&source, &Arc::default(), &mut |piece| {
            match piece {
                Piece::Whole { head, .. } => found.push(format!("whole {}", head.len())),
                Piece::Lines { first, text } => {
                    found.extend(lines(first, &text).map(|(n, l)| format!("{n} {}", l.len())));
                }
            }
            true
        })
        .expect("cut");
        found
    }

    #[test]
    fn lines_are_told_from_a_whole_text_and_numbered() {
        assert_eq!(pieces("a.json", b"{\n \"a\": 1\n}"), ["whole 11"]);
        assert_eq!(pieces("a.json", b"{\"a\":1}"), ["whole 7"]);
        assert_eq!(pieces("a.ndjson", b"{\"a\":1}"), ["1 7"]);
        assert_eq!(pieces("a.json", b"{\"a\":1}\n\n{}\r\n{\"b\""), ["1 7", "3 2", "4 4"]);
        assert_eq!(pieces("a.json", b"[\n{}\n]"), ["whole 6"]);
        assert_eq!(pieces("a.json", b""), ["whole 0"]);
    }

    #[test]
    fn many_lines_come_in_chunks_without_losing_one() {
        let mut text = Vec::new();
        for i in 0..200_000 {
            text.extend_from_slice(format!("{{\"n\":{i}}}\n").as_bytes());
        }
        let found = pieces("a.ndjson", &text);
        assert_eq!(found.len(), 200_000);
        assert_eq!((found[0].as_str(), found[199_999].as_str()), ("1 7", "200000 12"));
    }
}
