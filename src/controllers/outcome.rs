//! How a reconcile ends when it cannot go on: for good, for a while, or for a moment.

use std::time::Duration;

use crate::{
    api::Reason,
    rollback::ledger::{AttemptName, LedgerError},
    telemetry::chain,
};

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
    /// The record of an attempt could not be read or written.
    #[error("could not go on with the rollback {name}")]
    Record {
        /// The record.
        name: AttemptName,
        /// Why.
        source: Box<LedgerError>,
    },
    /// Somebody else has written to the object since it was read: it is looked at anew.
    #[error("somebody else has written to {namespace}/{name} as well")]
    Contested {
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
    },
    /// Another controller has told of a spec that the watch here has yet to tell of.
    #[error("the watch is behind the status of {namespace}/{name}")]
    Behind {
        /// Namespace of the object.
        namespace: String,
        /// Name of the object.
        name: String,
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

/// Says how a reconcile ended that did not end well, where nobody else does.
pub fn report<E: std::error::Error + 'static, Q: std::error::Error + 'static>(
    error: &kube::runtime::controller::Error<E, Q>,
) {
    use kube::runtime::controller::Error;
    match error {
        // Deleted between its wake-up and its turn.
        Error::ObjectNotFound(object) => tracing::debug!(%object, "the object is gone"),
        // `try_again` has logged it.
        Error::ReconcilerFailed(..) => {}
        Error::QueueError(error) => tracing::warn!(
            error = chain(error),
            "the controller's queue failed; it goes on"
        ),
        Error::RunnerError(error) => tracing::error!(%error, "the controller's runner failed"),
    }
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
