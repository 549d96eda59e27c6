//! What ties a provider's answer to the browser that asked: a sealed cookie with state, nonce and the secret of PKCE. Each
//! counts once, for ten minutes. What only makes the way on comfortable waits here in memory.

use super::settings::Provider;
use crate::rest::links::Bookmark;
use crate::server::Shared;
use crate::sign_in::forms::Form;
use crate::sign_in::once::{GOOD_MS, secret};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What waits in memory: ways on, and forms that were typed before a session fell asleep.
const WAITING_MAX: usize = 10_000;
const WAITING_BYTES_MAX: usize = 8 << 20;

/// One way through a provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Flow {
    /// Comes back with the answer (RFC 6749 section 10.12).
    pub state: String,
    /// Comes back in the token.
    pub nonce: String,
    /// RFC 7636.
    pub verifier: String,
}

/// Where somebody goes on to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Onward {
    /// A path of this server.
    pub way: String,
    /// A sealed form, or nothing.
    pub kept: String,
}

/// What waits for flows under way.
#[derive(Default)]
pub struct Flows {
    waiting: Mutex<VecDeque<(String, Onward)>>,
}

impl Flow {
    /// A fresh one.
    pub fn fresh() -> Flow {
        Flow { state: secret(), nonce: secret(), verifier: secret() }
    }

    /// As the browser keeps it, good for one provider.
    pub fn seal(&self, shared: &Shared, provider: &Provider) -> String {
        let query = format!("s={}&n={}&v={}", self.state, self.nonce, self.verifier);
        let asked = shared.vault.clock().now().0;
        shared.sealer.seal(&Bookmark { at: 0, offset: 0, asked, query }, LABEL, &provider.id)
    }

    /// Opens what the browser kept, if it belongs to this answer of this provider and its time has not passed.
    pub fn open(shared: &Shared, provider: &Provider, sealed: &str, state: &str) -> Option<Flow> {
        let kept = shared.sealer.open(sealed, LABEL, &provider.id).ok()?;
        let form = Form::read(kept.query.as_bytes()).ok()?;
        let now = shared.vault.clock().now().0;
        let is_in_time = (0..=GOOD_MS).contains(&(now - kept.asked));
        let part = |name: &str| Some(form.text(name).to_owned()).filter(|text| !text.is_empty());
        let flow = Flow { state: part("s")?, nonce: part("n")?, verifier: part("v")? };
        let is_its = verify_slices_are_equal(flow.state.as_bytes(), state.as_bytes()).is_ok();
        (is_in_time && is_its).then_some(flow)
    }
}

const LABEL: &str = "identity provider";

impl Flows {
    /// Keeps where a flow leads.
    pub fn wait(&self, flow: &Flow, onward: Onward) {
        let mut waiting = lock(&self.waiting);
        waiting.push_back((flow.state.clone(), onward));
        let mut bytes: usize = waiting.iter().map(|(_, onward)| onward.way.len() + onward.kept.len()).sum();
        while waiting.len() > WAITING_MAX || bytes > WAITING_BYTES_MAX {
            let Some((_, gone)) = waiting.pop_front() else { break };
            bytes -= gone.way.len() + gone.kept.len();
        }
    }

    /// Where a flow leads; nowhere in particular when that was forgotten.
    pub fn onward(&self, flow: &Flow) -> Onward {
        let mut waiting = lock(&self.waiting);
        let place = waiting.iter().position(|(state, _)| *state == flow.state);
        place.and_then(|place| waiting.remove(place)).map(|(_, onward)| onward).unwrap_or_default()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded() {
        let (flows, flow) = (Flows::default(), Flow::fresh());
        let onward = Onward { way: "/a".to_owned(), kept: "k".to_owned() };
        flows.wait(&flow, onward.clone());
        assert_eq!((flows.onward(&flow), flows.onward(&flow)), (onward, Onward::default()));
        flows.wait(&flow, Onward { way: "/first".to_owned(), kept: String::new() });
        let big = "x".repeat(WAITING_BYTES_MAX / 4);
        for _ in 0..5 {
            flows.wait(&Flow::fresh(), Onward { way: big.clone(), kept: String::new() });
        }
        assert_eq!(flows.onward(&flow), Onward::default());
        assert!(lock(&flows.waiting).len() <= 4);
    }
}
