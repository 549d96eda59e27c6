//! To whom a patient's information went: the accounting, requests for it and their clock (45 CFR 164.528). Patients see and
//! ask for their own; privacy officers and health information specialists give it.

use super::frame::{At, address, line, link, seated, table};
use super::whose::whose;
use super::{escape, words};
use crate::answer::{Outcome, plain};
use crate::server::Shared;
use crate::sign_in::html::field;
use crate::sign_in::{Asked, see_other};
use axum::http::StatusCode;
use base::refusal::{Kind, Refusal};
use vault::Error;
use vault::access::audit::Deed;
use vault::access::disclosures::{Accounting, Basis, Day, Law, Request, Step, letter, reading};

/// Who looks at the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Privacy officers and health information specialists.
    House,
    /// The patient.
    Patient,
}

/// `GET /accounting?patient=ID&start=DAY&end=DAY&law=LAW`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadDisclosures, |at| {
        let (side, patient) = of(at)?;
        let Some(patient) = patient else {
            let waiting = shared.vault.open_accounting_requests(&at.seat.visit)?;
            let body = format!("<h1>Accountings</h1>{}{}", finder(at, ""), requests(at, side, &waiting));
            return Ok(at.page("Accountings", &body));
        };
        let done = shared.vault.accounting(&at.seat.visit, &patient, reading::ask(&typed(at))?)?;
        let all = shared.vault.accounting_requests(&at.seat.visit, &patient)?;
        let way = [
            ("patient", patient.as_str()),
            ("start", at.text("start")),
            ("end", at.text("end")),
            ("law", at.text("law")),
        ];
        let body = format!(
            "<h1>Accounting of disclosures</h1><p>To whom outside this house health information went: when, to whom, what \
             and why.</p><div class=\"banner\"><strong>{}</strong><span>{} to {}, {}</span></div>\
             {}{}<p><a href=\"{}\">As a letter</a> · <a href=\"{}\">Everybody who received something</a></p>{}{}",
            at.person(&patient),
            shown_day(done.period.from),
            shown_day(done.period.until),
            escape(done.law.words()),
            finder(at, &patient),
            accounting(&done),
            link("/accounting.txt", &way),
            link("/recipients", &way[..1]),
            asking(at, side, &patient),
            requests(at, side, &all),
        );
        Ok(at.page("Accounting", &body))
    })
}

/// `GET /accounting.txt`: the letter.
pub fn text(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadDisclosures, |at| {
        let patient = of(at)?.1.ok_or_else(nobody)?;
        let done = shared.vault.accounting(&at.seat.visit, &patient, reading::ask(&typed(at))?)?;
        Ok(plain(StatusCode::OK, "text/plain; charset=utf-8", letter::letter(&done)))
    })
}

/// `POST /accounting`: asked for, given, and what happens to a request.
pub fn act(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Accounting, |at| {
        let (vault, visit) = (&shared.vault, &at.seat.visit);
        let (patient, id, fields) = (at.text("patient"), at.text("id"), typed(at));
        let step = |step: Step| vault.step_request(visit, patient, id, &step).map(|_| ());
        match at.text("do") {
            "ask" => vault.request_accounting(visit, patient, reading::ask(&fields)?).map(|_| ())?,
            "give" => {
                let request = Some(id).filter(|id| !id.is_empty());
                vault.provide_accounting(visit, patient, reading::ask(&fields)?, request).map(|_| ())?;
            }
            "extend" => step(Step::Extend(reading::day(&fields, "until")?, at.text("reason").to_owned()))?,
            "charge" => step(Step::Charge(cents(at.text("dollars"))?))?,
            "agree" => step(Step::Agree(reading::cents(&fields)?))?,
            "withdraw" => step(Step::Withdraw)?,
            _ => return Err(nobody().into()),
        }
        Ok(see_other(&address("/accounting", &[("patient", patient)])))
    })
}

/// Which side the visitor is on, and the patient: named by the house, one's own for a patient.
pub fn of(at: &At<'_>) -> Result<(Side, Option<String>), Error> {
    if at.shared.vault.check_records_disclosures(&at.seat.visit).is_ok() {
        return Ok((Side::House, super::disclosures::named(at)));
    }
    let people = whose(at)?;
    let patient = at.chosen(&people).ok_or_else(nobody)?;
    Ok((Side::Patient, Some(patient.id.clone())))
}

/// All fields that were typed.
pub fn typed(at: &At<'_>) -> Vec<(String, String)> {
    at.form.fields().cloned().collect()
}

/// A day as people read it.
pub fn shown_day(day: Day) -> String {
    words::day(day.begins())
}

/// Dollars with cents, as `6.50`.
fn cents(text: &str) -> Result<u64, Refusal> {
    let bad = || Refusal::new(Kind::Invalid, "invalid", "a fee is a number of dollars, such as 6.50");
    let (dollars, cents) = text.split_once('.').unwrap_or((text, "00"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(dollars) || !is_number(cents) || cents.len() != 2 || dollars.len() > 6 {
        return Err(bad());
    }
    format!("{dollars}{cents}").parse().map_err(|_| bad())
}

fn finder(at: &At<'_>, patient: &str) -> String {
    let law = |law: &Law| {
        let here = if at.text("law") == law.code() { " selected" } else { "" };
        format!(
            "<option value=\"{}\"{here}>{}</option>",
            law.code(),
            escape(&format!("{} ({})", law.plain(), law.words()))
        )
    };
    let laws: String = Law::ALL.iter().map(law).collect();
    format!(
        "<form class=\"wide\" method=\"get\" action=\"/accounting\"><div class=\"side\">{}{}{}<div><label for=\"law\">Which list</label>\
         <select id=\"law\" name=\"law\">{laws}</select></div><div><button>Make it</button></div></div></form>",
        line("patient", "Patient (id)", patient, "required autocomplete=\"off\""),
        line("start", "From", at.text("start"), "type=\"date\""),
        line("end", "To", at.text("end"), "type=\"date\""),
    )
}

/// The lines, the research, and what is left out.
fn accounting(done: &Accounting) -> String {
    let row = |series: &vault::access::disclosures::Series| {
        let one = &series.first;
        let often = series.frequency().map(|often| format!("{often}, last on {}", shown_day(series.last)));
        let address = if one.address.is_empty() { "address not known" } else { &one.address };
        vec![
            shown_day(one.day),
            format!("{}<br><small>{}</small>", escape(&one.recipient), escape(address)),
            format!("{}<br><small>{}</small>", escape(&one.what), escape(&series.resources.join(", "))),
            format!("{}<br><small>{}</small>", escape(&one.why()), escape(one.basis.law())),
            format!("{}<br><small>{}</small>", escape(one.channel.words()), escape(&often.unwrap_or_default())),
        ]
    };
    let listed = match done.listed.as_slice() {
        [] => "<p>In this time nothing went outside the house that the law has listed.</p>".to_owned(),
        all => table(&["Day", "To whom", "What", "Why", "How"], all.iter().map(row)),
    };
    let research: String = done
        .research
        .iter()
        .map(|protocol| {
            let (from, until) = (shown_day(protocol.from), shown_day(protocol.until));
            format!(
                "<h2>Research</h2><p>Information may or may not have been disclosed for <strong>{}</strong>, {from} to {until}: {}. \
                 {}. Sponsor: {}. Researcher: {}.</p>",
                escape(&protocol.name),
                escape(&protocol.describes),
                escape(&protocol.what),
                escape(&protocol.sponsor),
                escape(&protocol.researcher),
            )
        })
        .collect();
    let left = done.left_out.iter().map(|left| vec![left.count.to_string(), escape(left.why), escape(left.source)]);
    let left_out = match done.left_out.as_slice() {
        [] => String::new(),
        _ => format!("<h2>Not listed, because the law leaves it out</h2>{}", table(&["How many", "Why", "Law"], left)),
    };
    format!("{listed}{research}{left_out}")
}

/// A legal ground with its paragraph.
pub fn ground(basis: Basis) -> String {
    escape(&format!("{}; {}", basis.words(), basis.law()))
}

/// What can be done now: the patient asks; the house gives.
fn asking(at: &At<'_>, side: Side, patient: &str) -> String {
    let days = [field("start", at.text("start")), field("end", at.text("end")), field("law", &law(at))].concat();
    let hidden = format!("{}{}{days}", at.sign(), field("patient", patient));
    match side {
        Side::Patient => format!(
            "<form method=\"post\" action=\"/accounting\">{hidden}<p>Ask for it on paper: the house answers within {} days. \
             {}</p><button name=\"do\" value=\"ask\">Ask for it</button></form>",
            if law(at) == Law::Intermediary.code() { 30 } else { 60 },
            if law(at) == Law::Intermediary.code() { "It is free." } else { "The first in twelve months is free." },
        ),
        Side::House => format!(
            "<form method=\"post\" action=\"/accounting\">{hidden}<button name=\"do\" value=\"give\">Note that it is given \
             now</button> <button class=\"plain\" name=\"do\" value=\"ask\">Note a request for it</button></form>"
        ),
    }
}

fn law(at: &At<'_>) -> String {
    Law::from_code(at.text("law")).unwrap_or(Law::Hipaa).code().to_owned()
}

fn requests(at: &At<'_>, side: Side, all: &[Request]) -> String {
    let today = at.shared.vault.today();
    let row = |request: &Request| {
        let fee = request.fee.map(|fee| {
            let agreed = if fee.agreed.is_some() { "agreed" } else { "not agreed yet" };
            format!("<br><small>${}.{:02}, {agreed}</small>", fee.cents / 100, fee.cents % 100)
        });
        let extended =
            request.extension.as_ref().map(|put_off| format!("<br><small>{}</small>", escape(&put_off.reason)));
        let who = link("/accounting", &[("patient", &request.patient)]);
        vec![
            shown_day(request.asked()),
            format!("<a href=\"{who}\">{}</a>", at.person(&request.patient)),
            format!("{}{}", shown_day(request.due()), extended.unwrap_or_default()),
            format!("{}{}", state(request.state(today)), fee.unwrap_or_default()),
            steps(at, side, request),
        ]
    };
    let list = match all {
        [] => "<p>None.</p>".to_owned(),
        all => table(&["Asked", "Patient", "Due", "State", ""], all.iter().map(row)),
    };
    format!("<h2>Requests</h2>{list}")
}

fn state(state: &str) -> String {
    let class = match state {
        "provided" => "mark good",
        "overdue" => "mark bad",
        "open" => "mark due",
        _ => "mark",
    };
    format!("<span class=\"{class}\">{state}</span>")
}

/// What each side can do with a request.
fn steps(at: &At<'_>, side: Side, request: &Request) -> String {
    if !request.is_open() {
        return String::new();
    }
    let id = escape(&request.id);
    let hidden = [at.sign(), field("patient", &request.patient), field("id", &request.id)].concat();
    let button =
        |does: &str, name: &str| format!("<button class=\"plain\" name=\"do\" value=\"{does}\">{name}</button> ");
    let waits = request.fee.filter(|fee| fee.agreed.is_none());
    let agree = waits.map_or_else(String::new, |fee| {
        let words = format!("Agree to ${}.{:02}", fee.cents / 100, fee.cents % 100);
        format!("{}{}", field("cents", &fee.cents.to_string()), button("agree", &words))
    });
    let own = format!("{agree}{}", button("withdraw", "Take it back"));
    let form = |inside: &str| format!("<form method=\"post\" action=\"/accounting\">{hidden}{inside}</form>");
    if side == Side::Patient {
        return form(&own);
    }
    let put_off = match request.extension {
        Some(_) => String::new(),
        None => format!(
            "<details><summary>Put off</summary>{}</details>",
            form(&format!(
                "<label for=\"r-{id}\">Why, as the patient was told in writing</label><input id=\"r-{id}\" name=\"reason\" required>\
                 <label for=\"u-{id}\">Until</label><input id=\"u-{id}\" name=\"until\" type=\"date\">{}",
                button("extend", "Put it off, once")
            ))
        ),
    };
    let fee = format!(
        "<details><summary>Fee</summary>{}</details>",
        form(&format!(
            "<label for=\"f-{id}\">Dollars, as the patient was told</label><input id=\"f-{id}\" name=\"dollars\" required>{}",
            button("charge", "Note the fee")
        ))
    );
    format!("{}{put_off}{fee}", form(&format!("<button name=\"do\" value=\"give\">Give it</button> {own}")))
}

/// Said to somebody for whom there is no such patient.
pub fn nobody() -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", "your account stands for no such patient; choose one at /accounting")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_read_to_the_cent() {
        for (text, read) in [("6.50", Some(650)), ("6", Some(600)), ("0.05", Some(5)), ("1234567", None)] {
            assert_eq!(cents(text).ok(), read, "{text}");
        }
        for wrong in ["", ".5", "6.5", "-1", "1e3", "6,50", "6.500"] {
            assert!(cents(wrong).is_err(), "{wrong}");
        }
    }
}
