//! The `DeploymentValidation` controller: dereference → validate → observe → status → write.

mod conditions;
mod dereference;
mod history;
mod observe;
mod previous;
mod rollback;
mod status;
mod terms;
mod validate;
mod watch;
mod write;

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt};
use kube::{
    Api, ResourceExt,
    core::{DeserializeGuard, ObjectMeta, error_boundary::InvalidObject},
    runtime::{
        Controller, WatchStreamExt,
        controller::{Action, Config},
        reflector::{ObjectRef, store::Writer},
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch as watch_channel};

use self::{
    dereference::{NotDereferenced, dereference, is_in_doubt, secret_names},
    observe::observe,
    previous::{previous, stored},
    rollback::look,
    validate::{retry_interval, validate},
    write::{Address, update_status},
};
pub use self::{
    observe::Observed,
    rollback::{Bearing, Latest, Outlook, Rehearsals, Standing, as_records, services, standing},
    status::{Facts, compute, observed_release},
    terms::Terms,
    validate::suite,
};
use super::{
    context::Context,
    outcome::{self, NextLook, Rejection, Remedy, Retryable},
    until,
    wakes::{Place, heard},
};
use crate::{
    api::{DeploymentValidation, DeploymentValidationStatus, Duration as Span, Reason},
    clock,
    monitor::Subject,
    telemetry::chain,
};

/// A validation as the watch gives it: one that does not decode hurts itself alone.
pub type Guarded = DeserializeGuard<DeploymentValidation>;

/// Shortest and longest pause before a failed reconcile is tried again.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Longest pause before a status is made anew that somebody else came before.
const CONTESTED_PAUSE: Duration = Duration::from_millis(200);

/// The pause before another look while not everything was listed.
const UNTIL_LISTED: Duration = Duration::from_millis(100);

/// How the controller works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ControllerSettings {
    /// Reconciles at one time. Default 16.
    pub concurrency: u16,
    /// Namespace to watch. Default: all.
    pub watch_namespace: Option<String>,
    /// Longest time of one watch request; one that has stalled is noticed 5s after it. Default 2m.
    pub watch_timeout: Span,
    /// How long a missing reference may stay missing before the object is stalled. Default 2m.
    pub reference_grace: Span,
    /// How long a read of a Secret holds. Default 5m.
    pub secrets_refresh: Span,
    /// How long after its intent was recorded a rollback may still be asked for; an attempt that was cut off counts as never
    /// made no sooner. The same for all controllers of a cluster. 1s to 5m, default 30s.
    pub send_within: Span,
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            watch_namespace: None,
            watch_timeout: Span::from_secs(120),
            reference_grace: Span::from_secs(120),
            secrets_refresh: Span::from_secs(300),
            send_within: Span::from_secs(30),
        }
    }
}

/// Watches and reconciles until `stopped` says so and what was under way has ended. `wakes` names objects whose
/// snapshot has changed; `listed` is called once the first list is complete.
pub async fn run(
    context: Arc<Context>,
    settings: &ControllerSettings,
    store: Writer<Guarded>,
    (observed, woken): (
        mpsc::UnboundedReceiver<Subject>,
        mpsc::UnboundedReceiver<Place>,
    ),
    listed: impl FnOnce() + Send + 'static,
    stopped: watch_channel::Receiver<bool>,
) {
    let objects: Api<Guarded> = match &settings.watch_namespace {
        Some(namespace) => Api::namespaced(context.client.clone(), namespace),
        None => Api::all(context.client.clone()),
    };
    let reader = store.as_reader();
    let events = watch::events(objects, settings.watch_timeout.get(), context.clone())
        .reflect(store)
        .applied_objects();
    let (first_list, others) = (reader.clone(), context.clone());
    let ready = async move {
        let lists = futures::join!(
            first_list.wait_until_ready(),
            others.policies.wait_until_ready(),
            others.records_listed.wait(),
        );
        if lists.0.is_ok() && lists.1.is_ok() {
            others.listed.set();
            listed();
        }
    };
    let observed = heard(observed)
        .map(|subject| ObjectRef::<Guarded>::new(&subject.name).within(&subject.namespace));
    let woken =
        heard(woken).map(|place| ObjectRef::<Guarded>::new(&place.name).within(&place.namespace));
    let wakes = futures::stream::select(observed, woken);
    let controller = Controller::for_stream(events, reader)
        .with_config(Config::default().concurrency(settings.concurrency.max(1)))
        .reconcile_on(wakes)
        .graceful_shutdown_on(until(stopped))
        .run(reconcile, try_again, context)
        .for_each(|ended| async move {
            if let Err(error) = ended {
                outcome::report(&error);
            }
        });
    // Whether everything was listed or not, the controller's end is the end.
    tokio::select! {
        () = controller => {}
        () = ready.then(|()| futures::future::pending::<()>()) => {}
    }
}

async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Retryable> {
    // What policies and records say has to be known before anything is said of a validation.
    if !context.listed.is_set() {
        return Ok(Action::requeue(UNTIL_LISTED));
    }
    context.metrics.reconciled();
    let outcome = match &guarded.0 {
        Ok(object) => reconcile_object(object, &context).await,
        Err(invalid) => reject_undecodable(invalid, &context).await,
    };
    // Deleted meanwhile: the monitor was told to forget it before it was given it, and would check it for ever.
    let uid = guarded.uid().unwrap_or_default();
    if !context.present.has(&uid) {
        context.forget(&uid).await;
        return Ok(Action::await_change());
    }
    outcome
}

async fn reconcile_object(
    object: &DeploymentValidation,
    context: &Context,
) -> Result<Action, Retryable> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let uid = object.uid().unwrap_or_default();
    let previous = previous(object, context).await?;
    let facts = gather(object, &previous.status, context).await?;
    if !matches!(facts, Facts::Observed(_)) {
        context.monitor.forget(&uid).await;
        context.fleet.forget(&uid);
        context.wakes.validations(context.claims.watched(object));
    }
    let terms = terms(&object.metadata, context);
    let (status, next) = compute(&previous.status, &facts, terms);
    let next = next.or_sooner(look_again(object, &status, context));
    if previous.status != status
        && let Some(pause) = context.written.stands(&uid, &previous.status)
    {
        return Ok(Action::requeue(pause.mul_f64(rand::random_range(1.0..1.2))));
    }
    let address = Address {
        metadata: &object.metadata,
    };
    update_status(&address, &previous, status, context).await?;
    Ok(action(next))
}

/// The stages up to what is known.
async fn gather(
    object: &DeploymentValidation,
    previous: &DeploymentValidationStatus,
    context: &Context,
) -> Result<Facts, Retryable> {
    if object.spec.suspend {
        return Ok(Facts::Suspended);
    }
    let edited = object.metadata.generation != Some(previous.observed_generation);
    if edited || is_in_doubt(previous) || is_requested(object, previous) {
        let namespace = object.namespace().unwrap_or_default();
        context
            .secrets
            .invalidate(&namespace, &secret_names(&object.spec));
    }
    let dereferenced = match dereference(object, &context.secrets).await {
        Ok(dereferenced) => dereferenced,
        Err(NotDereferenced::Rejected(rejection)) => return Ok(Facts::Rejected(rejection)),
        Err(NotDereferenced::Retry(retry)) => return Err(retry),
    };
    let validated = match validate(object, dereferenced, context) {
        Ok(validated) => validated,
        Err(rejection) => return Ok(Facts::Rejected(rejection)),
    };
    let Some(snapshot) = observe(object, previous, validated, &context.monitor).await else {
        return Ok(Facts::Ending);
    };
    let outlook = look(object, previous, &snapshot, context).await?;
    Ok(Facts::Observed(Box::new(Observed {
        snapshot,
        soak: object.spec.soak.get(),
        history: object.spec.history,
        outlook,
    })))
}

fn is_requested(object: &DeploymentValidation, previous: &DeploymentValidationStatus) -> bool {
    let requested = object.annotations().get(crate::api::REQUESTED_AT);
    requested.is_some() && requested != previous.last_handled_reconcile_at.as_ref()
}

/// When references are looked at again, though nothing in the object has changed.
fn look_again(
    object: &DeploymentValidation,
    status: &DeploymentValidationStatus,
    context: &Context,
) -> Option<Duration> {
    let refers = !secret_names(&object.spec).is_empty() && !object.spec.suspend;
    if refers && is_in_doubt(status) {
        return Some(retry_interval(&object.spec));
    }
    refers.then(|| {
        context
            .secrets_refresh
            .mul_f64(rand::random_range(1.0..1.1))
    })
}

/// An object that was stored under another schema and does not decode now.
async fn reject_undecodable(
    invalid: &InvalidObject,
    context: &Context,
) -> Result<Action, Retryable> {
    let metadata = &invalid.metadata;
    let uid = metadata.uid.clone().unwrap_or_default();
    context.monitor.forget(&uid).await;
    let previous = stored(metadata, context).await?.unwrap_or_default().known;
    let problem = crate::checks::verdict::printable(&invalid.error, 256);
    let facts = Facts::Rejected(Rejection {
        reason: Reason::InvalidSpec,
        message: format!("the stored object does not fit its schema; apply it anew: {problem}"),
        remedy: Remedy::SpecChange,
    });
    let (status, next) = compute(&previous.status, &facts, terms(metadata, context));
    update_status(&Address { metadata }, &previous, status, context).await?;
    Ok(action(next))
}

fn terms<'a>(metadata: &'a ObjectMeta, context: &Context) -> Terms<'a> {
    Terms {
        name: metadata.name.as_deref().unwrap_or_default(),
        uid: metadata.uid.as_deref().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        now: (context.clock)(),
        started: clock::started(),
        grace: context.grace,
    }
}

fn action(next: NextLook) -> Action {
    match next {
        NextLook(None) => Action::await_change(),
        NextLook(Some(pause)) => Action::requeue(pause.max(Duration::from_millis(100))),
    }
}

/// A failed attempt is made again after a pause with full jitter. The attempts of one object are not counted: a flapping
/// API server would otherwise hold every object back for the longest pause.
#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn try_again(_: Arc<Guarded>, error: &Retryable, context: Arc<Context>) -> Action {
    context.metrics.retried();
    if let Retryable::Contested { .. } = error {
        // No trouble. Of two controllers the one that comes later most often has nothing to add.
        tracing::debug!(error = chain(error), "a status is made anew");
        return Action::requeue(CONTESTED_PAUSE.mul_f64(rand::random_range(0.25..1.0)));
    }
    tracing::warn!(
        error = chain(error),
        "a reconcile failed; it is tried again"
    );
    let (shortest, longest) = RETRY_PAUSE;
    let pause = match error {
        Retryable::Contested { .. } | Retryable::Behind { .. } => shortest,
        Retryable::WriteStatus { .. } | Retryable::ReadStatus { .. } => shortest * 4,
        Retryable::Dereference { .. } => longest / 6,
        Retryable::Record { .. } => shortest * 2,
    };
    Action::requeue(pause.mul_f64(rand::random_range(0.25..1.0)).max(shortest))
}

#[cfg(test)]
mod tests;
