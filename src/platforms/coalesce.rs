//! Many questions, one reading: an answer serves everybody who does not ask for a newer one.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use tokio::time::Instant;

use super::PlatformError;

/// How long a failed reading is an answer. Short, so that recovery shows at once; long enough that hundreds who ask one
/// after the other do not each try a platform that is down.
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);

/// How long an answer is kept that nobody asks for.
const IDLE_LIFETIME: Duration = Duration::from_mins(20);

/// When a reading must have been started, at the earliest, to be an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotBefore {
    /// For one that ends well.
    pub(super) success: Instant,
    /// For one that fails.
    pub(super) failure: Instant,
}

impl From<Instant> for NotBefore {
    fn from(instant: Instant) -> Self {
        Self {
            success: instant,
            failure: instant,
        }
    }
}

/// An answer, and when the reading that gave it was started.
#[derive(Clone, Debug)]
pub(super) struct Reading<T> {
    pub(super) started: Instant,
    pub(super) value: T,
}

type Outcome<T> = Result<T, PlatformError>;
type Flight<T> = Shared<BoxFuture<'static, Outcome<Reading<T>>>>;
type WeakFlight<T> = WeakShared<BoxFuture<'static, Outcome<Reading<T>>>>;

/// The newest reading of each subject.
#[derive(Debug)]
pub(super) struct Readings<K, T: Clone> {
    subjects: Mutex<HashMap<K, Arc<Subject<T>>>>,
}

impl<K, T: Clone> Default for Readings<K, T> {
    fn default() -> Self {
        Self {
            subjects: Mutex::default(),
        }
    }
}

impl<K, T> Readings<K, T>
where
    K: Clone + Eq + Hash,
    T: Clone + Send + Sync + 'static,
{
    /// The answer of a reading that was started at `not_before` or later: one that is known, one that is under way (however
    /// that ends), or a new one. There is never more than one under way: who needs a newer one waits for its end, and shares the next one
    /// with all others who do.
    ///
    /// A reading goes on as long as one of those who wait for it does.
    pub(super) async fn read(
        &self,
        key: &K,
        not_before: impl Into<NotBefore>,
        start: impl FnOnce() -> BoxFuture<'static, Outcome<T>>,
    ) -> Outcome<Reading<T>> {
        // A time to come would never be reached by what starts now.
        let now = Instant::now();
        let NotBefore { success, failure } = not_before.into();
        let not_before = NotBefore {
            success: success.min(now),
            failure: failure.min(now),
        };
        let subject = self.subject(key);
        if let Some(too_old) = subject.under_way(|started| started < not_before.success) {
            // Its outcome answers those who asked before; what is under way afterwards started after `not_before`.
            let _ = too_old.await;
        }
        subject.join_or_start(not_before, start).await
    }

    fn subject(&self, key: &K) -> Arc<Subject<T>> {
        let mut subjects = lock(&self.subjects);
        if let Some(subject) = subjects.get(key) {
            return Arc::clone(subject);
        }
        let now = Instant::now();
        subjects.retain(|_, subject| subject.is_used(now));
        let subject = Arc::new(Subject::default());
        subjects.insert(key.clone(), Arc::clone(&subject));
        subject
    }
}

#[derive(Debug)]
struct Subject<T: Clone> {
    state: Mutex<State<T>>,
}

impl<T: Clone> Default for Subject<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                latest: None,
                flight: None,
            }),
        }
    }
}

#[derive(Debug)]
struct State<T: Clone> {
    latest: Option<Latest<T>>,
    /// Weak, so that a reading whose askers are all gone is gone with them, and is not joined half done much later.
    flight: Option<(Instant, WeakFlight<T>)>,
}

#[derive(Debug)]
struct Latest<T> {
    started: Instant,
    ended: Instant,
    outcome: Outcome<Reading<T>>,
}

impl<T> Subject<T>
where
    T: Clone + Send + Sync + 'static,
{
    fn under_way(&self, suits: impl FnOnce(Instant) -> bool) -> Option<Flight<T>> {
        lock(&self.state).under_way(suits)
    }

    async fn join_or_start(
        self: Arc<Self>,
        not_before: NotBefore,
        start: impl FnOnce() -> BoxFuture<'static, Outcome<T>>,
    ) -> Outcome<Reading<T>> {
        let flight = {
            let mut state = lock(&self.state);
            if let Some(outcome) = state.known(not_before) {
                return outcome;
            }
            match state.under_way(|started| started >= not_before.success) {
                Some(flight) => flight,
                None => self.start(&mut state, start()),
            }
        };
        flight.await
    }

    fn start(
        self: &Arc<Self>,
        state: &mut State<T>,
        reading: BoxFuture<'static, Outcome<T>>,
    ) -> Flight<T> {
        let started = Instant::now();
        let subject = Arc::clone(self);
        let flight = async move {
            let outcome = reading.await.map(|value| Reading { started, value });
            let mut state = lock(&subject.state);
            state.flight = None;
            state.latest = Some(Latest {
                started,
                ended: Instant::now(),
                outcome: outcome.clone(),
            });
            outcome
        }
        .boxed()
        .shared();
        state.flight = flight.downgrade().map(|flight| (started, flight));
        flight
    }

    fn is_used(&self, now: Instant) -> bool {
        let state = lock(&self.state);
        let fresh = |latest: &Latest<T>| now.duration_since(latest.ended) < IDLE_LIFETIME;
        state.under_way(|_| true).is_some() || state.latest.as_ref().is_some_and(fresh)
    }
}

impl<T> State<T>
where
    T: Clone + Send + Sync + 'static,
{
    fn known(&self, not_before: NotBefore) -> Option<Outcome<Reading<T>>> {
        let latest = self.latest.as_ref()?;
        let counts = if latest.outcome.is_ok() {
            latest.started >= not_before.success
        } else {
            latest.started >= not_before.failure && latest.ended.elapsed() < FAILURE_LIFETIME
        };
        counts.then(|| latest.outcome.clone())
    }

    fn under_way(&self, suits: impl FnOnce(Instant) -> bool) -> Option<Flight<T>> {
        let (started, flight) = self.flight.as_ref()?;
        suits(*started).then(|| flight.upgrade()).flatten()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;
    use crate::platforms::Attempt;

    const SECOND: Duration = Duration::from_secs(1);

    /// Readings that take a second each and are numbered from 1.
    #[derive(Default)]
    struct Source {
        readings: Readings<&'static str, usize>,
        made: Arc<AtomicUsize>,
        fails: bool,
    }

    impl Source {
        async fn read(&self, not_before: impl Into<NotBefore>) -> Outcome<usize> {
            let (made, fails) = (Arc::clone(&self.made), self.fails);
            let start = || {
                async move {
                    let number = made.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::time::sleep(SECOND).await;
                    if fails {
                        let attempt = Attempt::new("GET /services", "api");
                        return Err(PlatformError::NoLiveDeploy(attempt));
                    }
                    Ok(number)
                }
                .boxed()
            };
            let reading = self.readings.read(&"api", not_before, start).await?;
            Ok(reading.value)
        }

        fn made(&self) -> usize {
            self.made.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_serves_all_who_do_not_ask_for_a_newer_one() {
        let source = Source::default();
        let asked = Instant::now();
        let answers = join_all((0..100).map(|_| source.read(asked))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Ok(1))));
        assert_eq!(source.read(asked).await.unwrap(), 1);
        assert_eq!(source.read(Instant::now()).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_that_was_under_way_is_too_old_for_who_asks_for_now() {
        let source = Source::default();
        let first = source.read(Instant::now());
        let later = async {
            tokio::time::sleep(SECOND / 2).await;
            let asked = Instant::now();
            join_all((0..100).map(|_| source.read(asked))).await
        };
        let began = Instant::now();
        let (first, later) = tokio::join!(first, later);
        assert_eq!(first.unwrap(), 1);
        assert!(later.iter().all(|answer| matches!(answer, Ok(2))));
        // One after the other, never both at once.
        assert_eq!(began.elapsed(), SECOND * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_goes_on_when_the_one_who_began_it_leaves_and_others_wait() {
        let source = Source::default();
        let asked = Instant::now();
        let impatient = tokio::time::timeout(SECOND / 2, source.read(asked));
        let (impatient, patient) = tokio::join!(impatient, source.read(asked));
        assert!(impatient.is_err());
        assert_eq!(patient.unwrap(), 1);
        assert_eq!(source.made(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_that_nobody_waits_for_is_never_taken_up_half_done() {
        let source = Source::default();
        let asked = Instant::now();
        let impatient = tokio::time::timeout(SECOND / 2, source.read(asked)).await;
        assert!(impatient.is_err());
        tokio::time::sleep(SECOND * 3600).await;
        assert_eq!(source.read(asked).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_and_soon_forgotten() {
        let source = Source {
            fails: true,
            ..Source::default()
        };
        let asked = Instant::now();
        let answers = join_all((0..100).map(|_| source.read(asked))).await;
        assert!(answers.iter().all(Result::is_err));
        assert!(source.read(asked).await.is_err());
        assert_eq!(source.made(), 1);
        tokio::time::sleep(FAILURE_LIFETIME).await;
        assert!(source.read(asked).await.is_err());
        assert_eq!(source.made(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_be_older_than_a_failure() {
        let mut source = Source {
            fails: true,
            ..Source::default()
        };
        let asked = Instant::now();
        assert!(source.read(asked).await.is_err());
        source.fails = false;
        let since = |failure| NotBefore {
            success: asked,
            failure,
        };
        assert!(source.read(since(asked)).await.is_err());
        assert_eq!(source.read(since(Instant::now())).await.unwrap(), 2);
        assert_eq!(source.read(since(Instant::now())).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_to_come_is_now() {
        let source = Source::default();
        let answer = source.read(Instant::now() + SECOND * 3600).await;
        assert_eq!(answer.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_is_dropped() {
        let readings: Readings<usize, usize> = Readings::default();
        let read = |key| {
            let start = move || async move { Ok(key) }.boxed();
            readings.read(Box::leak(Box::new(key)), Instant::now(), start)
        };
        for key in 0..10 {
            read(key).await.unwrap();
        }
        tokio::time::sleep(IDLE_LIFETIME).await;
        read(10).await.unwrap();
        assert_eq!(lock(&readings.subjects).len(), 1);
    }
}
