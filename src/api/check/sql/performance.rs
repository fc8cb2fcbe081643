//! How fast a database answers.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Duration, bounds, duration::between};

/// The statement of `query`, or `SELECT 1` without one, asked a number of times, one after the other over one connection. At
/// least one of `maxP50`, `maxP95`, `maxP99` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.maxP50) || has(self.maxP95) || has(self.maxP99)")
    .message("at least one of maxP50, maxP95, maxP99 must be set"))]
pub struct SqlPerformance {
    /// How many answers are measured, 5 to 200. Default 20.
    #[serde(default = "default_samples")]
    #[schemars(schema_with = "bounds::samples")]
    pub samples: u16,
    /// How many are asked for before, and do not count, 0 to 50. Default 2.
    #[serde(default = "default_warmup")]
    #[schemars(schema_with = "bounds::warmup")]
    pub warmup: u8,
    /// Longest median, from the question to the last of its answer, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxP50", "1ms", "5m"))]
    pub max_p50: Option<Duration>,
    /// Longest 95th percentile, by nearest rank, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxP95", "1ms", "5m"))]
    pub max_p95: Option<Duration>,
    /// Longest 99th percentile, by nearest rank: below 100 samples, the slowest one. 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxP99", "1ms", "5m"))]
    pub max_p99: Option<Duration>,
}

const fn default_samples() -> u16 {
    20
}

const fn default_warmup() -> u8 {
    2
}
