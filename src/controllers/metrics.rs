//! What the controller counts.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

/// Counters of reconciles and of the writes that they lead to.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    reconciles: Counter,
    retries: Counter,
    status_writes: Counter,
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
    }

    /// A reconcile begins.
    pub fn reconciled(&self) {
        self.reconciles.inc();
    }

    /// A reconcile failed.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// A status write was sent.
    pub fn status_written(&self) {
        self.status_writes.inc();
    }
}
