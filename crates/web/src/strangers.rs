//! Requests that nobody stands behind: without a token, with one that is not good, or turned away because there were too
//! many. They are counted, and each kind has one entry in the audit for some seconds, so that nobody can flood the log.

use crate::server::Shared;
use axum::http::{HeaderMap, header};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vault::access::Context;
use vault::access::audit::Deed;

/// From the first request of a kind to its entry; twice as long after each entry while they go on.
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(16);

/// Addresses that one entry names.
const ADDRESSES_MAX: usize = 8;

/// Why nobody stands behind a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// It has no token.
    Tokenless,
    /// Its token is not ours, or no longer good.
    Unknown,
    /// It was turned away before anybody looked.
    TurnedAway,
}

impl Stranger {
    /// Which one a request is that nobody was found for.
    pub fn of(headers: &HeaderMap) -> Stranger {
        if headers.contains_key(header::AUTHORIZATION) { Stranger::Unknown } else { Stranger::Tokenless }
    }
}

const KINDS: [(Stranger, &str, u16); 3] = [
    (Stranger::Tokenless, "without a token", 401),
    (Stranger::Unknown, "with a token that is not good", 401),
    (Stranger::TurnedAway, "turned away: too many at once", 503),
];

/// The counts.
#[derive(Default)]
pub struct Strangers {
    counts: Mutex<[Count; KINDS.len()]>,
    /// Held while entries are written, so that the end of the server does not overtake them.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Count {
    times: u64,
    from: Vec<IpAddr>,
    has_more: bool,
    is_watched: bool,
}

impl Count {
    fn add(&mut self, from: Option<IpAddr>) {
        self.times += 1;
        let Some(from) = from.filter(|from| !self.from.contains(from)) else { return };
        if self.from.len() < ADDRESSES_MAX {
            self.from.push(from);
        } else {
            self.has_more = true;
        }
    }

    /// What was counted since the last time, if anything.
    fn take(&mut self) -> Option<(u64, String)> {
        let times = std::mem::take(&mut self.times);
        let from: Vec<String> = std::mem::take(&mut self.from).iter().map(IpAddr::to_string).collect();
        let more = if std::mem::take(&mut self.has_more) { " and others" } else { "" };
        (times > 0).then(|| (times, format!("{}{more}", from.join(" "))))
    }
}

impl Strangers {
    /// Counts one.
    pub fn count(shared: &Arc<Shared>, stranger: Stranger, from: Option<IpAddr>) {
        let Some(kind) = KINDS.iter().position(|(known, ..)| *known == stranger) else { return };
        let mut counts = shared.strangers.counts();
        counts[kind].add(from);
        if !std::mem::replace(&mut counts[kind].is_watched, true) {
            // It may be there longer than the server, and must not keep the vault open.
            tokio::spawn(watch(Arc::downgrade(shared), kind));
        }
    }

    fn counts(&self) -> MutexGuard<'_, [Count; KINDS.len()]> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what was counted and not written yet.
    pub async fn write_all(shared: &Shared) {
        for kind in 0..KINDS.len() {
            write(shared, kind).await;
        }
    }
}

async fn watch(shared: std::sync::Weak<Shared>, kind: usize) {
    let mut wait = WAIT_MIN;
    loop {
        tokio::time::sleep(wait).await;
        let Some(shared) = shared.upgrade() else { return };
        if !write(&shared, kind).await {
            let mut counts = shared.strangers.counts();
            counts[kind].is_watched = counts[kind].times > 0;
            if !counts[kind].is_watched {
                return;
            }
        }
        wait = (wait * 2).min(WAIT_MAX);
    }
}

/// Writes one entry for what was counted of a kind; `false` where that is nothing.
async fn write(shared: &Shared, kind: usize) -> bool {
    let _one_at_a_time = shared.strangers.writing.lock().await;
    let Some((times, from)) = shared.strangers.counts()[kind].take() else { return false };
    let (_, place, status) = KINDS[kind];
    let context = Context { from, times, ..Context::new(Deed::SignIn, place) };
    let (done, durable) = tokio::sync::oneshot::channel();
    shared.vault.note_strangers(context, status, Box::new(move |written| drop(done.send(written))));
    // A log that cannot be written to keeps nobody's answer back here: there was nothing in it.
    drop(durable.await);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_some_addresses_and_counts_all_requests() {
        let mut count = Count::default();
        assert_eq!(count.take(), None);
        for i in 0..20_u8 {
            count.add(Some(IpAddr::from([10, 0, 0, i % 10])));
        }
        count.add(None);
        let (times, from) = count.take().expect("counted");
        assert_eq!((times, from.split(' ').count()), (21, ADDRESSES_MAX + 2));
        assert!(from.ends_with("10.0.0.7 and others"), "{from}");
        assert_eq!(count.take(), None);
    }
}
