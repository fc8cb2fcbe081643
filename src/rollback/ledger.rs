//! The ledger of attempts: what is on record before anything is touched, and what became of it. One trait with two
//! implementations: `Rollback` objects in a cluster, and a `SQLite` file without one.

use std::{error::Error, fmt};

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::api::{RollbackSpec, RollbackStatus};

/// Names one attempt.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptName {
    /// The validation's namespace.
    pub namespace: String,
    /// The record's own name.
    pub name: String,
}

impl fmt::Display for AttemptName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// An attempt as the ledger has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its name.
    pub name: AttemptName,
    /// Tells it from one that was deleted and created again under the same name.
    pub uid: String,
    /// Changes with every change of the record.
    pub version: String,
    /// Counts the changes of `spec`: 1, and one more with each approval or its withdrawal.
    pub generation: i64,
    /// When it was created, by the ledger's clock.
    pub created: Timestamp,
    /// What is to be done.
    pub spec: RollbackSpec,
    /// What was done.
    pub status: RollbackStatus,
}

/// How the creation of an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Created {
    /// It did not exist, and does now.
    New(Attempt),
    /// It existed, or was created by a call that got no answer: whose it is, its `claimant` tells.
    Existing(Attempt),
}

/// Which attempts are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempts<'a> {
    /// Those for the validation with this uid.
    OfValidation(&'a str),
    /// Those by the policy of this name.
    OfPolicy(&'a str),
}

/// How many attempts a list may hold: one more and it is refused, since a part of them would be taken for all.
pub const MAX_LISTED: usize = 10_000;

impl Attempts<'_> {
    /// Whether an attempt with this spec is among them.
    #[must_use]
    pub fn include(&self, spec: &RollbackSpec) -> bool {
        match self {
            Self::OfValidation(uid) => spec.validation_ref.uid.as_deref() == Some(*uid),
            Self::OfPolicy(name) => {
                let policy = spec.policy_ref.as_ref();
                policy.is_some_and(|policy| policy.name == *name)
            }
        }
    }

    /// What is asked for, in place of one attempt's name.
    #[must_use]
    pub fn asked_for_in(&self, namespace: &str) -> AttemptName {
        AttemptName {
            namespace: namespace.to_owned(),
            name: match self {
                Self::OfValidation(uid) => format!("* of validation {uid}"),
                Self::OfPolicy(name) => format!("* of policy {name}"),
            },
        }
    }
}

/// Why the ledger refuses by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody could tell whose attempt it is.
    #[error("an attempt names its validation by uid")]
    NoValidation,
    /// Too many to be listed.
    #[error("there are more than {MAX_LISTED} of them")]
    TooMany,
    /// Nothing was heard in time.
    #[error("no answer came in time")]
    NoAnswer,
}

/// The ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The record has changed since it was read: nothing was written.
    #[error("the record of attempt {0} has changed meanwhile")]
    Conflict(AttemptName),
    /// The record does not exist (any more): nothing was written.
    #[error("the record of attempt {0} is gone")]
    Gone(AttemptName),
    /// The record was written under another schema: what was done by it cannot be told.
    #[error("the record of attempt {name} does not fit its schema")]
    Unreadable {
        /// The attempt.
        name: AttemptName,
        /// What does not fit.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No answer came: it may have been written or not.
    #[error("it is not known whether the record of attempt {name} was written")]
    InDoubt {
        /// The attempt.
        name: AttemptName,
        /// What happened.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The ledger refused or failed: nothing was written.
    #[error("could not read or write the record of attempt {name}")]
    Failed {
        /// The attempt, or what was asked for.
        name: AttemptName,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl LedgerError {
    /// The ledger refused or failed, because of `source`: nothing was written.
    pub fn failed(name: &AttemptName, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed {
            name: name.clone(),
            source: source.into(),
        }
    }

    /// The record cannot be read, because of `source`.
    pub fn unreadable(name: &AttemptName, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unreadable {
            name: name.clone(),
            source: source.into(),
        }
    }

    /// It may have been written or not; `source` is what happened, if anything did.
    #[must_use]
    pub fn in_doubt(name: &AttemptName, source: Option<Box<dyn Error + Send + Sync>>) -> Self {
        Self::InDoubt {
            name: name.clone(),
            source,
        }
    }
}

/// What is on record. Every answer is the ledger's newest, never one of a cache.
pub trait AttemptLedger: fmt::Debug + Send + Sync {
    /// Puts an attempt on record, unless its name is taken: this is the compare-and-swap that makes whoever succeeds its
    /// owner.
    fn create<'a>(
        &'a self,
        name: &'a AttemptName,
        spec: &'a RollbackSpec,
    ) -> BoxFuture<'a, Result<Created, LedgerError>>;

    /// The attempt of this name.
    fn read<'a>(
        &'a self,
        name: &'a AttemptName,
    ) -> BoxFuture<'a, Result<Option<Attempt>, LedgerError>>;

    /// Replaces the status of `attempt`, unless spec or status of the record have changed since it was read. Gives the record as it
    /// is then.
    fn advance<'a>(
        &'a self,
        attempt: &'a Attempt,
        status: RollbackStatus,
    ) -> BoxFuture<'a, Result<Attempt, LedgerError>>;

    /// All attempts in `namespace` that are asked for, oldest first.
    fn list<'a>(
        &'a self,
        namespace: &'a str,
        which: Attempts<'a>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, LedgerError>>;

    /// Takes an attempt off the record, unless it has changed since it was read.
    fn remove<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<(), LedgerError>>;
}
