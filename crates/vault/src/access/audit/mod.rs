//! The audit: who looked at what and changed what, why, and with what outcome. One entry a request, in the same sealed log
//! as the record, durable before the answer leaves (45 CFR 164.312(b)).
//!
//! [`event`] is what is kept; [`trail`] gathers what a visit was shown; [`telling`] is what of it somebody may know; [`balp`] makes IHE BALP AuditEvents of an event when
//! somebody reads it, [`report`] lines of CSV; [`retention`] ends its keeping, [`upkeep`] by itself.

pub mod balp;
pub mod event;
mod kinds;
mod reading;
pub mod report;
mod retention;
mod telling;
pub(crate) mod trail;
mod unusual;
mod upkeep;
mod writing;

pub use event::{Deed, Event, NAMED_MAX, Outcome};
pub use reading::{Found, Page, Wanted, Who};
pub use retention::{Expired, YEARS_MIN};
pub use telling::PATIENTS_MAX;
pub use unusual::{Oddity, Review, Unusual};
pub use upkeep::Keeping;
