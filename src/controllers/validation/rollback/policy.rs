//! The policy of a validation, as far as it can be acted on.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    api::{DeploymentValidation, PolicyReference, Reason, RollbackPolicySpec},
    clock,
    controllers::{
        context::{Context, Missing},
        outcome::{Rejection, Remedy},
        policy::problem,
    },
    rollback::{budgeted_at, is_proven},
};

/// The policy of a validation.
pub enum Policy {
    /// It names none.
    None,
    /// The one that it names does not exist, or cannot be acted on, or not for this validation.
    Unusable(Rejection),
    /// It can be acted on.
    Usable(PolicyReference, Box<RollbackPolicySpec>),
}

/// The policy that `object` names, as the watch has told.
pub fn policy_of(object: &DeploymentValidation, context: &Context) -> Policy {
    let Some(reference) = &object.spec.rollback_policy_ref else {
        return Policy::None;
    };
    let namespace = object.namespace().unwrap_or_default();
    if let Some(rival) = context.claims.rival(&object.uid().unwrap_or_default()) {
        return Policy::Unusable(Rejection {
            reason: Reason::TargetConflict,
            message: rival.message(&namespace),
            remedy: Remedy::SpecChange,
        });
    }
    let name = &reference.name;
    let unusable = |reason, why: String| {
        Policy::Unusable(Rejection {
            reason,
            message: format!("rollbackPolicyRef: RollbackPolicy {name}{why}"),
            remedy: Remedy::Arrival,
        })
    };
    let policy = match context.policy(&namespace, name) {
        Ok(policy) => policy,
        Err(missing @ Missing::Absent) => {
            return unusable(Reason::ReferenceNotFound, format!(" {missing}"));
        }
        Err(missing @ Missing::Undecodable(_)) => {
            return unusable(Reason::InvalidSpec, format!(" {missing}"));
        }
    };
    let unknown = policy
        .spec
        .verification
        .checks
        .iter()
        .find(|wanted| {
            object
                .spec
                .checks
                .iter()
                .all(|check| check.name != **wanted)
        })
        .map(|wanted| format!("verification.checks: there is no check {wanted}"));
    match problem(&policy.spec, clock::moment()).or(unknown) {
        None => Policy::Usable(reference.clone(), Box::new(policy.spec)),
        Some(problem) => unusable(Reason::InvalidSpec, format!(": {problem}")),
    }
}

impl Policy {
    /// What it says.
    pub fn spec(&self) -> Option<&RollbackPolicySpec> {
        match self {
            Self::Usable(_, spec) => Some(spec),
            Self::None | Self::Unusable(_) => None,
        }
    }

    /// Why it cannot be acted on.
    pub fn rejection(&self) -> Option<Rejection> {
        match self {
            Self::Unusable(rejection) => Some(rejection.clone()),
            Self::None | Self::Usable(..) => None,
        }
    }

    /// When attempts by it count against its budget, over all validations, as far as is known.
    pub fn spent(&self, object: &DeploymentValidation, context: &Context) -> Vec<Timestamp> {
        let Self::Usable(reference, _) = self else {
            return Vec::new();
        };
        let namespace = object.namespace().unwrap_or_default();
        let records = context.records.of_policy(&namespace, &reference.name);
        records
            .iter()
            .filter(|record| is_proven(record))
            .filter_map(|record| budgeted_at(record))
            .collect()
    }
}
