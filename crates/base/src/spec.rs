//! Tables in Markdown that people read and tests run.

use std::collections::HashMap;

/// A row of a table: what stands in each column, by its head.
pub type Row = HashMap<String, String>;

/// The rows of all tables whose first column has this head, each with the number of its line. A bar within a cell is
/// written `\|`.
///
/// # Panics
/// If a row has not as many cells as its head: the table is part of the test.
#[must_use]
pub fn rows(text: &str, first: &str) -> Vec<(usize, Row)> {
    let mut rows = Vec::new();
    let mut heads: Vec<String> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(inner) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            heads.clear();
            continue;
        };
        let cells = cells(inner);
        if heads.is_empty() {
            heads = cells;
        } else if heads[0] == first && !cells[0].starts_with("--") {
            assert_eq!(cells.len(), heads.len(), "line {number}");
            rows.push((number, heads.iter().cloned().zip(cells).collect()));
        }
    }
    rows
}

fn cells(line: &str) -> Vec<String> {
    line.replace("\\|", "\u{1}").split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_its_heads() {
        let text = "# x\n\n| a | b |\n|---|---|\n| 1 | 2\\|3 |\n\n| c |\n|---|\n| 4 |\n";
        let found = rows(text, "a");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].1["b"].as_str()), (5, "2|3"));
        assert_eq!(rows(text, "c")[0].1["c"], "4");
    }
}
