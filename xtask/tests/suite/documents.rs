//! Documents lead somewhere: every link between them resolves.

use crate::tree;
use std::path::{Path, PathBuf};

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
