//! What is counted about platforms.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// What is counted about all platforms. A clone counts into the same ones.
#[derive(Clone, Debug)]
pub struct PlatformMetrics {
    calls: Family<CallLabels, Counter>,
    budget_remaining: Family<PlatformLabels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    platform: &'static str,
    route: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PlatformLabels {
    platform: &'static str,
}

impl Default for PlatformMetrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            // Shares and not counts, since limits differ between platforms and kinds of call.
            budget_remaining: Family::new_with_constructor(|| {
                Histogram::new([0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0])
            }),
        }
    }
}

impl PlatformMetrics {
    /// Makes them part of what the process exposes. Names carry no prefix of their own.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "platform_calls",
            "Calls to a platform, by route template and outcome",
            self.calls.clone(),
        );
        registry.register(
            "platform_budget_remaining_ratio",
            "Share of the allowed calls that was left, as each answer told",
            self.budget_remaining.clone(),
        );
    }

    /// Counts one call. Route and outcome come from closed sets.
    pub(super) fn call(&self, platform: &'static str, route: &'static str, outcome: &'static str) {
        let labels = CallLabels {
            platform,
            route,
            outcome,
        };
        self.calls.get_or_create(&labels).inc();
    }

    /// Notes what is left of the allowed calls, from 0 to 1.
    pub(super) fn budget_remaining(&self, platform: &'static str, share: f64) {
        let labels = PlatformLabels { platform };
        self.budget_remaining.get_or_create(&labels).observe(share);
    }
}
