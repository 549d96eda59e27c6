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

/// What waits in memory of anybody: ways on.
const WAYS_MAX: usize = 10_000;
const WAYS_BYTES_MAX: usize = 8 << 20;

/// What was typed before sessions fell asleep waits apart, where strangers push nothing out: so many of one account, and so
/// many bytes of all.
const DRAFTS_OF_ONE_MAX: usize = 4;
const DRAFTS_BYTES_MAX: usize = 64 << 20;

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
    ways: Mutex<VecDeque<(String, String)>>,
    drafts: Mutex<VecDeque<Waiting>>,
}

/// A form that was typed.
struct Waiting {
    state: String,
    account: String,
    kept: String,
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
    /// Keeps where a flow leads. `account` is whose draft goes along, where one does that this server has sealed; any other
    /// is not kept.
    pub fn wait(&self, flow: &Flow, onward: Onward, account: Option<String>) {
        let mut ways = lock(&self.ways);
        ways.push_back((flow.state.clone(), onward.way));
        let mut bytes: usize = ways.iter().map(|(_, way)| way.len()).sum();
        while ways.len() > WAYS_MAX || bytes > WAYS_BYTES_MAX {
            let Some((_, gone)) = ways.pop_front() else { break };
            bytes -= gone.len();
        }
        drop(ways);
        if let Some(account) = account {
            lock(&self.drafts).push_back(Waiting { state: flow.state.clone(), account, kept: onward.kept });
            self.bound_drafts();
        }
    }

    /// The oldest of the account that has come last go first, then the oldest of all.
    fn bound_drafts(&self) {
        let mut drafts = lock(&self.drafts);
        let newest = drafts.back().map(|one| one.account.clone()).unwrap_or_default();
        while drafts.iter().filter(|one| one.account == newest).count() > DRAFTS_OF_ONE_MAX {
            let oldest = drafts.iter().position(|one| one.account == newest);
            oldest.and_then(|place| drafts.remove(place));
        }
        while drafts.iter().map(|one| one.kept.len()).sum::<usize>() > DRAFTS_BYTES_MAX {
            drafts.pop_front();
        }
    }

    /// Where a flow leads; nowhere in particular when that was forgotten.
    pub fn onward(&self, flow: &Flow) -> Onward {
        let mut ways = lock(&self.ways);
        let place = ways.iter().position(|(state, _)| *state == flow.state);
        let way = place.and_then(|place| ways.remove(place)).map(|(_, way)| way).unwrap_or_default();
        drop(ways);
        let mut drafts = lock(&self.drafts);
        let place = drafts.iter().position(|one| one.state == flow.state);
        let kept = place.and_then(|place| drafts.remove(place)).map(|one| one.kept).unwrap_or_default();
        Onward { way, kept }
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
        flows.wait(&flow, onward.clone(), Some("kim".to_owned()));
        assert_eq!((flows.onward(&flow), flows.onward(&flow)), (onward.clone(), Onward::default()));
        flows.wait(&flow, Onward { way: "/first".to_owned(), kept: String::new() }, None);
        let big = "x".repeat(WAYS_BYTES_MAX / 4);
        for _ in 0..5 {
            flows.wait(&Flow::fresh(), Onward { way: big.clone(), kept: String::new() }, None);
        }
        assert_eq!(flows.onward(&flow), Onward::default());
        assert!(lock(&flows.ways).len() <= 4);
    }

    #[test]
    fn nobody_pushes_out_what_another_has_typed() {
        let (flows, flow) = (Flows::default(), Flow::fresh());
        let onward = Onward { way: "/a".to_owned(), kept: "k".to_owned() };
        flows.wait(&flow, onward, Some("kim".to_owned()));
        // Strangers, with drafts that are none, and a colleague who goes to the provider again and again.
        let big = "x".repeat(60_000);
        for i in 0..(DRAFTS_BYTES_MAX / 60_000) * 2 {
            let account = (i % 2 == 0).then(|| "lee".to_owned());
            flows.wait(&Flow::fresh(), Onward { way: "/".to_owned(), kept: big.clone() }, account);
        }
        assert_eq!(lock(&flows.drafts).len(), 1 + DRAFTS_OF_ONE_MAX);
        assert_eq!(flows.onward(&flow).kept, "k");
    }
}
