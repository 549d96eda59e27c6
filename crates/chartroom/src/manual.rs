//! The manual's commands are commands: every one that stands in a shell block is read by the real command line.

use crate::cli::Cli;
use clap::Parser;
use std::path::Path;

#[test]
fn every_command_in_the_manual_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::fs::read_dir(root.join("docs/manual")).expect("the manual");
    let chapters = folder.map(|entry| entry.expect("a chapter").path());
    let (mut tried, mut wrong) = (0, Vec::new());
    for document in chapters.chain([root.join("README.md"), root.join("SECURITY.md")]) {
        let text = std::fs::read_to_string(&document).expect("a document");
        for line in shell_lines(&text) {
            let Some(words) = arguments(&line) else { continue };
            tried += 1;
            if let Err(error) = Cli::try_parse_from(&words) {
                wrong.push(format!("{}: {line}\n{error}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 15, "only {tried} commands were found");
}

/// The lines of blocks marked `sh`.
fn shell_lines(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// The words after the program's name, that name included; `None` if the line does not call the program.
fn arguments(line: &str) -> Option<Vec<String>> {
    let demo = line.replace("cargo run --release --", "chartroom");
    let from =
        demo.find("chartroom ").filter(|&at| demo[..at].chars().all(|c| c.is_alphanumeric() || "/=$(".contains(c)))?;
    let call = demo[from..].split(['>', '<', '|']).next().unwrap_or("").trim_end_matches(')');
    Some(words(call))
}

/// Words as a shell takes them: what stands between double quotes is part of one.
fn words(call: &str) -> Vec<String> {
    let (mut words, mut is_open) = (vec![String::new()], false);
    for c in call.chars() {
        match c {
            '"' => is_open = !is_open,
            c if c.is_whitespace() && !is_open => words.push(String::new()),
            c => words.last_mut().expect("a word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
