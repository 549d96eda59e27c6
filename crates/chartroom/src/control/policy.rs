//! Deeds about policies: what is in force, what an edit would change, and putting it in force.

use super::Done;
use crate::stop::Stop;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::fmt::Write as _;
use vault::access::policy::{PolicyFile, Simulation};
use vault::access::{Purpose, Visit, purposes};
use vault::{Error, Vault};

/// A deed about policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyDeed {
    /// Print those in force, or one of them with its text.
    Show {
        /// Its id.
        id: Option<String>,
    },
    /// Say what a site's files would change.
    Simulate {
        /// The files.
        files: Vec<PolicyFile>,
    },
    /// Put a site's files in force.
    Apply {
        /// The files.
        files: Vec<PolicyFile>,
    },
    /// Say why somebody sees a resource or not.
    Why {
        /// Whose account, by login.
        login: String,
        /// `Observation/9`.
        reference: String,
        /// Code of a purpose; else the first that the account's roles come for.
        purpose: Option<String>,
    },
}

/// Said when it was not done.
pub const UNDONE: &str = "The policies are as they were.";

impl PolicyDeed {
    fn code(&self) -> &'static str {
        match self {
            PolicyDeed::Show { .. } => "show",
            PolicyDeed::Simulate { .. } => "simulate",
            PolicyDeed::Apply { .. } => "apply",
            PolicyDeed::Why { .. } => "why",
        }
    }

    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let file = |file: &PolicyFile| Json::object([("name", text(&file.name)), ("text", text(&file.text))]);
        let mut members = vec![("do", text("policy")), ("what", text(self.code()))];
        match self {
            PolicyDeed::Show { id } => members.extend(id.iter().map(|id| ("id", text(id)))),
            PolicyDeed::Simulate { files } | PolicyDeed::Apply { files } => {
                members.push(("files", Json::Array(files.iter().map(file).collect())));
            }
            PolicyDeed::Why { login, reference, purpose } => {
                members.extend([("login", text(login)), ("reference", text(reference))]);
                members.extend(purpose.iter().map(|purpose| ("purpose", text(purpose))));
            }
        }
        Json::object(members)
    }

    /// Reads what [`PolicyDeed::write`] wrote. `None`: it is no such deed.
    pub fn read(json: &Json<'_>) -> Option<PolicyDeed> {
        let text = |name: &str| json.text(name).map(str::to_owned);
        let file = |file: &Json<'_>| {
            Some(PolicyFile { name: file.text("name")?.to_owned(), text: file.text("text")?.to_owned() })
        };
        let files = || json.get("files")?.items().iter().map(file).collect::<Option<Vec<_>>>();
        Some(match json.text("what")? {
            "show" => PolicyDeed::Show { id: text("id") },
            "simulate" => PolicyDeed::Simulate { files: files()? },
            "apply" => PolicyDeed::Apply { files: files()? },
            "why" => PolicyDeed::Why { login: text("login")?, reference: text("reference")?, purpose: text("purpose") },
            _ => return None,
        })
    }

    /// What was asked, for the audit: command, and whom or what it was about.
    pub fn words(&self) -> (String, String) {
        let about = match self {
            PolicyDeed::Show { id } => id.clone().unwrap_or_default(),
            PolicyDeed::Simulate { files } | PolicyDeed::Apply { files } => {
                files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(" ")
            }
            PolicyDeed::Why { login, reference, .. } => format!("login={login} {reference}"),
        };
        (format!("policy {}", self.code()), about)
    }

    /// Does it.
    pub fn carry_out(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        self.act(vault, visit).map(Done::well).map_err(|e| Stop::vault(UNDONE, e))
    }

    fn act(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        match self {
            PolicyDeed::Show { id: None } => Ok(list(vault)),
            PolicyDeed::Show { id: Some(id) } => one(vault, id),
            PolicyDeed::Simulate { files } => {
                let simulation = vault.simulate_policies(visit, files)?;
                Ok(said(&simulation, "Nothing would change for anybody who has an account.\n"))
            }
            PolicyDeed::Apply { files } => {
                let simulation = vault.simulate_policies(visit, files)?;
                if !vault.apply_policies(visit, files)? {
                    return Ok("These policies are in force already.\n".to_owned());
                }
                let nothing = "Nothing changes for anybody who has an account.\n";
                Ok(format!("In force from the next request on.\n{}", said(&simulation, nothing)))
            }
            PolicyDeed::Why { login, reference, purpose } => why(vault, visit, login, reference, purpose.as_deref()),
        }
    }
}

/// For whom something changes and in how much; then each change.
fn said(simulation: &Simulation, nothing: &str) -> String {
    let sentences = simulation.sentences();
    if sentences.is_empty() {
        return nothing.to_owned();
    }
    let lines = |all: &[String]| all.iter().map(|line| format!("  {line}\n")).collect::<String>();
    format!("By role:\n{}Each change:\n{}", lines(&simulation.summary()), lines(&sentences))
}

/// A line a policy: whose it is, what it does, its id, what it says.
fn list(vault: &Vault) -> String {
    let policies = vault.policies().policies();
    let mut text = String::new();
    for bad in policies.misunderstood() {
        let _ = writeln!(text, "No policy is in force, so that nobody sees anything: {bad}");
    }
    for policy in policies.said() {
        let whose = if policy.of_site { "site" } else { "ours" };
        let does = if policy.forbids { "forbid" } else { "permit" };
        let _ = writeln!(text, "{whose}  {does}  {}  {}", policy.id, policy.says);
    }
    text
}

fn one(vault: &Vault, id: &str) -> Result<String, Error> {
    let policies = vault.policies().policies();
    let text = policies.text(id).zip(policies.says(id)).map(|(text, said)| {
        let (file, line) = &said.place;
        format!("// {file}, line {line}\n{}\n", text.trim())
    });
    let near = || {
        let near = base::near::nearest(id, policies.said().map(|said| said.id.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Refusal::new(Kind::NotFound, "not-found", format!("no policy has this id{hint}"))
    };
    text.ok_or_else(|| near().into())
}

fn why(vault: &Vault, visit: &Visit, login: &str, reference: &str, purpose: Option<&str>) -> Result<String, Error> {
    let account = vault.account_of_login(login)?;
    let account = account.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "nobody has this login"))?;
    let purpose = match purpose {
        Some(code) => Purpose::from_code(code)
            .ok_or_else(|| Refusal::new(Kind::Invalid, "invalid", format!("{code} is no purpose")))?,
        None => purposes(account.roles).first().copied().unwrap_or(Purpose::Operations),
    };
    let (kind, id) = reference.split_once('/').unwrap_or((reference, ""));
    Ok(vault.why_of(visit, (&account.principal(), purpose), kind, id)?.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_about_policies_is_read_as_it_was_written() {
        let files = vec![PolicyFile { name: "site.cedar".to_owned(), text: "permit (\"a\")\n".to_owned() }];
        for deed in [
            PolicyDeed::Show { id: None },
            PolicyDeed::Show { id: Some("nurse-care".to_owned()) },
            PolicyDeed::Simulate { files: files.clone() },
            PolicyDeed::Apply { files },
            PolicyDeed::Why { login: "kim".to_owned(), reference: "Patient/1".to_owned(), purpose: None },
        ] {
            assert_eq!(PolicyDeed::read(&deed.write()).as_ref(), Some(&deed));
        }
    }
}
