//! The rooms: the work of health information management, one folder a kind of it.
//!
//! Each room has the same files: `rules` decide (pure, each with its source of law), `work` asks the vault for a visit's
//! answer, asks the rules and writes what follows, `pages` shows it, and `spec.md` holds the rules as tables that a
//! privacy officer reads and a test runs. A room never uses another; what several need stands in [`clocks`] or below.

pub mod clocks;
pub mod due;
pub mod notice;
pub mod office;
pub mod parameters;
pub mod task;

pub mod release;
pub mod rights;

use base::refusal::{Kind, Refusal};
use vault::Error;
use web::room::{At, Room};

/// All rooms: what the server serves besides its own.
pub const ROOMS: &[Room] = &[release::ROOM, rights::ROOM];

/// The patient for whom the visitor asks.
pub(crate) fn speaks_for(at: &At<'_>) -> Result<(String, String), Error> {
    let (people, named) = (at.people()?, at.text("patient"));
    let mut fitting = people.into_iter().filter(|(id, _)| named.is_empty() || id == named);
    fitting.next().ok_or_else(|| {
        let message = "your account stands for no such patient, and acts for none";
        Refusal::new(Kind::NotFound, "not-found", message).into()
    })
}
