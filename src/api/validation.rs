//! `DeploymentValidation`: what runs in an environment, and the checks that it must pass.
#![expect(
    clippy::duplicated_attributes,
    reason = "the attribute printcolumn is meant to be repeated"
)]

use kube::{CustomResource, KubeSchema, core::Rule};
use serde::{Deserialize, Serialize};

use super::{
    Check, DeploymentValidationStatus, Duration, PolicyReference, Target,
    duration::{between, reads_as_duration},
};

/// A `DeploymentValidation` watches what runs in a target environment and holds it against its checks: `Ready` says
/// whether the release that is live now was validated.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "plumbline.dev",
    version = "v1alpha1",
    kind = "DeploymentValidation",
    plural = "deploymentvalidations",
    shortname = "dv",
    category = "plumbline",
    namespaced,
    status = "DeploymentValidationStatus",
    derive = "PartialEq",
    selectable = ".spec.environment",
    doc = "Watches what runs in a target environment and holds it against its checks: Ready says whether the release that is live now was validated.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Healthy",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Healthy")].status"#
    ),
    printcolumn(
        name = "Release",
        type_ = "string",
        json_path = ".status.observedRelease.id"
    ),
    printcolumn(
        name = "Rollback",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="RolledBack")].reason"#
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(
        name = "Checks",
        type_ = "string",
        json_path = ".status.summary",
        priority = 1
    ),
    printcolumn(
        name = "Root Cause",
        type_ = "string",
        json_path = ".status.health.rootCauses[0].check",
        priority = 1
    ),
    printcolumn(
        name = "Environment",
        type_ = "string",
        json_path = ".spec.environment",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = timeouts_fit())]
pub struct DeploymentValidationSpec {
    /// Stops all checking while true. Ready is then Unknown, reason Suspended. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// Time between two runs, 5s to 24h. Default 30s.
    #[serde(default = "default_interval")]
    #[x_kube(validation = between("interval", "5s", "24h"))]
    pub interval: Duration,
    /// Time between two runs while something does not pass, 5s to 24h. Default: a third of the interval, at least 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("retryInterval", "5s", "24h"))]
    pub retry_interval: Option<Duration>,
    /// Longest time of one whole run, 1s to 15m. Default 5m.
    #[serde(default = "default_timeout")]
    #[x_kube(validation = between("timeout", "1s", "15m"))]
    pub timeout: Duration,
    /// Free label for the environment, such as `production`. Shown everywhere, and selectable with
    /// `--field-selector spec.environment=production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$")
    )]
    pub environment: Option<String>,
    /// Where the services run.
    pub target: Target,
    /// What is checked. 1 to 50 checks, each with a name of its own.
    #[schemars(length(min = 1, max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[x_kube(validation = Rule::new("self.all(check, !has(check.dependsOn) || check.dependsOn.all(name, self.exists(other, other.name == name)))")
        .message("dependsOn must name checks of this list"))]
    pub checks: Vec<Check>,
    /// How long every critical check must have passed before the release becomes the last known good one, 0s to 24h.
    /// Default 2m.
    #[serde(default = "default_soak")]
    #[x_kube(validation = between("soak", "0s", "24h"))]
    pub soak: Duration,
    /// The policy by which a failed release is rolled back, in this object's own namespace. Default: none, and nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_policy_ref: Option<PolicyReference>,
    /// How many verdicts status remembers, and how many `Rollback` records are kept.
    #[serde(default)]
    pub history: HistoryLimits,
}

/// An object that was stored under another schema may hold anything; [`reads_as_duration`] says why that matters here.
fn timeouts_fit() -> Rule {
    let (inner, outer) = (
        reads_as_duration("check.timeout"),
        reads_as_duration("self.timeout"),
    );
    Rule::new(format!(
        "!has(self.checks) || self.checks.all(check, !{inner} || !{outer} || duration(check.timeout) <= duration(self.timeout))"
    ))
    .message("a check's timeout must not be above the validation's timeout")
    .field_path(".timeout")
}

fn default_interval() -> Duration {
    Duration::from_secs(30)
}

fn default_timeout() -> Duration {
    Duration::from_secs(300)
}

fn default_soak() -> Duration {
    Duration::from_secs(120)
}

/// How many verdicts `status.history` remembers, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryLimits {
    /// Releases that passed, 0 to 5. Default 3.
    #[serde(default = "default_successful")]
    #[schemars(schema_with = "super::bounds::zero_to_five")]
    pub successful: u8,
    /// Releases that failed, 0 to 5. Default 5.
    #[serde(default = "default_failed")]
    #[schemars(schema_with = "super::bounds::zero_to_five")]
    pub failed: u8,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            successful: default_successful(),
            failed: default_failed(),
        }
    }
}

fn default_successful() -> u8 {
    3
}

fn default_failed() -> u8 {
    5
}
