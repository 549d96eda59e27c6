//! Pace: a connection that does not take its answers is closed, so that nobody can make the server keep them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Who takes fewer bytes than this in a second does not count as reading.
const BYTES_PER_SECOND_MIN: u64 = 16 << 10;

/// How often a connection is looked at within its patience.
const LOOKS: u32 = 3;

/// What a connection has to take, and what it has taken.
#[derive(Default)]
pub struct Pace {
    written: AtomicU64,
    waiting: AtomicUsize,
    done: AtomicU64,
}

/// One answer that waits to be taken.
pub struct Waiting(Arc<Pace>);

impl Pace {
    /// Notes an answer until what is returned goes.
    pub fn waits(self: &Arc<Pace>) -> Waiting {
        self.waiting.fetch_add(1, Relaxed);
        Waiting(self.clone())
    }

    /// Ready when answers have waited for so long, none was taken whole, and hardly a byte of any.
    pub async fn stalled(&self, patience: Duration) {
        let look = (patience / LOOKS).max(Duration::from_millis(1));
        let enough = BYTES_PER_SECOND_MIN * u64::try_from(look.as_millis()).unwrap_or(u64::MAX) / 1_000;
        let (mut strikes, mut before) = (0, (0, 0));
        while strikes < LOOKS {
            tokio::time::sleep(look).await;
            let now = (self.written.load(Relaxed), self.done.load(Relaxed));
            let stands = self.waiting.load(Relaxed) > 0 && now.1 == before.1 && now.0 < before.0 + enough;
            strikes = if stands { strikes + 1 } else { 0 };
            before = now;
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
        self.0.done.fetch_add(1, Relaxed);
    }
}

/// A stream that counts what is written to it.
pub struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
}

impl<S> Paced<S> {
    /// Counts for `pace`.
    pub fn new(stream: S, pace: Arc<Pace>) -> Paced<S> {
        Paced { stream, pace }
    }

    fn counted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.pace.written.fetch_add(*bytes as u64, Relaxed);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.counted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.counted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    #[tokio::test]
    async fn only_a_connection_that_takes_nothing_stalls() {
        let (pace, patience) = (Arc::new(Pace::default()), Duration::from_millis(60));
        let long = Duration::from_millis(400);
        assert!(timeout(long, pace.stalled(patience)).await.is_err(), "nothing waits");
        let _answer = pace.waits();
        let reads = async {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                pace.written.fetch_add(1 << 20, Relaxed);
            }
        };
        tokio::select! {
            () = pace.stalled(patience) => panic!("it reads"),
            () = reads => {}
            () = tokio::time::sleep(long) => {}
        }
        assert!(timeout(long, pace.stalled(patience)).await.is_ok(), "it takes nothing");
    }
}
