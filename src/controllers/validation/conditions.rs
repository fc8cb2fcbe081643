//! The conditions of a status: what the verdict, a refusal or a rejection makes of each. Pure.

use std::{collections::BTreeSet, fmt::Write as _};

use super::terms::{Terms, elapsed};
use crate::{
    api::{
        Area, CheckState, CheckStatus, Condition, ConditionStatus, ConditionType,
        DeploymentValidationStatus, Reason, Severity,
    },
    checks::{board::Health, verdict::FindingReason},
    controllers::outcome::{NextLook, Rejection, Remedy},
    kubernetes::conditions::{Conditions, find},
    monitor::Snapshot,
    platforms::Refusal,
    telemetry::chain,
};

/// Sets Ready, Accepted, Healthy, and Reconciling while something may still arrive, else Stalled.
pub(super) fn reject(
    conditions: &mut Conditions<'_>,
    previous: &DeploymentValidationStatus,
    rejection: &Rejection,
    healthy: &str,
    terms: Terms,
) -> NextLook {
    let Rejection {
        reason,
        message,
        remedy,
    } = rejection;
    conditions.set(
        ConditionType::Ready,
        ConditionStatus::False,
        *reason,
        message,
    );
    conditions.set(
        ConditionType::Accepted,
        ConditionStatus::False,
        *reason,
        message,
    );
    conditions.set(
        ConditionType::Healthy,
        ConditionStatus::Unknown,
        Reason::Inconclusive,
        healthy,
    );
    let since = find(&previous.conditions, ConditionType::Accepted)
        .filter(|accepted| accepted.status == ConditionStatus::False)
        .map_or(terms.now, |accepted| accepted.last_transition_time);
    let waited = elapsed(since, terms.now);
    match remedy {
        Remedy::Arrival if waited < terms.grace => {
            let message = format!("{message}; looking again");
            conditions.set(
                ConditionType::Reconciling,
                ConditionStatus::True,
                Reason::ProgressingWithRetry,
                &message,
            );
            NextLook(Some(terms.grace.saturating_sub(waited)))
        }
        Remedy::Arrival | Remedy::SpecChange => {
            conditions.set(
                ConditionType::Stalled,
                ConditionStatus::True,
                *reason,
                message,
            );
            NextLook::default()
        }
    }
}

/// Reconciling and Stalled stand last, behind the areas.
pub(super) fn ordered(conditions: Conditions<'_>) -> Vec<Condition> {
    let mut list = conditions.finish();
    list.sort_by_key(|condition| {
        matches!(
            condition.type_,
            ConditionType::Reconciling | ConditionType::Stalled
        )
    });
    list
}

/// What a run found out that makes the spec one that cannot be acted on.
pub(super) fn refusal(snapshot: &Snapshot) -> Option<Rejection> {
    if let Some((refusal, message)) = snapshot
        .trouble
        .as_ref()
        .and_then(|trouble| Some((trouble.refusal()?, chain(trouble))))
    {
        let (reason, remedy) = match refusal {
            Refusal::CredentialsRejected => (Reason::CredentialsRejected, Remedy::Arrival),
            Refusal::ReferenceNotFound => (Reason::ReferenceNotFound, Remedy::Arrival),
            Refusal::ReferenceNotPermitted => (Reason::ReferenceNotPermitted, Remedy::SpecChange),
        };
        return Some(Rejection {
            reason,
            message,
            remedy,
        });
    }
    let denied = |check: &&CheckStatus| check.reason == FindingReason::TargetNotAllowed.as_str();
    snapshot
        .board
        .checks()
        .iter()
        .find(denied)
        .map(|check| Rejection {
            reason: Reason::TargetNotAllowed,
            message: format!("checks[{}]: {}", check.name, check.message),
            remedy: Remedy::SpecChange,
        })
}

/// Sets Ready, Accepted, Healthy, and Reconciling or Stalled where they hold.
pub(super) fn judge(conditions: &mut Conditions<'_>, snapshot: &Snapshot, health: &Health) {
    use ConditionStatus::{False, True, Unknown};
    let release = match &snapshot.release {
        Some(seen) => format!("release {}", seen.release.id),
        None => "what is live".to_owned(),
    };
    let trouble = snapshot.trouble_message();
    let trouble = trouble
        .map(|trouble| format!("; {trouble}"))
        .unwrap_or_default();
    let (status, ready, healthy, message) = match health {
        _ if snapshot.stale => (
            Unknown,
            Reason::ObservationStale,
            Reason::ObservationStale,
            format!("no run has counted for longer than three intervals{trouble}"),
        ),
        Health::Passing => (
            True,
            Reason::Validated,
            Reason::ChecksPassed,
            format!("every critical check passes on {release}"),
        ),
        Health::Failed => (
            False,
            Reason::ChecksFailed,
            Reason::ChecksFailed,
            listed(snapshot, None, Severity::Critical, CheckState::Failed),
        ),
        Health::Running => (
            Unknown,
            Reason::Running,
            Reason::Running,
            format!("the first verdict on {release} is being reached{trouble}"),
        ),
        Health::Inconclusive => (
            Unknown,
            Reason::Inconclusive,
            Reason::Inconclusive,
            format!(
                "could not be told: {}{trouble}",
                listed(snapshot, None, Severity::Critical, CheckState::Unknown)
            ),
        ),
    };
    conditions.set(ConditionType::Ready, status, ready, &message);
    conditions.set(
        ConditionType::Accepted,
        True,
        Reason::Accepted,
        "spec and references can be acted on",
    );
    conditions.set(ConditionType::Healthy, status, healthy, &message);
    match (status, ready) {
        (Unknown, Reason::Running) if trouble.is_empty() => {
            conditions.set(
                ConditionType::Reconciling,
                True,
                Reason::Progressing,
                &message,
            );
        }
        (Unknown, Reason::Running) => {
            conditions.set(
                ConditionType::Reconciling,
                True,
                Reason::ProgressingWithRetry,
                &message,
            );
        }
        (False, _) => conditions.set(ConditionType::Stalled, True, Reason::ChecksFailed, &message),
        _ => {}
    }
}

pub(super) fn areas(conditions: &mut Conditions<'_>, snapshot: &Snapshot) {
    use ConditionStatus::{False, True, Unknown};
    let present: BTreeSet<Area> = snapshot
        .suite
        .checks()
        .iter()
        .map(|check| check.area)
        .collect();
    for area in present {
        let failed = |severity| listed(snapshot, Some(area), severity, CheckState::Failed);
        let (status, reason, mut message) = match snapshot.board.health(&snapshot.suite, Some(area))
        {
            _ if snapshot.stale => (
                Unknown,
                Reason::ObservationStale,
                "the last run is too old".to_owned(),
            ),
            Health::Passing => (True, Reason::ChecksPassed, "the checks pass".to_owned()),
            Health::Failed => (False, Reason::ChecksFailed, failed(Severity::Critical)),
            Health::Running => (
                Unknown,
                Reason::Running,
                "the first verdict is being reached".to_owned(),
            ),
            Health::Inconclusive => (
                Unknown,
                Reason::Inconclusive,
                listed(
                    snapshot,
                    Some(area),
                    Severity::Critical,
                    CheckState::Unknown,
                ),
            ),
        };
        let warnings = failed(Severity::Warning);
        if !warnings.is_empty() {
            let _ = write!(message, "; warning: {warnings}");
        }
        conditions.set(ConditionType::of(area), status, reason, &message);
    }
}

/// The checks in `state`, each with what was found, on one line.
fn listed(
    snapshot: &Snapshot,
    area: Option<Area>,
    severity: Severity,
    state: CheckState,
) -> String {
    let skipped_too = state == CheckState::Unknown;
    let mut line = String::new();
    for (check, status) in snapshot.suite.checks().iter().zip(snapshot.board.checks()) {
        let wanted = status.state == state || (skipped_too && status.state == CheckState::Skipped);
        if !wanted || check.severity != severity || area.is_some_and(|area| area != check.area) {
            continue;
        }
        let separator = if line.is_empty() { "" } else { "; " };
        let told = if status.message.is_empty() {
            &status.reason
        } else {
            &status.message
        };
        let _ = write!(line, "{separator}{}: {told}", status.name);
    }
    line
}
