//! Synthea's patients: real in form, and all valid.

use crate::archives::shared;
use fhir::json::Json;
use fhir::validate::{Depth, validate};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::time::{Duration, Instant};

#[test]
fn every_synthea_resource_is_valid() {
    let Some(dir) = shared("synthea") else { return };
    let mut files: Vec<_> = fs::read_dir(dir).expect("the folder cannot be read").flatten().map(|e| e.path()).collect();
    files.retain(|p| p.extension().is_some_and(|x| x == "bz2"));
    files.sort();
    let (mut count, mut spent, mut found) = (0, Duration::ZERO, BTreeMap::new());
    // The first call works the definitions out.
    let _ = validate(&Json::Null, Depth::Full);
    for path in files.iter().take(limit()) {
        let mut text = Vec::new();
        let file = File::open(path).expect("the file cannot be opened");
        bzip2::read::MultiBzDecoder::new(file).read_to_end(&mut text).expect("the file is not bzip2");
        let tree = Json::parse(&text).expect("the bundle does not parse");
        let start = Instant::now();
        for finding in validate(&tree, Depth::Full).iter().filter(|f| f.is_error()) {
            *found.entry(finding.to_string()).or_insert(0) += 1;
        }
        spent += start.elapsed();
        count += tree.get("entry").map(Json::items).unwrap_or_default().len();
    }
    assert!(count > 0);
    println!("{count} resources, {:?} each", spent.checked_div(count as u32).unwrap_or_default());
    assert_eq!(found, BTreeMap::new());
}

/// A tenth of the patients unless `ALL=1` is set: all of them take a minute without optimisation.
fn limit() -> usize {
    if std::env::var_os("ALL").is_some() { usize::MAX } else { 12 }
}
