//! What a consent would do, before it is given: "with this, Dr Kim sees A and B; the insurer sees nothing".

use super::super::Purpose;
use super::asking::{Asker, Handling, Question};
use super::facts::Facts;
use super::model::Consent;
use super::veil::{Why, veil};
use base::clock::Instant;

/// Somebody about whom the patient wants to know.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// What the page calls them.
    pub name: String,
    /// Who they are to consents.
    pub asker: Asker,
    /// Why they would look.
    pub purpose: Purpose,
    /// Whether they look here or are sent it.
    pub handling: Handling,
}

/// What one recipient would see: places in the list of facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sees {
    /// Their name.
    pub name: String,
    /// What they see.
    pub seen: Vec<usize>,
    /// What is hidden, and why.
    pub hidden: Vec<(usize, Why)>,
}

/// What each recipient would see of a chart under these consents, the draft among them as if it were active.
///
/// This is about consents alone: whether a recipient has any business with the patient is for the policies to say.
#[must_use]
pub fn preview(chart: &[Facts], consents: &[Consent], recipients: &[Recipient], now: Instant) -> Vec<Sees> {
    let links_of = |reference: &str| {
        chart.iter().find(|facts| facts.reference == reference).map(|facts| facts.links.clone()).unwrap_or_default()
    };
    let sees = |recipient: &Recipient| {
        let question =
            Question { asker: &recipient.asker, purpose: recipient.purpose, handling: recipient.handling, now };
        let veil = veil(consents, &question, &links_of);
        let mut sees = Sees { name: recipient.name.clone(), seen: Vec::new(), hidden: Vec::new() };
        for (i, facts) in chart.iter().enumerate() {
            match veil.look(facts) {
                None => sees.seen.push(i),
                Some(why) => sees.hidden.push((i, why)),
            }
        }
        sees
    };
    recipients.iter().map(sees).collect()
}

/// The preview in one line, without its full stop; `names` are what the page calls the resources.
#[must_use]
pub fn sentence(all: &[Sees], names: &[String]) -> String {
    let clauses: Vec<String> = all.iter().map(|sees| clause(sees, names)).collect();
    format!("With this, {}", clauses.join("; "))
}

fn clause(sees: &Sees, names: &[String]) -> String {
    let seen: Vec<&str> = sees.seen.iter().filter_map(|i| names.get(*i)).map(String::as_str).collect();
    let what = match seen.as_slice() {
        [] => "nothing".to_owned(),
        _ if sees.hidden.is_empty() => "everything".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    format!("{} sees {what}", sees.name)
}
