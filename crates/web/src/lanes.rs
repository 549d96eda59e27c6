//! Lanes: long work runs on threads of its own, a bounded number at a time, each kind in its lane.

use base::refusal::{Kind, Refusal};
use std::sync::Arc;
use tokio::sync::Semaphore;
use vault::Error;

/// One lane.
pub struct Lane(Arc<Semaphore>);

impl Lane {
    /// A lane that so many can use at a time.
    pub fn new(width: usize) -> Lane {
        Lane(Arc::new(Semaphore::new(width.max(1))))
    }

    /// Runs `work` when its turn comes. Work that has begun goes on even if the caller stops waiting, and keeps its
    /// place in the lane until it ends.
    ///
    /// # Panics
    /// When `work` does: the panic goes on in the caller.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Ok(turn) = self.0.clone().acquire_owned().await else { return Err(stopping().into()) };
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
