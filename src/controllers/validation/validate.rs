//! Second stage: a spec and its references become an assignment that can run, or a rejection that says what to change.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use secrecy::SecretString;

use super::dereference::Dereferenced;
use crate::{
    api::{
        Check, DeploymentValidation, DeploymentValidationSpec, REQUESTED_AT, Reason,
        SecretKeyReference,
    },
    checks::{
        compile::{Platform, compile},
        net::Network,
        suite::{self, Suite, UnorderedCheck},
    },
    controllers::{
        context::Context,
        outcome::{Rejection, Remedy},
    },
    monitor::{Assignment, ReleaseSource},
    platforms::{self, PlatformView},
};

/// The shortest time between two runs while something does not pass.
const SHORTEST_RETRY: Duration = Duration::from_secs(5);

/// The longest token of a requested run that status echoes.
const MAX_TOKEN_BYTES: usize = 256;

/// A spec that can run.
#[derive(Debug)]
pub struct Validated {
    /// What to run.
    pub assignment: Assignment,
}

/// Proves that the spec can run, and prepares it.
pub fn validate(
    object: &DeploymentValidation,
    dereferenced: Dereferenced,
    context: &Context,
) -> Result<Validated, Rejection> {
    let Dereferenced { secrets } = dereferenced;
    let spec = &object.spec;
    let fingerprint = context.digest(secrets.values());
    let target = platforms::Target::new(&spec.target, |reference| secrets.get(reference).cloned())
        .ok_or_else(|| invalid("target: exactly one of render, external must be set".to_owned()))?;
    let releases = context.platforms.observer(&target);
    let view = releases.clone();
    let view = view.map(|observer| Arc::new(observer) as Arc<dyn PlatformView>);
    Ok(Validated {
        assignment: Assignment {
            generation: object.metadata.generation.unwrap_or_default(),
            fingerprint,
            suite: Arc::new(suite(spec, &secrets, &context.network, view.as_ref())?),
            releases: releases.map(|observer| Arc::new(observer) as Arc<dyn ReleaseSource>),
            retry_interval: retry_interval(spec),
            requested: requested(object),
            confirm: awaits_confirmation(object, context),
        },
    })
}

/// Time between two runs while something does not pass.
#[must_use]
pub fn retry_interval(spec: &DeploymentValidationSpec) -> Duration {
    spec.retry_interval.map_or_else(
        || (spec.interval.get() / 3).max(SHORTEST_RETRY),
        crate::api::Duration::get,
    )
}

/// Whether a rollback waits for what it has brought back to be confirmed, or soon will.
fn awaits_confirmation(object: &DeploymentValidation, context: &Context) -> bool {
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    let records = context.records.of_validation(uid);
    records
        .iter()
        .any(|record| record.status.state.is_none_or(|state| !state.is_final()))
}

fn requested(object: &DeploymentValidation) -> Option<String> {
    let annotations = object.metadata.annotations.as_ref()?;
    let token = annotations
        .get(REQUESTED_AT)
        .filter(|token| !token.is_empty())?;
    Some(crate::checks::verdict::printable(token, MAX_TOKEN_BYTES))
}

/// The suite of a spec, with the values of what it refers to and the platform of its target.
pub fn suite(
    spec: &DeploymentValidationSpec,
    secrets: &BTreeMap<SecretKeyReference, SecretString>,
    network: &Network,
    platform: Platform<'_>,
) -> Result<Suite, Rejection> {
    let checks = spec
        .checks
        .iter()
        .map(|check| prepare(check, spec, secrets, network, platform))
        .collect::<Result<Vec<_>, _>>()?;
    Suite::new(checks, spec.timeout.get()).map_err(|error| invalid(error.to_string()))
}

fn prepare(
    check: &Check,
    spec: &DeploymentValidationSpec,
    secrets: &BTreeMap<SecretKeyReference, SecretString>,
    network: &Network,
    platform: Platform<'_>,
) -> Result<UnorderedCheck, Rejection> {
    let secret = |reference: &SecretKeyReference| secrets.get(reference).cloned();
    let probe = compile(check, &secret, platform).map_err(|error| invalid(error.to_string()))?;
    for target in probe.targets() {
        network.judge_literal(target).map_err(|denied| Rejection {
            reason: Reason::TargetNotAllowed,
            message: format!("checks[{}]: {target}: {denied}", check.name),
            remedy: Remedy::SpecChange,
        })?;
    }
    Ok(UnorderedCheck {
        depends_on: check.depends_on.clone(),
        check: suite::Check {
            name: check.name.as_str().into(),
            area: check.area,
            stage: check.stage,
            severity: check.severity,
            depends_on: Vec::new(),
            interval: check.interval.unwrap_or(spec.interval).get(),
            timeout: check.timeout.get(),
            retries: check.retries,
            failure_threshold: check.failure_threshold.max(1),
            success_threshold: check.success_threshold.max(1),
            probe,
        },
    })
}

fn invalid(message: String) -> Rejection {
    Rejection {
        reason: Reason::InvalidSpec,
        message,
        remedy: Remedy::SpecChange,
    }
}
