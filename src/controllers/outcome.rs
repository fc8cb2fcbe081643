//! How a reconcile ends when it cannot go on: for good, for a while, or for a moment.

use std::time::Duration;

use crate::api::Reason;

/// The object cannot be acted on. Goes into `Accepted`, and from there into `Ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Why, in one word.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
    /// Whether looking again can help.
    pub remedy: Remedy,
}

/// What can end a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Only a change of the object itself: stalled at once.
    SpecChange,
    /// Something that may still arrive, such as a Secret in the same sync: looked for again, and stalled only once a
    /// grace time is over.
    Arrival,
}

/// An attempt that is made again with backoff: nothing is known to be wrong with the object.
#[derive(Debug, thiserror::Error)]
pub enum Retryable {
    /// A reference could not be read.
    #[error("could not read what {namespace}/{name} refers to")]
    Dereference {
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The status could not be read.
    #[error("could not read the status of {namespace}/{name}")]
    ReadStatus {
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
        /// Why; `None` when no answer came in time.
        source: Option<Box<kube::Error>>,
    },
    /// The status could not be written.
    #[error("could not write the status of {namespace}/{name}")]
    WriteStatus {
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
        /// Why; `None` when no answer came in time.
        source: Option<Box<kube::Error>>,
    },
}

/// When the object wants another look, if nothing wakes it before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextLook(pub Option<Duration>);

impl NextLook {
    /// The earlier of two.
    #[must_use]
    pub fn or_sooner(self, other: Option<Duration>) -> Self {
        Self([self.0, other].into_iter().flatten().min())
    }
}
