//! First stage: the values of everything that the spec refers to.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use secrecy::SecretString;

use crate::{
    api::{
        Check, ConditionType, DeploymentValidation, DeploymentValidationSpec,
        DeploymentValidationStatus, Reason, SecretKeyReference,
    },
    checks::verdict::FindingReason,
    controllers::outcome::{Rejection, Remedy, Retryable},
    kubernetes::{
        conditions::find,
        secrets::{SecretError, Secrets},
    },
    platforms::Target,
};

/// A spec and the values of its references.
#[derive(Debug)]
pub struct Dereferenced {
    /// Each referenced value.
    pub secrets: BTreeMap<SecretKeyReference, SecretString>,
}

/// Why the stage did not end well.
#[derive(Debug)]
pub enum NotDereferenced {
    /// A reference is bad.
    Rejected(Rejection),
    /// It could not be told.
    Retry(Retryable),
}

/// Reads every value that `object` refers to.
pub async fn dereference(
    object: &DeploymentValidation,
    secrets: &Secrets,
) -> Result<Dereferenced, NotDereferenced> {
    let namespace = object.namespace().unwrap_or_default();
    let mut values = BTreeMap::new();
    for reference in references(&object.spec) {
        let value = secrets
            .value(&namespace, reference)
            .await
            .map_err(|error| classify(object, error))?;
        values.insert(reference.clone(), value);
    }
    Ok(Dereferenced { secrets: values })
}

/// Names of the Secrets that `spec` refers to.
#[must_use]
pub fn secret_names(spec: &DeploymentValidationSpec) -> BTreeSet<String> {
    references(spec)
        .map(|reference| reference.name.clone())
        .collect()
}

/// Whether a Secret could not be used, or its value was refused by what it opens, so that it may have been replaced since.
#[must_use]
pub fn is_in_doubt(status: &DeploymentValidationStatus) -> bool {
    let rejected = find(&status.conditions, ConditionType::Accepted).is_some_and(|accepted| {
        matches!(
            accepted.reason,
            Reason::SecretNotFound
                | Reason::SecretKeyMissing
                | Reason::ReferenceNotPermitted
                | Reason::CredentialsRejected
        )
    });
    let refused = FindingReason::CredentialsRefused.as_str();
    rejected || status.checks.iter().any(|check| check.reason == refused)
}

fn references(spec: &DeploymentValidationSpec) -> impl Iterator<Item = &SecretKeyReference> {
    let platform = Target::credentials(&spec.target).into_iter();
    platform.chain(spec.checks.iter().flat_map(Check::secrets))
}

fn classify(object: &DeploymentValidation, error: SecretError) -> NotDereferenced {
    let reason = match &error {
        SecretError::NotFound { .. } => Reason::SecretNotFound,
        SecretError::KeyMissing { .. } | SecretError::Unusable { .. } => Reason::SecretKeyMissing,
        SecretError::Forbidden { .. } => Reason::ReferenceNotPermitted,
        SecretError::Read { .. } => {
            return NotDereferenced::Retry(Retryable::Dereference {
                namespace: object.namespace().unwrap_or_default(),
                name: object.name_any(),
                source: Box::new(error),
            });
        }
    };
    NotDereferenced::Rejected(Rejection {
        reason,
        message: error.to_string(),
        remedy: Remedy::Arrival,
    })
}
