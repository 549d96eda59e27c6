//! What was fetched from elsewhere, kept for a while. One fetch at a time, and few who wait for it; where it fails, what was
//! kept before is good for an hour more, and nobody asks again for some seconds.

use base::clock::{Clock, Instant};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Mutex as Flight, Semaphore};

/// Between two fetches because something is missing, or because the one before failed.
const AGAIN_MS: i64 = 5_000;

/// How long what was kept is good beyond its time, where it cannot be fetched again.
const STALE_MS_MAX: i64 = 60 * 60_000;

/// Most who wait for one fetch: a server that hangs holds no more requests than these.
const WAITING_MAX: usize = 8;

/// Something of somebody else's.
pub struct Kept<T> {
    known: Mutex<Known<T>>,
    flight: Flight<()>,
    places: Semaphore,
}

struct Known<T> {
    /// What was fetched last, and until when it is good.
    good: Option<(T, Instant)>,
    /// When a fetch ended last, and why it failed.
    tried: Option<(Instant, Option<&'static str>)>,
}

impl<T> Default for Kept<T> {
    fn default() -> Kept<T> {
        let known = Mutex::new(Known { good: None, tried: None });
        Kept { known, flight: Flight::new(()), places: Semaphore::new(WAITING_MAX) }
    }
}

impl<T: Clone> Kept<T> {
    /// What is kept, if it `serves` and its time has not passed; else what `fetch` brings, with how many milliseconds it may
    /// be kept. Says why there is nothing.
    pub async fn get<F>(
        &self,
        clock: &Clock,
        serves: impl Fn(&T) -> bool,
        fetch: impl FnOnce() -> F,
    ) -> Result<T, &'static str>
    where
        F: Future<Output = Result<(T, i64), &'static str>>,
    {
        if let Some(known) = self.known().answer(clock.now(), &serves) {
            return known;
        }
        let Ok(_place) = self.places.try_acquire() else { return Err("too many wait for its answer") };
        let _flight = self.flight.lock().await;
        // Whoever flew before may have brought it.
        if let Some(known) = self.known().answer(clock.now(), &serves) {
            return known;
        }
        let brought = fetch().await;
        // It may have taken long: times count from now.
        self.known().land(clock.now(), brought)
    }

    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Known<T> {
    /// What can be said without a fetch.
    fn answer(&self, now: Instant, serves: impl Fn(&T) -> bool) -> Option<Result<T, &'static str>> {
        if let Some((good, _)) = self.good.as_ref().filter(|(good, until)| now < *until && serves(good)) {
            return Some(Ok(good.clone()));
        }
        let (_, failed) = self.tried.filter(|(tried, _)| now.0 - tried.0 < AGAIN_MS)?;
        Some(self.stale(now).ok_or(failed.unwrap_or("its answer may not be kept, and was asked for just now")))
    }

    fn stale(&self, now: Instant) -> Option<T> {
        let good = self.good.as_ref().filter(|(_, until)| now.0 - until.0 < STALE_MS_MAX);
        good.map(|(good, _)| good.clone())
    }

    fn land(&mut self, now: Instant, brought: Result<(T, i64), &'static str>) -> Result<T, &'static str> {
        self.tried = Some((now, brought.as_ref().err().copied()));
        match brought {
            Ok((good, kept_ms)) => {
                self.good = Some((good.clone(), Instant(now.0.saturating_add(kept_ms))));
                Ok(good)
            }
            Err(why) => self.stale(now).ok_or(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    #[tokio::test]
    async fn one_asks_few_wait_and_the_others_go_on() {
        let (kept, clock) = (Arc::new(Kept::<u8>::default()), Clock::manual(Instant(0)));
        let (gate, fetches) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let asking: Vec<_> = (0..30)
            .map(|_| {
                let (kept, clock, gate, fetches) = (kept.clone(), clock.clone(), gate.clone(), fetches.clone());
                tokio::spawn(async move {
                    let fetch = || async {
                        fetches.fetch_add(1, Ordering::SeqCst);
                        gate.notified().await;
                        Ok((7, 1_000))
                    };
                    kept.get(&clock, |_| true, fetch).await
                })
            })
            .collect();
        tokio::task::yield_now().await;
        // It hangs for a minute: what it brings is good from then on.
        clock.advance(60_000);
        gate.notify_one();
        let mut said = Vec::new();
        for one in asking {
            said.push(one.await.unwrap());
        }
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        assert_eq!(said.iter().filter(|one| **one == Ok(7)).count(), WAITING_MAX);
        assert!(said.iter().all(|one| matches!(one, Ok(7) | Err("too many wait for its answer"))));
        clock.advance(999);
        assert_eq!(kept.get(&clock, |_| true, || async { Err("asked") }).await, Ok(7));
    }

    #[tokio::test]
    async fn what_was_kept_outlives_a_failure_for_an_hour_and_nobody_asks_at_once_again() {
        let (kept, clock) = (Kept::<u8>::default(), Clock::manual(Instant(0)));
        let down = || async { Err::<(u8, i64), _>("down") };
        let never = || async { panic!("asked again at once") };
        assert_eq!(kept.get(&clock, |_| true, down).await, Err("down"));
        assert_eq!(kept.get(&clock, |_| true, never).await, Err("down"));
        clock.advance(AGAIN_MS);
        assert_eq!(kept.get(&clock, |_| true, || async { Ok((1, 60_000)) }).await, Ok(1));
        // Something is missing in it: it is fetched again, not at once, and stays where that fails.
        let never = || async { panic!("asked again at once") };
        assert_eq!(kept.get(&clock, |_| false, never).await, Ok(1));
        clock.advance(AGAIN_MS);
        assert_eq!(kept.get(&clock, |_| false, down).await, Ok(1));
        clock.advance(60_000 + STALE_MS_MAX - AGAIN_MS - 1);
        assert_eq!(kept.get(&clock, |_| true, down).await, Ok(1));
        clock.advance(AGAIN_MS);
        assert_eq!(kept.get(&clock, |_| true, down).await, Err("down"));
    }
}
