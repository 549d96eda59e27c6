//! A site's own value sets: files beside the shipped ones, from a directory that the configuration names.

use super::value_sets::{ValueSets, shipped};
use base::refusal::{Kind, Refusal};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A value set of some hundred thousand codes fits; what is larger was not meant to be one.
const BYTES_MAX: u64 = 8 << 20;

/// The value sets of a site, or the shipped ones where it has none of its own.
pub fn sets(dir: Option<&Path>) -> Result<Arc<ValueSets>, Refusal> {
    dir.map_or_else(|| Ok(Arc::clone(shipped())), |dir| with_directory(dir).map(Arc::new))
}

/// The shipped value sets and those of the `*.toml` files in `dir`, in the order of their names. One that cannot be
/// used refuses them all: a label that is silently missing would show what should be hidden.
pub fn with_directory(dir: &Path) -> Result<ValueSets, Refusal> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(|e| unreadable(dir, &e))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut sets = ValueSets::clone(shipped());
    for file in files {
        let text = read(&file).map_err(|e| unreadable(&file, &e))?;
        sets.add(&file.display().to_string(), &text)?;
    }
    Ok(sets)
}

fn read(file: &Path) -> std::io::Result<String> {
    let about = fs::metadata(file)?;
    if !about.is_file() || about.len() > BYTES_MAX {
        return Err(std::io::Error::other(format!("it is no file of at most {} MiB", BYTES_MAX >> 20)));
    }
    fs::read_to_string(file)
}

fn unreadable(path: &Path, why: &std::io::Error) -> Refusal {
    let message = format!("the value sets in {} cannot be read ({why}); correct access.labels", path.display());
    Refusal::new(Kind::Invalid, "not-found", message)
}

#[cfg(test)]
mod tests {
    use super::super::{Label, Labels};
    use super::*;
    use fhir::json::Json;

    #[test]
    fn a_site_adds_its_own_and_a_broken_file_stops_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let own = "name = \"House\"\nlabels = [\"42CFRPart2\"]\nsource = \"site\"\ndate = \"2026-11-23\"\nplaces = [\"Organization/detox\"]";
        fs::write(dir.path().join("detox.toml"), own).expect("written");
        fs::write(dir.path().join("notes.txt"), "not a value set").expect("written");
        let sets = with_directory(dir.path()).expect("value sets");
        let visit = r#"{"resourceType":"Encounter","serviceProvider":{"reference":"Organization/detox"}}"#;
        let visit = Json::parse(visit.as_bytes()).expect("JSON");
        assert_eq!(sets.labels_of(&visit), Labels::NONE.with(Label::Part2));
        assert_eq!(shipped().labels_of(&visit), Labels::NONE);
        assert_eq!(sets.reasons_of(&visit)[0].path, "Encounter.serviceProvider");

        fs::write(dir.path().join("wrong.toml"), "name = 1").expect("written");
        let refusal = with_directory(dir.path()).expect_err("a refusal").to_string();
        assert!(refusal.contains("wrong.toml"), "{refusal}");
        assert!(with_directory(&dir.path().join("none")).is_err());
    }
}
