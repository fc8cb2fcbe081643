//! What the controller says of a `Rollback` and of a `RollbackPolicy`.

use k8s_openapi::jiff::Timestamp;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Condition, ReleaseReference, bounds, date_time,
    lenient::{fitting, generation, generation_or_never, if_it_fits, never_observed, text_or_none},
};

/// How the attempt, or the request, goes. Written by the controller only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackStatus {
    /// Generation of the spec that the conditions speak of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "generation_or_never")]
    #[schemars(schema_with = "generation")]
    pub observed_generation: i64,
    /// `Ready` mirrors `Succeeded`, which never changes once it is True or False; `Reconciling` and `Stalled` are there only while True.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Where it stands, in one word.
    // With a state or a step that is not known, nothing is known of what was done: the record cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RollbackState>,
    /// What was done for each service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["service"]))]
    pub steps: Vec<StepStatus>,
    /// The release that it brought about.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub result: Option<ReleaseReference>,
    /// Of a request: the record of the attempt that was made of it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    #[schemars(length(max = 253))]
    pub record: Option<String>,
    /// When the platform was first asked for something.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    #[schemars(schema_with = "date_time")]
    pub issued_at: Option<Timestamp>,
    /// When everything that it brings back was live.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    #[schemars(schema_with = "date_time")]
    pub live_at: Option<Timestamp>,
    /// When it ended.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    #[schemars(schema_with = "date_time")]
    pub finished_at: Option<Timestamp>,
    /// Why it stands where it does, for people.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text_or_none"
    )]
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum RollbackState {
    // It waits for spec.approved.
    AwaitingApproval,
    // It is on record, and nothing was asked of the platform.
    IntentRecorded,
    // The platform was asked, or may have been.
    Issued,
    // Everything is live; the checks have yet to pass.
    Verifying,
    // It cannot be told whether, or how, it ended on the platform.
    OutcomeUnknown,
    // Of a request: an attempt is made of it.
    InProgress,
    // The checks pass on what it brought back.
    Verified,
    // It did not come about, or the checks do not pass on it.
    Failed,
    // The platform, the policy or the request itself does not allow it.
    Rejected,
    // Nothing was asked of the platform, and nothing will be.
    NotIssued,
    // Something newer is live, or on its way.
    Superseded,
    // The policy's mode is DryRun: the message says what would be done.
    DryRun,
}

impl RollbackState {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::AwaitingApproval
            | Self::IntentRecorded
            | Self::Issued
            | Self::Verifying
            | Self::OutcomeUnknown
            | Self::InProgress => false,
            Self::Verified
            | Self::Failed
            | Self::Rejected
            | Self::NotIssued
            | Self::Superseded
            | Self::DryRun => true,
        }
    }

    /// The word as it stands in status.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "AwaitingApproval",
            Self::IntentRecorded => "IntentRecorded",
            Self::Issued => "Issued",
            Self::Verifying => "Verifying",
            Self::OutcomeUnknown => "OutcomeUnknown",
            Self::InProgress => "InProgress",
            Self::Verified => "Verified",
            Self::Failed => "Failed",
            Self::Rejected => "Rejected",
            Self::NotIssued => "NotIssued",
            Self::Superseded => "Superseded",
            Self::DryRun => "DryRun",
        }
    }
}

/// What was done for one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// The service.
    #[schemars(length(max = 64))]
    pub service: String,
    /// Where the step stands.
    pub state: StepState,
    /// The process that recorded the intent to ask the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub claimant: Option<String>,
    /// The newest deploy of the service before the platform was asked: what the step brings about is newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub newest_before: Option<String>,
    /// Id of the deploy that the step brought about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub operation_id: Option<String>,
    /// When the intent to ask the platform was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub finished_at: Option<Timestamp>,
    /// Why it stands where it does, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub message: String,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum StepState {
    // Nothing was asked of the platform.
    Pending,
    // The platform is about to be asked, or was, and its answer is not on record.
    Issued,
    // The platform took it.
    Accepted,
    // It is live.
    Done,
    // It will not come to be live.
    Failed,
    // The platform said no, and has done nothing.
    Refused,
    // What it goes back to is not kept any more, or cannot be gone back to.
    Unavailable,
    // It is proven that the platform was not asked, or has not heard.
    NotIssued,
    // Something newer took its place.
    Superseded,
    // A step before it did not end well.
    Skipped,
}

/// What was observed of a policy. Written by the controller only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackPolicyStatus {
    /// Generation of the spec that the conditions speak of; -1 before the first look.
    #[serde(default = "never_observed", deserialize_with = "generation_or_never")]
    #[schemars(schema_with = "generation")]
    pub observed_generation: i64,
    /// `Ready` and `Accepted`; `Stalled` only while True.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The validations that name it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub used_by: Option<UsedBy>,
    /// What is spent of the budget.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub budget: Option<BudgetStatus>,
    /// The newest attempt that was made by it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub last_rollback: Option<LastRollback>,
}

/// The validations that name a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedBy {
    /// How many there are.
    #[schemars(schema_with = "bounds::count")]
    pub count: u32,
    /// The first 20 names, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(max = 253)))]
    pub names: Vec<String>,
}

/// What is spent of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetStatus {
    /// Attempts that count now.
    #[schemars(schema_with = "bounds::count")]
    pub spent: u32,
    /// When the oldest of them no longer counts; absent when none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "date_time")]
    pub resets_at: Option<Timestamp>,
}

/// An attempt, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastRollback {
    /// Name of the `Rollback`.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Where it stands.
    pub outcome: RollbackState,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(status: &Value) -> Option<RollbackStatus> {
        serde_json::from_value(status.clone()).ok()
    }

    #[test]
    fn a_record_is_not_read_where_what_was_done_is_not_known() {
        let step = |state: &str| json!({"service": "api", "state": state});
        assert!(
            read(&json!({"state": "Issued", "steps": [step("Done"), step("Issued")]})).is_some()
        );
        assert_eq!(read(&json!({"state": "Paused"})), None);
        assert_eq!(
            read(&json!({"state": "Issued", "steps": [step("Done"), step("Paused")]})),
            None
        );
        assert_eq!(read(&json!({"state": "Issued", "steps": "none"})), None);
    }

    #[test]
    fn what_else_does_not_fit_is_read_as_absent() {
        let status = json!({
            "observedGeneration": "1", "conditions": [{"type": "Ready"}, 5], "message": 5, "issuedAt": "yesterday",
            "result": [], "record": {}, "phase": "Done",
        });
        let absent = RollbackStatus {
            observed_generation: -1,
            ..RollbackStatus::default()
        };
        assert_eq!(read(&status), Some(absent));
    }
}
