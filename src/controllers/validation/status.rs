//! Fourth stage, pure: what is known becomes a status.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{
    conditions::{areas, judge, ordered, refusal, reject},
    history,
    observe::Observed,
    terms::{Terms, elapsed},
};
use crate::{
    api::{
        ConditionStatus, ConditionType, DeploymentValidationStatus, ObservedRelease,
        ObservedService, Reason,
    },
    checks::board::Health,
    clock::whole_seconds,
    controllers::outcome::{NextLook, Rejection},
    kubernetes::conditions::Conditions,
    monitor::{SeenRelease, Snapshot},
    rollback::{
        Moment, Quarantine,
        known_good::{advance, soak},
    },
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
        candidates: previous.candidates.clone(),
        caveats: previous.caveats.clone(),
        rollback: previous.rollback.clone(),
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
        candidates: previous.candidates.clone(),
        caveats: previous.caveats.clone(),
        rollback: previous.rollback.clone(),
        checks: snapshot.board.checks().to_vec(),
        summary: Some(snapshot.board.summary()),
        history: previous.history.clone(),
        last_handled_reconcile_at: snapshot.handled.clone(),
    };
    history::remember(&mut status, previous, observed.history, terms.now);
    let soak_end = known_good(&mut status, observed, snapshot, terms);
    let soak_left = soak_end.map(|end| elapsed(terms.now, end));
    (status, next.or_sooner(soak_left))
}

/// Makes the live release the last known good one when its soak is over; gives when it will be.
fn known_good(
    status: &mut DeploymentValidationStatus,
    observed: &Observed,
    snapshot: &Snapshot,
    terms: Terms,
) -> Option<Timestamp> {
    let live = status.observed_release.clone()?;
    if !history::has_passed(status) {
        return None;
    }
    let moment = Moment {
        now: terms.now,
        started: terms.now,
    };
    let checks = observed.digests.standing(snapshot.board.checks());
    let progress = soak(&checks, snapshot.stale, observed.soak, moment);
    let quarantine = Quarantine::default();
    advance(status, &live, &checks, progress, &quarantine, terms.now)
}

fn names_a_new_release(previous: &DeploymentValidationStatus, snapshot: &Snapshot) -> bool {
    let known = previous
        .observed_release
        .as_ref()
        .map(|release| &release.id);
    let live = snapshot.release.as_ref().map(|seen| &seen.release.id);
    live.is_some() && live != known
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
                since: deploy.live_since.map(whole_seconds),
            })
            .collect(),
        since: seen.since,
    }
}
