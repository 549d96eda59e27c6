//! What changed from one version of a resource to another, field by field, in words.

use super::entry::{said, spaced};
use crate::pages::escape;
use crate::pages::frame::table;
use fhir::json::Json;

/// What every version has anew, or says in other words.
const PASSED_OVER: [&str; 4] = ["meta", "text", "resourceType", "id"];

/// Deeper members are compared as a whole.
const DEPTH: usize = 6;

/// Changes that are listed; beyond them the versions themselves say more.
const LISTED: usize = 200;

/// One field that differs. What is empty was not there.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// `Reaction 1 › Severity`.
    pub field: String,
    /// Before, in words.
    pub before: String,
    /// After, in words.
    pub after: String,
}

/// All fields that differ, in the order of the later version.
pub fn between(before: &Json<'_>, after: &Json<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    members(&mut changes, "", before, after, 0);
    changes.truncate(LISTED);
    changes
}

fn members(changes: &mut Vec<Change>, path: &str, before: &Json<'_>, after: &Json<'_>, depth: usize) {
    let names = |of: &Json<'_>| of.as_object().into_iter().flat_map(|o| o.iter().map(|(n, _)| n.to_owned())).collect();
    let (old, new): (Vec<String>, Vec<String>) = (names(before), names(after));
    let gone = old.into_iter().filter(|name| !new.contains(name)).collect::<Vec<_>>();
    for name in new.iter().chain(&gone) {
        if depth == 0 && PASSED_OVER.contains(&name.as_str()) {
            continue;
        }
        compare(changes, &below(path, &spaced(name)), (before.get(name), after.get(name)), depth);
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path} › {name}") }
}

fn compare(changes: &mut Vec<Change>, path: &str, of: (Option<&Json<'_>>, Option<&Json<'_>>), depth: usize) {
    match of {
        (Some(before), Some(after)) if before == after => {}
        (Some(Json::Array(before)), Some(Json::Array(after))) => items(changes, path, before, after, depth),
        (Some(before @ Json::Object(_)), Some(after @ Json::Object(_))) if depth < DEPTH => {
            let (old, new) = (words(Some(before)), words(Some(after)));
            // What people would read the same is looked into.
            if is_one_thing(before) && is_one_thing(after) && old != new {
                changes.push(Change { field: path.to_owned(), before: old, after: new });
            } else {
                members(changes, path, before, after, depth + 1);
            }
        }
        (before, after) => {
            changes.push(Change { field: path.to_owned(), before: words(before), after: words(after) });
        }
    }
}

/// Whether people take a value as one: a code, an amount, a link; and not as a group of fields.
fn is_one_thing(value: &Json<'_>) -> bool {
    ["coding", "reference", "value", "system"].into_iter().any(|name| value.get(name).is_some())
}

/// Items that are in both lists are no change, wherever they stand; what is left is compared in order.
fn items(changes: &mut Vec<Change>, path: &str, before: &[Json<'_>], after: &[Json<'_>], depth: usize) {
    let left = |of: &[Json<'_>], other: &[Json<'_>]| {
        (0..of.len()).filter(|n| !other.contains(&of[*n])).collect::<Vec<usize>>()
    };
    let (old, new) = (left(before, after), left(after, before));
    let many = before.len().max(after.len()) > 1;
    for n in 0..old.len().max(new.len()) {
        let number = new.get(n).or(old.get(n)).map_or(0, |n| n + 1);
        let path = if many { format!("{path} {number}") } else { path.to_owned() };
        compare(changes, &path, (old.get(n).map(|n| &before[*n]), new.get(n).map(|n| &after[*n])), depth + 1);
    }
}

/// A value as people read it; what has no words as it is kept.
fn words(value: Option<&Json<'_>>) -> String {
    let Some(value) = value else { return String::new() };
    said(value).unwrap_or_else(|| {
        let mut text = String::from_utf8_lossy(&value.to_bytes()).into_owned();
        if let Some((end, _)) = text.char_indices().nth(400) {
            text.truncate(end);
        }
        text
    })
}

/// In one line: `Status: preliminary → final; Note added`; the first few.
pub fn brief(changes: &[Change], most: usize) -> String {
    let one = |change: &Change| match (change.before.is_empty(), change.after.is_empty()) {
        (true, _) => format!("{} added: {}", change.field, cut(&change.after)),
        (_, true) => format!("{} removed: {}", change.field, cut(&change.before)),
        _ => format!("{}: {} → {}", change.field, cut(&change.before), cut(&change.after)),
    };
    let mut said: Vec<String> = changes.iter().take(most).map(one).collect();
    if changes.len() > most {
        said.push(format!("and {} more", changes.len() - most));
    }
    said.join("; ")
}

fn cut(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}

/// As a table: the field, before, after.
pub fn listed(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "<p>Nothing that people read differs; see them as they are kept.</p>".to_owned();
    }
    let cell = |text: &str, mark: &str| match text.is_empty() {
        true => "<span class=\"soft\">–</span>".to_owned(),
        false => format!("<{mark}>{}</{mark}>", escape(text)),
    };
    let row = |change: &Change| vec![escape(&change.field), cell(&change.before, "del"), cell(&change.after, "ins")];
    format!("<div class=\"changes\">{}</div>", table(&["Field", "Before", "After"], changes.iter().map(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(before: &str, after: &str) -> String {
        let read = |text: &str| Json::parse(text.as_bytes()).expect("JSON").into_owned();
        brief(&between(&read(before), &read(after)), 9)
    }

    #[test]
    fn changes_are_said_field_by_field_in_words() {
        for (before, after, said) in [
            (r#"{"status":"preliminary"}"#, r#"{"status":"final"}"#, "Status: preliminary → final"),
            (r#"{"meta":{"versionId":"1"}}"#, r#"{"meta":{"versionId":"2"}}"#, ""),
            (r#"{}"#, r#"{"birthDate":"1961-02-28"}"#, "Birth date added: 28 Feb 1961"),
            (r#"{"active":true}"#, r#"{}"#, "Active removed: yes"),
            (
                r#"{"reaction":[{"severity":"mild"}]}"#,
                r#"{"reaction":[{"severity":"severe"}]}"#,
                "Reaction › Severity: mild → severe",
            ),
            (
                r#"{"valueQuantity":{"value":4.2,"unit":"mmol/L"}}"#,
                r#"{"valueQuantity":{"value":4.20,"unit":"mmol/L"}}"#,
                "Value quantity: 4.2 mmol/L → 4.20 mmol/L",
            ),
            (
                r#"{"code":{"text":"A","coding":[{"code":"1"}]}}"#,
                r#"{"code":{"text":"A","coding":[{"code":"2"}]}}"#,
                "Code › Coding › Code: 1 → 2",
            ),
            (r#"{"given":["A","B"]}"#, r#"{"given":["B","A"]}"#, ""),
            (r#"{"given":["A","B"]}"#, r#"{"given":["A","C","D"]}"#, "Given 2: B → C; Given 3 added: D"),
            (r#"{"a":{"b":1}}"#, r#"{"a":"x"}"#, "A: B: 1 → x"),
        ] {
            assert_eq!(said_of(before, after), said, "{before} {after}");
        }
    }
}
