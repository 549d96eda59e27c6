//! No file outgrows a head.

use crate::tree;

const LINES_MAX: usize = 700;

/// Files that may be longer, each with its reason. A table is read by looking up, not from top to bottom.
const LONGER: &[(&str, &str)] = &[];

#[test]
fn no_file_has_more_lines_than_a_head_holds() {
    let mut long = Vec::new();
    for (name, text) in tree::rust_files("crates").into_iter().chain(tree::rust_files("xtask")) {
        let lines = text.lines().count();
        match LONGER.iter().find(|(file, _)| *file == name) {
            Some((_, reason)) if lines <= LINES_MAX => long.push(format!("{name}: not long any more ({reason})")),
            None if lines > LINES_MAX => long.push(format!("{name}: {lines} lines; find its second job")),
            Some(_) | None => {}
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    for (name, text) in tree::rust_files("crates").into_iter().chain(tree::rust_files("xtask")) {
        // Cargo's empty main is no file of ours yet.
        assert!(text.starts_with("//! ") || text == "fn main() {}\n", "{name} does not begin with its job (`//! ...`)");
    }
}
