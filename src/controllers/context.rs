//! What reconciles work with.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::Engine as _;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::{
    api::DeploymentValidationStatus,
    checks::net::Network,
    kubernetes::{events::Events, secrets::Secrets},
    monitor::Monitor,
    platforms::Hub,
};

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
    /// Makes digests of secret values useless outside this process.
    pub digest_key: [u8; 32],
}

impl Context {
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

/// The newest status written of each object.
#[derive(Debug, Default)]
pub struct Written(Mutex<HashMap<String, (u64, DeploymentValidationStatus)>>);

impl Written {
    /// The newer of what was written of the object `uid` and what the watch has of it.
    #[must_use]
    pub fn newest(
        &self,
        uid: &str,
        resource_version: Option<&str>,
        watched: Option<&DeploymentValidationStatus>,
    ) -> DeploymentValidationStatus {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let watched_version = resource_version.and_then(|version| version.parse::<u64>().ok());
        match written.get(uid) {
            Some((version, status))
                if watched_version.is_some_and(|watched| watched < *version) =>
            {
                status.clone()
            }
            known => {
                if known.is_some() {
                    written.remove(uid);
                }
                watched.cloned().unwrap_or_default()
            }
        }
    }

    /// Notes a write that the API server confirmed at `resource_version`.
    pub fn note(
        &self,
        uid: &str,
        resource_version: Option<&str>,
        status: DeploymentValidationStatus,
    ) {
        if let Some(version) = resource_version.and_then(|version| version.parse().ok()) {
            let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            written.insert(uid.to_owned(), (version, status));
        }
    }

    /// Forgets every object for which `keep` is false.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|uid, _| keep(uid));
    }
}
