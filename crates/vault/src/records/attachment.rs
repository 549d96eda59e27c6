//! Attachments, kept as the bytes they stand for: base64 hides from compression that a note is text.
//!
//! A text with base64 in it is packed as `1 ‖ count ‖ (gap ‖ length)... ‖ text without it ‖ bytes`, numbers as LEB128; a gap
//! counts the bytes of text before the hole. A kept text begins with a brace, so that both forms are told apart. Only what
//! comes back the same, to the byte, is folded. On Synthea's notes this saves a third.

use crate::search::index::list::{read_number, write_number};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Shorter strings stay as they are.
const CHARS_LEAST: usize = 64;

const FOLDED: u8 = 1;

/// A text with its base64 taken out; `None` where there is none.
pub(crate) fn fold(text: &[u8]) -> Option<Vec<u8>> {
    let (mut holes, mut count, mut rest, mut bytes) = (Vec::new(), 0, Vec::new(), Vec::new());
    let (mut done, mut at) = (0, 0);
    while let Some((begin, end)) = long_run(text, at) {
        at = end;
        if begin == 0 || text[begin - 1] != b'"' || text.get(at) != Some(&b'"') {
            continue;
        }
        let Ok(decoded) = BASE64_STANDARD.decode(&text[begin..at]) else { continue };
        if BASE64_STANDARD.encode(&decoded).as_bytes() != &text[begin..at] {
            continue;
        }
        write_number((begin - done) as u64, &mut holes);
        write_number(decoded.len() as u64, &mut holes);
        rest.extend_from_slice(&text[done..begin]);
        bytes.extend_from_slice(&decoded);
        (count, done) = (count + 1, at);
    }
    let mut out = vec![FOLDED];
    write_number(count, &mut out);
    for part in [&holes, &rest, &text[done..], &bytes] {
        out.extend_from_slice(part);
    }
    (count > 0).then_some(out)
}

/// Where the first run of at least [`CHARS_LEAST`] characters of base64 begins and ends, behind `from`, at which no run
/// may be under way. Such a run stands at one of every so many bytes, so that only those are looked at.
fn long_run(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let mut probe = from + CHARS_LEAST - 1;
    while let Some(byte) = text.get(probe) {
        let mut after = 0;
        if is_base64(byte) {
            let before = text[from..probe].iter().rev().take_while(|b| is_base64(b)).count();
            after = text[probe..].iter().take_while(|b| is_base64(b)).count();
            if before + after >= CHARS_LEAST {
                return Some((probe - before, probe + after));
            }
        }
        probe += after + CHARS_LEAST;
    }
    None
}

/// The inverse of [`fold`]; a text that was not folded comes back as it is. `None` if it is neither.
pub(crate) fn unfold(text: Vec<u8>) -> Option<Vec<u8>> {
    if text.first() != Some(&FOLDED) {
        return Some(text);
    }
    let mut rest = &text[1..];
    let number = |rest: &mut &[u8]| read_number(rest).and_then(|n| usize::try_from(n).ok());
    let count = number(&mut rest).filter(|&count| count <= text.len())?;
    let holes = (0..count).map(|_| Some((number(&mut rest)?, number(&mut rest)?))).collect::<Option<Vec<_>>>()?;
    let length = holes.iter().try_fold(0usize, |sum, hole| sum.checked_add(hole.1))?;
    let (mut written, mut bytes) = rest.split_at_checked(rest.len().checked_sub(length)?)?;
    let mut out = Vec::with_capacity(text.len() + length / 3 + 8);
    for (gap, length) in holes {
        let (before, after) = written.split_at_checked(gap)?;
        let (decoded, others) = bytes.split_at_checked(length)?;
        out.extend_from_slice(before);
        out.extend_from_slice(BASE64_STANDARD.encode(decoded).as_bytes());
        (written, bytes) = (after, others);
    }
    out.extend_from_slice(written);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_kept_as_bytes_and_nothing_else_is() {
        let note = BASE64_STANDARD.encode("Chief complaint: none. ".repeat(20));
        let text = format!(r#"{{"a":"{note}","b":"{}","c":["{note}"],"d":"{}="}}"#, "x y".repeat(40), "A".repeat(66));
        let folded = fold(text.as_bytes()).expect("folded");
        assert!(folded.len() < text.len() && folded.windows(15).any(|w| w == b"Chief complaint"));
        assert_eq!(unfold(folded).as_deref(), Some(text.as_bytes()));
        assert_eq!(fold(br#"{"a":"short","b":1}"#), None);
        assert_eq!(unfold(b"{}".to_vec()), Some(b"{}".to_vec()));
        // What would not come back the same stays as it is: bits beyond the end that are not 0.
        let odd = format!(r#"{{"a":"{}B="}}"#, "A".repeat(66));
        assert_eq!(fold(odd.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn every_long_run_is_found(lengths in prop::collection::vec(0usize..200, 0..12), gap in "[\",{ ]{1,9}") {
            let text = lengths.iter().map(|&length| "A".repeat(length)).collect::<Vec<_>>().join(&gap);
            let (mut found, mut at) = (Vec::new(), 0);
            while let Some((begin, end)) = long_run(text.as_bytes(), at) {
                prop_assert!(!text[begin..end].contains(|c| c != 'A'));
                found.push(end - begin);
                at = end;
            }
            let long: Vec<usize> = lengths.into_iter().filter(|&length| length >= CHARS_LEAST).collect();
            prop_assert_eq!(found, long);
        }

        #[test]
        fn any_text_comes_back(strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..6)) {
            let parts: Vec<String> = strings.iter().map(|bytes| BASE64_STANDARD.encode(bytes)).collect();
            let text = format!("{{\"{}\"}}", parts.join("\",\""));
            if let Some(folded) = fold(text.as_bytes()) {
                prop_assert_eq!(unfold(folded), Some(text.into_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = unfold([&[FOLDED], bytes.as_slice()].concat());
        }
    }
}
