//! The condition types and reasons of every kind, with their polarity.

use std::borrow::Cow;

use k8s_openapi::jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Area;

/// A condition as the Kubernetes API conventions define it (`metav1.Condition`), with this project's closed sets for
/// type and reason. A condition of another type is read as [`ConditionType::Other`]: it belongs to whoever wrote it. Another
/// reason is read as [`Reason::Other`], and replaced by the next write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What the condition speaks of.
    #[serde(rename = "type")]
    pub type_: ConditionType,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Generation that it speaks of.
    #[serde(default)]
    pub observed_generation: i64,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
    /// Why, in one word.
    pub reason: Reason,
    /// Why, for people; at most 1 KiB.
    #[serde(default)]
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It could not be told.
    Unknown,
}

impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {"type": "string", "maxLength": 316, "description": "What the condition speaks of."},
                "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds."},
                "observedGeneration": {
                    "type": "integer", "format": "int64", "minimum": 0,
                    "description": "Generation of the spec that the condition speaks of."
                },
                "lastTransitionTime": {
                    "type": "string", "format": "date-time", "description": "When status last changed."
                },
                "reason": {"type": "string", "maxLength": 1024, "description": "Why, in one word."},
                "message": {"type": "string", "maxLength": 1024, "description": "Why, for people."}
            }
        })
    }
}

macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// Written by another version of this program.
            #[serde(other)]
            Other,
        }

        impl $name {
            /// The word as it stands in status.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                    Self::Other => "Other",
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

closed_set! {
    /// Condition types. For all but `Reconciling` and `Stalled`, True is good; those two are there only while True.
    ConditionType {
        /// True is good: the release that is live now was validated at this generation, and nothing is pending.
        Ready,
        /// True is good: spec and references can be acted on.
        Accepted,
        /// True is good: the verdict on the observed release.
        Healthy,
        /// True is good: the checks of area `config` pass.
        ConfigValid,
        /// True is good: the checks of area `database` pass.
        DatabaseHealthy,
        /// True is good: the checks of area `api` pass.
        ApiHealthy,
        /// True is good: the checks of area `worker` pass.
        WorkerHealthy,
        /// True is good: the checks of area `storage` pass.
        StorageHealthy,
        /// True is good: the checks of area `external` pass.
        ExternalServicesHealthy,
        /// True is good: the checks of area `performance` pass.
        PerformanceHealthy,
        /// True is good: the checks of area `security` pass.
        SecurityHealthy,
        /// True is good: the checks of area `monitoring` pass.
        MonitoringHealthy,
        /// True is good: the checks of area `platform` pass.
        PlatformHealthy,
        /// True is good: a rollback brought the last known good release back, and the checks pass on it.
        RolledBack,
        /// Rollback. True is good: the attempt ended well. Never changes once it is True or False.
        Succeeded,
        /// Rollback. True is good: it needs no approval, or has it.
        Approved,
        /// Rollback. True is good: the platform took it.
        Issued,
        /// Rollback. True is good: the checks pass on what it brought back.
        Verified,
        /// Present only while True: the first verdict, or another look after trouble, is still to come.
        Reconciling,
        /// Present only while True: nothing will change without a change by a person, or a recovery of the target.
        Stalled,
    }
}

closed_set! {
    /// Reasons of conditions.
    Reason {
        /// Ready: every critical check passes on the live release.
        Validated,
        /// Healthy and areas: the checks pass.
        ChecksPassed,
        /// A critical check failed as often as its threshold asks for.
        ChecksFailed,
        /// Accepted: spec and references can be acted on.
        Accepted,
        /// Nothing was looked at so far.
        Pending,
        /// The first verdict on this release and generation is being reached.
        Running,
        /// The runs ended without telling.
        Inconclusive,
        /// `spec.suspend` is true.
        Suspended,
        /// The newest observation is older than three intervals.
        ObservationStale,
        /// The spec cannot be acted on.
        InvalidSpec,
        /// A referenced Secret does not exist.
        SecretNotFound,
        /// A referenced Secret lacks the key, or its value cannot be used.
        SecretKeyMissing,
        /// A service named by the spec does not exist on the platform.
        ReferenceNotFound,
        /// A service named by the spec belongs to another workspace.
        ReferenceNotPermitted,
        /// A check's address is denied by the egress rule.
        TargetNotAllowed,
        /// An older validation with a policy names the same service.
        TargetConflict,
        /// The platform refused the API key.
        CredentialsRejected,
        /// `RolledBack`: the checks pass on what was brought back.
        RollbackVerified,
        /// `RolledBack`: there is nothing to roll back.
        NotRequired,
        /// `RolledBack`: no policy is named.
        RollbackDisabled,
        /// The policy's mode is `DryRun`: the message says what would be done.
        DryRun,
        /// A person has to approve the rollback.
        AwaitingApproval,
        /// Something newer is live, or on its way.
        Superseded,
        /// No release was validated that could be gone back to.
        NoKnownGood,
        /// As many attempts were made as the policy allows.
        AttemptsExhausted,
        /// The platform, the policy or the request itself does not allow the rollback.
        RollbackRejected,
        /// The rollback did not come about, or the checks do not pass on it.
        RollbackFailed,
        /// Not so soon after the rollback or the attempt before, or not at this time of the week.
        CoolingOff,
        /// The policy's budget is spent.
        BudgetSpent,
        /// Too many validations have turned bad at once.
        BrakeEngaged,
        /// The failure is not the release's fault.
        EnvironmentFault,
        /// The database's schema has changed in a way that the code to go back to cannot bear, or may have.
        SchemaGuard,
        /// The rollback is on record, and nothing was asked of the platform.
        IntentRecorded,
        /// The platform was asked for the rollback, or may have been.
        Issued,
        /// Everything is live, and the checks have yet to pass on it.
        Verifying,
        /// It cannot be told whether, or how, the rollback ended on the platform.
        OutcomeUnknown,
        /// Nothing was asked of the platform, and nothing will be.
        NotIssued,
        /// Ready, Stalled: what was shipped has failed and is not live any more.
        RolledBack,
        /// Reconciling: a rollback is on its way.
        RollingBack,
        /// Rollback: it needs no approval, or has it.
        Approved,
        /// Rollback: it is not what this controller has recorded, and changes nothing.
        NotPermitted,
        /// Reconciling: on the way to the first verdict.
        Progressing,
        /// Reconciling: trouble was met, and another try follows.
        ProgressingWithRetry,
    }
}

impl ConditionType {
    /// The condition of an area.
    #[must_use]
    pub const fn of(area: Area) -> Self {
        match area {
            Area::Config => Self::ConfigValid,
            Area::Database => Self::DatabaseHealthy,
            Area::Api => Self::ApiHealthy,
            Area::Worker => Self::WorkerHealthy,
            Area::Storage => Self::StorageHealthy,
            Area::External => Self::ExternalServicesHealthy,
            Area::Performance => Self::PerformanceHealthy,
            Area::Security => Self::SecurityHealthy,
            Area::Monitoring => Self::MonitoringHealthy,
            Area::Platform => Self::PlatformHealthy,
        }
    }
}
