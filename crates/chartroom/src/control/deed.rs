//! Deeds: changes of a record by its operator, written down so that they can be done here or asked of a server.

use super::account::AccountDeed;
use super::app::{AppDeed, NO_APP};
use super::audit::Question;
use super::desk::DeskDeed;
use super::disclosure::{self, DisclosureDeed};
use super::policy::{self, PolicyDeed};
use crate::stop::Stop;
use fhir::json::Json;
use std::path::{Path, PathBuf};
use vault::access::{Context, Visit, audit};
use vault::log::checkpoint::VerifierKey;
use vault::records::KeySource;
use vault::{Error, Fault, Vault};

/// What is to be done.
pub enum Deed {
    /// Seal everything under another root key. A file is named by its whole path.
    Rotate {
        /// Where the next key comes from, or goes to.
        to: KeySource,
    },
    /// Destroy a patient's key.
    Shred {
        /// The logical id of the Patient.
        patient: String,
    },
    /// Take in a witness's answer.
    Cosign {
        /// The witnesses' keys.
        witnesses: Vec<String>,
        /// The checkpoint that was asked about; the latest if it is not named.
        checkpoint: Option<String>,
        /// The answer.
        lines: String,
    },
    /// Something about accounts.
    Account(AccountDeed),
    /// Something about apps.
    App(Box<AppDeed>),
    /// Nothing but to note what a command does.
    Note(Note),
    /// Read the audit.
    Audit(Question),
    /// Something about policies.
    Policy(PolicyDeed),
    /// Something about disclosures.
    Disclosure(Box<DisclosureDeed>),
    /// Something at a desk of the rooms.
    Desk(Box<DeskDeed>),
    /// Destroy what old events of the audit say.
    Expire {
        /// Older than so many years.
        years: u32,
    },
}

/// What a command does, for the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    deed: audit::Deed,
    place: String,
    asked: String,
}

impl Note {
    /// Of a command.
    pub fn new(deed: audit::Deed, place: &str, asked: impl Into<String>) -> Note {
        Note { deed, place: place.to_owned(), asked: asked.into() }
    }

    fn context(self, from: String) -> Context {
        Context { asked: self.asked, from, ..Context::new(self.deed, self.place) }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Lines for standard output.
    pub said: String,
    /// Whether something is left to mend.
    pub is_wrong: bool,
}

impl Done {
    pub(super) fn well(said: String) -> Done {
        Done { said, is_wrong: false }
    }
}

/// Said when the write-ahead log could not be emptied.
pub(super) const UNCLEARED: &str = "next: end the backup, export or verify that runs; until then the write-ahead log still holds \
                         what was overwritten\n";

impl Deed {
    /// Does it for whoever sits at `from`, and writes in the audit that it was done, or that it was not.
    pub fn carry_out(&self, vault: &Vault, visit: &Visit, from: String) -> Result<Done, Stop> {
        let visit = visit.asking(self.noted().context(from));
        let done = self.act(vault, &visit);
        if let Deed::Audit(Question { below: Some(_), .. }) | Deed::Account(_) | Deed::App(_) = self {
            // The first answer was noted; accounts note by themselves.
            return done;
        }
        let what = if done.is_ok() { "It was done, but the audit does not say so." } else { self.undone() };
        let closed = vault.close_now(&visit, done.as_ref().err().map_or(0, Stop::status));
        done.and_then(|done| closed.map(|()| done).map_err(|e| Stop::vault(what, e)))
    }

    fn act(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        match self {
            Deed::Rotate { to } => rotate(vault, visit, to),
            Deed::Shred { patient } => shred(vault, visit, patient),
            Deed::Cosign { witnesses, checkpoint, lines } => cosign(vault, witnesses, checkpoint.as_deref(), lines),
            Deed::Account(deed) => deed.carry_out(vault, visit),
            Deed::App(deed) => deed.carry_out(vault, visit),
            Deed::Policy(deed) => deed.carry_out(vault, visit),
            Deed::Disclosure(deed) => deed.carry_out(vault, visit),
            Deed::Desk(deed) => deed.carry_out(vault, visit),
            Deed::Note(_) => Ok(Done::well(String::new())),
            Deed::Audit(question) => question.answer(vault, visit),
            Deed::Expire { years } => super::audit::expire(vault, visit, *years),
        }
    }

    /// What the audit is to say of it.
    fn noted(&self) -> Note {
        let administer = |place: &str, asked: String| Note::new(audit::Deed::Administer, place, asked);
        match self {
            Deed::Rotate { .. } => administer("keys rotate", String::new()),
            Deed::Shred { patient } => Note::new(audit::Deed::Delete, "shred", format!("Patient/{patient}")),
            Deed::Cosign { .. } => administer("log cosign", String::new()),
            Deed::Account(_) => administer("account", String::new()),
            Deed::App(_) => administer("app", String::new()),
            Deed::Policy(deed) => {
                let (place, asked) = deed.words();
                administer(&place, asked)
            }
            Deed::Disclosure(deed) => deed.noted(),
            Deed::Desk(deed) => deed.noted(),
            Deed::Note(note) => note.clone(),
            Deed::Audit(question) => Note::new(audit::Deed::ReadAudit, "audit", question.words()),
            Deed::Expire { years } => administer("audit expire", format!("older than {years} years")),
        }
    }

    /// What to say when it was not done.
    pub fn undone(&self) -> &'static str {
        match self {
            Deed::Rotate { .. } => "The root key is as it was.",
            Deed::Shred { .. } => "Nothing was shredded.",
            Deed::Cosign { .. } => "No cosignature was taken in.",
            Deed::Account(deed) => deed.undone(),
            Deed::App(_) => NO_APP,
            Deed::Disclosure(_) => disclosure::UNDONE,
            Deed::Desk(deed) => deed.desk().undone(),
            Deed::Note(_) => "The audit does not have what was to be done, so that it was not done.",
            Deed::Audit(_) => "The audit was not read.",
            Deed::Expire { .. } => "Nothing was destroyed.",
            Deed::Policy(_) => policy::UNDONE,
        }
    }

    /// What to do when nobody answered any more.
    pub fn next_when_unknown(&self) -> &'static str {
        match self {
            Deed::Rotate { .. } => {
                "run `chartroom verify` with the old key and with the new one: one of them is refused"
            }
            Deed::Account(_) => "look with `chartroom account list`",
            Deed::App(_) => "look with `chartroom app list`",
            Deed::Disclosure(_) => "look with `chartroom disclosure list`",
            Deed::Desk(deed) => deed.desk().look(),
            Deed::Policy(_) => "look with `chartroom policy show`",
            Deed::Shred { .. } | Deed::Cosign { .. } | Deed::Note(_) | Deed::Audit(_) | Deed::Expire { .. } => {
                "run the same command again: what was done is not done twice"
            }
        }
    }

    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text);
        match self {
            Deed::Rotate { to } => Json::object([("do", text("rotate")), ("to", write_key(to))]),
            Deed::Shred { patient } => Json::object([("do", text("shred")), ("patient", text(patient))]),
            Deed::Cosign { witnesses, checkpoint, lines } => Json::object([
                ("do", text("cosign")),
                ("witnesses", Json::Array(witnesses.iter().map(|key| text(key)).collect())),
                ("checkpoint", checkpoint.as_deref().map_or(Json::Null, text)),
                ("lines", text(lines)),
            ]),
            Deed::Account(deed) => deed.write(),
            Deed::App(deed) => deed.write(),
            Deed::Note(note) => Json::object([
                ("do", text("note")),
                ("deed", text(note.deed.code())),
                ("place", text(&note.place)),
                ("asked", text(&note.asked)),
            ]),
            Deed::Audit(question) => question.write(),
            Deed::Expire { years } => Json::object([("do", text("expire")), ("years", Json::number(years))]),
            Deed::Policy(deed) => deed.write(),
            Deed::Disclosure(deed) => deed.write(),
            Deed::Desk(deed) => deed.write(),
        }
    }

    /// Reads what [`Deed::write`] wrote. `None`: it is no deed.
    pub fn read(json: &Json<'_>) -> Option<Deed> {
        let text = |name| json.text(name).map(str::to_owned);
        match json.text("do")? {
            "rotate" => Some(Deed::Rotate { to: read_key(json.get("to")?)? }),
            "account" => AccountDeed::read(json).map(Deed::Account),
            "disclosure" => DisclosureDeed::read(json).map(|deed| Deed::Disclosure(Box::new(deed))),
            "release" | "amendment" => DeskDeed::read(json).map(|deed| Deed::Desk(Box::new(deed))),
            "app" => AppDeed::read(json).map(|deed| Deed::App(Box::new(deed))),
            "note" => {
                let deed = audit::Deed::of_code(json.text("deed")?)?;
                Some(Deed::Note(Note::new(deed, json.text("place")?, json.text("asked")?)))
            }
            "audit" => Some(Deed::Audit(Question::read(json))),
            "expire" => Some(Deed::Expire { years: json.get("years")?.as_number()?.parse().ok()? }),
            "policy" => PolicyDeed::read(json).map(Deed::Policy),
            "shred" => Some(Deed::Shred { patient: text("patient")? }),
            "cosign" => {
                let witnesses = json.get("witnesses")?.items().iter().map(|key| key.as_str().map(str::to_owned));
                let witnesses = witnesses.collect::<Option<Vec<_>>>()?;
                Some(Deed::Cosign { witnesses, checkpoint: text("checkpoint"), lines: text("lines")? })
            }
            _ => None,
        }
    }
}

fn write_key(key: &KeySource) -> Json<'static> {
    let (name, value) = match key {
        KeySource::Beside => return Json::string("beside"),
        KeySource::File(path) => ("file", path.to_string_lossy().into_owned()),
        KeySource::Hex(digits) => ("hex", digits.clone()),
        KeySource::Passphrase(words) => ("passphrase", words.clone()),
    };
    Json::object([(name, Json::string(value))])
}

fn read_key(json: &Json<'_>) -> Option<KeySource> {
    if json.as_str() == Some("beside") {
        return Some(KeySource::Beside);
    }
    let (name, value) = json.as_object()?.iter().next()?;
    let value = value.as_str()?.to_owned();
    match name {
        "file" => Some(PathBuf::from(value)).filter(|path| path.is_absolute()).map(KeySource::File),
        "hex" => Some(KeySource::Hex(value)),
        "passphrase" => Some(KeySource::Passphrase(value)),
        _ => None,
    }
}

fn rotate(vault: &Vault, visit: &Visit, to: &KeySource) -> Result<Done, Stop> {
    let done = vault.rotate_root_key(visit, to).map_err(|error| {
        let what = match &error {
            // The disk failed at the very commit: only a fresh start can tell.
            Error::Fault(Fault::Broken(_)) => "It is not known whether the root key was changed.",
            _ => "The root key is as it was.",
        };
        Stop::vault(what, error)
    })?;
    let position = done.position.0;
    let mut said = format!(
        "The root key was changed; entry {position} of the log says so. Tokens given out before are no longer good.\n"
    );
    if let Some(fault) = &done.waiting {
        said.push_str(&format!("The new key could not take the old one's place: {fault}\n"));
        said.push_str("next: make that folder writable; the next start of the server puts the new key in its place\n");
    }
    said.push_str(if done.is_cleared { "" } else { UNCLEARED });
    Ok(Done { said, is_wrong: done.waiting.is_some() })
}

fn shred(vault: &Vault, visit: &Visit, patient: &str) -> Result<Done, Stop> {
    let what = "Nothing was shredded.";
    let patient = patient.strip_prefix("Patient/").unwrap_or(patient);
    let done = vault.shred(visit, patient).map_err(|e| Stop::vault(what, e))?;
    let Some(shredded) = done else {
        return Err(Stop::cannot(what, "nothing is kept under a key of a patient of that id", "check the id"));
    };
    let (entries, position) = (shredded.entries, shredded.position.0);
    let mut said = format!("{entries} entries can no longer be read; entry {position} of the log says so.\n");
    said.push_str(if shredded.is_cleared { "" } else { UNCLEARED });
    // The index then still has the patient's rows.
    Ok(Done { said, is_wrong: !shredded.is_scrubbed })
}

/// Takes in cosignature lines for the checkpoint they were made for. Says how many.
fn cosign(vault: &Vault, keys: &[String], checkpoint: Option<&str>, lines: &str) -> Result<Done, Stop> {
    let what = "No cosignature was taken in.";
    let parsed: Option<Vec<VerifierKey>> = keys.iter().map(|key| VerifierKey::parse(key)).collect();
    let Some(witnesses) = parsed.filter(|keys| keys.iter().all(VerifierKey::is_witness)) else {
        let next = "copy it from `chartroom witness`: name+hash+base64";
        return Err(Stop::cannot(what, "a witness's key is not one", next));
    };
    let note = match checkpoint {
        Some(note) => Some(note.as_bytes().to_vec()),
        None => vault.checkpoint().map_err(|e| Stop::vault(what, e))?,
    };
    let note = note.ok_or_else(|| Stop::cannot(what, "the log has no checkpoint", "run `chartroom verify`"))?;
    match vault.add_cosignatures(&note, lines, &witnesses).map_err(|e| Stop::vault(what, e))? {
        0 if checkpoint.is_some() => {
            let why =
                "no line is a cosignature of that checkpoint by these witnesses, or a later one is cosigned already";
            Err(Stop::cannot(what, why, "ask again with `chartroom log request`"))
        }
        0 => {
            let why = "no line is a cosignature of the latest checkpoint by these witnesses";
            Err(Stop::cannot(what, why, "name the request that was answered with --request, or ask again"))
        }
        count => Ok(Done::well(format!("cosignatures taken in: {count}\n"))),
    }
}

/// The key source with the whole path of its file, as another process needs it. `None`: the path is no UTF-8.
pub fn absolute(key: KeySource) -> Option<KeySource> {
    let KeySource::File(path) = key else { return Some(key) };
    let whole = std::path::absolute(&path).ok().filter(|path| Path::to_str(path).is_some())?;
    Some(KeySource::File(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_is_read_as_it_was_written() {
        let file = KeySource::File("/etc/chartroom/root.key".into());
        let keys = [KeySource::Beside, file, KeySource::Hex("ab".repeat(32)), KeySource::Passphrase("a \"b\"".into())];
        let rotations = keys.map(|to| Deed::Rotate { to });
        let cosign = |checkpoint: Option<&str>| Deed::Cosign {
            witnesses: vec!["w+1+2".to_owned()],
            checkpoint: checkpoint.map(str::to_owned),
            lines: "— w x\n".to_owned(),
        };
        let note = Note::new(audit::Deed::Export, "export", "--out \"x\"");
        let others = [
            Deed::Shred { patient: "p".to_owned() },
            cosign(None),
            cosign(Some("o\n1\n")),
            Deed::Note(note),
            Deed::Audit(Question::default()),
            Deed::Expire { years: 7 },
        ];
        for deed in rotations.into_iter().chain(others) {
            let written = deed.write();
            assert_eq!(Deed::read(&written).expect("read").write(), written);
        }
        for strange in [r#"{}"#, r#"{"do":"rotate","to":{"file":"root.key"}}"#, r#"{"do":"rotate","to":{}}"#, "[]"] {
            let json = Json::parse(strange.as_bytes()).expect("JSON");
            assert!(Deed::read(&json).is_none(), "{strange}");
        }
    }
}
