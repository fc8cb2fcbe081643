//! What an attempt works with and goes by, behind traits: the cluster and the command line each have their own.

use std::{error::Error, fmt};

use futures::future::BoxFuture;

use super::{
    Moment,
    ledger::{Attempt, AttemptLedger},
};
use crate::{api::ReleaseReference, platforms::Operations};

/// What an attempt works with.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// What is on record.
    pub ledger: &'a dyn AttemptLedger,
    /// The platform.
    pub operations: &'a dyn Operations,
    /// Whether it may go on.
    pub gate: &'a dyn Gate,
    /// What the checks say.
    pub witness: &'a dyn Witness,
    /// The steady clock.
    pub clock: fn() -> Moment,
}

/// Whether an attempt may ask something of the platform: read anew each time, never from a cache.
pub trait Gate: Send + Sync {
    /// Asked before the intent is recorded, and once more between that and the call. An error means that it could not be told.
    fn permits<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Permission, GateError>>;
}

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Granted,
    /// Not now, and perhaps later; why, for people.
    Withheld(String),
    /// Not any more; why, for people.
    Denied(String),
}

/// It could not be told whether an attempt may go on.
#[derive(Debug)]
pub struct GateError(pub Box<dyn Error + Send + Sync>);

impl fmt::Display for GateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("could not tell whether the rollback is still wanted")
    }
}

impl Error for GateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

/// Says what the checks say of what a rollback has brought back.
pub trait Witness: Send + Sync {
    /// What they say of the release `result`, which `attempt` has brought about.
    fn evidence<'a>(
        &'a self,
        attempt: &'a Attempt,
        result: &'a ReleaseReference,
    ) -> BoxFuture<'a, Evidence>;
}

/// What the checks say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Not enough yet; what is missing, for people.
    Pending(String),
    /// They pass, as often in a row as is asked for.
    Passed,
    /// They have failed; which, for people.
    Failed(String),
    /// Another release is live.
    OtherRelease(String),
}
