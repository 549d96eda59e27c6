//! Memory: what all requests may hold together, in four parts, so that none can use up what another needs.
//!
//! Bodies arrive as fast as their senders like, so that a body gets room at once or is refused. Work ends by itself, so
//! that it may wait for room, in turn. Answers leave as fast as their readers like: there a request waits a moment for
//! room, and a connection that takes nothing is closed ([`crate::pace`]). What a bundle reads is gathered until its last
//! entry is answered, and has a part of its own. Who waits for room holds none that others in front of it wait for: a
//! request asks in the order arriving, bundles, working, leaving. What is small is not counted; the bounds on requests
//! and connections cover it, and the quick path of a read takes nothing from here.

use base::refusal::{Kind, Refusal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Memory is handed out in pieces of this many bytes.
const PIECE: usize = 4_096;

/// Less than this is not counted.
pub const SMALL: usize = 16 << 10;

/// What a search may hold: a page, what it brings along, and little more while one becomes the answer.
const SEARCH: usize = 20 << 20;

/// A write holds its body again as a tree's text, as what is kept, as what is sealed, and as what is served.
const COPIES: usize = 4;

/// How long work waits for room, and how long an answer does.
const WORK_WAIT: Duration = Duration::from_secs(20);
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// The four parts.
pub struct Memory {
    /// Bodies being read.
    pub arriving: Pool,
    /// What the GET entries of bundles have read.
    pub bundles: Pool,
    /// Requests being worked on: trees, copies, pages, answers as they grow.
    pub working: Pool,
    /// Answers being sent.
    pub leaving: Pool,
    search_bytes: usize,
}

impl Memory {
    /// Divides `bytes` into the parts. Every body that is allowed has room; `searches` run at a time.
    pub fn new(bytes: usize, body_bytes_max: usize, searches: usize) -> Memory {
        let percent = |part: usize| Pool::new(bytes / 100 * part);
        let working = percent(40);
        let search_bytes = (working.bytes_max() * 9 / 10 / searches.max(1)).clamp(64 << 10, SEARCH);
        let arriving = Pool::new((bytes / 100 * 22).max(body_bytes_max));
        Memory { arriving, bundles: percent(16), working, leaving: percent(22), search_bytes }
    }

    /// Room for a search, when it is its turn.
    pub async fn for_search(&self, tree: usize) -> Result<Share, Refusal> {
        self.working.wait(self.search_bytes + tree, WORK_WAIT).await
    }

    /// Room for a write of `body` bytes whose tree takes `tree`, when it is its turn; with `searches`, also for the GET
    /// entries of a bundle, which are answered one after the other: what works waits for no more of the same part.
    pub async fn for_write(&self, body: usize, tree: usize, searches: bool) -> Result<Share, Refusal> {
        let copies = if body > SMALL { body * COPIES } else { 0 };
        let searching = if searches { self.search_bytes } else { 0 };
        self.working.wait(copies + tree + searching, WORK_WAIT).await
    }

    /// Room for what a bundle is expected to read, when it is its turn.
    pub async fn for_bundle(&self, bytes: usize) -> Result<Share, Refusal> {
        self.bundles.wait(bytes, WORK_WAIT).await
    }

    /// Room for an answer on its way out.
    pub async fn for_answer(&self, bytes: usize) -> Result<Share, Refusal> {
        self.leaving.wait(bytes, ANSWER_WAIT).await
    }
}

/// One part.
pub struct Pool {
    pieces: Arc<Semaphore>,
    most: u32,
}

/// Room that somebody has; given back when it goes.
#[derive(Default)]
pub struct Share(Option<OwnedSemaphorePermit>);

impl Pool {
    fn new(bytes: usize) -> Pool {
        let most = u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX).min(1 << 28);
        Pool { pieces: Arc::new(Semaphore::new(most as usize)), most }
    }

    /// How many bytes there are in all.
    pub fn bytes_max(&self) -> usize {
        self.most as usize * PIECE
    }

    // What needs more than there is gets all there is, and so is alone.
    fn pieces(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX).min(self.most)
    }

    /// Room for so many bytes now, if there is.
    pub fn take(&self, bytes: usize) -> Option<Share> {
        match self.pieces(bytes) {
            0 => Some(Share::default()),
            pieces => self.pieces.clone().try_acquire_many_owned(pieces).ok().map(|permit| Share(Some(permit))),
        }
    }

    /// Room for so many bytes, in the order of asking. Refuses when that takes too long.
    async fn wait(&self, bytes: usize, most: Duration) -> Result<Share, Refusal> {
        match self.pieces(bytes) {
            0 => Ok(Share::default()),
            pieces => match timeout(most, self.pieces.clone().acquire_many_owned(pieces)).await {
                Ok(Ok(permit)) => Ok(Share(Some(permit))),
                Ok(Err(_)) | Err(_) => Err(full()),
            },
        }
    }
}

impl Share {
    /// Makes the share cover so many bytes, if there is room for that.
    pub fn grow(&mut self, pool: &Pool, bytes: usize) -> bool {
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = (pool.pieces(bytes) as usize).checked_sub(held).filter(|&more| more > 0) else { return true };
        match (pool.take(more * PIECE), &mut self.0) {
            (Some(Share(Some(more))), Some(own)) => own.merge(more),
            (Some(more), None) => *self = more,
            (Some(Share(None)), Some(_)) => {}
            (None, _) => return false,
        }
        true
    }
}

/// The refusal for what finds no room.
pub fn full() -> Refusal {
    let message =
        "other large requests fill the memory that this server gives to all; try again shortly, or ask for less";
    Refusal::new(Kind::Unavailable, "throttled", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_taken_grown_and_given_back() {
        let pool = Pool::new(10 * PIECE);
        let mut first = pool.take(4 * PIECE).unwrap();
        assert!(first.grow(&pool, 6 * PIECE) && first.grow(&pool, PIECE));
        assert!(pool.take(5 * PIECE).is_none());
        let second = pool.take(4 * PIECE).unwrap();
        assert!(!first.grow(&pool, 7 * PIECE) && first.grow(&pool, 6 * PIECE));
        assert!(pool.wait(PIECE, Duration::from_millis(10)).await.is_err());
        drop((first, second));
        assert!(pool.wait(1_000 * PIECE, Duration::from_millis(10)).await.is_ok(), "all there is");
        assert!(pool.take(0).is_some());
    }

    #[tokio::test]
    async fn no_part_waits_for_another() {
        let memory = Memory::new(100 * PIECE, 50 * PIECE, 2);
        let _read = memory.for_bundle(16 * PIECE).await.unwrap();
        let _bodies = memory.arriving.take(50 * PIECE).unwrap();
        let _answers = memory.leaving.take(22 * PIECE).unwrap();
        assert!(memory.arriving.take(1).is_none() && memory.leaving.take(1).is_none());
        let _one = memory.for_search(0).await.unwrap();
        let _two = memory.for_search(0).await.unwrap();
        assert!(memory.for_write(SMALL, 0, false).await.is_ok());
    }
}
