//! The fields of a `logs` check.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Duration, bounds, duration::between};

/// What the services of the target write: how many lines a minute match a pattern. For targets with a platform only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogsCheck {
    /// Services of the target whose lines it reads, by the names that the target gives them, at most 32. Default: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub services: Vec<String>,
    /// What it looks for, 1 to 4.
    #[schemars(length(min = 1, max = 4), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub patterns: Vec<LogPattern>,
    /// How far back lines count, 1m to 1h; never further than the live deploy. Default 5m.
    #[serde(default = "default_window")]
    #[x_kube(validation = between("window", "1m", "1h"))]
    pub window: Duration,
}

fn default_window() -> Duration {
    Duration::from_secs(300)
}

/// Lines that there must not be too many of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogPattern {
    /// How messages name the pattern: lower case letters, digits and dashes, at most 63.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Regular expression that a line matches somewhere, in RE2 syntax: no backreferences, no lookaround. At most 256 characters.
    #[schemars(length(min = 1, max = 256))]
    pub matches: String,
    /// The most lines a minute, over the window and of each service, 0 to 100.
    #[schemars(schema_with = "bounds::zero_to_hundred")]
    pub max_per_minute: u8,
}
