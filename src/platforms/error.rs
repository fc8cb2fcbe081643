//! Why a platform could not be read, or did not do what was asked for.

use std::{error::Error, fmt, sync::Arc};

use tokio::time::Instant;

/// The longest name of a service that a message repeats.
const MAX_NAME_CHARACTERS: usize = 64;

/// What was attempted, in words that are safe in a message: method and route template, never a path, a query, a body or a
/// key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    call: &'static str,
    service: String,
}

impl Attempt {
    /// The call of a route, such as `GET /services/{serviceId}/deploys`, for a service.
    #[must_use]
    pub fn new(call: &'static str, service: &str) -> Self {
        let service = service
            .chars()
            .take(MAX_NAME_CHARACTERS)
            .map(|character| match character {
                ' '..='~' => character,
                _ => '?',
            })
            .collect();
        Self { call, service }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} for service {}", self.call, self.service)
    }
}

/// Why a platform could not be read, or did not do what was asked for. One value may be given to many who asked for the same thing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlatformError {
    /// The platform refused the credentials, or what they may do: 401 and 403.
    #[error("{0}: the platform refused the credentials")]
    CredentialsRejected(Attempt),
    /// The platform asks for payment before it serves this account: 402.
    #[error("{0}: the platform asks for payment")]
    PaymentRequired(Attempt),
    /// The service does not exist: 404, 410, or nothing has the name.
    #[error("{0}: no such service")]
    ServiceNotFound(Attempt),
    /// Several services have the name.
    #[error("{0}: several services have this name, use the id")]
    ServiceAmbiguous(Attempt),
    /// The service belongs to another workspace than the spec asks for.
    #[error("{0}: the service belongs to another workspace")]
    WrongWorkspace(Attempt),
    /// Nothing of the service is live.
    #[error("{0}: no deploy is live")]
    NoLiveDeploy(Attempt),
    /// The calls that the platform allows are used up, and waiting for more would take too long.
    #[error("{attempt}: the calls that the platform allows are used up")]
    RateLimited {
        /// What was attempted.
        attempt: Attempt,
        /// When calls are allowed again, as far as is known.
        until: Instant,
    },
    /// The platform gave no answer, or says that it cannot give one.
    #[error("{attempt}: the platform is unavailable")]
    Unavailable {
        /// What was attempted.
        attempt: Attempt,
        /// What happened.
        source: Outage,
    },
    /// The platform took the call for a wrong one: 400, 404, 409 and the like, to a call that should change something.
    #[error("{attempt}: the platform answered with status {status}")]
    Declined {
        /// What was attempted.
        attempt: Attempt,
        /// The status.
        status: u16,
    },
    /// The call was not made, since the platform cannot do what it asks for.
    #[error("{attempt}: {reason}")]
    Impossible {
        /// What was to be attempted.
        attempt: Attempt,
        /// Why it makes no sense.
        reason: &'static str,
    },
    /// The answer cannot be what the platform meant to say, or not be told apart from a wrong one.
    #[error("{attempt}: the answer cannot be used")]
    Malformed {
        /// What was attempted.
        attempt: Attempt,
        /// What is wrong with it.
        source: MalformedReply,
    },
}

impl PlatformError {
    /// What a person has to set right before another try makes sense; `None` when it could not be told what is live, and
    /// another try may tell.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::CredentialsRejected(_) | Self::PaymentRequired(_) => {
                Some(Refusal::CredentialsRejected)
            }
            Self::ServiceNotFound(_) | Self::ServiceAmbiguous(_) => {
                Some(Refusal::ReferenceNotFound)
            }
            Self::WrongWorkspace(_) => Some(Refusal::ReferenceNotPermitted),
            Self::NoLiveDeploy(_)
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Declined { .. }
            | Self::Impossible { .. }
            | Self::Malformed { .. } => None,
        }
    }
}

/// What a person has to set right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The credentials, or the account behind them.
    CredentialsRejected,
    /// The name of a service: nothing, or more than one thing, goes by it.
    ReferenceNotFound,
    /// The reference to a service that this validation must not name.
    ReferenceNotPermitted,
}

/// Why there was no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Outage {
    /// The platform says that it is in trouble.
    #[error("status {0}")]
    Status(u16),
    /// Nothing, or not everything, came in time.
    #[error("timed out")]
    TimedOut,
    /// Other calls took all the time there was.
    #[error("timed out behind other calls to the same platform")]
    Crowded,
    /// The connection could not be made, or broke.
    #[error("the connection failed")]
    Connection(#[source] Arc<dyn Error + Send + Sync>),
}

/// What is wrong with an answer. Never holds a piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReply {
    /// A status that has no meaning for this call.
    #[error("unexpected status {0}")]
    Status(u16),
    /// The body is longer than any answer should be.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The body is not JSON, or not of the expected shape.
    #[error("the body is not the expected JSON at line {line} column {column}")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 at the start of a line.
        column: usize,
    },
    /// Something that cannot be done without is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An id that no id looks like.
    #[error("an id is not of the form that ids have")]
    Identifier,
    /// A list goes on for longer than any should.
    #[error("the list has more than {0} pages")]
    Endless(usize),
    /// A list that does not fit is not sorted newest first, so that what was left off may be the newest.
    #[error("the list is longer than what is read of it, and not in the order of time")]
    Unordered,
    /// Two deploys of one service are live at once.
    #[error("more than one deploy is live")]
    TwoLive,
    /// Nothing is said to be live, but something is in a state that this version does not know.
    #[error("a deploy is in a state that is not known here")]
    UnknownState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_on_one_short_line() {
        let attempt = Attempt::new(
            "GET /services",
            &format!("a\r\n\u{1b}[31m{}", "x".repeat(500)),
        );
        let line = attempt.to_string();
        assert!(line.len() < 100, "{line}");
        assert!(line.starts_with("GET /services for service a???[31mxxx"));
    }
}
