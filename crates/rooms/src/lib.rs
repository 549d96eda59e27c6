//! The rooms: the work of health information management, one folder a kind of it.
//!
//! Each room has the same files: `rules` decide (pure, each with its source of law), `work` asks the vault for a visit's
//! answer, asks the rules and writes what follows, `pages` shows it, and `spec.md` holds the rules as tables that a
//! privacy officer reads and a test runs. A room never uses another; what several need stands in [`clocks`] or below.

pub mod clocks;
pub mod due;
pub mod parameters;
pub mod task;

pub mod release;

use web::room::Room;

/// All rooms: what the server serves besides its own.
pub const ROOMS: &[Room] = &[release::ROOM];
