//! The `Rollback` controller: takes each record as far as it goes, and makes an attempt of a person's request.

mod conditions;
mod gate;
mod locks;
mod open;
mod opened;
mod records;
mod request;
pub mod site;
mod watch;
mod witness;

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        Controller, WatchStreamExt,
        controller::{Action, Config},
        reflector::{self, ObjectRef},
    },
};
use serde::Deserialize as _;
use tokio::sync::{mpsc, watch as watch_channel};

pub use self::{
    conditions::with_conditions,
    gate::LiveGate,
    locks::{Flag, Locks},
    open::{Opening, open},
    opened::Opened,
    records::Records,
    witness::MonitorWitness,
};
use super::{
    context::Context,
    outcome::Retryable,
    undecodable::{self, Words},
    until,
    validation::ControllerSettings,
    wakes::{Place, heard},
};
use crate::{
    api::{ConditionType, Reason, Rollback, RollbackState, RollbackStatus},
    clock,
    kubernetes::{
        attempts::{attempt_of, is_owned},
        conditions::find,
    },
    rollback::{
        Again, Surroundings, is_proven,
        ledger::{Attempt, LedgerError},
    },
    telemetry::chain,
};

/// A record as the watch gives it: one that does not decode hurts itself alone.
type Guarded = DeserializeGuard<Rollback>;

/// The pause before another look while not everything was listed.
const UNTIL_LISTED: Duration = Duration::from_millis(100);

/// The pause before another look at a record whose validation is gone: it is usually gone with it.
const WHILE_GONE: Duration = Duration::from_mins(1);

/// The pause before a pass that failed is made again, spread over its upper half.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// What the status of a record, or a request, that does not decode says while it has not ended.
const UNDECODABLE: Words = Words {
    denied: &[ConditionType::Ready],
    doubted: &[ConditionType::Succeeded],
    kept: &[
        ConditionType::Approved,
        ConditionType::Issued,
        ConditionType::Verified,
    ],
    is_final: |status| {
        RollbackState::deserialize(&status["state"]).is_ok_and(RollbackState::is_final)
    },
};

/// Watches and reconciles until `stopped` says so and what was under way has ended.
pub async fn run(
    context: Arc<Context>,
    settings: &ControllerSettings,
    wakes: mpsc::UnboundedReceiver<Place>,
    stopped: watch_channel::Receiver<bool>,
) {
    let objects: Api<Guarded> = match &settings.watch_namespace {
        Some(namespace) => Api::namespaced(context.client.clone(), namespace),
        None => Api::all(context.client.clone()),
    };
    let (reader, writer) = reflector::store();
    let events = watch::events(objects, settings.watch_timeout.get(), context.clone())
        .reflect(writer)
        .applied_objects();
    let wakes =
        heard(wakes).map(|place| ObjectRef::<Guarded>::new(&place.name).within(&place.namespace));
    Controller::for_stream(events, reader)
        .with_config(Config::default().concurrency(settings.concurrency.max(1)))
        .reconcile_on(wakes)
        .graceful_shutdown_on(until(stopped))
        .run(reconcile, try_again, context)
        .for_each(|ended| async move {
            if let Err(error) = ended {
                super::outcome::report(&error);
            }
        })
        .await;
}

async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Retryable> {
    // A validation that has yet to be listed would look like one that is gone.
    if !context.listed.is_set() {
        return Ok(Action::requeue(UNTIL_LISTED));
    }
    let object = match &guarded.0 {
        Ok(object) if object.metadata.deletion_timestamp.is_none() => object,
        Ok(_) => return Ok(Action::await_change()),
        Err(invalid) => {
            return Ok(undecodable::tell::<Rollback>(invalid, UNDECODABLE, &context).await);
        }
    };
    let watched = attempt_of(object);
    let attempt = match context.records.get(&watched.name) {
        Some(known) if known.uid == watched.uid => (*known).clone(),
        _ => watched,
    };
    let name = attempt.name.clone();
    match Box::pin(turn(object, attempt, &context)).await {
        Ok(again) => Ok(again),
        // Somebody else wrote: the watch tells what.
        Err(LedgerError::Conflict(_)) => Ok(Action::requeue(jittered(RETRY_PAUSE / 4))),
        Err(LedgerError::Gone(_)) => Ok(Action::await_change()),
        Err(error) => Err(Retryable::Record {
            name,
            source: Box::new(error),
        }),
    }
}

async fn turn(
    object: &Rollback,
    attempt: Attempt,
    context: &Context,
) -> Result<Action, LedgerError> {
    let attempt = healed(attempt, context).await?;
    if attempt.spec.plan.is_none() {
        request::answer(attempt, context).await
    } else if is_own(object) && !is_in_our_name(&attempt, context) {
        pass(attempt, context).await
    } else {
        refuse(attempt, context).await
    }
}

/// What was said of it while it did not decode is taken back: where it stands has not changed, so that nothing else would.
async fn healed(attempt: Attempt, context: &Context) -> Result<Attempt, LedgerError> {
    let stalled = find(&attempt.status.conditions, ConditionType::Stalled);
    let was_undecodable = stalled.is_some_and(|stalled| stalled.reason == Reason::InvalidSpec);
    if !was_undecodable || attempt.status.state.is_none() {
        return Ok(attempt);
    }
    let status = attempt.status.clone();
    let written = context.ledger.advance(&attempt, status).await?;
    context.records.note(written.clone());
    Ok(written)
}

/// Whether the controller has created this record for this attempt: its owner, its key and its name can be recomputed.
fn is_own(object: &Rollback) -> bool {
    is_owned(object.owner_references(), &object.spec) && is_proven(&attempt_of(object))
}

/// Whether somebody else has created this record in the name of this process.
fn is_in_our_name(attempt: &Attempt, context: &Context) -> bool {
    if attempt.status.state.is_some() {
        return false;
    }
    let plan = attempt.spec.plan.as_ref();
    let ours = plan.is_some_and(|plan| plan.claimant == context.executor.claimant());
    ours && !context.opened.holds(attempt)
}

/// Whether the controller has said of a record that it is not its own.
#[must_use]
pub fn is_refused(attempt: &Attempt) -> bool {
    let RollbackStatus { state, steps, .. } = &attempt.status;
    attempt.spec.plan.is_some() && *state == Some(RollbackState::Rejected) && steps.is_empty()
}

/// Whether what a record says counts: one that a controller has written to, or that this process has created. A request is no
/// record, and counts for nothing by itself.
fn is_heard(object: &Rollback, attempt: &Attempt, context: &Context) -> bool {
    let begun = attempt.status.state.is_some() || context.opened.holds(attempt);
    attempt.spec.plan.is_none() || (begun && is_own(object) && !is_refused(attempt))
}

/// Takes an attempt as far as it goes now.
async fn pass(attempt: Attempt, context: &Context) -> Result<Action, LedgerError> {
    if attempt.status.state.is_some_and(RollbackState::is_final) {
        return rest(&attempt, context).await;
    }
    let before = attempt.status.clone();
    let operations = match site::operations(&attempt, context).await {
        Ok(operations) => operations,
        Err(site::Unreachable::Gone) => return without_validation(attempt, context).await,
        Err(site::Unreachable::For(why)) => {
            tracing::warn!(rollback = %attempt.name, why, "an attempt cannot reach its platform now");
            return Ok(Action::requeue(jittered(RETRY_PAUSE * 2)));
        }
    };
    let gate = LiveGate {
        client: context.client.clone(),
        fleet: &context.fleet,
        claims: &context.claims,
        reference: context.reference.clone(),
    };
    let witness = MonitorWitness {
        monitor: context.monitor.clone(),
    };
    let surroundings = Surroundings {
        ledger: context.ledger.as_ref(),
        operations: operations.as_ref(),
        gate: &gate,
        witness: &witness,
        clock: clock::moment,
    };
    let (attempt, again) = context.executor.pass(attempt, surroundings).await?;
    tell(&attempt, &before, context);
    Ok(match again {
        Again::Never => Action::await_change(),
        Again::Now => Action::requeue(Duration::ZERO),
        Again::After(pause) => Action::requeue(pause),
    })
}

/// What has ended stays as it is; but an approval that comes too late is seen.
pub(super) async fn rest(attempt: &Attempt, context: &Context) -> Result<Action, LedgerError> {
    if attempt.status.observed_generation != attempt.generation {
        let status = attempt.status.clone();
        let written = context.ledger.advance(attempt, status).await?;
        context.records.note(written);
    }
    Ok(Action::await_change())
}

/// Tells the validation of what has changed, and counts an end.
fn tell(attempt: &Attempt, before: &RollbackStatus, context: &Context) {
    if attempt.status.state.is_none() {
        // Another process may be about to begin it, or nobody at all: it tells nothing.
        return;
    }
    context.records.note(attempt.clone());
    if attempt.status == *before {
        return;
    }
    let namespace = &attempt.name.namespace;
    context
        .wakes
        .validation(namespace, &attempt.spec.validation_ref.name);
    if let Some(policy) = &attempt.spec.policy_ref {
        context.wakes.policy(namespace, &policy.name);
    }
    if let Some(request) = attempt
        .spec
        .plan
        .as_ref()
        .and_then(|plan| plan.requested_by.as_ref())
    {
        context.wakes.rollback(namespace, &request.name);
    }
    if let Some(state) = attempt.status.state.filter(|state| state.is_final()) {
        context.metrics.rolled_back(state);
        // What it was to go back to may be gone: that is asked again before the next attempt.
        if let Some(uid) = &attempt.spec.validation_ref.uid {
            context.rehearsals.forget(uid);
        }
    }
}

/// A record whose validation is gone is gone soon as well; one that nothing was written to was copied from elsewhere.
async fn without_validation(attempt: Attempt, context: &Context) -> Result<Action, LedgerError> {
    let untouched = attempt.status.state.is_none();
    match site::is_gone(&attempt, context).await {
        Some(true) if untouched => refuse(attempt, context).await,
        _ => Ok(Action::requeue(WHILE_GONE)),
    }
}

/// A record that the controller has not made: it changes nothing, and says so.
async fn refuse(attempt: Attempt, context: &Context) -> Result<Action, LedgerError> {
    let status = RollbackStatus {
        state: Some(RollbackState::Rejected),
        message: "this plan is not one that the controller has recorded; it changes nothing"
            .to_owned(),
        finished_at: attempt.status.finished_at,
        ..RollbackStatus::default()
    };
    let said = RollbackStatus {
        conditions: attempt.status.conditions.clone(),
        observed_generation: attempt.generation,
        ..status.clone()
    };
    if attempt.status != said {
        context.ledger.advance(&attempt, status).await?;
    }
    Ok(Action::await_change())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn try_again(_: Arc<Guarded>, error: &Retryable, context: Arc<Context>) -> Action {
    context.metrics.retried();
    tracing::warn!(
        error = chain(error),
        "a pass over an attempt failed; it is made again"
    );
    Action::requeue(jittered(RETRY_PAUSE))
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.0))
}
