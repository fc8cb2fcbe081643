//! The present, for rules that outlive a process.

use std::time::Duration;

use jiff::Timestamp;

/// The present by a steady clock, and when the process began. Ages go by it, so that a clock that was stepped back while
/// nobody looked makes no wait endless, and none shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// When the process began.
    pub started: Timestamp,
}

impl Moment {
    /// The time since something that was recorded at `recorded`. What lies ahead of the clock was recorded before the clock
    /// was set back, and so before the process began at the latest.
    #[must_use]
    pub fn since(&self, recorded: Timestamp) -> Duration {
        let from = if recorded <= self.now {
            recorded
        } else {
            self.started.min(self.now)
        };
        Duration::try_from(self.now.duration_since(from)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_lies_ahead_of_the_clock_is_as_old_as_the_process() {
        let moment = Moment {
            now: at(1_000),
            started: at(900),
        };
        assert_eq!(moment.since(at(400)), Duration::from_secs(600));
        assert_eq!(moment.since(at(1_000_000)), Duration::from_secs(100));
    }
}
