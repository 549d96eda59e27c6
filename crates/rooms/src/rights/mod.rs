//! The right to have the record amended (45 CFR 164.526).
//!
//! A patient says what is wrong. The house amends the record or refuses in writing on one of four grounds; the patient may
//! disagree in writing; whatever was said is linked to the entry it is about, and goes along when that entry is released.
//! `spec.md` says the rules as tables.

pub mod case;
pub mod letter;
pub mod operations;
pub mod pages;
pub mod request;
pub mod rules;
#[cfg(test)]
mod spec;
pub mod work;

use web::room::Room;

/// What the web serves of it.
pub const ROOM: Room =
    Room { pages: pages::PAGES, ways: pages::WAYS, operations: operations::OPERATIONS, beside: Some(pages::beside) };
