//! What patients' consents hide from a visit, and why.
//!
//! [`read()`] makes a FHIR Consent a tree of rules; [`veil()`] asks those that stand about one question (who, why, what is
//! done, when) and compiles what is left into a [`Veil`]: a few bits a position in the log, and a look at the resource
//! only where codes, dates or single resources decide.
//!
//! **The conflict rule.** Within a consent, a nested provision is an exception to the one around it; among siblings
//! that both apply, deny wins. Between consents, deny wins: one that hides cannot be outvoted by one that permits. A
//! later directive of the same patient, scope and category replaces the earlier ones; restrictions, authorizations and
//! Part 2 consents stand beside each other until each is withdrawn. One without a date is not replaced, and opens nothing
//! while another about the same has a date. What a proxy gives replaces none that keeps that proxy out. What a provision says that we do not understand
//! widens a deny to everything and narrows a permit to nothing. A consent that cannot be read at all hides the chart.
//!
//! A patient always sees their own record. `spec.md` has the rule as tables, run as a test.

mod asking;
mod defects;
mod facts;
mod minors;
mod model;
mod preview;
mod proxy;
mod read;
mod restriction;
mod scope;
mod standing;
mod veil;

pub use asking::{Asker, Handling, Question};
pub use defects::{Defect, Form, defects};
pub use facts::{Facts, facts_of};
pub use minors::{StateLaw, age, law_of};
pub use model::{Consent, Content, Effect, Instance, LabelTest, Party, Provision, Regime, Span, Status};
pub use preview::{Recipient, Sees, preview, sentence};
pub use proxy::Proxy;
pub use read::read;
pub use restriction::{Restriction, must_agree};
pub use standing::{Standing, standing};
pub use veil::{Duty, Glance, Veil, Why, veil};

#[cfg(test)]
mod promises;
#[cfg(test)]
mod spec;
