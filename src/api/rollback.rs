//! `Rollback`: the record of one attempt to roll back, or a person's request for one.
#![expect(
    clippy::duplicated_attributes,
    reason = "the attribute printcolumn is meant to be repeated"
)]

use k8s_openapi::jiff::Timestamp;
use kube::{CustomResource, KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, RollbackStatus, bounds, date_time, duration::between};

/// A `Rollback` is the record of one attempt, written before anything is touched, or a person's request for one.
///
/// To ask for a rollback, create one with `validationRef.name` and `from.release`; the controller records the attempt
/// that it makes of it under a name of its own. To approve one that waits, set `approved`. Everything else never changes.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "plumbline.dev",
    version = "v1alpha1",
    kind = "Rollback",
    plural = "rollbacks",
    shortname = "rb",
    category = "plumbline",
    namespaced,
    status = "RollbackStatus",
    derive = "PartialEq",
    doc = "The record of one attempt to roll back, or a person's request for one: create it with validationRef.name and from.release.",
    printcolumn(
        name = "Validation",
        type_ = "string",
        json_path = ".spec.validationRef.name"
    ),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "From", type_ = "string", json_path = ".spec.from.release"),
    printcolumn(name = "To", type_ = "string", json_path = ".spec.to.release"),
    printcolumn(name = "Attempt", type_ = "integer", json_path = ".spec.plan.attempt"),
    printcolumn(
        name = "Trigger",
        type_ = "string",
        json_path = ".spec.trigger",
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
#[x_kube(validation = Rule::new("has(self.policyRef) == has(oldSelf.policyRef) && has(self.reason) == has(oldSelf.reason) && has(self.to) == has(oldSelf.to) && has(self.plan) == has(oldSelf.plan)")
    .message("nothing but approved can be changed: create another Rollback"))]
#[x_kube(validation = Rule::new("self.trigger == 'Manual' || has(self.plan)")
    .message("a request has trigger Manual: Automatic is the controller's own"))]
#[x_kube(validation = Rule::new("!has(self.plan) || (has(self.to) && has(self.validationRef.uid))")
    .message("a plan needs to and validationRef.uid"))]
#[x_kube(validation = Rule::new("!has(self.to) || !has(self.to.release) || !has(self.from) || !has(self.from.release) || self.to.release != self.from.release")
    .message("to.release must be another release than from.release"))]
pub struct RollbackSpec {
    /// The validation whose release is rolled back, in this object's own namespace.
    #[x_kube(validation = unchanging())]
    pub validation_ref: ValidationReference,
    /// The policy that the attempt is made by, in this object's own namespace. Default: the validation's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = unchanging())]
    pub policy_ref: Option<PolicyReference>,
    /// Who started it. Default `Manual`.
    #[serde(default)]
    #[x_kube(validation = unchanging())]
    pub trigger: RollbackCause,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(validation = unchanging())]
    pub reason: Option<String>,
    /// What must be live for it to be done: when something else is, nothing is done. `kubectl get dv` shows its id.
    #[x_kube(validation = unchanging())]
    pub from: ReleaseReference,
    /// What to go back to: a release that `status.lastKnownGood` or `status.candidates` of the validation names. Default:
    /// the last known good one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = unchanging())]
    pub to: Option<ReleaseReference>,
    /// Whether a person has approved it, where that is asked for. A request is approved by being made. Default false.
    #[serde(default)]
    pub approved: bool,
    /// The attempt in full. Written by the controller; one that somebody else writes changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = unchanging())]
    pub plan: Option<RollbackPlan>,
}

fn unchanging() -> Rule {
    Rule::new("self == oldSelf")
        .message("nothing but approved can be changed: create another Rollback")
}

/// Names a validation in the object's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidationReference {
    /// Name of the `DeploymentValidation`.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
    /// Its uid: a validation that was deleted and created again under the same name is another one. Default: not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub uid: Option<String>,
}

/// Names a `RollbackPolicy` in the object's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReference {
    /// Name of the `RollbackPolicy`.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
}

/// Who started a rollback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum RollbackCause {
    #[default]
    Manual,
    Automatic,
}

/// A release by its id, and the deploys that make it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseReference {
    /// Identity of the release: letters, digits and `-_.:`, at most 128.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[a-zA-Z0-9][-_.:a-zA-Z0-9]*$")
    )]
    pub release: String,
    /// The deploy of each service. In `from` written by the controller; in `to` needed only for a release that
    /// `status.lastKnownGood` and `status.candidates` of the validation do not name, and then for every service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<ServiceDeploy>,
}

/// The deploy of one service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceDeploy {
    /// The service, as the validation names it.
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$")
    )]
    pub name: String,
    /// Id of the deploy on the platform.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[a-zA-Z0-9][-_.:a-zA-Z0-9]*$")
    )]
    pub deploy_id: String,
    /// What it was built from: a commit, or an image's digest or reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub version: Option<String>,
}

/// One attempt in full: with it, whoever comes after a crash can go on from the record alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackPlan {
    /// Which attempt for the failed release this is, from 1.
    #[schemars(schema_with = "bounds::one_to_hundred")]
    pub attempt: u8,
    /// The release that failed first; all attempts that follow from it name it.
    #[schemars(length(min = 1, max = 128))]
    pub failed_release: String,
    /// Names of the checks that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub failed_checks: Vec<String>,
    /// Identifies the attempt: a digest of the validation's uid, the failed release and the number of the attempt.
    #[schemars(length(min = 1, max = 64))]
    pub key: String,
    /// Generation of the validation that it was decided for: nothing is begun once the spec was edited.
    #[serde(default)]
    #[schemars(schema_with = "bounds::count")]
    pub generation: i64,
    /// The process that recorded it. No other one may begin it.
    #[schemars(length(min = 1, max = 64))]
    pub claimant: String,
    /// Nothing is begun after this time.
    #[schemars(schema_with = "date_time")]
    pub issue_before: Timestamp,
    /// Longest time of the attempt on the platform.
    #[x_kube(validation = between("timeout", "10s", "3h"))]
    pub timeout: Duration,
    /// Checks that must pass afterwards; none: every critical check.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub verification_checks: Vec<String>,
    /// How long they may take to pass.
    #[x_kube(validation = between("verificationTimeout", "10s", "3h"))]
    pub verification_timeout: Duration,
    /// Whether it waits for `approved`.
    #[serde(default)]
    pub approval_required: bool,
    /// The request that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<RequestReference>,
    /// What is done, in order.
    #[schemars(length(min = 1, max = 20), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["service"]))]
    pub steps: Vec<PlannedStep>,
}

/// Names the `Rollback` by which a person asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestReference {
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(max = 64))]
    pub uid: String,
}

/// One service goes back through the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// The service, as the validation names it.
    #[schemars(length(min = 1, max = 64))]
    pub service: String,
    /// Id of the deploy that must be live.
    #[schemars(length(min = 1, max = 128))]
    pub from: String,
    /// Id of the deploy that it goes back to.
    #[schemars(length(min = 1, max = 128))]
    pub to: String,
    /// What that deploy was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub version: Option<String>,
    /// Whether pushes are kept from deploying by themselves first.
    #[serde(default)]
    pub disable_auto_deploy: bool,
}
