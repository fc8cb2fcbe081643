//! The resources as users write them: types only, with the schema that the API server enforces.
//!
//! Group `plumbline.dev`, version `v1alpha1`. The files under `crds/` are generated from these types by
//! `plumbline crd`, and the doc comments on fields are what `kubectl explain` prints.

mod bounds;
mod check;
mod conditions;
mod crd;
mod duration;
mod health;
mod lenient;
mod reference;
mod rollback;
mod rollback_policy;
mod rollback_status;
mod status;
mod target;
mod validation;

pub use check::*;
pub use conditions::{Condition, ConditionStatus, ConditionType, Reason};
pub use crd::custom_resource_definitions;
pub use duration::{Duration, InvalidDuration};
pub use health::{
    AreaHealth, AreaState, Bottleneck, ErrorPattern, Phase, RootCause, SystemHealth, Systemic,
};
pub use reference::SecretKeyReference;
pub use rollback::{
    PlannedStep, PolicyReference, ReleaseReference, RequestReference, Rollback, RollbackCause,
    RollbackPlan, RollbackSpec, ServiceDeploy, ValidationReference,
};
pub use rollback_policy::{
    Approval, FailureClass, FreezeWindow, Guard, PlatformStep, RollbackBudget, RollbackGoal,
    RollbackMode, RollbackPolicy, RollbackPolicySpec, RollbackTrigger, SchemaRule, Strategies,
    StrategyStep, Verification,
};
pub use rollback_status::{
    BudgetStatus, LastRollback, RollbackPolicyStatus, RollbackState, RollbackStatus, StepState,
    StepStatus, UsedBy,
};
pub use status::{
    CheckState, CheckStatus, DeploymentValidationStatus, GoodRelease, HistoryEntry, HistoryVerdict,
    KeptSchema, ObservedRelease, ObservedService, RollbackSummary,
};
pub use target::{ExternalTarget, RenderService, RenderTarget, Target, Tier};
pub use validation::{DeploymentValidation, DeploymentValidationSpec, HistoryLimits};

/// The API group of every kind.
pub const GROUP: &str = "plumbline.dev";

/// The annotation whose value, any token, asks for a run now. Status echoes it in `lastHandledReconcileAt`.
pub const REQUESTED_AT: &str = "plumbline.dev/requestedAt";

fn date_time(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "format": "date-time"})
}
