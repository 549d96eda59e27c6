//! What left the house about a patient: recorded, listed, kept quiet for an agency. For privacy officers and health
//! information specialists.

use super::accounting::{ground, shown_day, typed};
use super::escape;
use super::frame::{At, address, line, link, seated, table};
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::html::field;
use crate::sign_in::{Asked, see_other};
use base::refusal::{Kind, Refusal};
use vault::Error;
use vault::access::audit::Deed;
use vault::access::disclosures::{Basis, Channel, Disclosure, Origin, Suspension, reading};

/// The patient that the address or form names, by id.
pub fn named(at: &At<'_>) -> Option<String> {
    let named = at.text("patient");
    let id = named.strip_prefix("Patient/").unwrap_or(named);
    (!id.is_empty()).then(|| id.to_owned())
}

/// `GET /disclosures?patient=ID&consent=Consent/ID`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadDisclosures, |at| {
        shared.vault.check_records_disclosures(&at.seat.visit)?;
        let Some(patient) = named(at) else {
            return Ok(at.page("Disclosures", &format!("<h1>Disclosures</h1>{}", finder(""))));
        };
        let body = format!(
            "<h1>Disclosures</h1><div class=\"banner\"><strong>{}</strong><a href=\"{}\">Accounting</a>\
             <a href=\"{}\">Recipients</a></div>{}{}{}{}",
            at.person(&patient),
            link("/accounting", &[("patient", &patient)]),
            link("/recipients", &[("patient", &patient)]),
            finder(&patient),
            list(&shared.vault.disclosures(&at.seat.visit, &patient)?),
            record_form(at, &patient),
            suspensions(at, &patient)?,
        );
        Ok(at.page("Disclosures", &body))
    })
}

/// `POST /disclosures`: recorded, suspended, resumed.
pub fn act(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::RecordDisclosure, |at| {
        let (vault, visit, today) = (&shared.vault, &at.seat.visit, shared.vault.today());
        vault.check_records_disclosures(visit)?;
        let (patient, fields) = (named(at).unwrap_or_default(), typed(at));
        match at.text("do") {
            "record" => {
                vault.record_disclosure(visit, reading::disclosure(&patient, &fields, today)?)?;
            }
            "suspend" => {
                let (suspension, until) = reading::suspension(&patient, &fields, today)?;
                vault.suspend_accounting(visit, suspension, until)?;
            }
            "resume" => {
                vault.resume_accounting(visit, &patient, at.text("id"))?;
            }
            _ => {
                return Err(
                    Refusal::new(Kind::Invalid, "invalid", "the form does not say what to do; open it again").into()
                );
            }
        }
        Ok(see_other(&address("/disclosures", &[("patient", &patient)])))
    })
}

fn finder(patient: &str) -> String {
    format!(
        "<form method=\"get\" action=\"/disclosures\">{}<button>Show</button></form>",
        line("patient", "Patient (id)", patient, "required autocomplete=\"off\"")
    )
}

fn list(all: &[Disclosure]) -> String {
    let row = |one: &Disclosure| {
        let how = match &one.origin {
            Origin::Recorded => one.channel.words().to_owned(),
            Origin::Audit { .. } => format!("{} times, from the audit", one.times),
        };
        let consent = one.consent.as_deref().unwrap_or_default();
        vec![
            shown_day(one.day),
            format!("{}<br><small>{}</small>", escape(&one.recipient), escape(&one.address)),
            format!("{}<br><small>{}</small>", escape(&one.what), escape(&one.resources.join(" "))),
            format!("{}<br><small>{} {}</small>", escape(&one.purpose), ground(one.basis), escape(consent)),
            escape(&how),
        ]
    };
    match all {
        [] => "<p>Nothing is known to have left the house.</p>".to_owned(),
        all => table(&["Day", "To", "What", "Why", "How"], all.iter().rev().map(row)),
    }
}

fn options(all: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    all.map(|(code, words)| format!("<option value=\"{code}\">{}</option>", escape(words))).collect()
}

fn record_form(at: &At<'_>, patient: &str) -> String {
    let bases = options(Basis::ALL.iter().map(|basis| (basis.code(), basis.words())));
    let channels = options(Channel::ALL.iter().map(|channel| (channel.code(), channel.words())));
    let fields = [
        line("recipient", "Who received it", "", "required"),
        line("address", "Their address, if known", "", ""),
        line("what", "What, briefly", "", "required"),
        line("purpose", "What for", "", ""),
        line("date", "Day", &at.shared.vault.today().to_string(), "type=\"date\" required"),
        line("consent", "Under the consent (Consent/id)", "", ""),
    ];
    format!(
        "<details><summary>Record a disclosure</summary><form method=\"post\" action=\"/disclosures\">{}{}{}\
         <label for=\"basis\">Legal ground</label><select id=\"basis\" name=\"basis\" required><option value=\"\">choose</option>\
         {bases}</select><label for=\"channel\">How</label><select id=\"channel\" name=\"channel\">{channels}</select>\
         <button name=\"do\" value=\"record\">Record it</button></form></details>",
        at.sign(),
        field("patient", patient),
        fields.concat(),
    )
}

fn suspensions(at: &At<'_>, patient: &str) -> Result<String, Error> {
    let (today, all) = (at.shared.vault.today(), at.shared.vault.suspensions(&at.seat.visit, patient)?);
    let row = |one: &Suspension| {
        let lift = format!(
            "<form method=\"post\" action=\"/disclosures\">{}{}{}<button class=\"plain\" name=\"do\" value=\"resume\">Lift it</button></form>",
            at.sign(),
            field("patient", patient),
            field("id", &one.id),
        );
        let (mark, lift) =
            if one.holds(today) { ("<span class=\"mark due\">holds</span>", lift) } else { ("ended", String::new()) };
        vec![
            escape(&one.agency),
            format!("{} to {}", shown_day(one.from), shown_day(one.lifted.unwrap_or(one.until))),
            format!("{}<br><small>{}</small>", if one.is_written { "written" } else { "oral" }, escape(&one.statement)),
            format!("{mark}{lift}"),
        ]
    };
    let list = match all.as_slice() {
        [] => String::new(),
        all => table(&["Agency or official", "When", "Statement", "State"], all.iter().map(row)),
    };
    let grounds = options(Basis::ALL.iter().filter(|b| b.is_suspendable()).map(|b| (b.code(), b.words())));
    Ok(format!(
        "<h2>Suspended for an agency</h2><p class=\"soft\">The patient's copy does not show what was disclosed to them.</p>{list}\
         <details><summary>Suspend</summary><form method=\"post\" action=\"/disclosures\">{}{}{}\
         <label for=\"ground\">They are</label><select id=\"ground\" name=\"basis\">{grounds}</select>\
         <label class=\"choice\"><input type=\"checkbox\" name=\"written\" value=\"true\"> in writing, with the time below; \
         otherwise for 30 days at most</label>{}<button name=\"do\" value=\"suspend\">Suspend</button></form></details>",
        at.sign(),
        field("patient", patient),
        [line("agency", "Agency or official", "", "required"), line("statement", "What they said", "", "required")]
            .concat(),
        line("until", "Until", "", "type=\"date\""),
    ))
}
