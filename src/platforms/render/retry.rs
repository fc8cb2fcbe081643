//! Which failures of a reading are worth another try, and when. Nothing here may be used for a call that changes
//! something.

use std::time::Duration;

use super::exchange::Failure;

/// How often one reading is tried.
pub(super) const MAX_TRIES: u32 = 3;

/// The longest wait after the first failure; doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// What to do after a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another try would end the same.
    GiveUp,
    /// Another try, after at least this long.
    RetryAfter(Duration),
    /// Another try, when everything that uses the key has paused for this long.
    PauseAll(Duration),
}

/// What to do after the failure of the `failed_tries`th try. `jitter` is a random number from 0 to 1.
pub(super) fn next(failure: &Failure, failed_tries: u32, jitter: f64) -> Next {
    let backoff = backoff(failed_tries, jitter);
    match failure {
        Failure::Status {
            status: 429,
            retry_after,
            reset,
        } => {
            let told = retry_after.or(*reset);
            Next::PauseAll(told.unwrap_or(backoff).max(Duration::from_secs(1)))
        }
        Failure::Status {
            status: 500..,
            retry_after,
            ..
        } => Next::RetryAfter(retry_after.unwrap_or(backoff)),
        Failure::TimedOut | Failure::NotConnected(_) | Failure::Connection(_) => {
            Next::RetryAfter(backoff)
        }
        Failure::Status { .. } | Failure::TooLong | Failure::Shape { .. } => Next::GiveUp,
    }
}

/// Exponential, with full jitter: who failed together does not come back together.
fn backoff(failed_tries: u32, jitter: f64) -> Duration {
    let doublings = failed_tries.saturating_sub(1).min(10);
    (FIRST_WAIT * 2_u32.pow(doublings)).mul_f64(jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Failure {
        Failure::Status {
            status,
            retry_after: None,
            reset: None,
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        for transient in [500, 502, 503, 504, 599] {
            assert!(matches!(
                next(&status(transient), 1, 0.5),
                Next::RetryAfter(_)
            ));
        }
        assert!(matches!(next(&status(429), 1, 0.5), Next::PauseAll(_)));
        assert!(matches!(
            next(&Failure::TimedOut, 1, 0.5),
            Next::RetryAfter(_)
        ));
        for lasting in [204, 302, 400, 401, 402, 403, 404, 406, 409, 410] {
            assert_eq!(next(&status(lasting), 1, 0.5), Next::GiveUp, "{lasting}");
        }
        assert_eq!(next(&Failure::TooLong, 1, 0.5), Next::GiveUp);
    }

    #[test]
    fn waits_double_and_are_spread_over_their_whole_length() {
        let wait = |tries, jitter| next(&status(500), tries, jitter);
        assert_eq!(wait(1, 0.0), Next::RetryAfter(Duration::ZERO));
        assert_eq!(wait(1, 1.0), Next::RetryAfter(Duration::from_millis(500)));
        assert_eq!(wait(2, 1.0), Next::RetryAfter(Duration::from_secs(1)));
        assert_eq!(wait(2, 0.5), Next::RetryAfter(Duration::from_millis(500)));
    }

    #[test]
    fn a_pause_goes_by_retry_after_then_by_reset_and_is_never_shorter_than_a_second() {
        let limited = |retry_after, reset| Failure::Status {
            status: 429,
            retry_after,
            reset,
        };
        let (short, long) = (Duration::from_secs(7), Duration::from_secs(40));
        let pause = |failure| next(&failure, 1, 0.0);
        assert_eq!(
            pause(limited(Some(short), Some(long))),
            Next::PauseAll(short)
        );
        assert_eq!(pause(limited(None, Some(long))), Next::PauseAll(long));
        assert_eq!(
            pause(limited(None, None)),
            Next::PauseAll(Duration::from_secs(1))
        );
    }

    #[test]
    fn trouble_that_says_how_long_it_lasts_is_believed() {
        let failure = Failure::Status {
            status: 503,
            retry_after: Some(Duration::from_secs(20)),
            reset: None,
        };
        assert_eq!(
            next(&failure, 1, 0.0),
            Next::RetryAfter(Duration::from_secs(20))
        );
    }
}
