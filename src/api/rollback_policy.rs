//! `RollbackPolicy`: when a failed release is rolled back, how, and what holds that up.
#![expect(
    clippy::duplicated_attributes,
    reason = "the attribute printcolumn is meant to be repeated"
)]

use kube::{CustomResource, KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Area, Duration, RollbackPolicyStatus, Tier, bounds, duration::between};

/// A `RollbackPolicy` says when the release of a validation that names it is rolled back, how, and what holds that up.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "plumbline.dev",
    version = "v1alpha1",
    kind = "RollbackPolicy",
    plural = "rollbackpolicies",
    shortname = "rbp",
    category = "plumbline",
    namespaced,
    status = "RollbackPolicyStatus",
    derive = "PartialEq",
    doc = "Says when the release of a validation that names it is rolled back, how, and what holds that up.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Used By",
        type_ = "integer",
        json_path = ".status.usedBy.count"
    ),
    printcolumn(name = "Spent", type_ = "integer", json_path = ".status.budget.spent"),
    printcolumn(
        name = "Last Rollback",
        type_ = "string",
        json_path = ".status.lastRollback.outcome"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct RollbackPolicySpec {
    /// `DryRun` says what would be done and does nothing; `Manual` prepares every rollback and waits for its approval;
    /// `Automatic` rolls back by itself. Required.
    pub mode: RollbackMode,
    /// Longest time of one attempt on the platform, 10s to 3h; after it a person is asked for, and nothing is tried again
    /// before it is known how the attempt ended. Default 5m.
    #[serde(default = "five_minutes")]
    #[x_kube(validation = between("timeout", "10s", "3h"))]
    pub timeout: Duration,
    /// Attempts for one failed release, 1 to 10. One in which nothing was asked of the platform does not count. Default 3.
    #[serde(default = "default_max_attempts")]
    #[schemars(schema_with = "bounds::one_to_ten")]
    pub max_attempts: u8,
    /// Time between the end of an attempt and the next one, 0s to 1h. Default 10s.
    #[serde(default = "default_delay")]
    #[x_kube(validation = between("delay", "0s", "1h"))]
    pub delay: Duration,
    /// Which failures are a reason to roll back.
    #[serde(default)]
    pub trigger: RollbackTrigger,
    /// What is done for each class of failure, in order. Default: every service that differs goes back to the last known
    /// good release.
    #[serde(default)]
    pub strategies: Strategies,
    /// What proves that the rollback has worked.
    #[serde(default)]
    pub verification: Verification,
    /// What holds a rollback up.
    #[serde(default)]
    pub guard: Guard,
    /// Which rollbacks wait for a person.
    #[serde(default)]
    pub approval: Approval,
}

/// Who starts a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum RollbackMode {
    DryRun,
    Manual,
    Automatic,
}

/// Which failures are a reason to roll back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackTrigger {
    /// Whether a failure counts only when it begins within `window` after the release went live: one that begins later is
    /// not the release's fault. Default true.
    #[serde(default = "yes")]
    pub only_after_deploy: bool,
    /// How long after going live a release may still be rolled back, 1m to 720h; not heeded when `onlyAfterDeploy` is
    /// false. Default 1h.
    #[serde(default = "one_hour")]
    #[x_kube(validation = between("window", "1m", "720h"))]
    pub window: Duration,
    /// Areas whose failed critical checks trigger. `external` does so only when it is named, since an outage elsewhere is
    /// not the release's fault. Default `[api, worker, database, platform]`.
    #[serde(default = "default_areas")]
    #[schemars(length(min = 1, max = 10), extend("x-kubernetes-list-type" = "set"))]
    pub areas: Vec<Area>,
}

impl Default for RollbackTrigger {
    fn default() -> Self {
        Self {
            only_after_deploy: true,
            window: one_hour(),
            areas: default_areas(),
        }
    }
}

/// Steps for each class of failure; one that is left out has the default. At most 4 each: a tier once, and a step for every
/// service last, since what comes after it would find nothing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Strategies {
    /// Checks of the areas config, api, worker, external, performance and security failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(validation = each_service_once())]
    pub application: Vec<StrategyStep>,
    /// Checks of the areas platform and storage failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(validation = each_service_once())]
    pub infrastructure: Vec<StrategyStep>,
    /// Checks of the area database failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(validation = each_service_once())]
    pub database: Vec<StrategyStep>,
    /// Checks of the area monitoring failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(validation = each_service_once())]
    pub monitoring: Vec<StrategyStep>,
    /// Checks of more than one class failed. Default: the steps of the others, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(validation = each_service_once())]
    pub complete: Vec<StrategyStep>,
}

/// The rule that no step is without effect, since an earlier one has taken its services.
fn each_service_once() -> Rule {
    let same_tier = "has(other.platform.tier) == has(step.platform.tier) \
        && (!has(step.platform.tier) || other.platform.tier == step.platform.tier)";
    let last = "self[size(self) - 1].platform";
    Rule::new(format!(
        "self.exists(step, !has(step.platform)) || (\
        self.all(step, self.exists_one(other, {same_tier})) \
        && (self.all(step, has(step.platform.tier)) || !has({last}.tier)))"
    ))
    .message("a tier is named once, and a step without one comes last: it takes every service")
}

/// One step. Exactly one kind: `platform`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.platform)").message("exactly one of platform must be set"))]
pub struct StrategyStep {
    /// Services go back through the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformStep>,
}

/// Services go back through the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlatformStep {
    /// What they go back to. Default `LastKnownGood`.
    #[serde(default)]
    pub to: RollbackGoal,
    /// Only services of this tier. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Whether pushes are kept from deploying by themselves first, so that the next one does not bring the failure back.
    /// It stays so until a person turns it on again. Default true.
    #[serde(default = "yes")]
    pub disable_auto_deploy: bool,
}

impl Default for PlatformStep {
    fn default() -> Self {
        Self {
            to: RollbackGoal::LastKnownGood,
            tier: None,
            disable_auto_deploy: true,
        }
    }
}

/// What services go back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum RollbackGoal {
    #[default]
    LastKnownGood,
}

/// What proves that a rollback has worked: these checks pass on what it brought back, as often in a row as their
/// `successThreshold` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Names of checks, at most 50. Default: every critical check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub checks: Vec<String>,
    /// How long they may take to pass once the platform says that the goal is live, 10s to 3h. Default 5m.
    #[serde(default = "five_minutes")]
    #[x_kube(validation = between("timeout", "10s", "3h"))]
    pub timeout: Duration,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            checks: Vec::new(),
            timeout: five_minutes(),
        }
    }
}

/// What holds a rollback up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// What to do when the database's schema has changed since the last known good release in a way that its code cannot
    /// bear: a table or column gone, a type changed, a NOT NULL added. Default `Refuse`.
    #[serde(default = "refuse")]
    pub schema: SchemaRule,
    /// What to do when it is not known whether the schema has changed, as without a check that reads it. Default `Ignore`.
    #[serde(default = "ignore")]
    pub schema_unknown: SchemaRule,
    /// How long after a finished rollback nothing of the same validation is rolled back, 0s to 168h. Default 10m.
    #[serde(default = "ten_minutes")]
    #[x_kube(validation = between("cooldown", "0s", "168h"))]
    pub cooldown: Duration,
    /// How many rollbacks there may be, over all validations that use this policy.
    #[serde(default)]
    pub budget: RollbackBudget,
    /// Times at which nothing is rolled back by itself. At most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub freeze: Vec<FreezeWindow>,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            schema: refuse(),
            schema_unknown: ignore(),
            cooldown: ten_minutes(),
            budget: RollbackBudget::default(),
            freeze: Vec::new(),
        }
    }
}

/// What to do about a schema that stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum SchemaRule {
    Refuse,
    Ask,
    Ignore,
}

/// How many rollbacks there may be in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackBudget {
    /// Attempts that ask something of the platform, 1 to 100. Default 3.
    #[serde(default = "default_budget")]
    #[schemars(schema_with = "bounds::one_to_hundred")]
    pub max: u8,
    /// The stretch of time, 1m to 720h. Default 24h.
    #[serde(default = "one_day")]
    #[x_kube(validation = between("per", "1m", "720h"))]
    pub per: Duration,
}

impl Default for RollbackBudget {
    fn default() -> Self {
        Self {
            max: default_budget(),
            per: one_day(),
        }
    }
}

/// A time at which nothing is rolled back by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FreezeWindow {
    /// When it begins: a cron expression of five fields, in UTC (`0 22 * * 5`).
    #[schemars(
        length(min = 9, max = 100),
        regex(pattern = r"^[-0-9A-Za-z*,/#?]+( +[-0-9A-Za-z*,/#?]+){4}$")
    )]
    pub cron: String,
    /// How long it lasts, 1m to 168h.
    #[x_kube(validation = between("duration", "1m", "168h"))]
    pub duration: Duration,
}

/// Which rollbacks wait for a person, who approves one by `spec.approved` of its `Rollback`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Classes of failure whose rollback waits. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "set"))]
    pub required: Vec<FailureClass>,
}

/// What kind of failure it is, by the areas of the checks that failed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum FailureClass {
    Application,
    Infrastructure,
    Database,
    Monitoring,
    Complete,
}

impl FailureClass {
    /// The word as it stands in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Infrastructure => "infrastructure",
            Self::Database => "database",
            Self::Monitoring => "monitoring",
            Self::Complete => "complete",
        }
    }
}

fn yes() -> bool {
    true
}

fn default_areas() -> Vec<Area> {
    vec![Area::Api, Area::Worker, Area::Database, Area::Platform]
}

fn default_max_attempts() -> u8 {
    3
}

fn default_budget() -> u8 {
    3
}

fn default_delay() -> Duration {
    Duration::from_secs(10)
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

fn one_hour() -> Duration {
    Duration::from_secs(3600)
}

fn one_day() -> Duration {
    Duration::from_secs(86_400)
}

fn refuse() -> SchemaRule {
    SchemaRule::Refuse
}

fn ignore() -> SchemaRule {
    SchemaRule::Ignore
}
