//! Bulk Data Access 2.0 (HL7): a job is a question at one position of the log, and its files are answered when they are
//! fetched. No copy of a patient's record is made, and every line passes the gate at the moment it leaves
//! (docs/decisions/2026-11-23-bulk-export.md).
//!
//! ```text
//! wanted     what an export is asked for, from its parameters      desk      the jobs there are, also after a restart
//! question   which resources that means, a type at a time          counting  which files a job has, and how many lines
//! job        one export: whose it is, what was found               sending   a file on its way out
//! ```

mod counting;
mod desk;
mod job;
mod question;
mod sending;
mod wanted;

pub use desk::Desk;
pub use job::{Job, Owner, Part, Start, State};
pub use question::{file, open_types, query, types_of, whose};
pub use sending::Sending;
pub use wanted::{Level, Wanted};

use crate::pace::Pace;
use crate::server::Shared;
use axum::body::Body;
use axum::http::{Extensions, Response};
use bytes::Bytes;
use std::sync::Arc;
use vault::access::Visit;

/// What goes on when an answer has been given and its entry is in the audit.
#[derive(Clone)]
pub enum After {
    /// The files of a job are found out.
    Count(Arc<Job>, Visit),
    /// The lines of a file are sent, as the answer's body.
    Send(Arc<Sending>),
}

/// Takes what is to go on out of an answer.
pub fn after(extensions: &mut Extensions) -> Option<After> {
    extensions.remove()
}

/// Lets it go on. `None`: the answer has its body already.
pub fn go_on(after: After, shared: &Arc<Shared>, pace: &Arc<Pace>) -> Option<Body> {
    match after {
        After::Count(job, visit) => {
            tokio::spawn(counting::count(shared.clone(), job, visit));
            None
        }
        After::Send(sending) => Some(sending::body(shared.clone(), sending, pace.clone())),
    }
}

/// An answer with something to go on with.
pub fn with(mut answer: Response<Bytes>, after: After) -> Response<Bytes> {
    answer.extensions_mut().insert(after);
    answer
}
