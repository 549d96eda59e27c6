//! Any file is unpacked, cut into texts, and these into resources, or refused; no line of NDJSON is lost or numbered twice.
//! The import's own modules, which belong to the program, are compiled here as they are.
#![no_main]

#[path = "../../crates/chartroom/src/import/jobs.rs"]
mod jobs;
#[path = "../../crates/chartroom/src/import/unpack.rs"]
mod unpack;

use fhir::json::Json;
use jobs::Piece;
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::sync::Arc;
use vault::exchange::Arrivals;

/// A bomb takes long to go off, and its bounds are tested elsewhere.
const TEXT_BYTES_MAX: usize = 4 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let name = if kind & 1 == 0 { "a.json" } else { "a.ndjson" };
    let Ok(plain) = unpack::unpacked(Box::new(Cursor::new(bytes.to_vec())), &Arc::default()) else { return };
    let (mut seen, mut next) = (0, 1);
    let _ = jobs::cut(plain, name, &mut |piece| {
        match piece {
            Piece::TooLong(line) => next = line + 1,
            Piece::Whole { mut head, mut rest } => {
                if unpack::add_up_to(&mut head, &mut rest, TEXT_BYTES_MAX as u64).is_ok() {
                    read(&head);
                }
            }
            Piece::Lines { first, text } => {
                assert_eq!(first, next, "lines are numbered without a gap");
                jobs::lines(first, &text).for_each(|(_, line)| read(line));
                next = first + text.iter().filter(|&&b| b == b'\n').count() as u64;
                seen += text.len();
            }
        }
        seen < TEXT_BYTES_MAX
    });
});

/// What a worker does with a text before the vault is asked.
fn read(text: &[u8]) {
    if let Ok(arrivals) = Json::parse(text).map_err(drop).and_then(|tree| Arrivals::of(tree).map_err(drop)) {
        assert!(arrivals.len() <= text.len(), "an entry takes at least a byte");
    }
}
