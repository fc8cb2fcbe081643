//! How a call can go wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How a call goes wrong.
///
/// - The first group takes the place of the right answer, and what the call asks for is not done.
/// - The second group lets it be done and then withholds or replaces the answer.
/// - The third spoils the answer. An error is not spoilt, and neither is an answer without a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Effect {
    /// Another status, with its usual body unless `body` (JSON) or `text` (plain) is given.
    Status {
        /// The status.
        status: u16,
        /// The JSON body.
        #[serde(default)]
        body: Option<Value>,
        /// The plain text body.
        #[serde(default)]
        text: Option<String>,
        /// The `Retry-After` header: seconds, an HTTP date, or what no client should trust.
        #[serde(default)]
        retry_after: Option<String>,
        /// The `Ratelimit-Reset` header, with none remaining.
        #[serde(default)]
        ratelimit_reset: Option<String>,
    },
    /// Status 200 and an error's body.
    ErrorBody,
    /// Status 200 and bytes that are no JSON.
    Garbage,
    /// No answer, until the caller hangs up or the simulator stops.
    Hang,
    /// The call is held until [`Control::release`](super::Control::release) lets what it asks for be done, or
    /// [`Control::discard`](super::Control::discard) drops it. It stays held when the caller is gone.
    HoldBefore,

    /// The same, held between what it asks for and the answer.
    HoldAfter,
    /// Done, and no answer until the caller hangs up or the simulator stops.
    CommitThenHang,
    /// Done, and the connection is closed without an answer.
    CommitThenReset,
    /// Done, and answered with another status: with its usual body unless `body` (JSON) or `text` (plain) is given.
    CommitThenStatus {
        /// The status.
        status: u16,
        /// The JSON body.
        #[serde(default)]
        body: Option<Value>,
        /// The plain text body.
        #[serde(default)]
        text: Option<String>,
    },
    /// Done, and answered with 202 and no body, as a deploy that waits is.
    WithoutId,
    /// Done, and answered with a deploy of another service, or an invented one of another commit if there is none.
    WrongDeploy,

    /// The right answer, late.
    Delay {
        /// How late.
        milliseconds: u64,
    },
    /// Half of the right answer, then the connection is closed.
    Truncated,
    /// The right answer under another content type.
    ContentType {
        /// The content type.
        value: String,
    },
    /// The list backwards. Its cursors are those of the right order.
    Reordered,
    /// Every item of the list twice.
    Duplicated,
    /// The list without its newest item, on each page.
    Omit,
    /// The list without live deploys.
    WithoutLive,
    /// The list with a second live deploy beside the first one.
    TwoLive,
    /// The first deploy has a status that no description knows.
    UnknownStatus {
        /// The status.
        status: String,
    },
    /// Null in place of every array within the answer.
    NullArrays,
}

impl Effect {
    /// Another status with its usual body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            body: None,
            text: None,
            retry_after: None,
            ratelimit_reset: None,
        }
    }

    /// Too many calls, with this `Retry-After`.
    #[must_use]
    pub fn rate_limited(after: impl Into<String>) -> Self {
        Self::Status {
            status: 429,
            body: None,
            text: None,
            retry_after: Some(after.into()),
            ratelimit_reset: None,
        }
    }

    /// Another status after what was asked for is done, with its usual body.
    #[must_use]
    pub fn commit_then_status(status: u16) -> Self {
        Self::CommitThenStatus {
            status,
            body: None,
            text: None,
        }
    }

    /// A refusal with this message: 409 "a deploy is in progress", 402, 400 … Nothing is done.
    #[must_use]
    pub fn rejected(status: u16, message: &str) -> Self {
        Self::Status {
            status,
            body: Some(json!({ "message": message })),
            text: None,
            retry_after: None,
            ratelimit_reset: None,
        }
    }

    /// A delay.
    #[must_use]
    pub fn delay(duration: Duration) -> Self {
        Self::Delay {
            milliseconds: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
    /// The status that it was given, if any.
    pub(super) fn given_status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::CommitThenStatus { status, .. } => Some(*status),
            _ => None,
        }
    }
}
