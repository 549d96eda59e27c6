//! A consent in words.

use super::super::frame::At;
use super::super::{escape, words};
use super::party_name;
use base::clock::Instant;
use vault::access::consent::{Consent, Effect, LabelTest, Party, Provision, Regime, Span, Status};
use vault::access::{Label, Purpose, Role};

/// What a consent says, as HTML without a full stop at the end of a list.
pub fn says(at: &At<'_>, consent: &Consent) -> String {
    if consent.unreadable {
        return "This consent cannot be understood. Until it is corrected, nobody but you sees the record.".to_owned();
    }
    let mut said = String::new();
    match (consent.base, &consent.provision) {
        (Some(Effect::Deny), Some(_)) => said.push_str("Nobody may see the record, but for what follows. "),
        (Some(Effect::Deny), None) => said.push_str("Nobody may see the record. "),
        (Some(Effect::Permit), None) => said.push_str("The house may use the record by its own rules. "),
        _ => {}
    }
    if let Some(provision) = &consent.provision {
        said.push_str(&sentence(at, provision));
    }
    said.push_str(law(consent.regime));
    said
}

/// Why a consent does not stand.
pub fn state(consent: &Consent) -> &'static str {
    match (consent.status, consent.regime) {
        (Status::NotInForce, _) => "withdrawn or not in force",
        (Status::Active, Regime::Other) => "about care, not about who sees the record",
        (Status::Active, _) => "a later one stands in its place",
    }
}

fn law(regime: Regime) -> &'static str {
    match regime {
        Regime::Directive | Regime::Other => "",
        Regime::Restriction => " <small>(a restriction, 45 CFR 164.522)</small>",
        Regime::SelfPay => " <small>(paid by yourself, 45 CFR 164.522(a)(1)(vi))</small>",
        Regime::Authorization => " <small>(an authorization, 45 CFR 164.508)</small>",
        Regime::Part2 => " <small>(a consent under 42 CFR Part 2)</small>",
    }
}

fn sentence(at: &At<'_>, provision: &Provision) -> String {
    let whom = whom(at, provision.parties.as_deref(), provision.effect);
    let may = match (provision.effect, provision.parties.is_none()) {
        (Some(Effect::Deny), false) => "may not see",
        _ => "may see",
    };
    let mut said = format!("{whom} {may} {}", what(provision));
    if let Some(purposes) = &provision.purposes {
        let purposes: Vec<&str> = purposes.iter().copied().map(Purpose::words).collect();
        said.push_str(&format!(" for {}", escape(&purposes.join(", or "))));
    }
    if let Some(period) = provision.period {
        said.push_str(&during(period));
    }
    said.push_str(". ");
    let exceptions: String = provision.exceptions.iter().map(|inner| format!("But: {}", sentence(at, inner))).collect();
    said + &exceptions
}

/// Whom a provision is about; of nobody in particular a deny is about everybody.
fn whom(at: &At<'_>, parties: Option<&[Party]>, effect: Option<Effect>) -> String {
    let Some(parties) = parties else {
        return if effect == Some(Effect::Deny) { "Nobody".to_owned() } else { "Everybody".to_owned() };
    };
    let one = |party: &Party| match party {
        Party::Named(reference) => party_name(at, reference),
        Party::Kind(code) => escape(&role(code)),
    };
    let all: Vec<String> = parties.iter().map(one).collect();
    if all.is_empty() { "Somebody who is not named".to_owned() } else { all.join(" and ") }
}

/// A role by its code: whoever has it.
fn role(code: &str) -> String {
    match (Role::from_code(code), code) {
        (Some(role), _) => format!("Whoever works as {}", role.words().to_lowercase()),
        (None, "PAYOR") => "Health plans".to_owned(),
        (None, _) => format!("Whoever works as {code}"),
    }
}

fn what(provision: &Provision) -> String {
    let content = &provision.content;
    let mut parts = Vec::new();
    if let Some(types) = &content.types {
        let types: Vec<String> = types.iter().map(|kind| words::several(kind).to_lowercase()).collect();
        parts.push(escape(&types.join(", ")));
    }
    if let Some(labels) = &content.labels {
        let labels = about(labels);
        parts.push(if parts.is_empty() { format!("what is about {labels}") } else { format!("about {labels}") });
    }
    if content.codes.is_some() || content.instances.is_some() {
        parts.push("certain entries".to_owned());
    }
    if content.dates.is_some() || content.authors.is_some() {
        parts.push("of certain times or people".to_owned());
    }
    if parts.is_empty() { "the record".to_owned() } else { parts.join(" ") }
}

fn about(test: &LabelTest) -> String {
    let mut about: Vec<&str> = test.named.iter().map(Label::words).collect();
    if test.plain && test.sensitive {
        about.push("anything");
    } else if test.plain {
        about.push("nothing sensitive");
    } else if test.sensitive {
        about.push("anything sensitive");
    }
    escape(&about.join(", or "))
}

fn during((first, last): Span) -> String {
    let from = (first > i64::MIN).then(|| format!(" from {}", words::day(Instant(first))));
    let until = (last < i64::MAX).then(|| format!(" until {}", words::day(Instant(last))));
    [from, until].into_iter().flatten().collect()
}
