//! The conditions of a status: what the verdict, a refusal or a rejection makes of each. Pure.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    rollback::{Bearing, Standing},
    terms::{Terms, elapsed},
};
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
    terms: Terms<'_>,
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
pub(super) fn judge(
    conditions: &mut Conditions<'_>,
    snapshot: &Snapshot,
    health: &Health,
    standing: &Standing,
) {
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
    let verdict = Verdict {
        status,
        reason: ready,
        message,
        in_trouble: !trouble.is_empty(),
    };
    let said = ready_by(&verdict, standing);
    conditions.set(
        ConditionType::Ready,
        said.status,
        said.reason,
        &said.message,
    );
    conditions.set(
        ConditionType::Accepted,
        True,
        Reason::Accepted,
        "spec and references can be acted on",
    );
    conditions.set(ConditionType::Healthy, status, healthy, &verdict.message);
    if let Some((type_, reason, message)) = said.tail {
        conditions.set(type_, True, reason, &message);
    }
}

/// Ready as the checks alone would have it.
struct Verdict {
    status: ConditionStatus,
    reason: Reason,
    message: String,
    /// Whether the platform could not be read the last time.
    in_trouble: bool,
}

/// Ready, and Reconciling or Stalled beside it.
struct Said {
    status: ConditionStatus,
    reason: Reason,
    message: String,
    tail: Option<(ConditionType, Reason, String)>,
}

/// What the verdict comes to beside a rollback.
fn ready_by(verdict: &Verdict, standing: &Standing) -> Said {
    use ConditionStatus::{False, True, Unknown};
    use ConditionType::{Reconciling, Stalled};
    let (status, reason) = (verdict.status, verdict.reason);
    let told = &standing.message;
    let said = |status, reason, message: &str, tail| Said {
        status,
        reason,
        message: message.to_owned(),
        tail,
    };
    let tail = |type_, reason, message: &str| Some((type_, reason, message.to_owned()));
    match (standing.bearing, status) {
        (Bearing::Ended(reason, stalled), _) => {
            said(False, reason, told, tail(Stalled, stalled, told))
        }
        (Bearing::UnderWay(by), False) => {
            let tail = tail(Reconciling, by, told);
            said(False, reason, &verdict.message, tail)
        }
        // What has just come back is not validated before the rollback is.
        (Bearing::UnderWay(by), True | Unknown) => {
            said(Unknown, Reason::Running, told, tail(Reconciling, by, told))
        }
        (Bearing::Later, False) => {
            let tail = tail(Reconciling, Reason::ProgressingWithRetry, told);
            said(False, reason, &verdict.message, tail)
        }
        (Bearing::NoneFollows(stalled), False) => {
            let message = match standing.reason {
                Reason::RollbackDisabled => verdict.message.clone(),
                _ => format!("{}; {told}", verdict.message),
            };
            let tail = tail(Stalled, stalled, &message);
            said(False, reason, &verdict.message, tail)
        }
        (_, Unknown) if reason == Reason::Running => {
            let by = if verdict.in_trouble {
                Reason::ProgressingWithRetry
            } else {
                Reason::Progressing
            };
            let tail = tail(Reconciling, by, &verdict.message);
            said(Unknown, reason, &verdict.message, tail)
        }
        (Bearing::None, False) => {
            let tail = tail(Stalled, Reason::ChecksFailed, &verdict.message);
            said(False, reason, &verdict.message, tail)
        }
        _ => said(status, reason, &verdict.message, None),
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
