//! Unusual look-ups, for privacy officers and auditors: who looked at the record of a relative, a neighbour or a colleague.

use super::escape;
use super::frame::{line, link, seated, table};
use super::words;
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::calendar::span;
use vault::access::audit::{Deed, Oddity};

/// Days that are looked through where the address names none.
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

/// Most lines on the page.
const SHOWN: usize = 200;

/// `GET /unusual?since=DAY&until=DAY`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadAudit, |at| {
        let edge = |name: &str| match at.text(name) {
            "" => Ok(None),
            text => span(text)
                .map(Some)
                .ok_or_else(|| Refusal::new(Kind::Malformed, "value", format!("{name} is a day such as 2026-11-23"))),
        };
        let now = shared.vault.clock().now();
        let since = edge("since")?.map_or(Instant(now.0 - DAYS * DAY_MS), |(first, _)| Instant(first));
        let until = edge("until")?.map(|(_, last)| Instant(last));
        let review = shared.vault.unusual(&at.seat.visit, Some(since), until)?;
        let mut rows = Vec::new();
        for one in review.unusual.iter().take(SHOWN) {
            let account = shared.vault.account(&one.account)?;
            let (name, login, roles) = account.as_ref().map_or((String::new(), String::new(), String::new()), |a| {
                (a.name.clone(), a.login.clone(), a.roles.to_string())
            });
            let why: Vec<String> = one.oddities.iter().map(|oddity| mark(*oddity)).collect();
            let entries = link("/audit", &[("patient", &one.patient), ("login", &login)]);
            let looks = if one.looks == 1 { "1 entry".to_owned() } else { format!("{} entries", one.looks) };
            rows.push(vec![
                format!("{}<br><small>{}</small>", escape(&name), escape(&words::roles(&roles))),
                at.person(&one.patient),
                why.join(" "),
                words::time(one.last),
                format!("<a href=\"{entries}\">{looks}</a>"),
            ]);
        }
        let list = match rows.is_empty() {
            true => "<p>Nothing unusual in this time.</p>".to_owned(),
            false => table(&["Who", "Patient", "What is unusual", "Last", "Audit"], rows),
        };
        let more = match review.unusual.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("<p>{more} more are not shown: choose a shorter time.</p>"),
        };
        let older = match review.next {
            Some(_) => {
                "<p role=\"alert\">Older entries were not looked through: choose an earlier day to end with.</p>"
            }
            None => "",
        };
        let day = since.to_string();
        let since = if at.text("since").is_empty() { day.get(..10).unwrap_or_default() } else { at.text("since") };
        let body = format!(
            "<h1>Unusual look-ups</h1><p>Found by comparing the audit with the record and the accounts, as both are now. Each \
             is a reason to ask, and proves nothing.</p><form class=\"wide\" method=\"get\" action=\"/unusual\"><div \
             class=\"side\">{}{}</div><button>Look again</button></form>{older}{list}{more}<p class=\"soft\">{} entries of \
             the audit were looked through.</p>",
            line("since", "From day", since, "type=\"date\""),
            line("until", "To day", at.text("until"), "type=\"date\""),
            review.entries,
        );
        Ok(at.page("Unusual look-ups", &body))
    })
}

fn mark(oddity: Oddity) -> String {
    let grave = !matches!(oddity, Oddity::Surname | Oddity::Colleague);
    format!("<span class=\"mark{}\">{}</span>", if grave { " due" } else { "" }, escape(oddity.words()))
}
