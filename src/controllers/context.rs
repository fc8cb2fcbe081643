//! What reconciles work with.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::Engine as _;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Client, ResourceExt,
    core::error_boundary::InvalidObject,
    runtime::reflector::{ObjectRef, Store},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{
    claims::Claims,
    fleet::Fleet,
    policy,
    rollback::{Flag, Locks, Opened, Records},
    validation,
    wakes::Wakes,
    written::Written,
};
use crate::{
    api::{DeploymentValidation, RollbackPolicy},
    checks::{net::Network, reference::Reference, verdict::printable},
    kubernetes::{events::Events, secrets::Secrets},
    monitor::Monitor,
    platforms::Hub,
    rollback::{Executor, ledger::AttemptLedger},
};

/// Why an object that another one names cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// There is none.
    #[error("does not exist in this namespace")]
    Absent,
    /// It was stored under another schema and does not decode now; why.
    #[error("does not fit its schema; apply it anew: {0}")]
    Undecodable(String),
}

impl Missing {
    /// What is wrong with an object that does not decode.
    #[must_use]
    pub fn undecodable(invalid: &InvalidObject) -> Self {
        Self::Undecodable(printable(&invalid.error, 256))
    }
}

/// What reconciles of a validation work with.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Runs the checks.
    pub monitor: Monitor,
    /// Reads Secrets.
    pub secrets: Secrets,
    /// The platforms.
    pub platforms: Hub,
    /// What the checks dial through; asked which addresses are denied.
    pub network: Network,
    /// Publishes events.
    pub events: Events,
    /// Places that are known to answer.
    pub reference: Reference,
    /// What is on record of rollbacks.
    pub ledger: Arc<dyn AttemptLedger>,
    /// Carries rollbacks out.
    pub executor: Executor,
    /// The records that exist, as far as the watch and our own writes have told.
    pub records: Records,
    /// The records that this process has created.
    pub opened: Opened,
    /// Set once every record was listed: before, nothing is decided.
    pub records_listed: Flag,
    /// Set once everything was listed.
    pub listed: Flag,
    /// One attempt at a time is put on record by a policy, so that its budget holds.
    pub locks: Locks,
    /// The validations, as the watch has told.
    pub validations: Store<validation::Guarded>,
    /// The policies, as the watch has told.
    pub policies: Store<policy::Guarded>,
    /// How the validations are, all of them.
    pub fleet: Fleet,
    /// Which of them may have which services rolled back.
    pub claims: Claims,
    /// Whether the last known good releases could be gone back to.
    pub rehearsals: validation::Rehearsals,
    /// Asks the controllers for a look.
    pub wakes: Wakes,
    /// How long a missing reference may stay missing before the object is stalled.
    pub grace: Duration,
    /// How long a read of a Secret holds.
    pub secrets_refresh: Duration,
    /// What the controller counts.
    pub metrics: super::metrics::Metrics,
    /// The wall clock.
    pub clock: fn() -> Timestamp,
    /// The newest status written of each object, by uid: the watch lags behind our own writes.
    pub written: Written,
    /// The objects that exist, as far as the watch has told.
    pub present: Present,
    /// Makes digests of secret values useless outside this process.
    pub digest_key: [u8; 32],
}

impl Context {
    /// A validation, as the watch has told.
    pub fn validation(&self, namespace: &str, name: &str) -> Result<DeploymentValidation, Missing> {
        let reference = ObjectRef::<validation::Guarded>::new(name).within(namespace);
        let guarded = self.validations.get(&reference).ok_or(Missing::Absent)?;
        let decoded = guarded.0.as_ref().map_err(Missing::undecodable);
        decoded.cloned()
    }

    /// A policy, as the watch has told.
    pub fn policy(&self, namespace: &str, name: &str) -> Result<RollbackPolicy, Missing> {
        let reference = ObjectRef::<policy::Guarded>::new(name).within(namespace);
        let guarded = self.policies.get(&reference).ok_or(Missing::Absent)?;
        let decoded = guarded.0.as_ref().map_err(Missing::undecodable);
        decoded.cloned()
    }

    /// Names of the validations in `namespace` that name this policy, sorted.
    #[must_use]
    pub fn users_of(&self, namespace: &str, policy: &str) -> Vec<String> {
        let uses = |validation: &&DeploymentValidation| {
            let reference = validation.spec.rollback_policy_ref.as_ref();
            validation.namespace().as_deref() == Some(namespace)
                && reference.is_some_and(|reference| reference.name == policy)
        };
        let validations = self.validations.state();
        let decoded = validations
            .iter()
            .filter_map(|guarded| guarded.0.as_ref().ok());
        let mut names: Vec<String> = decoded.filter(uses).map(ResourceExt::name_any).collect();
        names.sort_unstable();
        names
    }

    /// Forgets everything of the object `uid`, and ends its checks.
    pub async fn forget(&self, uid: &str) {
        self.monitor.forget(uid).await;
        self.fleet.forget(uid);
        self.wakes.validations(self.claims.forget(uid));
        self.rehearsals.forget(uid);
        self.written.retain(|known| known != uid);
    }

    /// Forgets everything of the objects that are not among `uids`, and ends their checks.
    pub async fn retain(&self, uids: HashSet<String>) {
        self.written.retain(|known| uids.contains(known));
        self.fleet.retain(&uids);
        self.wakes.validations(self.claims.retain(&uids));
        self.rehearsals.retain(|known| uids.contains(known));
        self.monitor.retain(uids).await;
    }

    /// A digest by which two values can be told apart within this process.
    #[must_use]
    pub fn digest<'a>(&self, values: impl Iterator<Item = &'a SecretString>) -> String {
        let mut digest = Sha256::new_with_prefix(self.digest_key);
        for value in values {
            let value = value.expose_secret();
            digest.update(value.len().to_be_bytes());
            digest.update(value.as_bytes());
        }
        let digest = digest.finalize();
        base64::engine::general_purpose::STANDARD_NO_PAD.encode(&digest[..16])
    }
}

/// The uids of the objects that exist, as far as the watch has told.
#[derive(Debug, Default)]
pub struct Present(Mutex<HashSet<String>>);

impl Present {
    /// The object `uid` exists.
    pub fn add(&self, uid: String) {
        self.uids().insert(uid);
    }

    /// The object `uid` is gone.
    pub fn remove(&self, uid: &str) {
        self.uids().remove(uid);
    }

    /// No other objects exist than `uids`.
    pub fn replace(&self, uids: HashSet<String>) {
        *self.uids() = uids;
    }

    /// Whether the object `uid` exists.
    #[must_use]
    pub fn has(&self, uid: &str) -> bool {
        self.uids().contains(uid)
    }

    fn uids(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
