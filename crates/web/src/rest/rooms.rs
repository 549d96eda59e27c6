//! Operations of the rooms.

use super::route::Key;
use super::{Asked, glass, inputs};
use crate::answer::{Outcome, json};
use crate::room::{Answer, Call, Operation, file};
use crate::server::Shared;
use axum::http::StatusCode;

/// Answers one of them.
pub fn carry_out(shared: &Shared, mut asked: Asked<'_>, operation: Operation, key: Option<Key<'_>>) -> Outcome {
    if operation.posts {
        glass::posted(&asked)?;
    }
    inputs::merge(&mut asked)?;
    let words = std::mem::take(&mut asked.pairs);
    let id = key.map_or("", |key| key.id);
    let answer = (operation.answer)(&Call { vault: &shared.vault, visit: &asked.call.visit, id, words })?;
    Ok(match answer {
        Answer::Resource(resource) => json(StatusCode::OK, asked.printed(resource.to_bytes().into())),
        Answer::File(name, media, bytes) => file(&name, media, bytes),
    })
}
