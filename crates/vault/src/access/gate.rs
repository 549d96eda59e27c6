//! What the gate keeps in memory for all visits of an open vault.

use super::accounts::book::Accounts;
use super::relations::Known;

/// Kept in memory; all of it can be read from the record again.
#[derive(Default)]
pub(crate) struct Gate {
    /// Who may come in.
    pub accounts: Accounts,
    /// How visitors stand to patients.
    pub relations: Known,
}
