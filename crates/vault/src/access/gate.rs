//! What the gate keeps in memory for all visits of an open vault. All of it can be read from the record again.

use super::accounts::book::Accounts;
use super::apps::Apps;
use super::authored::Authors;
use super::glass::Broken;
use super::programs::Programs;
use super::relations::Known;
use super::seeing::{Consents, Sights};

/// Kept in memory.
#[derive(Default)]
pub(crate) struct Gate {
    /// Who may come in.
    pub accounts: Accounts,
    /// Which programs act for them.
    pub apps: Apps,
    /// How visitors stand to patients.
    pub relations: Known,
    /// What visitors wrote.
    pub authors: Authors,
    /// What was recorded in the programs where visitors work.
    pub programs: Programs,
    /// What patients have consented to and forbidden.
    pub consents: Consents,
    /// What was worked out for visits.
    pub sights: Sights,
    /// Whose chart was opened in an emergency.
    pub glass: Broken,
}
