//! Lanes: long work runs on threads of its own, a bounded number at a time, each kind in its lane.

use base::refusal::{Kind, Refusal};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vault::Error;

/// One lane.
pub struct Lane(Arc<Semaphore>);

impl Lane {
    /// A lane that so many can use at a time.
    pub fn new(width: usize) -> Lane {
        Lane(Arc::new(Semaphore::new(width.max(1))))
    }

    /// Waits for a turn.
    pub async fn turn(&self) -> Result<Turn, Error> {
        self.0.clone().acquire_owned().await.map(Turn).map_err(|_| stopping().into())
    }

    /// A turn now, if nobody must be waited for.
    pub fn turn_now(&self) -> Option<Turn> {
        self.0.clone().try_acquire_owned().ok().map(Turn)
    }
}

/// A turn in a lane.
pub struct Turn(OwnedSemaphorePermit);

impl Turn {
    /// Runs `work`. Once begun it goes on even if the caller stops waiting, and keeps its place in the lane until it ends.
    ///
    /// # Panics
    /// When `work` does: the panic goes on in the caller.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Turn(turn) = self;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        match done.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(stopping().into()),
            },
        }
    }
}

fn stopping() -> Refusal {
    Refusal::new(Kind::Unavailable, "transient", "the server is stopping; try again shortly")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    async fn run<T: Send + 'static>(
        lane: &Lane,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        lane.turn().await?.run(work).await
    }

    #[tokio::test]
    async fn a_lane_is_as_wide_as_it_was_made() {
        let (lane, busy, most) = (Lane::new(2), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = |i: usize| {
            let (busy, most) = (busy.clone(), most.clone());
            run(&lane, move || {
                most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                busy.fetch_sub(1, Ordering::SeqCst);
                Ok(i)
            })
        };
        let (a, b, c, d) = tokio::join!(work(1), work(2), work(3), work(4));
        let sum: usize = [a, b, c, d].into_iter().map(Result::unwrap).sum();
        assert_eq!((sum, most.load(Ordering::SeqCst)), (10, 2));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_place() {
        let lane = Lane::new(1);
        let slow = run(&lane, || {
            std::thread::sleep(Duration::from_millis(100));
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(10), slow).await.is_err());
        let start = std::time::Instant::now();
        assert_eq!(run(&lane, || Ok(7)).await.ok(), Some(7));
        assert!(start.elapsed() >= Duration::from_millis(50));
    }
}
