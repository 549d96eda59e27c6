//! Deeds of the release desk, by the operator.

use super::Done;
use super::deed::Note;
use crate::stop::Stop;
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
use vault::access::audit::Deed;
use vault::access::disclosures::reading::Words;
use vault::{Error, Vault};

/// Said when it was not done.
pub const UNDONE: &str = "Nothing was done at the release desk, and nothing was sent.";

/// Bytes of one answer, so that it fits through the door.
const ANSWER_BYTES_MAX: usize = 900 << 10;

/// Bytes of one package, so that it fits through the door as base64.
const PACKAGE_BYTES_MAX: usize = 640 << 10;

const WHATS: [&str; 6] = ["due", "note", "show", "step", "send", "recall"];

/// A deed of the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseDeed {
    what: String,
    id: String,
    words: Vec<(String, String)>,
}

impl ReleaseDeed {
    /// A deed, about a request if it is about one.
    pub fn new(what: &str, id: &str, words: Vec<(String, String)>) -> ReleaseDeed {
        ReleaseDeed { what: what.to_owned(), id: id.to_owned(), words }
    }

    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let words = self.words.iter().map(|(name, value)| Json::Array(vec![text(name), text(value)]));
        Json::object([
            ("do", text("release")),
            ("what", text(&self.what)),
            ("id", text(&self.id)),
            ("words", Json::Array(words.collect())),
        ])
    }

    /// Reads what [`ReleaseDeed::write`] wrote. `None`: it is no such deed.
    pub fn read(json: &Json<'_>) -> Option<ReleaseDeed> {
        let word = |pair: &Json<'_>| match pair.items() {
            [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
            _ => None,
        };
        Some(ReleaseDeed {
            what: json.text("what").filter(|what| WHATS.contains(what))?.to_owned(),
            id: json.text("id")?.to_owned(),
            words: json.get("words")?.items().iter().map(word).collect::<Option<_>>()?,
        })
    }

    /// What the audit is to say of it. Whom it is about, the entry names by itself.
    pub fn noted(&self) -> Note {
        let deed = match self.what.as_str() {
            "send" => Deed::Disclose,
            "note" => Deed::Create,
            "step" => Deed::Operation,
            _ => Deed::Search,
        };
        Note::new(deed, &format!("release {}", self.what), "")
    }

    /// Does it.
    pub fn carry_out(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        let said = self.act(vault, visit).map_err(|e| Stop::vault(UNDONE, e))?;
        if said.len() <= ANSWER_BYTES_MAX || self.what == "send" {
            return Ok(Done::well(said));
        }
        let next = "ask for one patient with --patient, or look at the page /release";
        Err(Stop::cannot(UNDONE, "there is more of it than one answer holds", next))
    }

    fn act(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        let words = self.words.as_slice();
        match self.what.as_str() {
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
                let case = Case::find(vault, visit, &self.id)?;
                let package = case.route().map(|_| work::preview(vault, visit, &case, &[])).transpose()?;
                let mut members = vec![("request", told(&case.request)), ("state", stands(&case))];
                members.extend(package.map(|package| ("package", contents(&package))));
                Ok(json_line(&Json::object(members)))
            }
            "step" => {
                let step = words.one("step").unwrap_or_default();
                work::step(vault, visit, &self.id, step, words).map(|done| format!("{}\n", done.says.trim_end()))
            }
            "send" => {
                let (_, receipt) = work::deliver(vault, visit, &self.id, words, PACKAGE_BYTES_MAX)?;
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
}

fn json_line(json: &Json<'_>) -> String {
    format!("{}\n", String::from_utf8_lossy(&json.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_of_the_desk_is_read_as_it_was_written() {
        for what in WHATS {
            let deed = ReleaseDeed::new(what, "1", vec![("a".to_owned(), "b \" c".to_owned())]);
            assert_eq!(ReleaseDeed::read(&deed.write()), Some(deed));
        }
        assert_eq!(ReleaseDeed::read(&ReleaseDeed::new("other", "", Vec::new()).write()), None);
    }
}
