//! The fields of a `platform` check.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Duration, bounds, duration::between};

/// What the platform of the target says of its services. Each must exist, not be suspended, and have a live deploy; and
/// whatever is named must hold for each. For targets with a platform only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.window) || has(self.maxCrashes)")
    .message("window needs maxCrashes"))]
pub struct PlatformCheck {
    /// Services of the target that it asks for, by the names that the target gives them, at most 32. Default: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub services: Vec<String>,
    /// What must be live: a commit, by at least its first 7 digits, or the digest or the whole reference of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 7, max = 256), regex(pattern = r"^[!-~]+$"))]
    pub version: Option<String>,
    /// The fewest instances that must run, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::one_to_hundred")]
    pub min_instances: Option<u8>,
    /// The most crashes of instances within `window`, 0 to 100; those that ran out of memory are among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::zero_to_hundred")]
    pub max_crashes: Option<u8>,
    /// How far back crashes count, 1m to 24h; never further than the live deploy. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("window", "1m", "24h"))]
    pub window: Option<Duration>,
}
