//! How a change of a platform ends when it does not end well. The difference that matters: whether it can have happened.

use std::time::Duration;

use super::PlatformError;

/// Why a change was not taken.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MutationError {
    /// The change did not leave this process: no budget, no free place, no credentials, no connection, or the service could
    /// not be made out before it. [`PlatformError::refusal`] tells whether a person has to set something right.
    #[error("the change was not sent")]
    NotSent(#[source] PlatformError),
    /// The platform said no, and has done nothing; or it would say no, and was not asked.
    #[error("the platform refused the change ({refused})")]
    Refused {
        /// Why, as far as it tells.
        refused: RefusedBecause,
        /// What was attempted, and the answer.
        #[source]
        source: PlatformError,
    },
    /// It was sent, and no answer tells whether it was carried out. Only reading the platform can tell.
    #[error("it is not known whether the change was carried out")]
    Unknown(#[source] PlatformError),
}

/// Why a platform refuses a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedBecause {
    /// The credentials, or what they may do.
    #[error("the credentials do not permit it")]
    Credentials,
    /// The account has to pay first.
    #[error("payment is due")]
    Payment,
    /// The service, or what it should return to, is not there any more.
    #[error("the service or the target is gone")]
    Gone,
    /// Something else is under way.
    #[error("something else is under way")]
    Busy,
    /// It makes no sense to the platform.
    #[error("the platform does not take such a change")]
    Invalid,
    /// Too many changes; more are taken after this time, as far as is known.
    #[error("too many changes")]
    RateLimited {
        /// How long to wait: 1 s to 5 min by the platform's word, up to an hour by the end of its window.
        wait: Duration,
    },
}
