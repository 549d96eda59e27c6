//! A file on its way out: a piece of about a megabyte at a time, each line asked of the gate when its piece is made.
//!
//! The next piece is made when the client has taken the one before, so that memory holds two, however long the file is. A
//! consent that is withdrawn meanwhile counts from the next piece on, and so do lowered roles, suspension, signing out, and the end of the job.

use super::job::{Job, Owner};
use crate::answer::log_fault;
use crate::gate;
use crate::lanes::Turn;
use crate::pace::Pace;
use crate::rest::view::View;
use crate::server::{Leaving, Shared};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use std::io;
use std::sync::Arc;
use vault::Error;
use vault::access::Visit;

/// Positions that are looked at together, at most.
const LOOKED_AT: usize = 2_000;

/// What is to be sent: for whom, which lines, and how much of each.
pub struct Sending {
    job: Arc<Job>,
    visit: Visit,
    /// The request's, with the token.
    headers: HeaderMap,
    positions: Vec<u32>,
    view: View,
    _place: Turn,
}

impl Sending {
    /// The lines at positions, for a visit whose audit knows of them.
    pub fn new(
        job: Arc<Job>,
        (visit, headers): (Visit, &HeaderMap),
        positions: Vec<u32>,
        view: View,
        place: Turn,
    ) -> Sending {
        let said = headers.get_all(header::AUTHORIZATION).iter();
        let headers = said.map(|value| (header::AUTHORIZATION, value.clone())).collect();
        Sending { job, visit, headers, positions, view, _place: place }
    }

    /// The visit as it is now. Refuses where it or the job has ended.
    fn visit_now(&self, shared: &Shared) -> Result<Visit, Refusal> {
        let over = |what: &str| Refusal::new(Kind::Forbidden, "forbidden", format!("{what} has ended meanwhile"));
        if self.job.is_ended() || self.job.expires <= shared.vault.clock().now() {
            return Err(over("the export"));
        }
        let visit = gate::still_in(&shared.vault, &self.headers).filter(|visit| Owner::of(visit) == self.job.owner);
        let visit = visit.ok_or_else(|| over("the session"))?;
        Ok(self.visit.context().map_or_else(|| visit.clone(), |context| visit.asking(context.clone())))
    }

    /// The text of the lines from one of the positions on, and where the rest begins.
    fn piece(&self, shared: &Shared, from: usize) -> Result<(Vec<u8>, usize), Error> {
        let to = self.positions.len().min(from + LOOKED_AT);
        let piece = shared.vault.piece(&self.visit_now(shared)?, &self.positions[from..to])?;
        let mut text = Vec::with_capacity(piece.versions.iter().map(|version| version.body.len() + 1).sum());
        for version in &piece.versions {
            text.extend_from_slice(&self.view.part(version));
            text.push(b'\n');
        }
        Ok((text, from + piece.taken))
    }
}

/// The body of an answer with these lines.
pub fn body(shared: Arc<Shared>, sending: Arc<Sending>, pace: Arc<Pace>) -> Body {
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
    tokio::spawn(async move {
        if let Err(error) = send(&shared, &sending, &pace, &mut sender).await {
            if let Error::Fault(fault) = &error {
                log_fault(fault, "sending a bulk export");
            }
            // Without its end the client sees that the file is not whole.
            sender.abort(io::Error::other("the file could not be read to its end"));
        }
    });
    Body::new(body)
}

async fn send(
    shared: &Arc<Shared>,
    sending: &Arc<Sending>,
    pace: &Arc<Pace>,
    sender: &mut Sender<Bytes, io::Error>,
) -> Result<(), Error> {
    let mut at = 0;
    while at < sending.positions.len() {
        let turn = shared.searches.turn().await?;
        let (asked, from, work) = (shared.clone(), at, sending.clone());
        let room = shared.memory.for_search(0).await?;
        let (text, next) = turn.run(move || work.piece(&asked, from)).await?;
        drop(room);
        at = next;
        if text.is_empty() {
            continue;
        }
        let room = Arc::new(shared.memory.for_answer(text.len()).await?);
        let piece = Bytes::from_owner(Leaving::new(text.into(), room, pace.waits()));
        if sender.send_data(piece).await.is_err() {
            // The client went away.
            return Ok(());
        }
    }
    Ok(())
}
