//! Reading bodies within bounds: bytes of one, bytes of all, and the tree that a hostile one would grow into.

use crate::settings::Settings;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is handed out in pieces of this many bytes.
const PIECE: usize = 4_096;

/// The memory that bodies and their trees may take, shared by all requests.
pub struct Budget {
    bodies: Arc<Semaphore>,
    trees: Arc<Semaphore>,
    body_bytes_max: usize,
    tree_pieces_max: usize,
}

/// A body in memory, with its share of the budget.
pub struct Loaded {
    /// The bytes.
    pub bytes: Bytes,
    _bodies: Option<OwnedSemaphorePermit>,
    _trees: Option<OwnedSemaphorePermit>,
}

impl Loaded {
    /// No body.
    pub fn none() -> Loaded {
        Loaded { bytes: Bytes::new(), _bodies: None, _trees: None }
    }
}

impl Budget {
    /// The budget the settings allow.
    pub fn new(settings: &Settings) -> Budget {
        let pieces = (settings.memory_bytes_max / PIECE).min(Semaphore::MAX_PERMITS);
        Budget {
            bodies: Arc::new(Semaphore::new(pieces.max(settings.body_bytes_max.div_ceil(PIECE)))),
            trees: Arc::new(Semaphore::new(pieces)),
            body_bytes_max: settings.body_bytes_max,
            tree_pieces_max: pieces,
        }
    }

    /// Reads a whole body. Refuses with `TooLarge`, or `Unavailable` when other bodies fill the memory.
    pub async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Loaded, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > self.body_bytes_max) {
            return Err(self.too_large());
        }
        let (bytes, bodies) = self.collect(announced.unwrap_or(0), body).await?;
        let trees = self.reserve_tree(&bytes).await?;
        Ok(Loaded { bytes, _bodies: bodies, _trees: trees })
    }

    async fn collect(
        &self,
        announced: usize,
        mut body: Body,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
        let mut first = Bytes::new();
        let mut whole: Vec<u8> = Vec::new();
        let mut held = Held { semaphore: &self.bodies, permit: None, pieces: 0 };
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| broken_off())?.into_data() else { continue };
            let length = first.len() + whole.len() + data.len();
            if length > self.body_bytes_max {
                return Err(self.too_large());
            }
            held.grow(length)?;
            if first.is_empty() && whole.is_empty() {
                first = data;
                continue;
            }
            if whole.is_empty() {
                // What a client announces is believed only so far, for it may never come.
                whole.reserve(announced.min(4 << 20).max(length));
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&data);
        }
        let bytes = if whole.is_empty() { first } else { Bytes::from(whole) };
        Ok((bytes, held.permit))
    }

    /// Waits for room for the tree: every comma may start a value, every bracket an array or object with room for four.
    async fn reserve_tree(&self, bytes: &Bytes) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let pieces = tree_bytes(bytes) / PIECE;
        if pieces == 0 {
            return Ok(None);
        }
        if pieces > self.tree_pieces_max {
            let message = "the body holds too many values for one request; split it into several";
            return Err(Refusal::new(Kind::TooLarge, "too-long", message));
        }
        let pieces = u32::try_from(pieces).map_err(|_| self.too_large())?;
        self.trees.clone().acquire_many_owned(pieces).await.map(Some).map_err(|_| full())
    }

    fn too_large(&self) -> Refusal {
        let message = format!(
            "the body is larger than {} MiB, the most this server takes; split it into several requests",
            self.body_bytes_max >> 20
        );
        Refusal::new(Kind::TooLarge, "too-long", message)
    }
}

struct Held<'s> {
    semaphore: &'s Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    pieces: usize,
}

impl Held<'_> {
    /// Makes sure that `bytes` are covered. Small bodies are not counted: the bound on requests covers them.
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let pieces = bytes / (PIECE * 16) * 16;
        let Some(more) = pieces.checked_sub(self.pieces).filter(|&more| more > 0) else { return Ok(()) };
        let more = u32::try_from(more).map_err(|_| full())?;
        let permit = self.semaphore.clone().try_acquire_many_owned(more).map_err(|_| full())?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.pieces = pieces;
        Ok(())
    }
}

/// An upper bound of what a JSON tree of the text takes in memory.
fn tree_bytes(text: &[u8]) -> usize {
    let count = |wanted: u8| text.iter().filter(|&&b| b == wanted).count();
    // Sizes of an array item, of an array and of an object, rounded up; a `Vec` that grows holds up to twice as much.
    (count(b',') * 64 + count(b'[') * 160 + count(b'{') * 256).saturating_sub(text.len().min(64 << 10))
}

fn full() -> Refusal {
    let message = "the server is reading too many large bodies at once; try again shortly";
    Refusal::new(Kind::Unavailable, "throttled", message)
}

fn broken_off() -> Refusal {
    Refusal::new(Kind::Malformed, "structure", "the body broke off before its end; send it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(body: usize, memory: usize) -> Budget {
        let mut settings = Settings::new("http://h");
        settings.body_bytes_max = body;
        settings.memory_bytes_max = memory;
        Budget::new(&settings)
    }

    async fn kind(budget: &Budget, body: Vec<u8>) -> Option<Kind> {
        budget.read(&HeaderMap::new(), Body::from(body)).await.err().map(|refusal| refusal.kind)
    }

    #[tokio::test]
    async fn bodies_are_bounded() {
        let budget = budget(1 << 20, 8 << 20);
        assert_eq!(kind(&budget, vec![b'a'; 1 << 20]).await, None);
        assert_eq!(kind(&budget, vec![b'a'; (1 << 20) + 1]).await, Some(Kind::TooLarge));
        assert_eq!(kind(&budget, b"[".repeat(200_000)).await, Some(Kind::TooLarge));
        assert_eq!(kind(&budget, b"0,".repeat(200_000)).await, Some(Kind::TooLarge));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, "99999999".parse().unwrap());
        assert!(budget.read(&headers, Body::empty()).await.is_err());
        // Everything was given back.
        assert_eq!(budget.trees.available_permits(), budget.tree_pieces_max);
    }

    #[tokio::test]
    async fn full_memory_is_said_and_given_back() {
        let budget = budget(1 << 20, 1 << 20);
        let first = budget.read(&HeaderMap::new(), Body::from(vec![b'a'; 1 << 20])).await.ok();
        assert!(first.is_some());
        assert_eq!(kind(&budget, vec![b'a'; 1 << 19]).await, Some(Kind::Unavailable));
        drop(first);
        assert_eq!(kind(&budget, vec![b'a'; 1 << 19]).await, None);
    }
}
