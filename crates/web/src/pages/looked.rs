//! Who looked at my record: a patient, or whoever acts for one, reads the audit of that record.

use super::escape;
use super::frame::{At, link, seated, table};
use super::whose::{chooser, whose};
use super::words;
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use std::collections::HashMap;
use vault::access::audit::{Deed, Found, Outcome as Ended, Wanted, Who};
use vault::{Error, Position};

/// Entries on a page.
const SHOWN: usize = 60;

/// `GET /looked?patient=ID&below=ENTRY`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::ReadAudit, |at| {
        let people = whose(at)?;
        let patient = at.chosen(&people);
        let Some(patient) = patient else {
            let body =
                "<h1>Who looked</h1><p>Your account stands for no patient of this record, and acts for none.</p>";
            return Ok(at.page("Who looked", body));
        };
        let below = at.text("below").parse().ok().map(Position);
        let wanted = Wanted { patient: Some(patient.id.clone()), below, count: SHOWN, ..Wanted::default() };
        let page = shared.vault.audit(&at.seat.visit, &wanted)?;
        let list = if page.found.is_empty() {
            "<p>Nobody has looked yet, as far back as this goes.</p>".to_owned()
        } else {
            days(at, &page.found, &patient.id)?
        };
        let older = page.next.map(|next| {
            let to = link("/looked", &[("patient", &patient.id), ("below", &next.0.to_string())]);
            format!("<p><a href=\"{to}\">Older ones</a></p>")
        });
        let body = format!(
            "<h1>Who looked</h1>{}<p>Everybody who saw or changed something of this record, newest first; your own visits \
             too. Does something look wrong? Raise a concern: the privacy officer reads it and answers.</p>{list}{}",
            chooser("/looked", &people, patient),
            older.unwrap_or_default()
        );
        Ok(at.page("Who looked", &body))
    })
}

/// Entries of one day, one person, one app and one reason.
struct Group<'f> {
    key: (String, &'f str, &'f str, &'f str, &'f str, &'f str),
    entries: Vec<&'f Found>,
}

/// Day by day, who it was, each once with how often.
fn days(at: &At<'_>, found: &[Found], patient: &str) -> Result<String, Error> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in found {
        let event = &one.event;
        let key = (
            words::day(one.at),
            event.account.as_str(),
            event.roles.as_str(),
            event.app.as_str(),
            event.purpose.as_str(),
            event.reason.as_str(),
        );
        match groups.iter_mut().find(|group| group.key == key) {
            Some(group) => group.entries.push(one),
            None => groups.push(Group { key, entries: vec![one] }),
        }
    }
    let mut known = HashMap::new();
    let mut out = String::new();
    for day in groups.chunk_by(|one, next| one.key.0 == next.key.0) {
        let rows = day.iter().map(|group| row(at, group, patient, &mut known)).collect::<Result<Vec<_>, Error>>()?;
        let heads = ["Who", "Why", "What", ""];
        out.push_str(&format!("<h2>{}</h2>{}", day[0].key.0, table(&heads, rows)));
    }
    Ok(out)
}

fn row(at: &At<'_>, group: &Group<'_>, patient: &str, known: &mut HashMap<String, Who>) -> Result<Vec<String>, Error> {
    let newest = group.entries[0];
    let event = &newest.event;
    let who = match known.get(&event.account) {
        Some(who) => who.clone(),
        None => {
            let who = at.shared.vault.who(&event.account)?;
            known.insert(event.account.clone(), who.clone());
            who
        }
    };
    let is_own = event.account == at.seat.account.id;
    let name = match who.name.as_str() {
        _ if is_own => "You".to_owned(),
        "" => "The operator of this system".to_owned(),
        name => escape(name),
    };
    let roles = escape(&words::roles(&event.roles));
    let app = if event.app.is_empty() { String::new() } else { format!("<br>{}", through(at, &event.app)?) };
    let concern = |found: &Found| match is_own {
        true => String::new(),
        false => {
            let to = link("/concern", &[("patient", patient), ("entry", &found.position.0.to_string())]);
            format!("<a class=\"nowrap\" href=\"{to}\">Raise a concern</a>")
        }
    };
    let what = match group.entries.as_slice() {
        [only] => format!("{}<br>{}", what(at, only)?, words::time(only.at)),
        several => {
            let each = |found: &&Found| -> Result<String, Error> {
                Ok(format!("<li>{}: {} {}</li>", words::time(found.at), what(at, found)?, concern(found)))
            };
            let each: String = several.iter().map(each).collect::<Result<_, Error>>()?;
            let times = several.len();
            format!("{}<details><summary>{times} times</summary><ul>{each}</ul></details>", counted(several))
        }
    };
    Ok(vec![format!("{name}<br><small>{roles}</small>{app}"), why(newest), what, concern(newest)])
}

/// `opened (3), looked through (2)`; in the order in which each was done last.
fn counted(entries: &[&Found]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for found in entries {
        let deed = words::deed(found.event.deed);
        match counts.iter_mut().find(|(known, _)| *known == deed) {
            Some((_, count)) => *count += 1,
            None => counts.push((deed, 1)),
        }
    }
    counts.iter().map(|(deed, count)| format!("{deed} ({count})")).collect::<Vec<_>>().join(", ")
}

fn through(at: &At<'_>, client: &str) -> Result<String, Error> {
    let app = at.shared.vault.app(client)?;
    Ok(format!("<small>with the app {}</small>", escape(app.as_ref().map_or(client, |app| app.name()))))
}

/// The purpose, and the reason for which the glass was broken.
pub fn why(found: &Found) -> String {
    let event = &found.event;
    let purpose = escape(words::purpose(&event.purpose));
    if event.reason.is_empty() {
        return purpose;
    }
    format!("<span class=\"mark due\">Glass broken</span> {purpose}<br><small>“{}”</small>", escape(&event.reason))
}

/// What was done, with what, and how it ended.
fn what(at: &At<'_>, found: &Found) -> Result<String, Error> {
    let kinds = at.shared.vault.audit_kinds(&at.seat.visit, found)?;
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| words::counted(kind, *count)).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", escape(&kinds.join(", "))) };
    let ended = match found.event.outcome {
        Ended::Served => "",
        Ended::Refused => "<br><span class=\"mark\">refused</span>",
        Ended::Failed => "<br><span class=\"mark\">failed</span>",
    };
    Ok(format!("{}{kinds}{ended}", words::deed(found.event.deed)))
}
