//! Signed statements by which apps show that they are themselves count once (RFC 7523 section 3, `jti`). Each leaves a mark
//! in the record, so that a second one is noticed after a restart too.

use super::App;
use crate::access::{Principal, Purpose, Visit};
use crate::error::Error;
use crate::keys::root::hex;
use crate::records::{Expect, Vault};
use aws_lc_rs::digest;
use base::clock::Instant;
use base::id::Ids;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;

const KIND: &str = "x-assertion";

impl Vault {
    /// Uses up a statement of an app. Refuses one that was used before.
    pub fn use_assertion(&self, app: &App, jti: &str, until: Instant) -> Result<(), Error> {
        let id = hex(digest::digest(&digest::SHA256, format!("{} {jti}", app.id).as_bytes()).as_ref());
        let mark = Json::object([
            ("resourceType", Json::string(KIND)),
            ("id", Json::string(id)),
            ("client", Json::string(app.id.clone())),
            ("until", Json::number(until.0)),
            // No two are the same, so that none is taken for a repetition of the same change.
            ("mark", Json::string(Ids::System.uuid())),
        ]);
        let visit = Visit::of(Principal::nobody(), Purpose::Operations, None);
        self.keep(&visit, mark, Expect::Absent).map_err(|error| match error {
            Error::Refusal(refusal) if is_taken(&refusal) => {
                Refusal::new(Kind::Invalid, "invalid_client", "the statement's jti was used before").into()
            }
            error => error,
        })
    }
}

fn is_taken(refusal: &Refusal) -> bool {
    matches!(refusal.kind, Kind::Conflict | Kind::Precondition)
}
