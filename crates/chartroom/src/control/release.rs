//! Deeds of the release desk, by the operator.

use super::desk::{DeskDeed, json_line};
use base::refusal::{Kind, Refusal};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fhir::json::Json;
use rooms::due::due;
use rooms::release::case::Case;
use rooms::release::operations::{contents, stands, told};
use rooms::release::recall::recalls;
use rooms::release::work;
use vault::access::Visit;
use vault::access::disclosures::reading::Words;
use vault::{Error, Vault};

/// Bytes of one package, so that it fits through the door as base64.
const PACKAGE_BYTES_MAX: usize = 640 << 10;

pub(super) const WHATS: [&str; 6] = ["due", "note", "show", "step", "send", "recall"];

pub(super) fn act(deed: &DeskDeed, vault: &Vault, visit: &Visit) -> Result<String, Error> {
    let words = deed.words.as_slice();
    match deed.what.as_str() {
        "due" => {
            let all = due(vault, visit)?;
            if words.one("form") == Some("json") {
                return Ok(all.iter().map(|one| json_line(&one.json())).collect());
            }
            let line = |one: &rooms::due::Due| {
                let due = one.due.map_or_else(|| "          ".to_owned(), |due| due.to_string());
                let (room, id, patient) = (one.room, &one.id, &one.patient);
                format!("{due}  {}  {room} {id}  Patient/{patient}  next: {}\n", one.stands(), one.next)
            };
            Ok(all.iter().map(line).collect())
        }
        "note" => work::take_in(vault, visit, words).map(|request| format!("{}\n", request.id)),
        "show" => {
            let case = Case::find(vault, visit, &deed.id)?;
            let package = case.route().map(|_| work::preview(vault, visit, &case, &[])).transpose()?;
            let mut members = vec![("request", told(&case.request)), ("state", stands(&case))];
            members.extend(package.map(|package| ("package", contents(&package))));
            Ok(json_line(&Json::object(members)))
        }
        "step" => {
            let step = words.one("step").unwrap_or_default();
            work::step(vault, visit, &deed.id, step, words).map(|done| format!("{}\n", done.says.trim_end()))
        }
        "send" => {
            let (_, receipt) = work::deliver(vault, visit, &deed.id, words, PACKAGE_BYTES_MAX)?;
            Ok(format!("{} {}", receipt.manifest, BASE64_STANDARD.encode(receipt.bytes)))
        }
        "recall" => {
            let patient = words.one("patient").map(|id| id.strip_prefix("Patient/").unwrap_or(id));
            let line = |one: &rooms::release::recall::Recall| {
                let state = if one.is_withdrawn { "withdrawn" } else { "changed" };
                let (on, to, about, id) = (one.on, &one.recipient, &one.about, &one.request);
                format!("{on}  {to}  {about}  {} was sent, {} stands  {state}  request {id}\n", one.sent, one.now)
            };
            Ok(recalls(vault, visit, patient)?.iter().map(line).collect())
        }
        _ => Err(Refusal::new(Kind::Invalid, "invalid", "this is nothing that the release desk does").into()),
    }
}
