//! Reading bodies within bounds: bytes of one, bytes of all, and the tree that a hostile one would grow into.

use crate::memory::{Pool, SMALL, Share, full};
use axum::body::Body;
use axum::http::{HeaderMap, header};
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use http_body_util::BodyExt;

/// How bodies are read.
pub struct Reader<'m> {
    /// Where they get room.
    pub room: &'m Pool,
    /// Most bytes of one.
    pub bytes_max: usize,
    /// Most bytes that the tree of one may take.
    pub tree_bytes_max: usize,
}

/// A body in memory, with its share of it.
#[derive(Default)]
pub struct Loaded {
    /// The bytes.
    pub bytes: Bytes,
    /// An upper bound of what their tree takes.
    pub tree_bytes: usize,
    /// What it holds, for as long as it is held.
    pub share: Share,
}

impl Reader<'_> {
    /// Reads a whole body. Refuses with `TooLarge`, or `Unavailable` when other bodies fill the memory.
    pub async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Loaded, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > self.bytes_max) {
            return Err(self.too_large());
        }
        let (bytes, share) = self.collect(announced.unwrap_or(0), body).await?;
        let tree_bytes = tree_bytes(&bytes);
        if tree_bytes > self.tree_bytes_max {
            let message = "the body holds too many values for one request; split it into several";
            return Err(Refusal::new(Kind::TooLarge, "too-long", message));
        }
        Ok(Loaded { bytes, tree_bytes, share })
    }

    async fn collect(&self, announced: usize, mut body: Body) -> Result<(Bytes, Share), Refusal> {
        let mut first = Bytes::new();
        let mut whole: Vec<u8> = Vec::new();
        let mut share = Share::default();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| broken_off())?.into_data() else { continue };
            let length = first.len() + whole.len() + data.len();
            if length > self.bytes_max {
                return Err(self.too_large());
            }
            // Room is taken in steps; what is below the first is not counted.
            if !share.grow(self.room, length / SMALL * SMALL) {
                return Err(full());
            }
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
        Ok((bytes, share))
    }

    fn too_large(&self) -> Refusal {
        let message = format!(
            "the body is larger than {} MiB, the most this server takes here; split it into several requests",
            self.bytes_max >> 20
        );
        Refusal::new(Kind::TooLarge, "too-long", message)
    }
}

/// How many GET entries a bundle may have, at most.
pub fn gets(bundle: &[u8]) -> usize {
    bundle.windows(3).filter(|word| word == b"GET").count()
}

/// An upper bound of what a JSON tree of the text takes in memory.
fn tree_bytes(text: &[u8]) -> usize {
    let (mut bytes, mut is_text, mut at) = (0_usize, false, 0);
    while let Some(&byte) = text.get(at) {
        // Sizes of an array item, of an array and of an object, rounded up; a `Vec` that grows holds up to twice as much.
        match (is_text, byte) {
            (true, b'\\') => at += 1,
            (_, b'"') => is_text = !is_text,
            (false, b',') => bytes += 64,
            (false, b'[') => bytes += 160,
            (false, b'{') => bytes += 256,
            _ => {}
        }
        at += 1;
    }
    bytes.saturating_sub(text.len().min(64 << 10))
}

fn broken_off() -> Refusal {
    Refusal::new(Kind::Malformed, "structure", "the body broke off before its end; send it again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;

    async fn kind(memory: &Memory, body: Vec<u8>) -> Option<Kind> {
        read(memory, body).await.err().map(|refusal| refusal.kind)
    }

    async fn read(memory: &Memory, body: Vec<u8>) -> Result<Loaded, Refusal> {
        let reader = Reader { room: &memory.arriving, bytes_max: 1 << 20, tree_bytes_max: 8 << 20 };
        reader.read(&HeaderMap::new(), Body::from(body)).await
    }

    #[tokio::test]
    async fn bodies_are_bounded() {
        let memory = Memory::new(16 << 20, 1 << 20, 1);
        assert_eq!(kind(&memory, vec![b'a'; 1 << 20]).await, None);
        assert_eq!(kind(&memory, vec![b'a'; (1 << 20) + 1]).await, Some(Kind::TooLarge));
        assert_eq!(kind(&memory, b"[".repeat(200_000)).await, Some(Kind::TooLarge));
        assert_eq!(kind(&memory, b"0,".repeat(200_000)).await, Some(Kind::TooLarge));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, "99999999".parse().unwrap());
        let reader = Reader { room: &memory.arriving, bytes_max: 1 << 20, tree_bytes_max: 1 };
        assert!(reader.read(&headers, Body::empty()).await.is_err());
        // Everything was given back.
        assert!(memory.arriving.take(memory.arriving.bytes_max()).is_some());
    }

    #[tokio::test]
    async fn full_memory_is_said_and_given_back() {
        let memory = Memory::new(1 << 20, 1 << 20, 1);
        let first = read(&memory, vec![b'a'; 1 << 20]).await.ok();
        assert!(first.is_some());
        assert_eq!(kind(&memory, vec![b'a'; 1 << 19]).await, Some(Kind::Unavailable));
        assert_eq!(kind(&memory, vec![b'a'; SMALL - 1]).await, None);
        drop(first);
        assert_eq!(kind(&memory, vec![b'a'; 1 << 19]).await, None);
    }

    #[test]
    fn what_stands_in_strings_grows_no_tree() {
        let text = format!(r#"{{"a":"{}\\\"[,{{","b":[1,2]}}"#, ",[{".repeat(100_000));
        assert_eq!(tree_bytes(text.as_bytes()), 0);
        assert!(tree_bytes("[{},".repeat(100_000).as_bytes()) > 40_000_000);
    }

    #[test]
    fn get_entries_are_counted() {
        assert_eq!(gets(br#"{"method":"GET"},{"method" : "GET"},{"method":"PUT"}"#), 2);
    }
}
