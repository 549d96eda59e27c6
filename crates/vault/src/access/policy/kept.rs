//! A site's policies in the log: one private document, so that every text that ever held is a version with its author.
//!
//! The latest version is in force. A text that is wrong is refused, and what was in force stays.

use super::question::{Action, Class};
use super::simulate::{Simulation, simulate};
use super::text::{BadPolicy, Policies, PolicyFile};
use crate::access::{Principal, Purpose, Visit, purposes};
use crate::error::Error;
use crate::records::store::Store;
use crate::records::{Expect, Vault};
use base::finding::Finding;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;

const DOCUMENT: &str = "x-policies";
const ID: &str = "site";

/// The policies that the log says are in force. A site's text that this version of Chartroom does not understand permits
/// nothing: what it forbade must not open by itself.
pub(crate) fn in_force(store: &Store) -> Result<Policies, Error> {
    let kept = store.read(DOCUMENT, ID, None)?.filter(|version| !version.deleted);
    let Some(version) = kept else { return Ok(Policies::house().clone()) };
    let files = Json::parse(&version.body).map(|says| read(&says)).unwrap_or_default();
    Ok(Policies::with_site(&files).unwrap_or_else(Policies::closed))
}

impl Vault {
    /// Puts a site's policies in force, from the next request on, and keeps their text in the log. Whether that changed
    /// anything. Refuses, with file, line and column, what is wrong; then the policies stay as they are.
    pub fn apply_policies(&self, visit: &Visit, files: &[PolicyFile]) -> Result<bool, Error> {
        self.permit(visit, Action::PolicyEdit, Class::System, None)?;
        let policies = Policies::with_site(files).map_err(|bad| refused(&bad))?;
        let book = self.policies();
        let _turn = book.turn();
        if book.policies().is_of(files) {
            return Ok(false);
        }
        self.keep(visit, write(files, visit), Expect::Any)?;
        book.replace(policies);
        Ok(true)
    }

    /// What a site's policies would change for those who have an account, if they were applied.
    pub fn simulate_policies(&self, visit: &Visit, files: &[PolicyFile]) -> Result<Simulation, Error> {
        self.permit(visit, Action::PolicyEdit, Class::System, None)?;
        let new = Policies::with_site(files).map_err(|bad| refused(&bad))?;
        let accounts = self.accounts()?;
        let people: Vec<Principal> = accounts.iter().filter(|a| a.is_active).map(|a| a.principal()).collect();
        let mut all: Vec<Purpose> = people.iter().flat_map(|person| purposes(person.roles)).collect();
        all.sort_unstable();
        all.dedup();
        Ok(simulate(&self.policies().policies(), &new, &people, &all))
    }
}

fn refused(bad: &[BadPolicy]) -> Refusal {
    let findings = bad.iter().map(|bad| Finding::error("invalid", "", bad.to_string())).collect();
    Refusal::because(Kind::Invalid, findings)
}

fn write(files: &[PolicyFile], visit: &Visit) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let file = |file: &PolicyFile| Json::object([("name", text(&file.name)), ("text", text(&file.text))]);
    Json::object([
        ("resourceType", text(DOCUMENT)),
        ("id", text(ID)),
        ("by", text(&visit.principal().account)),
        ("files", Json::Array(files.iter().map(file).collect())),
    ])
}

fn read(says: &Json<'_>) -> Vec<PolicyFile> {
    let file =
        |file: &Json<'_>| Some(PolicyFile { name: file.text("name")?.to_owned(), text: file.text("text")?.to_owned() });
    says.get("files").map_or(&[][..], Json::items).iter().filter_map(file).collect()
}
