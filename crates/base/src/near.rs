//! The word somebody probably meant.

/// Longer words are not compared: nobody mistypes one, and the work grows with its length.
const LENGTH_MAX: usize = 64;

/// The known word that is nearest to `word`, if one is near: at most a third of its letters are wrong. Letters count
/// without case.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LENGTH_MAX {
        return None;
    }
    let far = word.len() / 3 + 1;
    let near = known.into_iter().map(|known| (distance(word, known), known)).filter(|(edits, _)| *edits <= far);
    near.min().map(|(_, known)| known)
}

/// Insertions, deletions and replacements from one word to the other (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(&y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_word() {
        let known = ["birthDate", "name", "deceasedBoolean", "listen"];
        for (word, expected) in [
            ("birthdate", Some("birthDate")),
            ("brithDate", Some("birthDate")),
            ("names", Some("name")),
            ("deceasedBool", Some("deceasedBoolean")),
            ("listn", Some("listen")),
            ("favouriteColour", None),
            (&"name".repeat(17), None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }
}
