//! Fourth stage, pure: what is known becomes a status.

use std::time::Duration;

use super::{
    conditions::{areas, judge, ordered, refusal, reject},
    history,
    observe::{Observed, told},
    rollback::{Outlook, as_records},
    terms::Terms,
};
use crate::{
    api::{
        Bottleneck, CheckStatus, ConditionStatus, ConditionType, DeploymentValidationStatus,
        ObservedRelease, ObservedService, Reason, SystemHealth,
    },
    checks::{board::Health, health},
    clock::whole_seconds,
    controllers::outcome::{NextLook, Rejection},
    kubernetes::conditions::{Conditions, find},
    monitor::{SeenRelease, Snapshot},
    rollback::{
        Past, Validation,
        known_good::{self, advance, revoke},
    },
};

/// What the stages before have found out.
#[derive(Debug)]
pub enum Facts {
    /// `spec.suspend` is true.
    Suspended,
    /// The object cannot be acted on.
    Rejected(Rejection),
    /// The process ends.
    Ending,
    /// The checks run.
    Observed(Box<Observed>),
}

/// The status that follows `previous`, and when time alone will change it.
#[must_use]
pub fn compute(
    previous: &DeploymentValidationStatus,
    facts: &Facts,
    terms: Terms<'_>,
) -> (DeploymentValidationStatus, NextLook) {
    match facts {
        Facts::Suspended => (suspended(previous, terms), NextLook::default()),
        Facts::Rejected(rejection) => rejected(previous, rejection, terms),
        Facts::Ending => (pending(previous, terms), NextLook::default()),
        Facts::Observed(observed) => watched(observed, previous, terms),
    }
}

fn suspended(
    previous: &DeploymentValidationStatus,
    terms: Terms<'_>,
) -> DeploymentValidationStatus {
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
    conditions.set(
        ConditionType::RolledBack,
        ConditionStatus::Unknown,
        Reason::Suspended,
        message,
    );
    without_checks(previous, terms, conditions)
}

fn pending(previous: &DeploymentValidationStatus, terms: Terms<'_>) -> DeploymentValidationStatus {
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
        ConditionType::RolledBack,
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
    terms: Terms<'_>,
    conditions: Conditions<'_>,
) -> DeploymentValidationStatus {
    DeploymentValidationStatus {
        observed_generation: terms.generation,
        conditions: ordered(conditions),
        observed_release: previous.observed_release.clone(),
        last_known_good: previous.last_known_good.clone(),
        candidates: previous.candidates.clone(),
        schemas: previous.schemas.clone(),
        caveats: previous.caveats.clone(),
        rollback: previous.rollback.clone(),
        checks: Vec::new(),
        summary: None,
        health: None,
        history: previous.history.clone(),
        last_handled_reconcile_at: previous.last_handled_reconcile_at.clone(),
    }
}

fn rejected(
    previous: &DeploymentValidationStatus,
    rejection: &Rejection,
    terms: Terms<'_>,
) -> (DeploymentValidationStatus, NextLook) {
    let mut conditions = Conditions::following(&previous.conditions, terms.generation, terms.now);
    let healthy = format!("nothing is checked: {}", rejection.message);
    let next = reject(&mut conditions, previous, rejection, &healthy, terms);
    conditions.set(
        ConditionType::RolledBack,
        ConditionStatus::Unknown,
        Reason::Inconclusive,
        &healthy,
    );
    (without_checks(previous, terms, conditions), next)
}

fn watched(
    observed: &Observed,
    previous: &DeploymentValidationStatus,
    terms: Terms<'_>,
) -> (DeploymentValidationStatus, NextLook) {
    let Observed {
        snapshot,
        soak,
        history,
        outlook,
    } = observed;
    let snapshot = snapshot.as_ref();
    let mut conditions = Conditions::following(&previous.conditions, terms.generation, terms.now);
    let mut health = snapshot.board.health(&snapshot.suite, None);
    let mut next = NextLook(outlook.next);
    if names_a_new_release(previous, snapshot) {
        // Checks can be quicker than a write. A verdict on this release goes into the write after the one that names it,
        // so that no reader ever meets an old True beside a new release.
        health = Health::Running;
        next = next.or_sooner(Some(Duration::ZERO));
    }
    if let Some(rejection) = refusal(snapshot).or_else(|| outlook.rejection.clone()) {
        let healthy = format!("the verdict does not hold: {}", rejection.message);
        next = next.or_sooner(reject(&mut conditions, previous, &rejection, &healthy, terms).0);
    } else {
        judge(&mut conditions, snapshot, &health, &outlook.standing);
    }
    let standing = &outlook.standing;
    conditions.set(
        ConditionType::RolledBack,
        standing.status,
        standing.reason,
        &standing.message,
    );
    areas(&mut conditions, snapshot);

    let mut observed_release = snapshot.release.as_ref().map(observed_release);
    if let (Some(live), Some(known)) = (&mut observed_release, &previous.observed_release)
        && live.id == known.id
    {
        live.since = known.since;
    }
    let mut status = DeploymentValidationStatus {
        observed_generation: terms.generation,
        conditions: ordered(conditions),
        observed_release,
        last_known_good: previous.last_known_good.clone(),
        candidates: previous.candidates.clone(),
        schemas: previous.schemas.clone(),
        caveats: previous.caveats.clone(),
        rollback: outlook.standing.summary.clone(),
        checks: dated(snapshot.board.checks(), &previous.checks),
        summary: Some(snapshot.board.summary()),
        // What an old run says of the whole is not known to hold.
        health: (!snapshot.stale).then(|| system_health(snapshot, told(previous))),
        history: previous.history.clone(),
        last_handled_reconcile_at: snapshot.handled.clone(),
    };
    history::remember(&mut status, previous, *history, terms.now);
    let soaked = known_good(&mut status, observed, *soak, terms);
    rehearsed(&mut status, outlook);
    (status, next.or_sooner(soaked))
}

fn system_health(snapshot: &Snapshot, before: Option<&Bottleneck>) -> SystemHealth {
    let Snapshot {
        suite, board, slow, ..
    } = snapshot;
    health::derive(suite, board, slow, before).bounded()
}

/// The checks, each with the time at which it was first said to be in its state: who says it again, such as another controller
/// that has taken over, has nothing new to write.
fn dated(checks: &[CheckStatus], previous: &[CheckStatus]) -> Vec<CheckStatus> {
    let date = |check: &CheckStatus| {
        let known = previous.iter().find(|known| known.name == check.name);
        let same = known.filter(|known| known.state == check.state);
        CheckStatus {
            since: same.map_or(check.since, |known| known.since),
            ..check.clone()
        }
    };
    checks.iter().map(date).collect()
}

/// Moves the last known good release and the candidates on; gives when time alone will move them further.
fn known_good(
    status: &mut DeploymentValidationStatus,
    observed: &Observed,
    soak: Duration,
    terms: Terms<'_>,
) -> Option<Duration> {
    let Observed {
        snapshot, outlook, ..
    } = observed;
    let live = snapshot.release.as_ref().map(observed_release)?;
    let validation = Validation {
        name: terms.name,
        uid: terms.uid,
    };
    let past = Past::of(validation, as_records(&outlook.records), &live);
    let healthy = find(&status.conditions, ConditionType::Healthy);
    let passing = healthy.is_some_and(|healthy| healthy.status == ConditionStatus::True);
    if !passing || past.attempts.open().is_some() {
        revoke(status, &past.quarantine);
        return None;
    }
    let checks = outlook.digests.standing(snapshot.board.checks());
    let progress = known_good::soak(&checks, snapshot.stale, soak, terms.moment());
    let until = advance(
        status,
        &live,
        &checks,
        snapshot.schema.known(),
        progress,
        &past.quarantine,
        terms.now,
    )?;
    Duration::try_from(until.duration_since(terms.now)).ok()
}

/// What was found when going back was rehearsed.
fn rehearsed(status: &mut DeploymentValidationStatus, outlook: &Outlook) {
    let Some(findings) = &outlook.findings else {
        return;
    };
    let goods = status.last_known_good.iter_mut();
    for good in goods.chain(&mut status.candidates) {
        good.unavailable = findings.unavailable.get(&good.release).cloned();
    }
    status.caveats.clone_from(&findings.caveats);
}

fn names_a_new_release(previous: &DeploymentValidationStatus, snapshot: &Snapshot) -> bool {
    let known = previous
        .observed_release
        .as_ref()
        .map(|release| &release.id);
    let live = snapshot.release.as_ref().map(|seen| &seen.release.id);
    live.is_some() && live != known
}

/// A release as status names it.
#[must_use]
pub fn observed_release(seen: &SeenRelease) -> ObservedRelease {
    ObservedRelease {
        id: seen.release.id.clone(),
        services: seen
            .release
            .services
            .iter()
            .map(|deploy| ObservedService {
                name: deploy.name.clone(),
                service_id: deploy.service_id.clone(),
                deploy_id: deploy.deploy_id.clone(),
                version: deploy.version.clone(),
                since: deploy.live_since.map(whole_seconds),
            })
            .collect(),
        since: seen.since,
    }
}
