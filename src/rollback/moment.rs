//! The time, for ages and waits that survive a clock that is set.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A moment on the process' steady clock: the wall clock when the process began, and what has passed since.
///
/// A time on record may lie in the future: the wall clock was set back between two processes. When that was cannot be
/// told, but it was before this process began; so what was recorded then counts from there. No wait is made shorter by
/// it, and none goes on for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// When the process began.
    pub started: Timestamp,
}

impl Moment {
    /// How long ago `recorded` was.
    #[must_use]
    pub fn since(&self, recorded: Timestamp) -> Duration {
        let passed = self.now.duration_since(self.counted_from(recorded));
        Duration::try_from(passed).unwrap_or_default()
    }

    /// When `wait` after `recorded` is over; `None` when it is.
    #[must_use]
    pub fn until(&self, recorded: Timestamp, wait: Duration) -> Option<Timestamp> {
        let end = after(self.counted_from(recorded), wait);
        (end > self.now).then_some(end)
    }

    /// Where the time since `recorded` is counted from.
    #[must_use]
    pub fn counted_from(&self, recorded: Timestamp) -> Timestamp {
        if recorded <= self.now {
            recorded
        } else {
            self.started
        }
    }
}

/// The time `wait` after `time`; the last time that there is when it lies beyond.
#[must_use]
pub fn after(time: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| time.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_age_is_counted_from_the_record() {
        let moment = Moment {
            now: at(1000),
            started: at(100),
        };
        assert_eq!(moment.since(at(400)), Duration::from_mins(10));
        assert_eq!(moment.since(at(1000)), Duration::ZERO);
        assert_eq!(
            moment.until(at(400), Duration::from_secs(601)),
            Some(at(1001))
        );
        assert_eq!(moment.until(at(400), Duration::from_mins(10)), None);
    }

    #[test]
    fn a_record_of_the_future_counts_from_the_start_of_the_process_so_that_no_wait_is_infinite() {
        let future = at(1_000_000);
        let moment = |now| Moment {
            now: at(now),
            started: at(100),
        };
        assert_eq!(moment(160).since(future), Duration::from_mins(1));
        assert_eq!(
            moment(160).until(future, Duration::from_mins(2)),
            Some(at(220))
        );
        assert_eq!(moment(220).until(future, Duration::from_mins(2)), None);
    }

    #[test]
    fn a_wait_beyond_the_end_of_time_is_no_panic() {
        let moment = Moment {
            now: at(0),
            started: at(0),
        };
        assert_eq!(moment.until(at(0), Duration::MAX), Some(Timestamp::MAX));
        assert_eq!(moment.since(Timestamp::MIN), {
            let passed = at(0).duration_since(Timestamp::MIN);
            Duration::try_from(passed).unwrap()
        });
    }
}
