//! What people and programs give as words: a disclosure, a protocol, a suspension, read from named texts, so that a form, an
//! operation and a command mean the same.

use super::{Ask, Basis, Channel, Day, Disclosure, Law, Protocol, Step, Suspension, wrong};
use base::refusal::Refusal;

/// Named texts: the fields of a form, the parameters of an operation, the options of a command. The same name may come
/// several times.
pub trait Words {
    /// All texts of a name, in order; empty ones left out.
    fn all(&self, name: &str) -> Vec<&str>;

    /// The first text of a name.
    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

impl Words for [(String, String)] {
    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.iter().filter(|(known, value)| known == name && !value.trim().is_empty());
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// A day of that name.
pub fn day(words: &[(String, String)], name: &str) -> Result<Option<Day>, Refusal> {
    let bad = || wrong(format!("`{name}` is no day; write it as 2026-11-23"));
    words.one(name).map(|text| Day::parse(text.trim()).ok_or_else(bad)).transpose()
}

fn text(words: &[(String, String)], name: &str) -> String {
    words.one(name).unwrap_or_default().to_owned()
}

/// The legal ground that is named as `basis`.
pub fn basis(words: &[(String, String)]) -> Result<Basis, Refusal> {
    words.one("basis").and_then(Basis::from_code).ok_or_else(|| {
        let known: Vec<&str> = Basis::ALL.iter().map(|basis| basis.code()).collect();
        wrong(format!("`basis` is missing or unknown; it is one of {}", known.join(", ")))
    })
}

/// The disclosure of these words: `recipient`, `address`, `what`, `purpose`, `basis`, `channel`, `date`, `resource`,
/// `consent`.
pub fn disclosure(patient: &str, words: &[(String, String)], today: Day) -> Result<Disclosure, Refusal> {
    let channel = words.one("channel").unwrap_or(Channel::Paper.code());
    let channel = Channel::from_code(channel).ok_or_else(|| {
        let known: Vec<&str> = Channel::ALL.iter().map(|channel| channel.code()).collect();
        wrong(format!("`channel` is one of {}", known.join(", ")))
    })?;
    Ok(Disclosure {
        recipient: text(words, "recipient"),
        address: text(words, "address"),
        what: text(words, "what"),
        purpose: text(words, "purpose"),
        channel,
        resources: words.all("resource").into_iter().map(str::to_owned).collect(),
        consent: words.one("consent").map(str::to_owned),
        ..Disclosure::new(patient, day(words, "date")?.unwrap_or(today), basis(words)?)
    })
}

/// The protocol of these words: `name`, `describes`, `what`, `from`, `until`, `sponsor`, `researcher`, `people`.
pub fn protocol(words: &[(String, String)]) -> Result<Protocol, Refusal> {
    let needed = |name: &str| day(words, name)?.ok_or_else(|| wrong(format!("`{name}` is missing; name a day")));
    Ok(Protocol {
        id: String::new(),
        name: text(words, "name"),
        describes: text(words, "describes"),
        what: text(words, "what"),
        from: needed("from")?,
        until: needed("until")?,
        sponsor: text(words, "sponsor"),
        researcher: text(words, "researcher"),
        people: words.one("people").and_then(|people| people.parse().ok()).unwrap_or(0),
    })
}

/// Which accounting these words ask for: `law`, `start`, `end`.
pub fn ask(words: &[(String, String)]) -> Result<Ask, Refusal> {
    let law = words.one("law").unwrap_or(Law::Hipaa.code());
    let law = Law::from_code(law).ok_or_else(|| wrong("`law` is hipaa, part-2 or intermediary"))?;
    Ok(Ask { law, from: day(words, "start")?, until: day(words, "end")? })
}

/// The suspension of these words, and its last day: `agency`, `basis`, `statement`, `written`, `date`, `until`.
pub fn suspension(patient: &str, words: &[(String, String)], today: Day) -> Result<(Suspension, Option<Day>), Refusal> {
    let from = day(words, "date")?.unwrap_or(today);
    let suspension = Suspension {
        id: String::new(),
        patient: patient.to_owned(),
        agency: text(words, "agency"),
        basis: basis(words)?,
        is_written: words.one("written") == Some("true"),
        statement: text(words, "statement"),
        from,
        until: from,
        lifted: None,
        by: String::new(),
    };
    Ok((suspension, day(words, "until")?))
}

/// A number of cents of that name.
pub fn cents(words: &[(String, String)]) -> Result<u64, Refusal> {
    let cents = words.one("cents").and_then(|cents| cents.parse().ok());
    cents.ok_or_else(|| wrong("`cents` is missing or no number; say what it costs"))
}

/// The step of these words: `step` is `extend` with `until` and `reason`, `charge` or `agree` with `cents`, or `withdraw`.
pub fn step(words: &[(String, String)]) -> Result<Step, Refusal> {
    match words.one("step") {
        Some("extend") => Ok(Step::Extend(day(words, "until")?, text(words, "reason"))),
        Some("charge") => cents(words).map(Step::Charge),
        Some("agree") => cents(words).map(Step::Agree),
        Some("withdraw") => Ok(Step::Withdraw),
        _ => Err(wrong("`step` is extend, charge, agree or withdraw")),
    }
}
