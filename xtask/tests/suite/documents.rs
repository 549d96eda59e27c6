//! Documents lead somewhere: every link between them resolves.

use crate::tree;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn every_link_between_documents_resolves() {
    let mut lost = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for target in links(&text) {
            let path = target.split('#').next().unwrap_or("");
            let folder = document.parent().unwrap_or(Path::new("."));
            if !path.is_empty() && !path.contains("://") && !folder.join(path).exists() {
                lost.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn the_table_of_onc_names_tests_that_there_are() {
    let table = std::fs::read_to_string(tree::root().join("docs/manual/onc-g10.md")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1).map(cells).collect();
    assert_eq!(rows.len(), 77, "the procedure has 77 requirements");
    let mut lost = Vec::new();
    for row in &rows {
        let [number, what, shown, limits] = row[..] else { panic!("{row:?}") };
        assert!(!what.is_empty(), "{number} says nothing");
        assert!(!shown.is_empty() || !limits.is_empty(), "{number} shows nothing");
        for test in shown.split(", ").map(|test| test.trim_matches('`')).filter(|test| !test.is_empty()) {
            let (place, name) = test.split_once("::").expect("a place and a name");
            let (part, file) = place.split_once('/').expect("a crate and a file");
            let path = tree::root().join(format!("crates/{part}/tests/suite/{file}.rs"));
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if !text.contains(&format!("#[test]\nfn {name}(")) {
                lost.push(format!("{number}: {test}"));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn cargo_run_finds_the_program_by_itself() {
    let asked = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let answer = Command::new(env!("CARGO")).args(asked).current_dir(tree::root()).output().unwrap();
    let told: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let defaults = told["workspace_default_members"].as_array().unwrap();
    let packages = told["packages"].as_array().unwrap().iter().filter(|package| defaults.contains(&package["id"]));
    let targets = packages.flat_map(|package| package["targets"].as_array().unwrap());
    let programs: Vec<_> = targets.filter(|target| target["kind"][0] == "bin").map(|target| &target["name"]).collect();
    assert_eq!(programs, ["chartroom"], "`cargo run --release -- demo` of the README has to choose one");
}

/// The cells of a row of a table.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn every_dependency_is_introduced() {
    let manifest = std::fs::read_to_string(tree::root().join("Cargo.toml")).unwrap();
    let table = std::fs::read_to_string(tree::root().join("docs/decisions/2026-11-23-dependencies.md")).unwrap();
    let introduced: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|names| names.split(", "))
        .filter(|name| *name != "Crate")
        .collect();
    let lines = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let used: Vec<&str> = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.contains("path = ") && !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .collect();
    let missing: Vec<_> = used.iter().filter(|name| !introduced.contains(name)).collect();
    let gone: Vec<_> = introduced.iter().filter(|name| !used.contains(name)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not introduced: {missing:?}; not used any more: {gone:?}");
}

fn documents() -> Vec<PathBuf> {
    let root = tree::root();
    ["", "docs", "docs/decisions", "docs/manual"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect()
}

/// What stands in the round brackets of `[...](...)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}
