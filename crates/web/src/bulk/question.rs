//! From what is wanted to the questions that the vault is asked, a type at a time.

use super::job::{Job, Part};
use super::sending::Sending;
use super::wanted::{Level, Wanted};
use crate::rest::view::View;
use crate::server::Shared;
use axum::http::HeaderMap;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::calendar;
use fhir::json::Json;
use fhir::reference::Reference;
use fhir::search::query::{DateTest, Filter, Prefix, Query};
use std::collections::HashSet;
use std::sync::Arc;
use vault::access::policy::classes::class_of;
use vault::access::{Class, Visit};
use vault::search::export::{Whose, is_of_patients};
use vault::{Error, Position};

/// The types that are open to the visit for export. Refuses where there are none.
pub fn open_types(shared: &Shared, visit: &Visit) -> Result<Vec<&'static str>, Error> {
    let open = shared.vault.exportable(visit)?;
    if open.is_empty() {
        let message = "no policy and no scope permits you, for this purpose, to export anything";
        return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
    }
    Ok(open)
}

/// The types that an export goes through. Refuses one that is asked for by name and never open to the visit.
pub fn types_of(shared: &Shared, visit: &Visit, wanted: &Wanted) -> Result<Vec<String>, Error> {
    let open = open_types(shared, visit)?;
    if wanted.types.is_empty() {
        let fits = |name: &&&str| wanted.level == Level::System || is_of_patients(name);
        return Ok(open.iter().filter(fits).map(|name| (*name).to_owned()).collect());
    }
    for name in &wanted.types {
        if !open.contains(&name.as_str()) {
            let message = format!("{name} is not open to you for export and this purpose, whoever it is about");
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        }
        if wanted.level != Level::System && !is_of_patients(name) && !goes_along(name) {
            let message = format!("{name} is about no patient; ask for it at the base, with $export");
            return Err(Refusal::new(Kind::Malformed, "not-supported", message).into());
        }
    }
    Ok(wanted.types.clone())
}

/// What is about nobody, and explains what is about patients: exported along with them where `_type` names it.
fn goes_along(resource_type: &str) -> bool {
    matches!(class_of(resource_type), Some(Class::Directory | Class::Knowledge))
}

/// Whose resources of a type are wanted, as the record was at a position and its moment. Refuses a Group that is not there.
pub fn whose(shared: &Shared, visit: &Visit, wanted: &Wanted, pin: (Position, Instant)) -> Result<Whose, Error> {
    let named = wanted.patients.clone();
    match &wanted.level {
        Level::System => Ok(Whose::Anybodys),
        Level::Patients => Ok(named.map_or(Whose::Patients, Whose::These)),
        Level::Group(id) => {
            let mut members = members(shared, visit, id, pin)?;
            if let Some(named) = named {
                let named: HashSet<String> = named.into_iter().collect();
                members.retain(|member| named.contains(member));
            }
            Ok(Whose::These(members))
        }
    }
}

/// The patients who are members of a Group at a moment: not inactive, and not of a time that is over.
fn members(shared: &Shared, visit: &Visit, id: &str, pin: (Position, Instant)) -> Result<Vec<String>, Error> {
    let (at, moment) = pin;
    let found = shared.vault.group_for_export(visit, id, at)?;
    let found = found.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "there is no such Group"))?;
    let group = Json::parse(&found.body).unwrap_or(Json::Null);
    let is_member = |member: &&Json<'_>| {
        let end = member.get("period").and_then(|period| calendar::span(period.text("end")?));
        member.get("inactive").and_then(Json::as_bool) != Some(true) && end.is_none_or(|(_, end)| moment.0 <= end)
    };
    let patient = |member: &Json<'_>| {
        let to = Reference::local(member.get("entity")?.text("reference")?)?;
        (to.resource_type == "Patient").then(|| to.id.to_owned())
    };
    let mut ids: Vec<String> =
        group.get("member").map_or(&[][..], Json::items).iter().filter(is_member).filter_map(patient).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// What the vault is asked for a type. Refuses a filter that cannot be asked.
pub fn query(
    shared: &Shared,
    visit: &Visit,
    wanted: &Wanted,
    resource_type: &str,
    asked: Instant,
) -> Result<Query, Refusal> {
    // Strict in any case: a filter that is half understood would give out more than was asked for.
    let ask = |pairs: &[(String, String)]| shared.vault.query(visit, Some(resource_type), pairs, true, asked);
    let mut query = ask(&[])?;
    let filters = wanted.filters.iter().filter(|(name, _)| name == resource_type);
    let some = filters.map(|(_, search)| Ok(ask(search)?.filter)).collect::<Result<Vec<Filter>, Refusal>>()?;
    let mut all = Vec::new();
    if !some.is_empty() {
        all.push(Filter::Or(some));
    }
    if let Some(since) = wanted.since {
        all.push(Filter::LastUpdated(DateTest { prefix: Prefix::Ge, low: since.0, high: since.0 }));
    }
    if !all.is_empty() {
        query.filter = Filter::And(all);
    }
    Ok(query)
}

/// The positions of a type's lines.
pub fn lines(shared: &Shared, visit: &Visit, job: &Job, resource_type: &str, whose: &Whose) -> Result<Vec<u32>, Error> {
    let query = query(shared, visit, &job.wanted, resource_type, job.asked)?;
    let whose = if is_of_patients(resource_type) { whose } else { &Whose::Anybodys };
    shared.vault.gather(visit, &query, job.at, whose)
}

/// A file to be sent, noted for the audit.
pub fn file(
    shared: &Shared,
    (visit, headers): (&Visit, &HeaderMap),
    job: &Arc<Job>,
    part: &Part,
) -> Result<Sending, Error> {
    let place = shared.bulk.files.turn_now().ok_or_else(too_many_files)?;
    let whose = whose(shared, visit, &job.wanted, (job.at, job.moment))?;
    let mut positions = lines(shared, visit, job, &part.resource_type, &whose)?;
    positions.retain(|position| (part.from..part.to).contains(position));
    shared.vault.note_export(visit, &positions)?;
    let view = View { elements: job.wanted.elements.clone(), ..View::default() };
    Ok(Sending::new(job.clone(), (visit.clone(), headers), positions, view, place))
}

fn too_many_files() -> Refusal {
    let message =
        "as many files of exports are being sent as this server sends at a time; ask for this one again shortly";
    Refusal::new(Kind::Unavailable, "throttled", message)
}
