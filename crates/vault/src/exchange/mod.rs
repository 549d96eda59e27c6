//! Exchange: what a FHIR interaction does, without HTTP.
//!
//! Create, update, patch, delete, their conditional forms, batch and transaction (R4 http sections 3.1.0.6 to
//! 3.1.0.11). REST, import and the rooms write through these functions, so that the same rules hold at every door:
//! a resource is validated, its conditional references are resolved, and what is acknowledged is durable.
//!
//! A query is given as it stands in a URL after the `?`, percent-encoded.

mod arrival;
mod batch;
mod check;
mod conditional;
mod elsewhere;
mod entries;
mod fingerprint;
mod links;
mod once;
mod patching;
mod plan;
mod response;
mod single;
mod transaction;

pub use arrival::{Arrival, Arrivals, Ready, Shape, waits};
pub use batch::batch;
pub use conditional::{Resolver, conditional_delete, conditional_patch, conditional_update};
pub use fingerprint::Fingerprint;
pub use response::{Answer, Answers, Return, status, write_outcome};
pub use single::{create, delete, patch, update};
pub use transaction::transaction;

use crate::access::Visit;
use crate::error::Error;
use crate::records::{Vault, Written};
use base::finding::Finding;
use base::refusal::Refusal;
use fhir::json::Json;

/// A bundle with more entries than this is refused with [`base::refusal::Kind::TooLarge`].
pub const ENTRIES_MAX: usize = 50_000;

/// A request body above this many bytes should be refused by whoever reads it. The largest Synthea bundle of
/// 120 patients has 11 MB.
pub const BODY_BYTES_MAX: usize = 256 << 20;

/// What became of one write.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was written. A conditional create that found its match is `Unchanged` with the match.
    pub written: Written,
    /// What validation remarked without refusing.
    pub findings: Vec<Finding>,
}

/// What a conditional delete does when several resources match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// Refuse with `Precondition` (412).
    Refuse,
    /// Delete all of them in one commit; more than this many are refused with `Precondition`.
    UpTo(usize),
}

impl Several {
    /// Several up to `most`; where that is one or none, several are refused.
    #[must_use]
    pub fn up_to(most: usize) -> Several {
        if most > 1 { Several::UpTo(most) } else { Several::Refuse }
    }

    /// The most that one condition may delete.
    fn most(self) -> usize {
        match self {
            Several::Refuse => 1,
            Several::UpTo(most) => most,
        }
    }
}

/// On what terms a bundle is carried out.
#[derive(Clone, Copy)]
pub struct Terms<'t> {
    /// Answers its GET and HEAD entries.
    pub get: Get<'t>,
    /// What its conditional deletes may do.
    pub several: Several,
    /// The server's own address, `https://records.example.org/fhir`: an entry's url may begin with it. Empty: none may.
    pub base: &'t str,
}

/// Changes a resource: what a patch document says. Called again on a fresh copy when somebody else wrote in between.
pub type Edit<'e> = &'e dyn Fn(&mut Json<'static>) -> Result<(), Refusal>;

/// Answers a GET or HEAD entry of a bundle as the server would answer the same request on its own.
pub type Get<'g> = &'g dyn Fn(&Asked<'_>) -> Result<Answer, Error>;

/// A GET or HEAD entry of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// `GET` or `HEAD`.
    pub method: &'a str,
    /// As written, relative to the base: `Patient/1`, `Observation?code=1234-5`.
    pub url: &'a str,
    /// `ifNoneMatch`.
    pub if_none_match: Option<&'a str>,
    /// `ifModifiedSince`.
    pub if_modified_since: Option<&'a str>,
}

/// Carries out a Bundle of type `batch` or `transaction`; refuses any other with `Malformed`.
pub fn bundle(vault: &Vault, visit: &Visit, bundle: Json<'_>, terms: Terms<'_>) -> Result<Answers, Error> {
    let kind = bundle.text("type").map(str::to_owned);
    match kind.as_deref() {
        Some("transaction") => transaction(vault, visit, bundle, terms),
        Some("batch") => batch(vault, visit, bundle, terms),
        _ => Err(Error::Refusal(check::malformed("Bundle.type", "only a batch or a transaction can be carried out"))),
    }
}
