//! Jobs: a source cut into pieces of work: chunks of lines, or the whole of it.
//!
//! A source whose first line is a complete JSON value is taken line by line (NDJSON), in chunks of about
//! [`CHUNK_BYTES`]; any other is one JSON text, read whole up to [`WHOLE_BYTES_MAX`]. Whoever works on a whole source
//! also uncompresses it, so that many bundles are uncompressed side by side.

use super::unpack::{add_up_to, foreign, up_to};
use fhir::json::Json;
use std::io::{self, BufRead as _, Read};

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
    /// A line of more than [`WHOLE_BYTES_MAX`], which was passed over. Its number, from 1.
    TooLong(u64),
    /// One JSON text: what was read already, and the rest.
    Whole {
        /// What was read to look at it.
        head: Vec<u8>,
        /// What follows.
        rest: Box<dyn Read + Send>,
    },
}

/// Cuts what `rest` gives into pieces and hands each to `take`; stops early when that says so. `name` is the source's.
pub fn cut(mut rest: Box<dyn Read + Send>, name: &str, take: &mut dyn FnMut(Piece) -> bool) -> io::Result<()> {
    let head = up_to(&mut rest, PEEK_BYTES)?;
    if let Some(what) = foreign(&head) {
        return Err(io::Error::other(what));
    }
    if !is_lines(&head, name) {
        take(Piece::Whole { head, rest });
        return Ok(());
    }
    cut_lines(head, &mut rest, WHOLE_BYTES_MAX, take)
}

/// Whether the first line is a JSON object. In a file that is called NDJSON the second will do: one bad line at the
/// beginning is one bad line.
fn is_lines(head: &[u8], name: &str) -> bool {
    let is_called = name.contains(".ndjson") || name.contains(".jsonl");
    let is_object = |line: &[u8]| Json::parse(line).is_ok_and(|value| matches!(value, Json::Object(_)));
    let text = head.trim_ascii_start();
    let Some(end) = text.iter().position(|&b| b == b'\n') else { return is_called };
    let second = || text[end + 1..].split(|&b| b == b'\n').next().unwrap_or_default();
    is_object(&text[..end]) || (is_called && is_object(second()))
}

/// Cuts into chunks of whole lines. A line may have `line_bytes_max`.
fn cut_lines(
    head: Vec<u8>,
    rest: &mut dyn Read,
    line_bytes_max: usize,
    take: &mut dyn FnMut(Piece) -> bool,
) -> io::Result<()> {
    // Up to `known` there is no line end in the text.
    let (mut text, mut first, mut known) = (head, 1, 0);
    loop {
        let before = text.len();
        text.reserve_exact(CHUNK_BYTES + 1);
        add_up_to(&mut text, rest, CHUNK_BYTES as u64)?;
        let ended = text.len() == before;
        let end = match text[known..].iter().rposition(|&b| b == b'\n') {
            _ if ended => text.len(),
            Some(at) => known + at + 1,
            None => 0,
        };
        if end > 0 {
            let tail = text.split_off(end);
            let count = line_ends(&text);
            if !take(Piece::Lines { first, text: std::mem::replace(&mut text, tail) }) {
                return Ok(());
            }
            first += count;
        }
        known = text.len();
        if ended {
            return Ok(());
        }
        if text.len() > line_bytes_max {
            // A line without end would grow without bound.
            if !take(Piece::TooLong(first)) {
                return Ok(());
            }
            (text, first, known) = (after_line_end(rest)?, first + 1, 0);
        }
    }
}

fn line_ends(text: &[u8]) -> u64 {
    // Added up in 8 bits, so that the compiler takes many bytes at once.
    text.chunks(255).map(|part| u64::from(part.iter().map(|&b| u8::from(b == b'\n')).sum::<u8>())).sum()
}

/// Passes over the rest of a line; gives what was read of the next ones.
fn after_line_end(rest: &mut dyn Read) -> io::Result<Vec<u8>> {
    loop {
        let mut more = up_to(rest, CHUNK_BYTES as u64)?;
        match more.iter().position(|&b| b == b'\n') {
            Some(end) => return Ok(more.split_off(end + 1)),
            None if more.is_empty() => return Ok(more),
            None => {}
        }
    }
}

/// The lines of a chunk that hold something, with their numbers.
pub fn lines(first: u64, text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let mut rest = text;
    let line = move || {
        let before = rest;
        let length = rest.skip_until(b'\n').ok().filter(|&length| length > 0)?;
        Some(&before[..length])
    };
    let numbered = std::iter::from_fn(line).zip(first..);
    numbered.map(|(line, number)| (number, line.trim_ascii())).filter(|(_, line)| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(found: &mut Vec<String>, piece: Piece) -> bool {
        match piece {
            Piece::Whole { head, .. } => found.push(format!("whole {}", head.len())),
            Piece::TooLong(line) => found.push(format!("{line} too long")),
            Piece::Lines { first, text } => found.extend(lines(first, &text).map(|(n, l)| format!("{n} {}", l.len()))),
        }
        true
    }

    fn pieces(name: &str, text: impl Read + Send + 'static) -> Vec<String> {
        let mut found = Vec::new();
        cut(Box::new(text), name, &mut |piece| note(&mut found, piece)).expect("cut");
        found
    }

    #[test]
    fn lines_are_told_from_a_whole_text_and_numbered() {
        for (name, text, want) in [
            ("a.json", "{\n \"a\": 1\n}", &["whole 11"][..]),
            ("a.json", "{\"a\":1}", &["whole 7"]),
            ("a.ndjson", "{\"a\":1}", &["1 7"]),
            ("a.json", "{\"a\":1}\n\n{}\r\n{\"b\"", &["1 7", "3 2", "4 4"]),
            ("a.json", "\u{feff}{\"a\":1}\r\n{}\r\n", &["1 10", "2 2"]),
            ("a.json", "[\n{}\n]", &["whole 6"]),
            ("a.json", "", &["whole 0"]),
            ("a.ndjson", "{\"a\":\n{}\n{}", &["1 5", "2 2", "3 2"]),
            ("a.json", "{\"a\":\n{}\n}", &["whole 10"]),
        ] {
            assert_eq!(pieces(name, text.as_bytes()), want, "{name}: {text}");
        }
        let xml = cut(Box::new(&b"<Patient/>"[..]), "a.json", &mut |_| true).expect_err("no JSON");
        assert!(xml.to_string().contains("XML"), "{xml}");
    }

    #[test]
    fn a_line_without_end_is_passed_over_and_the_next_is_read() {
        let long = || io::repeat(b' ').take(5 << 20);
        let mut text = b"{}\n".chain(long()).chain(&b"\n{}\n"[..]).chain(long()).chain(&b"\n{\"a\":1}"[..]);
        let mut found = Vec::new();
        cut_lines(Vec::new(), &mut text, 2 << 20, &mut |piece| note(&mut found, piece)).expect("cut");
        cut_lines(Vec::new(), &mut long(), 2 << 20, &mut |piece| note(&mut found, piece)).expect("cut");
        assert_eq!(found, ["1 2", "2 too long", "3 2", "4 too long", "5 7", "1 too long"]);
    }

    #[test]
    fn many_lines_come_in_chunks_without_losing_one() {
        let mut text = Vec::new();
        for i in 0..200_000 {
            text.extend_from_slice(format!("{{\"n\":{i}}}\n").as_bytes());
        }
        let found = pieces("a.ndjson", io::Cursor::new(text));
        assert_eq!(found.len(), 200_000);
        assert_eq!((found[0].as_str(), found[199_999].as_str()), ("1 7", "200000 12"));
    }
}
