//! The name somebody probably meant.

use crate::definitions::TypeDef;

/// Names longer than this are not compared.
const LENGTH_MAX: usize = 64;

/// The member name of a type that is nearest to `name`, if one is near.
pub(super) fn nearest<'t>(ty: &'t TypeDef, name: &str) -> Option<&'t str> {
    if name.len() > LENGTH_MAX {
        return None;
    }
    let far = name.len() / 3 + 1;
    ty.member_names()
        .map(|known| (distance(name, known), known))
        .filter(|(d, _)| *d <= far)
        .min()
        .map(|(_, known)| known)
}

/// Insertions, deletions and replacements from one name to the other, upper and lower case alike.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<u8> = b.bytes().map(|b| b.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().map(|x| x.to_ascii_lowercase()).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::r4;

    #[test]
    fn a_slip_of_the_pen_finds_its_name() {
        let patient = r4().by_name("Patient").unwrap();
        for (name, expected) in [
            ("birthdate", Some("birthDate")),
            ("brithDate", Some("birthDate")),
            ("names", Some("name")),
            ("deceasedBool", Some("deceasedBoolean")),
            ("favouriteColour", None),
        ] {
            assert_eq!(nearest(patient, name), expected, "{name}");
        }
    }
}
