//! Who received something of a patient: all of them, or under one consent, to know whom to tell when it is withdrawn.

use super::accounting::{nobody, of, shown_day};
use super::escape;
use super::frame::{seated, table};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use crate::sign_in::html::field;
use vault::access::audit::Deed;
use vault::access::disclosures::Recipient;

/// `GET /recipients?patient=ID&consent=Consent/ID`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadDisclosures, |at| {
        let patient = of(at)?.1.ok_or_else(nobody)?;
        let consent = Some(at.text("consent")).filter(|consent| !consent.is_empty());
        let all = shared.vault.recipients(&at.seat.visit, &patient, consent)?;
        let title = if consent.is_some() { "Who received under this consent" } else { "Who received something" };
        let list = match all.as_slice() {
            [] => "<p>Nobody outside the house is known to have received anything.</p>".to_owned(),
            all => table(&["Who", "When", "Times", "Why"], all.iter().map(row)),
        };
        let body = format!(
            "<h1>{title}</h1><div class=\"banner\"><strong>{}</strong></div>{list}\
             <form method=\"get\" action=\"/recipients\">{}<label for=\"consent\">Under one consent (Consent/id)</label>\
             <input id=\"consent\" name=\"consent\" value=\"{}\"><button>Show</button></form>",
            at.person(&patient),
            field("patient", &patient),
            escape(consent.unwrap_or_default()),
        );
        Ok(at.page("Recipients", &body))
    })
}

fn row(one: &Recipient) -> Vec<String> {
    let why: Vec<&str> = one.bases.iter().map(|basis| basis.words()).collect();
    vec![
        format!("{}<br><small>{}</small>", escape(&one.name), escape(&one.address)),
        format!("{} to {}", shown_day(one.first), shown_day(one.last)),
        one.times.to_string(),
        escape(&why.join(", ")),
    ]
}
