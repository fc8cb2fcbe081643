//! Fourth stage, pure: what is known becomes a status.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use k8s_openapi::jiff::Timestamp;

use super::{history, observe::Observed};
use crate::{
    api::{
        Area, CheckState, CheckStatus, ConditionStatus, ConditionType, DeploymentValidationStatus,
        ObservedRelease, ObservedService, Reason, Severity,
    },
    checks::{board::Health, verdict::FindingReason},
    controllers::outcome::{NextLook, Rejection, Remedy},
    kubernetes::conditions::{Conditions, find},
    monitor::{SeenRelease, Snapshot},
    platforms::Refusal,
};

/// What the stages before have found out.
#[derive(Debug)]
pub enum Facts {
    /// `spec.suspend` is true.
    Suspended,
    /// The object cannot be acted on.
    Rejected(Rejection),
    /// The checks run.
    Observed(Observed),
}

/// The time and the rules that a status is made by.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Generation of the spec.
    pub generation: i64,
    /// Wall clock.
    pub now: Timestamp,
    /// How long a rejection that something may still end is no reason to stall.
    pub grace: Duration,
}

/// The status that follows `previous`, and when time alone will change it.
#[must_use]
pub fn compute(
    previous: &DeploymentValidationStatus,
    facts: &Facts,
    terms: Terms,
) -> (DeploymentValidationStatus, NextLook) {
    match facts {
        Facts::Suspended => (suspended(previous, terms), NextLook::default()),
        Facts::Rejected(rejection) => rejected(previous, rejection, terms),
        Facts::Observed(observed) => match &observed.snapshot {
            None => (pending(previous, terms), NextLook::default()),
            Some(snapshot) => watched(observed, previous, snapshot, terms),
        },
    }
}

fn suspended(previous: &DeploymentValidationStatus, terms: Terms) -> DeploymentValidationStatus {
    let mut conditions = Conditions::following(&previous.conditions, terms.generation, terms.now);
    let message = "spec.suspend is true: nothing is checked";
    conditions.set(
        ConditionType::Ready,
        ConditionStatus::Unknown,
        Reason::Suspended,
        message,
    );
    conditions.set(
        ConditionType::Accepted,
        ConditionStatus::Unknown,
        Reason::Pending,
        message,
    );
    conditions.set(
        ConditionType::Healthy,
        ConditionStatus::Unknown,
        Reason::Suspended,
        message,
    );
    without_checks(previous, terms, conditions)
}

fn pending(previous: &DeploymentValidationStatus, terms: Terms) -> DeploymentValidationStatus {
    let mut conditions = Conditions::following(&previous.conditions, terms.generation, terms.now);
    let message = "the checks have yet to run";
    conditions.set(
        ConditionType::Ready,
        ConditionStatus::Unknown,
        Reason::Pending,
        message,
    );
    conditions.set(
        ConditionType::Accepted,
        ConditionStatus::True,
        Reason::Accepted,
        "spec and references can be acted on",
    );
    conditions.set(
        ConditionType::Healthy,
        ConditionStatus::Unknown,
        Reason::Pending,
        message,
    );
    conditions.set(
        ConditionType::Reconciling,
        ConditionStatus::True,
        Reason::Progressing,
        message,
    );
    without_checks(previous, terms, conditions)
}

/// A status that says nothing of any check: what was known of them is not known to hold.
fn without_checks(
    previous: &DeploymentValidationStatus,
    terms: Terms,
    conditions: Conditions<'_>,
) -> DeploymentValidationStatus {
    DeploymentValidationStatus {
        observed_generation: terms.generation,
        conditions: conditions.finish(),
        observed_release: previous.observed_release.clone(),
        last_known_good: previous.last_known_good.clone(),
        checks: Vec::new(),
        summary: None,
        history: previous.history.clone(),
        last_handled_reconcile_at: previous.last_handled_reconcile_at.clone(),
    }
}

fn rejected(
    previous: &DeploymentValidationStatus,
    rejection: &Rejection,
    terms: Terms,
) -> (DeploymentValidationStatus, NextLook) {
    let mut conditions = Conditions::following(&previous.conditions, terms.generation, terms.now);
    let healthy = format!("nothing is checked: {}", rejection.message);
    let next = reject(&mut conditions, previous, rejection, &healthy, terms);
    (without_checks(previous, terms, conditions), next)
}

/// Sets Ready, Accepted, Healthy, and Reconciling while something may still arrive, else Stalled.
fn reject(
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

fn watched(
    observed: &Observed,
    previous: &DeploymentValidationStatus,
    snapshot: &Snapshot,
    terms: Terms,
) -> (DeploymentValidationStatus, NextLook) {
    let mut conditions = Conditions::following(&previous.conditions, terms.generation, terms.now);
    let mut health = snapshot.board.health(&snapshot.suite, None);
    let mut next = NextLook::default();
    if names_a_new_release(previous, snapshot) {
        // Checks can be quicker than a write. A verdict on this release goes into the write after the one that names it,
        // so that no reader ever meets an old True beside a new release.
        health = Health::Running;
        next = next.or_sooner(Some(Duration::ZERO));
    }
    if let Some(rejection) = refusal(snapshot) {
        let healthy = format!("the verdict does not hold: {}", rejection.message);
        next = next.or_sooner(reject(&mut conditions, previous, &rejection, &healthy, terms).0);
    } else {
        judge(&mut conditions, snapshot, &health);
    }
    areas(&mut conditions, snapshot);

    let observed_release = snapshot.release.as_ref().map(observed_release);
    let mut status = DeploymentValidationStatus {
        observed_generation: terms.generation,
        conditions: ordered(conditions),
        observed_release,
        last_known_good: previous.last_known_good.clone(),
        checks: snapshot.board.checks().to_vec(),
        summary: Some(snapshot.board.summary()),
        history: previous.history.clone(),
        last_handled_reconcile_at: snapshot.handled.clone(),
    };
    history::remember(&mut status, previous, observed.history, terms.now);
    let soaked = history::last_known_good(&status, snapshot, observed.soak, terms.now);
    let soak_left = match soaked {
        history::Soak::Good(good) => {
            status.last_known_good = Some(good);
            None
        }
        history::Soak::Left(left) => Some(left),
        history::Soak::Nothing => None,
    };
    (status, next.or_sooner(soak_left))
}

fn names_a_new_release(previous: &DeploymentValidationStatus, snapshot: &Snapshot) -> bool {
    let known = previous.observed_release.as_ref().map(|release| &release.id);
    let live = snapshot.release.as_ref().map(|seen| &seen.release.id);
    live.is_some() && live != known
}

/// Reconciling and Stalled stand last, behind the areas.
fn ordered(conditions: Conditions<'_>) -> Vec<crate::api::Condition> {
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
fn refusal(snapshot: &Snapshot) -> Option<Rejection> {
    let trouble = snapshot.trouble.as_ref();
    if let Some((refusal, message)) =
        trouble.and_then(|trouble| Some((trouble.refusal()?, trouble.to_string())))
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
fn judge(conditions: &mut Conditions<'_>, snapshot: &Snapshot, health: &Health) {
    use ConditionStatus::{False, True, Unknown};
    let release = match &snapshot.release {
        Some(seen) => format!("release {}", seen.release.id),
        None => "the target".to_owned(),
    };
    let trouble = snapshot
        .trouble
        .as_ref()
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
            format!("validating {release}{trouble}"),
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

fn areas(conditions: &mut Conditions<'_>, snapshot: &Snapshot) {
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

fn observed_release(seen: &SeenRelease) -> ObservedRelease {
    ObservedRelease {
        id: seen.release.id.clone(),
        services: seen
            .release
            .services
            .iter()
            .map(|deploy| ObservedService {
                name: deploy.name.clone(),
                deploy_id: deploy.deploy_id.clone(),
                version: deploy.version.clone(),
                since: deploy.live_since,
            })
            .collect(),
        since: seen.since,
    }
}

/// From `since` to `now`; zero when a clock stepped back.
pub(super) fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
