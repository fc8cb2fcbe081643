//! How many calls are left, shared by everything that uses one key.
//!
//! Render tells with every answer what is left of one bucket of calls. Keeping count here means waiting before a call that
//! would be refused, and not after it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time};

use super::limits::Allowance;

type Instant = time::Instant;

/// Answers tell whole seconds, rounded nobody knows how.
const MARGIN: Duration = Duration::from_secs(1);

/// How much two answers of one window may differ in when it ends: rounding, and the time answers take.
const SAME_WINDOW: Duration = Duration::from_millis(1500);

/// How long a window is held to last until an answer tells. Render counts reads and changes by the minute.
const ASSUMED_WINDOW: Duration = Duration::from_mins(1);

/// The calls of one bucket.
#[derive(Debug, Default)]
pub(super) struct Budget {
    ledger: Mutex<Ledger>,
    changed: Notify,
}

impl Budget {
    /// A budget of so many calls a minute, until an answer tells.
    pub(super) fn assuming(limit: u32) -> Self {
        let ledger = Ledger {
            assumed: Some(limit),
            ..Ledger::default()
        };
        Self {
            ledger: Mutex::new(ledger),
            changed: Notify::new(),
        }
    }

    /// Whether to forget it would make a difference.
    pub(super) fn is_in_use(&self, now: Instant) -> bool {
        let ledger = self.ledger();
        let window_lasts = ledger.window.is_some_and(|window| window.ends > now);
        window_lasts || ledger.in_flight > 0 || ledger.paused_until.is_some_and(|until| until > now)
    }

    /// Leave to make one call, waited for until the deadline. The error is the time when there would be leave, as far as
    /// is known; it is given at once when that is after the deadline.
    pub(super) async fn leave(&self, deadline: Instant) -> Result<Leave<'_>, Instant> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on, so that no change between the look and the wait is missed.
            changed.as_mut().enable();
            let now = Instant::now();
            let (until, may_change) = match self.ledger().decide(now) {
                Decision::Go => {
                    return Ok(Leave {
                        budget: self,
                        allowance: None,
                    });
                }
                Decision::Wait { until, may_change } => (until, may_change),
            };
            if now >= deadline || (until > deadline && !may_change) {
                return Err(until);
            }
            tokio::select! {
                () = time::sleep_until(until.min(deadline)) => {}
                () = changed => {}
            }
        }
    }

    /// Stops all calls for a while, as the platform asked for.
    pub(super) fn pause_until(&self, until: Instant) {
        let mut ledger = self.ledger();
        ledger.paused_until = ledger.paused_until.max(Some(until));
    }

    fn settle(&self, allowance: Option<Allowance>) {
        self.ledger().settle(allowance, Instant::now());
        self.changed.notify_waiters();
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to make one call. Dropped without an answer, the call counts as made.
#[derive(Debug)]
pub(super) struct Leave<'a> {
    budget: &'a Budget,
    allowance: Option<Allowance>,
}

impl Leave<'_> {
    /// The call was answered, and the answer told this.
    pub(super) fn answered(mut self, allowance: Option<Allowance>) {
        self.allowance = allowance;
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.budget.settle(self.allowance);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Go,
    Wait {
        until: Instant,
        /// Whether an answer that is under way may tell that it is sooner.
        may_change: bool,
    },
}

/// The count, without a clock.
#[derive(Debug, Default)]
struct Ledger {
    /// The limit of a window until an answer tells; none: everything may go.
    assumed: Option<u32>,
    /// None before the first call, and where nothing is assumed until an answer told.
    window: Option<Window>,
    in_flight: u32,
    paused_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    limit: u32,
    remaining: u32,
    ends: Instant,
    /// Whether an answer told of this window, or it is taken to follow the last one.
    told: bool,
}

impl Ledger {
    fn decide(&mut self, now: Instant) -> Decision {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Decision::Wait {
                until,
                may_change: false,
            };
        }
        if self.window.is_none() {
            self.window = self.assumed.map(|limit| Window {
                limit,
                remaining: limit,
                ends: now + ASSUMED_WINDOW,
                told: false,
            });
        }
        if let Some(window) = &mut self.window {
            if window.ends <= now {
                *window = Window {
                    limit: window.limit,
                    // What is under way may be counted in the new window.
                    remaining: window.limit.saturating_sub(self.in_flight),
                    ends: now + ASSUMED_WINDOW,
                    told: false,
                };
            }
            if window.remaining == 0 {
                return Decision::Wait {
                    until: window.ends,
                    may_change: !window.told && self.in_flight > 0,
                };
            }
            window.remaining -= 1;
        }
        self.in_flight += 1;
        Decision::Go
    }

    fn settle(&mut self, allowance: Option<Allowance>, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(allowance) = allowance else {
            return;
        };
        let ends = now + allowance.reset + MARGIN;
        // Answers of one window may overtake each other: the lowest count is the newest. What others use of the same key
        // shows in the answers only, what is under way in our own count only.
        let remaining = match &self.window {
            Some(window) if window.told && ends <= window.ends + SAME_WINDOW => {
                window.remaining.min(allowance.remaining)
            }
            _ => allowance.remaining.saturating_sub(self.in_flight),
        };
        self.window = Some(Window {
            limit: allowance.limit,
            remaining,
            ends,
            told: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU32, atomic::Ordering};

    use futures::future::join_all;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn told(limit: u32, remaining: u32, seconds: u64) -> Allowance {
        Allowance {
            limit,
            remaining,
            reset: Duration::from_secs(seconds),
        }
    }

    /// Counts calls as Render does: a fixed window that starts with the first call in it, told in whole seconds.
    struct Server {
        limit: u32,
        window: Duration,
        state: Mutex<(Instant, u32)>,
        refused: AtomicU32,
    }

    impl Server {
        fn new(limit: u32, window: Duration) -> Self {
            Self {
                limit,
                window,
                state: Mutex::new((Instant::now(), 0)),
                refused: AtomicU32::new(0),
            }
        }

        async fn call(&self, slowness: Duration) -> Allowance {
            tokio::time::sleep(slowness).await;
            let allowance = {
                let mut state = self.state.lock().unwrap();
                let now = Instant::now();
                if state.0 <= now {
                    *state = (now + self.window, 0);
                }
                if state.1 == self.limit {
                    self.refused.fetch_add(1, Ordering::SeqCst);
                } else {
                    state.1 += 1;
                }
                let left = (state.0 - now).as_secs();
                told(self.limit, self.limit - state.1, left)
            };
            tokio::time::sleep(slowness).await;
            allowance
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_an_answer_has_told_the_limit_no_call_is_refused() {
        let server = Arc::new(Server::new(5, SECOND * 10));
        let budget = Arc::new(Budget::default());
        let deadline = Instant::now() + SECOND * 3600;
        budget
            .leave(deadline)
            .await
            .unwrap()
            .answered(Some(server.call(Duration::ZERO).await));
        let calls = (0..40).map(|number| {
            let (server, budget) = (Arc::clone(&server), Arc::clone(&budget));
            async move {
                let leave = budget.leave(deadline).await.unwrap();
                // Answers come in another order than their calls were made.
                let slowness = Duration::from_millis(1 + 37 * number % 200);
                leave.answered(Some(server.call(slowness).await));
            }
        });
        let began = Instant::now();
        join_all(calls).await;
        assert_eq!(server.refused.load(Ordering::SeqCst), 0);
        assert!(began.elapsed() < SECOND * 120, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_does_not_fit_is_refused_at_once() {
        let budget = Budget::default();
        let now = Instant::now();
        let leave = budget.leave(now + SECOND).await.unwrap();
        leave.answered(Some(told(5, 0, 45)));
        let until = budget.leave(now + SECOND * 10).await.unwrap_err();
        assert_eq!(Instant::now(), now);
        assert_eq!(until, now + SECOND * 46);
        assert!(budget.leave(now + SECOND * 60).await.is_ok());
        assert_eq!(Instant::now(), now + SECOND * 46);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_back_everything_and_is_never_shortened() {
        let budget = Budget::default();
        let now = Instant::now();
        budget.pause_until(now + SECOND * 20);
        budget.pause_until(now + SECOND * 5);
        assert_eq!(
            budget.leave(now + SECOND * 10).await.unwrap_err(),
            now + SECOND * 20
        );
        assert!(budget.leave(now + SECOND * 30).await.is_ok());
        assert_eq!(Instant::now(), now + SECOND * 20);
    }

    #[test]
    fn what_others_use_of_the_same_key_counts_and_an_older_answer_does_not() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(ledger.decide(now), Decision::Go);
        }
        ledger.settle(Some(told(100, 50, 30)), now);
        ledger.settle(Some(told(100, 10, 30)), now);
        ledger.settle(Some(told(100, 49, 30)), now);
        assert_eq!(ledger.window.unwrap().remaining, 10);
    }

    #[test]
    fn a_new_window_is_taken_from_the_first_answer_that_tells_of_it() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        assert_eq!(ledger.decide(now), Decision::Go);
        ledger.settle(Some(told(100, 1, 2)), now);
        assert_eq!(ledger.decide(now), Decision::Go);
        ledger.settle(Some(told(100, 99, 60)), now + SECOND);
        assert_eq!(ledger.window.unwrap().remaining, 99);
    }

    #[test]
    fn a_call_from_before_the_window_may_be_counted_in_it() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        assert_eq!(ledger.decide(now), Decision::Go);
        ledger.settle(Some(told(2, 1, 2)), now);
        assert_eq!(ledger.decide(now), Decision::Go);
        let next_window = now + SECOND * 3;
        assert_eq!(ledger.decide(next_window), Decision::Go);
        let wait = Decision::Wait {
            until: next_window + ASSUMED_WINDOW,
            may_change: true,
        };
        assert_eq!(ledger.decide(next_window), wait);
        ledger.settle(Some(told(2, 1, 2)), next_window);
        assert_eq!(ledger.window.unwrap().remaining, 0);
        ledger.settle(Some(told(2, 2, 2)), next_window + SECOND * 5);
        assert_eq!(ledger.decide(next_window + SECOND * 5), Decision::Go);
    }

    #[test]
    fn an_assumed_limit_holds_until_an_answer_tells_another() {
        let mut ledger = Ledger {
            assumed: Some(2),
            ..Ledger::default()
        };
        let now = Instant::now();
        for _ in 0..2 {
            assert_eq!(ledger.decide(now), Decision::Go);
        }
        let wait = Decision::Wait {
            until: now + ASSUMED_WINDOW,
            may_change: true,
        };
        assert_eq!(ledger.decide(now), wait);
        ledger.settle(Some(told(100, 99, 30)), now);
        assert_eq!(ledger.window.unwrap().remaining, 98);
        assert_eq!(ledger.decide(now), Decision::Go);
    }

    #[test]
    fn calls_without_answers_use_the_budget_up_but_not_for_ever() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        assert_eq!(ledger.decide(now), Decision::Go);
        ledger.settle(Some(told(2, 1, 2)), now);
        let next_window = now + SECOND * 3;
        for _ in 0..2 {
            assert_eq!(ledger.decide(next_window), Decision::Go);
            ledger.settle(None, next_window);
        }
        let until = next_window + ASSUMED_WINDOW;
        let refused = Decision::Wait {
            until,
            may_change: false,
        };
        assert_eq!(ledger.decide(next_window), refused);
        assert_eq!(ledger.decide(until), Decision::Go);
    }
}
