//! Third stage: hands the assignment to the monitor, and takes what it knows.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;

use super::{rollback::Outlook, validate::Validated};
use crate::{
    api::{
        Bottleneck, ConditionStatus, ConditionType, DeploymentValidation,
        DeploymentValidationStatus, HistoryLimits,
    },
    monitor::{Memory, Monitor, SeenRelease, Snapshot, Subject},
    platforms::{LiveDeploy, Release},
};

/// What is known of a validation whose spec is accepted.
#[derive(Debug)]
pub struct Observed {
    /// What the monitor knows.
    pub snapshot: Arc<Snapshot>,
    /// How long every critical check must have passed before the release is the last known good one.
    pub soak: Duration,
    /// How many verdicts are remembered.
    pub history: HistoryLimits,
    /// What it means for a rollback.
    pub outlook: Outlook,
}

/// Has the monitor run what was validated, and gives what it knows; `None` while the process ends.
pub async fn observe(
    object: &DeploymentValidation,
    previous: &DeploymentValidationStatus,
    validated: Validated,
    monitor: &Monitor,
) -> Option<Arc<Snapshot>> {
    let Validated { assignment } = validated;
    let memory = memory(previous, assignment.generation);
    monitor.assign(subject(object), assignment, memory).await
}

/// The object as the monitor names it.
#[must_use]
pub fn subject(object: &DeploymentValidation) -> Subject {
    Subject {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
    }
}

/// What an earlier process wrote down. Its check states hold for the generation that they were written for, and only
/// while the object was accepted.
fn memory(previous: &DeploymentValidationStatus, generation: i64) -> Memory {
    let accepted = previous.conditions.iter().any(|condition| {
        condition.type_ == ConditionType::Accepted && condition.status == ConditionStatus::True
    });
    Memory {
        checks: previous.checks.clone(),
        bottleneck: told(previous).cloned(),
        release: previous
            .observed_release
            .as_ref()
            .map(|observed| SeenRelease {
                release: Release {
                    id: observed.id.clone(),
                    services: observed
                        .services
                        .iter()
                        .map(|service| LiveDeploy {
                            name: service.name.clone(),
                            service_id: service.service_id.clone(),
                            deploy_id: service.deploy_id.clone(),
                            version: service.version.clone(),
                            live_since: service.since,
                        })
                        .collect(),
                },
                since: observed.since,
            }),
        handled: previous.last_handled_reconcile_at.clone(),
        current: accepted
            && previous.observed_generation == generation
            && !previous.checks.is_empty(),
    }
}

/// The bottleneck that was told last.
pub(super) fn told(previous: &DeploymentValidationStatus) -> Option<&Bottleneck> {
    previous.health.as_ref()?.bottleneck.as_ref()
}
