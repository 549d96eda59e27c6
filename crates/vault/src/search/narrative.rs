//! The words of a resource's narrative (`_text`), and of all its strings (`_content`).

use fhir::json::Json;
use fhir::search::extract::normal;
use std::collections::BTreeSet;

/// A word longer than this is cut: nobody types more, and a base64 blob in a narrative is not a word.
const WORD_CHARS: usize = 40;

/// The distinct words of the narrative (`text.div`), normalised, markup left out.
pub fn words(resource: &Json) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    if let Some(div) = resource.get("text").and_then(|t| t.text("div")) {
        take(&plain(div), &mut words);
    }
    words
}

/// The distinct words of every string in the resource, narrative included.
pub fn all_words(resource: &Json) -> BTreeSet<String> {
    let mut words = words(resource);
    strings(resource, &mut |text| take(text, &mut words));
    words
}

fn strings(json: &Json, each: &mut dyn FnMut(&str)) {
    match json {
        Json::String(text) => each(text),
        Json::Array(items) => items.iter().for_each(|item| strings(item, each)),
        Json::Object(object) => {
            object.iter().filter(|(name, _)| *name != "div").for_each(|(_, value)| strings(value, each));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn take(text: &str, words: &mut BTreeSet<String>) {
    let text = normal(text);
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.extend(parts.map(|word| word.chars().take(WORD_CHARS).collect::<String>()));
}

/// The words of a query's text, cut as those of a narrative are.
pub fn asked(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    take(text, &mut words);
    words
}

// XHTML to text: a tag ends a word, unless it stands inside one as `<b>H</b>ello` does, which is rare enough to lose.
fn plain(div: &str) -> String {
    let mut out = String::with_capacity(div.len());
    let mut rest = div;
    while let Some(start) = rest.find(['<', '&']) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with('<') {
            out.push(' ');
            rest = &rest[rest.find('>').map_or(rest.len(), |end| end + 1)..];
        } else {
            rest = &rest[entity(rest, &mut out)..];
        }
    }
    out.push_str(rest);
    out
}

fn entity(text: &str, out: &mut String) -> usize {
    let end = text.char_indices().take(12).find(|(_, c)| *c == ';').map(|(i, _)| i);
    let Some(end) = end else {
        out.push('&');
        return 1;
    };
    let name = &text[1..end];
    let number = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16).ok());
    let number = number.or_else(|| name.strip_prefix('#').map(|n| n.parse().ok())).flatten();
    out.push(number.and_then(char::from_u32).unwrap_or(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => ' ',
    }));
    end + 1
}
