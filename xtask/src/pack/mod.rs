//! `cargo x pack`: HL7's own R4 files become the packs the program embeds.
//!
//! Nothing in a pack is typed by hand: [`source`] reads the published resources, [`structures`] and [`params`] turn them
//! into `fhir::definitions`, [`codes`] into `fhir::terminology`. The same input gives the same bytes.

mod codes;
mod params;
mod source;
mod structures;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use source::Source;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// zstd's level: the packs are made once and opened at every start.
const LEVEL: i32 = 19;

/// Makes `packs/fhir-r4`. `args` may be `--from DIR`: a folder with HL7's packages (`.tgz`) or definition files (`.json`).
pub fn run(args: &[String]) -> Result<(), String> {
    let source = match args {
        [] => Source::usual()?,
        [from, dir] if from == "--from" => Source::read(Path::new(dir))?,
        _ => return Err("usage: cargo x pack [--from DIR]".to_owned()),
    };
    let mut definitions = structures::definitions(&source.resources)?;
    definitions.search_params = params::search_params(&source.resources);
    definitions.compartments = params::compartments(&source.resources);
    let terminology = codes::terminology(&source.resources);
    let counts = [
        ("types", definitions.types.len()),
        ("search parameters", definitions.search_params.len()),
        ("compartments", definitions.compartments.len()),
        ("code systems", terminology.systems.len()),
        ("concepts", terminology.systems.iter().map(|s| s.concepts.len()).sum()),
        ("value sets", terminology.value_sets.len()),
    ];
    let packs = [("structures.pack", squeeze(&definitions)?), ("terminology.pack", squeeze(&terminology)?)];
    write(&source, &packs, &counts)
}

fn squeeze(what: &impl Serialize) -> Result<Vec<u8>, String> {
    let plain = postcard::to_stdvec(what).map_err(|e| format!("the pack could not be written: {e}"))?;
    zstd::encode_all(&plain[..], LEVEL).map_err(|e| format!("the pack could not be compressed: {e}"))
}

fn write(source: &Source, packs: &[(&str, Vec<u8>)], counts: &[(&str, usize)]) -> Result<(), String> {
    let dir = root().join("packs/fhir-r4");
    let save = |name: &str, bytes: &[u8]| {
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(dir.join(name), bytes))
            .map_err(|e| format!("{} could not be written: {e}", dir.join(name).display()))
    };
    for (name, bytes) in packs {
        save(name, bytes)?;
        println!("packs/fhir-r4/{name}: {} bytes", bytes.len());
    }
    save("SOURCE.md", provenance(source, packs, counts).as_bytes())
}

fn provenance(source: &Source, packs: &[(&str, Vec<u8>)], counts: &[(&str, usize)]) -> String {
    let mut text = String::from(
        "# Where the R4 pack comes from\n\n\
         HL7 FHIR R4, version 4.0.1, and the search parameters US Core adds. Published by HL7 under CC0 1.0\n\
         (<https://hl7.org/fhir/R4/license.html>). Made by `cargo x pack`; nothing was typed by hand.\n\n\
         | Input | SHA-256 |\n|---|---|\n",
    );
    for (name, sum) in &source.inputs {
        let _ = writeln!(text, "| `{name}` | `{sum}` |");
    }
    text.push_str("\n| Pack | SHA-256 |\n|---|---|\n");
    for (name, bytes) in packs {
        let _ = writeln!(text, "| `{name}` | `{}` |", sha256(bytes));
    }
    text.push_str("\n| Holds | Number |\n|---|---:|\n");
    for (what, count) in counts {
        let _ = writeln!(text, "| {what} | {count} |");
    }
    text.push_str(source.remark);
    text
}

/// SHA-256 in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// The project's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
