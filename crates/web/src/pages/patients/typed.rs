//! What somebody typed to find a patient: days of birth in any common form, numbers, and the words of a name.

use fhir::calendar::span;
use fhir::search::extract;

/// Longest text that is read, in characters.
const TEXT_MAX: usize = 120;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What may be meant. A text can be several things: `19700303` is a day and a number.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// FHIR dates, as exact as they were typed.
    pub days: Vec<String>,
    /// Numbers as typed, and without what people put between digits.
    pub numbers: Vec<String>,
    /// Words of a name, normalised.
    pub words: Vec<String>,
}

impl Typed {
    /// Reads a text; `this` is the year of today.
    pub fn read(text: &str, this: i64) -> Typed {
        let text: String = text.chars().take(TEXT_MAX).collect();
        let tokens: Vec<&str> = text.split([' ', ',', ';', '\t', '\u{a0}']).filter(|token| !token.is_empty()).collect();
        let mut typed = Typed::default();
        let mut at = 0;
        while at < tokens.len() {
            let (days, taken) = spelled(&tokens[at..], this);
            if taken > 0 {
                typed.days.extend(days);
                at += taken;
            } else {
                typed.token(tokens[at], at.checked_sub(1).map(|before| tokens[before]), this);
                at += 1;
            }
        }
        typed
    }

    fn token(&mut self, token: &str, before: Option<&str>, this: i64) {
        let days = numeric(token, this);
        let has_digit = token.chars().any(|c| c.is_ascii_digit());
        if !has_digit {
            return self.words.extend(extract::words(token));
        }
        let is_day = !days.is_empty();
        self.days.extend(days);
        if is_day && !token.chars().all(|c| c.is_ascii_digit()) {
            return;
        }
        let plain: String = token.chars().filter(|c| c.is_alphanumeric()).collect();
        self.numbers.extend([token.to_owned(), token.to_uppercase(), plain.to_uppercase(), plain]);
        // `SV 1000003` is one number.
        let letters = before.filter(|before| before.chars().all(char::is_alphabetic) && before.len() <= 4);
        self.numbers.extend(letters.map(|letters| format!("{letters}{token}").to_uppercase()));
        self.numbers.sort();
        self.numbers.dedup();
    }
}

/// Days in which the month is a word: `3 Mar 1970`, `March 3rd 1970`, `Mar 1970`; and how many tokens they take.
fn spelled(tokens: &[&str], this: i64) -> (Vec<String>, usize) {
    let month = |token: &str| {
        let token = token.trim_end_matches('.').to_ascii_lowercase();
        let is_month = |name: &str| token.starts_with(name) && is_month_word(&token);
        MONTHS.iter().position(|name| is_month(name)).map(|n| n as i64 + 1)
    };
    let number = |token: &str| token.trim_end_matches(|c: char| c.is_alphabetic() || c == '.').parse::<i64>().ok();
    let found = match tokens {
        [a, b, c, ..] if month(b).is_some() => [number(c), month(b), number(a)],
        [a, b, c, ..] if month(a).is_some() => [number(c), month(a), number(b)],
        _ => [None; 3],
    };
    if let [Some(year), Some(month), Some(day)] = found {
        let days: Vec<String> = years(year, this).iter().filter_map(|year| day_of(*year, month, day)).collect();
        if !days.is_empty() {
            return (days, 3);
        }
    }
    match tokens {
        [a, b, ..] => match (month(a), number(b)) {
            (Some(month), Some(year)) if (1850..=this).contains(&year) => (vec![format!("{year:04}-{month:02}")], 2),
            _ => (Vec::new(), 0),
        },
        _ => (Vec::new(), 0),
    }
}

/// Whether a word that begins as a month is one, and not `Marta`.
fn is_month_word(token: &str) -> bool {
    const WHOLE: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    WHOLE.iter().any(|whole| whole.starts_with(token)) || token == "sept"
}

/// Days in digits: `1970-03-03`, `3/4/1970` (month first, and day first), `3.4.70`, `19700303`, `03031970`, `1970-03`, `1970`.
fn numeric(token: &str, this: i64) -> Vec<String> {
    let parts: Vec<&str> = token.split(['-', '/', '.']).collect();
    if parts.iter().any(|part| part.is_empty() || part.len() > 8 || !part.bytes().all(|b| b.is_ascii_digit())) {
        return Vec::new();
    }
    let numbers: Vec<i64> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    let mut days: Vec<String> = match (&parts[..], &numbers[..]) {
        ([year, ..], [y, m, d]) if year.len() == 4 => day_of(*y, *m, *d).into_iter().collect(),
        ([_, _, year], [a, b, y]) if matches!(year.len(), 2 | 4) => either(*a, *b, *y, this),
        ([year, _], [y, m]) if year.len() == 4 && (1..=12).contains(m) => vec![format!("{y:04}-{m:02}")],
        ([_, year], [m, y]) if year.len() == 4 && (1..=12).contains(m) => vec![format!("{y:04}-{m:02}")],
        ([whole], [n]) if whole.len() == 8 => {
            let mut days: Vec<String> = day_of(n / 10_000, n / 100 % 100, n % 100).into_iter().collect();
            days.extend(either(n / 1_000_000, n / 10_000 % 100, n % 10_000, this));
            days
        }
        ([whole], [n]) if whole.len() == 4 => vec![n.to_string()],
        _ => Vec::new(),
    };
    days.retain(|day| day[..4].parse().is_ok_and(|year: i64| (1850..=this).contains(&year)));
    days
}

/// Month first, as here; then day first, as elsewhere.
fn either(a: i64, b: i64, year: i64, this: i64) -> Vec<String> {
    let of = |year: &i64| [day_of(*year, a, b), day_of(*year, b, a)];
    let mut days: Vec<String> = years(year, this).iter().flat_map(of).flatten().collect();
    days.dedup();
    days
}

/// A year of two digits is of this century or the one before.
fn years(year: i64, this: i64) -> Vec<i64> {
    match year {
        0..100 => [2000 + year, 1900 + year].into_iter().filter(|year| *year <= this).collect(),
        year => vec![year],
    }
}

fn day_of(year: i64, month: i64, day: i64) -> Option<String> {
    let text = format!("{year:04}-{month:02}-{day:02}");
    (text.len() == 10 && span(&text).is_some()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_birth_is_read_in_any_common_form() {
        for (text, days) in [
            ("1970-03-04", "1970-03-04"),
            ("3/4/1970", "1970-03-04 1970-04-03"),
            ("03/04/70", "1970-03-04 1970-04-03"),
            ("4.3.1970", "1970-04-03 1970-03-04"),
            ("25.12.1970", "1970-12-25"),
            ("19700304", "1970-03-04"),
            ("03041970", "1970-03-04 1970-04-03"),
            ("4 Mar 1970", "1970-03-04"),
            ("March 4th, 1970", "1970-03-04"),
            ("Mar. 4 70", "1970-03-04"),
            ("mar 1970", "1970-03"),
            ("1970-03", "1970-03"),
            ("3/1970", "1970-03"),
            ("1970", "1970"),
            ("1/2/25", "2025-01-02 2025-02-01 1925-01-02 1925-02-01"),
            ("2031-01-01", ""),
            ("1970-02-30", ""),
            ("13/13/1970", ""),
            ("Marta 1970 x", "1970"),
            ("é/é/é", ""),
        ] {
            assert_eq!(Typed::read(text, 2026).days.join(" "), days, "{text}");
        }
    }

    #[test]
    fn numbers_and_names_are_told_apart() {
        let typed = Typed::read("  O'Null,  ZOË 28 Feb 1961 ", 2026);
        assert_eq!((typed.days.join(" "), typed.words.join(" ")), ("1961-02-28".to_owned(), "o null zoe".to_owned()));
        assert!(typed.numbers.is_empty());
        assert!(Typed::read("sv 100-0003", 2026).numbers.contains(&"SV100-0003".to_owned()));
        assert!(Typed::read("sv100-0003", 2026).numbers.contains(&"SV1000003".to_owned()));
        let typed = Typed::read("19700304", 2026);
        assert_eq!((typed.days.len(), typed.numbers.join(" ")), (1, "19700304".to_owned()));
        assert_eq!(Typed::read(&"ab ".repeat(10_000), 2026).words.len(), 40);
    }
}
