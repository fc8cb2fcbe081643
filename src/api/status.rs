//! What the controller says of a `DeploymentValidation`.

use k8s_openapi::jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Area, Condition, RollbackState, ServiceDeploy, Stage, SystemHealth, bounds, date_time,
    lenient::{fitting, generation, generation_or_never, if_it_fits, never_observed},
};

/// What was observed. Written by the controller only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentValidationStatus {
    /// Generation of the spec that the conditions speak of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "generation_or_never")]
    #[schemars(schema_with = "generation")]
    pub observed_generation: i64,
    /// The verdicts. `Ready` is always there; `Reconciling` and `Stalled` only while they are True.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The release that the verdict speaks of: the live deploys of all services.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub observed_release: Option<ObservedRelease>,
    /// The newest release on which every critical check passed for the soak time.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub last_known_good: Option<GoodRelease>,
    /// Releases that were good before it, newest first.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["release"]))]
    pub candidates: Vec<GoodRelease>,
    /// What a rollback would not bring back, or may fail by.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 8), inner(length(max = 256)))]
    pub caveats: Vec<String>,
    /// The attempt to roll back that the live release is about.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub rollback: Option<RollbackSummary>,
    /// The state of each check.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub checks: Vec<CheckStatus>,
    /// Passing checks of all, such as `17/18`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    #[schemars(length(max = 16))]
    pub summary: Option<String>,
    /// How the whole is, as the checks together tell; absent while nothing is known of them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub health: Option<SystemHealth>,
    /// Verdicts of the past, newest first, merged by release and verdict.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 10))]
    pub history: Vec<HistoryEntry>,
    /// The last token of the annotation `plumbline.dev/requestedAt` for which a run has ended.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
    /// The schemas that the good releases were seen to work with.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 6), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["digest"]))]
    pub schemas: Vec<KeptSchema>,
}

/// A release: the live deploys of all services of a validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedRelease {
    /// Identity of the release: the deploy's id where there is one service, else a digest of all of them.
    #[schemars(length(max = 128))]
    pub id: String,
    /// The live deploy of each service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<ObservedService>,
    /// When this release was first seen live.
    #[schemars(schema_with = "date_time")]
    pub since: Timestamp,
}

/// The live deploy of one service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedService {
    /// The service, as the spec names it.
    #[schemars(length(max = 64))]
    pub name: String,
    /// Id of the service on the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub service_id: Option<String>,
    /// Id of the live deploy on the platform.
    #[schemars(length(max = 128))]
    pub deploy_id: String,
    /// What it was built from: a commit, or an image's digest or reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub version: Option<String>,
    /// When the platform says that it went live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub since: Option<Timestamp>,
}

/// A release that was validated: every critical check passed on it for the whole soak time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GoodRelease {
    /// Identity of the release.
    #[schemars(length(max = 128))]
    pub release: String,
    /// When its soak time had passed.
    #[schemars(schema_with = "date_time")]
    pub validated_at: Timestamp,
    /// The deploy of each service: what a rollback goes back to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<ServiceDeploy>,
    /// Digests of the checks that passed on it, as they were: one that was changed since counts as one that never passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 16)))]
    pub checks: Vec<String>,
    /// Why it cannot be gone back to, as was last seen on the platform; absent when it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub unavailable: Option<String>,
    /// Digest of the database's schema that it was seen to work with, one of `schemas`; absent when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub schema: Option<String>,
}

/// The schema of a database that a good release was seen to work with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeptSchema {
    /// Its digest.
    #[schemars(length(max = 32))]
    pub digest: String,
    /// Its tables and columns: JSON, packed with gzip, in base64.
    #[schemars(length(max = 32768))]
    pub content: String,
}

/// The attempt to roll back that the release which is live now is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackSummary {
    /// Name of the `Rollback`.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Where it stands.
    pub state: RollbackState,
    /// Which attempt for the failed release it is, from 1.
    #[schemars(schema_with = "bounds::one_to_hundred")]
    pub attempt: u8,
}

/// The state of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckStatus {
    /// The check, as the spec names it.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Its area.
    pub area: Area,
    /// Its stage.
    pub stage: Stage,
    /// What is known of it.
    pub state: CheckState,
    /// Consecutive failing runs, up to the failure threshold.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "counter")]
    pub failures: u8,
    /// Consecutive passing runs of a failed check that is recovering.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "counter")]
    pub successes: u8,
    /// Consecutive runs that could not tell, up to the failure threshold.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "counter")]
    pub inconclusive: u8,
    /// Why it is in this state, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Why it is in this state, with value, operator and threshold.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it came into this state.
    #[schemars(schema_with = "date_time")]
    pub since: Timestamp,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

fn counter(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "integer", "minimum": 0, "maximum": 20})
}

/// What is known of a check.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum CheckState {
    // Passed at its last conclusive run.
    Passing,
    // Had passed on this release, and fails since fewer runs than the failure threshold.
    Failing,
    // Failed in as many runs as the failure threshold asks for.
    Failed,
    // Not known: not run yet, could not be measured, or has not passed on this release so far.
    Unknown,
    // Not run, since a check it depends on does not pass.
    Skipped,
}

/// A verdict of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Identity of the release; absent for a target whose releases cannot be told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub release: Option<String>,
    /// What was found.
    pub verdict: HistoryVerdict,
    /// How often this release came to this verdict.
    #[schemars(schema_with = "occurrences")]
    pub count: u32,
    /// When it first did.
    #[schemars(schema_with = "date_time")]
    pub first: Timestamp,
    /// When it last did.
    #[schemars(schema_with = "date_time")]
    pub last: Timestamp,
}

fn occurrences(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "integer", "minimum": 1})
}

/// The verdict on a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum HistoryVerdict {
    Passed,
    Failed,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_read_as_absent_and_the_rest_is_kept() {
        let condition = json!({
            "type": "Ready", "status": "True", "reason": "Validated", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let status: DeploymentValidationStatus = serde_json::from_value(json!({
            "observedGeneration": "3",
            "conditions": [{"type": "Ready"}, 7, condition],
            "observedRelease": {"id": 4},
            "lastKnownGood": {"release": "dep-1", "validatedAt": "2026-01-01T00:00:00Z"},
            "checks": "none",
            "summary": 3,
            "phase": "Done",
        }))
        .unwrap();
        assert_eq!(status.observed_generation, -1);
        assert_eq!(status.conditions.len(), 1);
        assert_eq!(status.observed_release, None);
        assert_eq!(status.last_known_good.unwrap().release, "dep-1");
        assert_eq!((status.checks.len(), status.summary), (0, None));
    }
}
