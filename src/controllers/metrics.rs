//! What the controller counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::api::RollbackState;

/// Counters of reconciles and of the writes that they lead to.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    reconciles: Counter,
    retries: Counter,
    status_writes: Counter,
    rollbacks: Family<RollbackLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RollbackLabels {
    outcome: &'static str,
}

impl Metrics {
    /// Makes them part of what `/metrics` shows.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "reconciles",
            "Reconciles of DeploymentValidations",
            self.reconciles.clone(),
        );
        registry.register(
            "reconcile_retries",
            "Reconciles that failed and are tried again",
            self.retries.clone(),
        );
        registry.register(
            "status_writes",
            "Status writes sent to the API server",
            self.status_writes.clone(),
        );
        registry.register(
            "rollbacks",
            "Attempts to roll back that have ended, by outcome",
            self.rollbacks.clone(),
        );
    }

    /// A reconcile begins.
    pub fn reconciled(&self) {
        self.reconciles.inc();
    }

    /// A reconcile failed.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// An attempt to roll back has ended.
    pub fn rolled_back(&self, outcome: RollbackState) {
        let outcome = outcome.as_str();
        self.rollbacks
            .get_or_create(&RollbackLabels { outcome })
            .inc();
    }

    /// A status write was sent.
    pub fn status_written(&self) {
        self.status_writes.inc();
    }
}
