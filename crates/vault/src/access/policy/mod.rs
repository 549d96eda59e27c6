//! Policies: who may do what, for which purpose, with which sort of resource, of whom.
//!
//! They are written in Cedar (`policies/*.cedar`, `chartroom.cedarschema`), so that a privacy officer can read them and a
//! validator can refuse a slip of the pen. What they say is finite: [`Grants`] holds every answer for a visit's roles and
//! purpose as bits, so that no request waits for Cedar. What no policy permits is refused; a `forbid` wins over every
//! `permit`. What is hidden by a patient's consent is not here but in `access::consent`.

mod book;
pub mod classes;
mod grants;
mod groups;
mod kept;
pub mod question;
mod receipt;
mod simulate;
mod slice;
mod text;
mod views;
mod world;

pub use book::PolicyBook;
pub use grants::{Consented, Deed, Grants, Hidden, Ruling};
pub(crate) use kept::in_force;
pub use question::{Action, Class, Relationship, Relationships};
pub use receipt::{Asked, Reason, Receipt, asked, explain};
pub use simulate::{Change, Effect, Simulation, Tally, simulate};
pub use text::{BadPolicy, Policies, PolicyFile, Said, read_file, read_site};
pub use views::all as element_views;
pub use world::{Decided, Question, World};
