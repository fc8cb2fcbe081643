//! What an answer says about whether a change was carried out. The one place that decides it.

use std::time::Duration;

use tokio::time::Instant;

use super::exchange::Failure;
use crate::platforms::{Attempt, MutationError, PlatformError, RefusedBecause};

/// How long to wait after a 429 that does not say: by then a window of Render's has ended.
const UNTOLD_WAIT: Duration = Duration::from_mins(1);

/// How a change ended that failed so.
///
/// Only what proves that nothing was sent, or that the platform has refused it, says that it was not carried out.
pub(super) fn of(failure: Failure, attempt: Attempt, now: Instant) -> MutationError {
    match failure {
        Failure::NotConnected(_) => MutationError::NotSent(failure.error(attempt)),
        Failure::Status {
            status,
            retry_after,
            reset,
        } => match refusal(status, retry_after.or(reset)) {
            Some(refused) => MutationError::Refused {
                source: refused_answer(refused, status, attempt, now),
                refused,
            },
            None => MutationError::Unknown(failure.error(attempt)),
        },
        Failure::TimedOut | Failure::Connection(_) | Failure::TooLong | Failure::Shape { .. } => {
            MutationError::Unknown(failure.error(attempt))
        }
    }
}

/// Why the platform refuses, by the status of its answer; `None` for a status that leaves open what was done. That is any
/// but 4xx, and of those 408 and 499: they come from what stands before the platform, which may have passed the call on.
fn refusal(status: u16, told_wait: Option<Duration>) -> Option<RefusedBecause> {
    match status {
        401 | 403 => Some(RefusedBecause::Credentials),
        402 => Some(RefusedBecause::Payment),
        404 | 410 => Some(RefusedBecause::Gone),
        409 | 423 => Some(RefusedBecause::Busy),
        429 => Some(RefusedBecause::RateLimited {
            wait: told_wait.unwrap_or(UNTOLD_WAIT).max(Duration::from_secs(1)),
        }),
        408 | 499 => None,
        400..=498 => Some(RefusedBecause::Invalid),
        _ => None,
    }
}

fn refused_answer(
    refused: RefusedBecause,
    status: u16,
    attempt: Attempt,
    now: Instant,
) -> PlatformError {
    match refused {
        RefusedBecause::Credentials => PlatformError::CredentialsRejected(attempt),
        RefusedBecause::Payment => PlatformError::PaymentRequired(attempt),
        RefusedBecause::RateLimited { wait } => PlatformError::RateLimited {
            attempt,
            until: now + wait,
        },
        RefusedBecause::Gone | RefusedBecause::Busy | RefusedBecause::Invalid => {
            PlatformError::Declined { attempt, status }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn status(status: u16) -> MutationError {
        told(status, None, None)
    }

    fn told(status: u16, retry_after: Option<Duration>, reset: Option<Duration>) -> MutationError {
        let failure = Failure::Status {
            status,
            retry_after,
            reset,
        };
        let attempt = Attempt::new("POST /services/{serviceId}/rollback", "api");
        of(failure, attempt, Instant::now())
    }

    #[test]
    fn each_answer_that_refuses_says_why() {
        for (refused, statuses) in [
            (RefusedBecause::Credentials, &[401, 403][..]),
            (RefusedBecause::Payment, &[402]),
            (RefusedBecause::Gone, &[404, 410]),
            (RefusedBecause::Busy, &[409, 423]),
            (
                RefusedBecause::Invalid,
                &[400, 405, 406, 413, 415, 422, 451, 498],
            ),
        ] {
            for number in statuses {
                let error = status(*number);
                let MutationError::Refused { refused: why, .. } = error else {
                    panic!("{number}: {error:?}");
                };
                assert_eq!(why, refused, "{number}");
            }
        }
    }

    #[test]
    fn every_other_status_leaves_open_what_was_done() {
        for number in [
            100, 101, 204, 301, 302, 303, 307, 308, 399, 408, 499, 500, 502, 503, 504, 599, 999,
        ] {
            let error = status(number);
            assert!(
                matches!(error, MutationError::Unknown(_)),
                "{number}: {error:?}"
            );
        }
    }

    #[test]
    fn what_broke_after_the_connection_was_made_leaves_it_open_too() {
        for failure in [
            Failure::TimedOut,
            Failure::TooLong,
            Failure::Shape { line: 1, column: 1 },
        ] {
            let error = of(failure, Attempt::new("POST", "api"), Instant::now());
            assert!(matches!(error, MutationError::Unknown(_)), "{error:?}");
        }
    }

    #[test]
    fn a_wait_goes_by_retry_after_then_by_reset_and_else_until_a_window_has_ended() {
        for (retry_after, reset, expected) in [
            (Some(SECOND * 7), Some(SECOND * 40), SECOND * 7),
            (None, Some(SECOND * 40), SECOND * 40),
            (None, Some(Duration::ZERO), SECOND),
            (None, None, SECOND * 60),
        ] {
            let error = told(429, retry_after, reset);
            let MutationError::Refused {
                refused: RefusedBecause::RateLimited { wait },
                ..
            } = error
            else {
                panic!("{error:?}");
            };
            assert_eq!(wait, expected);
        }
    }
}
