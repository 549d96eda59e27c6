//! How well a patient fits the words that were typed, in any order, with a slip of the finger.

use fhir::json::Json;
use fhir::search::extract;

/// What a slip costs; what is only begun costs less.
const SLIP: usize = 10;
const BEGUN: usize = 2;

/// The words of all names that a patient has or had.
pub fn names(patient: &Json<'_>) -> Vec<String> {
    let names = patient.get("name").map_or(&[][..], Json::items);
    let mut words = Vec::new();
    for name in names {
        let given = name.get("given").map_or(&[][..], Json::items).iter().filter_map(Json::as_str);
        for text in given.chain(name.text("family")).chain(name.text("text")) {
            words.extend(extract::words(text));
            // `O'Null` is also typed in one.
            words.push(extract::words(text).concat());
        }
    }
    words
}

/// What it costs to take the words for these names; `None` where a word is like none of them. 0: all words stand there.
pub fn cost(words: &[String], names: &[String]) -> Option<usize> {
    words.iter().map(|word| names.iter().filter_map(|name| of_word(word, name)).min()).sum()
}

fn of_word(word: &str, name: &str) -> Option<usize> {
    if word == name {
        return Some(0);
    }
    if name.starts_with(word) {
        return Some(BEGUN);
    }
    let may = match word.chars().count() {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    };
    let slips = slips(word, name);
    (slips <= may).then_some(slips * SLIP)
}

/// How many letters are missing, too many, wrong, or exchanged with the next (Damerau 1964, restricted).
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_in_any_order_and_with_a_slip() {
        let zoe = br#"{"name":[{"family":"O'Null","given":["Zo\u00eb","Mary-Jane"]},{"family":"Garc\u00eda"}]}"#;
        let names = names(&Json::parse(zoe).expect("JSON"));
        for (typed, fits) in [
            ("zoe o null", Some(0)),
            ("null zoe", Some(0)),
            ("onull zoe", Some(0)),
            ("garcia", Some(0)),
            ("gar", Some(BEGUN)),
            ("grcia", Some(SLIP)),
            ("gracia", Some(SLIP)),
            ("mary jane", Some(0)),
            ("zeo", Some(SLIP)),
            ("smith", None),
            ("zoe smith", None),
            ("z", Some(BEGUN)),
            ("y", None),
        ] {
            let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            assert_eq!(cost(&words, &names), fits, "{typed}");
        }
    }
}
