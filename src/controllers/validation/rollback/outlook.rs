//! From the verdict to the record: the stage between observing and writing the status.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::{
    policy::{Policy, policy_of},
    rehearsal::Findings,
    situation::Situation,
    standing::{Latest, Standing, standing},
};
use crate::{
    api::{
        DeploymentValidation, DeploymentValidationStatus, ObservedRelease, Reason, RollbackState,
    },
    clock,
    controllers::{
        context::Context,
        outcome::{Rejection, Retryable},
        validation::status::observed_release,
        wakes::Place,
    },
    monitor::Snapshot,
    rollback::{
        Attempt as Proven, CheckDigests, Decision, Goods,
        ledger::{Attempt, AttemptName},
    },
};

/// How much later than an attempt has given way the monitor may see what to.
const SEEN_WITHIN: Duration = Duration::from_mins(1);

/// What the verdict means for a rollback, and what else the status has to say of it.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// Why the policy cannot be acted on.
    pub rejection: Option<Rejection>,
    /// What the status says.
    pub standing: Standing,
    /// What is on record of the validation, oldest first.
    pub records: Vec<Arc<Attempt>>,
    /// What makes each check the one that it is.
    pub digests: CheckDigests,
    /// Whether the last known good release could be gone back to, as far as is known.
    pub findings: Option<Arc<Findings>>,
    /// When time alone will change any of this.
    pub next: Option<Duration>,
}

/// Decides, and puts an attempt on record where one follows.
pub async fn look(
    object: &DeploymentValidation,
    previous: &DeploymentValidationStatus,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Outlook, Retryable> {
    let uid = object.uid().unwrap_or_default();
    let digests = CheckDigests::of(&object.spec.checks);
    let live = snapshot.release.as_ref().map(observed_release);
    // Known here before a status tells the watch of it, so that no status says of two that both may.
    let disturbed = context.claims.seen(object, live.as_ref());
    context.wakes.validations(disturbed);
    let policy = policy_of(object, context);
    let situation = Situation {
        object,
        previous,
        snapshot,
        live: live.as_ref(),
        digests: &digests,
        moment: clock::moment(),
    };
    let place = Place::new(&object.namespace().unwrap_or_default(), &object.name_any());
    let fleet = &context.fleet;
    fleet.note(&uid, place, situation.turned_bad());
    let spec = policy.spec();
    let spent = policy.spent(object, context);
    let brake = situation.brake(fleet);
    context.wakes.validations(fleet.braked(brake.is_some()));
    let mut records = context.records.of_validation(&uid);
    let mut decision = situation.decide(spec, &records, &spent, brake.as_ref());
    if let (Decision::RollBack(_), Policy::Usable(reference, _)) = (&decision, &policy) {
        let issued = super::issue::issue(&situation, reference, context).await?;
        records = context.records.of_validation(&uid);
        decision =
            issued.unwrap_or_else(|| situation.decide(spec, &records, &spent, brake.as_ref()));
    }
    wake_open(&records, live.as_ref(), context);
    super::records::prune(&situation, &records, &policy, context).await;
    let (findings, rehearsed_until) = rehearse(object, previous, live.as_ref(), context).await;
    let latest = latest(&situation, &records);
    let rejection = policy.rejection();
    let mut standing = standing(&decision, latest, &situation.health());
    if let (Some(rejection), Reason::RollbackDisabled) = (&rejection, standing.reason) {
        standing.message = format!("nothing is rolled back: {}", rejection.message);
    }
    let decided_until = match &decision {
        Decision::Wait {
            until: Some(until), ..
        } => Duration::try_from(until.duration_since(situation.moment.now)).ok(),
        _ => None,
    };
    Ok(Outlook {
        rejection,
        standing,
        records,
        digests,
        findings,
        next: [decided_until, rehearsed_until].into_iter().flatten().min(),
    })
}

/// An attempt may wait for what was just seen: for the checks, or for what it is about to be gone. One that waits for the platform
/// looks there by itself, at its own pace.
fn wake_open(records: &[Arc<Attempt>], live: Option<&ObservedRelease>, context: &Context) {
    let waits = |record: &&Arc<Attempt>| match record.status.state {
        Some(RollbackState::Verifying) => true,
        Some(RollbackState::AwaitingApproval) => {
            live.is_some_and(|live| live.id != record.spec.from.release)
        }
        _ => false,
    };
    for record in records.iter().filter(waits) {
        let AttemptName { namespace, name } = &record.name;
        context.wakes.rollback(namespace, name);
    }
}

/// The attempt that the status tells of: one that is open, or else the newest that the live release is about.
fn latest<'a>(situation: &Situation<'_>, records: &'a [Arc<Attempt>]) -> Latest<'a> {
    let Some(past) = situation.past(records) else {
        return Latest::default();
    };
    let of_name = |name: &str| {
        let mut records = records.iter().map(AsRef::as_ref);
        records.find(|record: &&Attempt| record.name.name == name)
    };
    let Some(newest) = past.attempts.open().or(past.incident.attempts.last()) else {
        let last = past.attempts.iter().next_back();
        return Latest {
            superseded: last
                .filter(|last| has_superseded(situation, last))
                .and_then(|last| of_name(last.name)),
            ..Latest::default()
        };
    };
    let result = past.incident.result.as_ref();
    Latest {
        attempt: of_name(newest.name),
        is_live: result.is_some_and(|result| result.name == newest.name),
        is_current: newest.plan.generation == situation.snapshot.generation,
        superseded: None,
    }
}

/// Whether what is live now is what an attempt gave way to: it came about when that ended, and not later.
fn has_superseded(situation: &Situation<'_>, attempt: &Proven<'_>) -> bool {
    let (Some(live), Some(ended)) = (situation.live, attempt.status.finished_at) else {
        return false;
    };
    let seen = attempt.state() == RollbackState::Superseded;
    seen && live.since <= ended.saturating_add(SEEN_WITHIN).unwrap_or(Timestamp::MAX)
}

/// Whether the good releases could be gone back to, where a rollback would ask for it.
async fn rehearse(
    object: &DeploymentValidation,
    previous: &DeploymentValidationStatus,
    live: Option<&ObservedRelease>,
    context: &Context,
) -> (Option<Arc<Findings>>, Option<Duration>) {
    if object.spec.rollback_policy_ref.is_none() || live.is_none() {
        return (None, None);
    }
    let goods: Vec<_> = Goods::of(previous).iter().cloned().collect();
    let (findings, holds) = context.rehearsals.of(object, &goods, context).await;
    (findings, Some(holds))
}
