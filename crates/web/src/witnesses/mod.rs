//! Witnesses (C2SP tlog-witness): being one ([`door`]), and having the log of a server co-signed by others.
//!
//! All witnesses are asked for the same checkpoint, one after the other, so that their lines stand under one note. What a
//! witness answers never holds up a request: the worst it can do is not to co-sign.

mod asking;
mod door;
mod post;

pub use door::serve_witness;
pub use post::Address;
pub(crate) use post::read as read_answer;

use crate::server::Shared;
use asking::{Head, Trouble, ask};
use base::clock::Instant;
use fhir::json::Json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use vault::log::checkpoint::{Signed, VerifierKey};

/// Asking more often than this would be a mistake in the settings.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// A witness to ask.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Where it listens.
    pub address: Address,
    /// The key that checks its cosignatures.
    pub key: VerifierKey,
}

/// What each witness has done so far, in the order of the settings.
pub(crate) struct Standings(Mutex<Vec<Standing>>);

#[derive(Clone)]
struct Standing {
    name: String,
    /// Size and time of the latest cosignature since the start.
    cosigned: Option<(u64, Instant)>,
    state: &'static str,
}

impl Standings {
    /// Nobody has been asked.
    pub fn new(witnesses: &[Witness]) -> Standings {
        let fresh = |w: &Witness| Standing { name: w.key.name.clone(), cosigned: None, state: "not-asked" };
        Standings(Mutex::new(witnesses.iter().map(fresh).collect()))
    }

    /// As an array of JSON objects: `name`, `state`, and of the latest cosignature `size` and `at`.
    pub fn json(&self) -> Json<'static> {
        let standings = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Json::Array(standings.into_iter().map(Standing::json).collect())
    }

    fn set(&self, index: usize, cosigned: Option<(u64, Instant)>, state: &'static str) {
        let mut standings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(standing) = standings.get_mut(index) {
            standing.cosigned = cosigned.or(standing.cosigned);
            standing.state = state;
        }
    }
}

impl Standing {
    fn json(self) -> Json<'static> {
        let mut members = vec![("name", Json::string(self.name)), ("state", Json::string(self.state))];
        if let Some((size, at)) = self.cosigned {
            members.extend([("size", Json::number(size)), ("at", Json::string(at.to_string()))]);
        }
        Json::object(members)
    }
}

/// What is remembered of a witness from one round to the next.
struct Memory {
    /// The size it has probably seen last.
    seen: u64,
    /// What was said about it last.
    said: Option<String>,
}

/// Asks all witnesses at once and then at every interval, until it is dropped.
pub(crate) async fn keep_asking(shared: Arc<Shared>) {
    let witnesses = &shared.settings.witnesses;
    if witnesses.is_empty() {
        return;
    }
    let seen = witnessed_size(&shared);
    let mut memories: Vec<Memory> = witnesses.iter().map(|_| Memory { seen, said: None }).collect();
    let mut rounds = tokio::time::interval(shared.settings.witness_interval.max(INTERVAL_MIN));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        round(&shared, &mut memories).await;
    }
}

fn witnessed_size(shared: &Shared) -> u64 {
    let note = shared.vault.witnessed().ok().flatten();
    note.and_then(|note| Signed::parse(&note)).map_or(0, |signed| signed.checkpoint.size())
}

async fn round(shared: &Shared, memories: &mut [Memory]) {
    let Ok(Some(head)) = Head::latest(&shared.vault) else {
        eprintln!("witnesses: the log has no readable checkpoint to co-sign. next: run `chartroom verify`");
        return;
    };
    for (index, (witness, memory)) in shared.settings.witnesses.iter().zip(memories).enumerate() {
        // An altered record may claim a witnessed size beyond its own.
        match ask(&shared.vault, witness, &head, memory.seen.min(head.size)).await {
            Ok(()) => {
                memory.seen = head.size;
                shared.standings.set(index, Some((head.size, shared.vault.clock().now())), "cosigned");
                if memory.said.take().is_some() {
                    eprintln!("witness {}: it co-signs again", witness.key.name);
                }
            }
            Err(trouble) => {
                shared.standings.set(index, None, trouble.word());
                complain(witness, memory, &trouble);
            }
        }
    }
}

/// Says it once, and an alarm each time.
fn complain(witness: &Witness, memory: &mut Memory, trouble: &Trouble) {
    // One line, whatever the causes hold.
    let line = trouble.to_string().replace(|c: char| c.is_control(), " ");
    if trouble.is_alarm() || memory.said.as_ref() != Some(&line) {
        eprintln!("witness {} at {}: {line}", witness.key.name, witness.address);
    }
    memory.said = Some(line);
}
