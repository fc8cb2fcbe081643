//! The `DeploymentValidation` controller: dereference → validate → observe → status → write.

mod conditions;
mod dereference;
mod history;
mod observe;
mod status;
mod terms;
mod validate;
mod write;

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use futures::{Stream, StreamExt, TryStreamExt};
use kube::{
    Api, ResourceExt,
    core::{DeserializeGuard, DynamicObject, error_boundary::InvalidObject},
    runtime::{
        Controller, WatchStreamExt,
        controller::{Action, Config},
        reflector::{self, ObjectRef},
        watcher,
    },
};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::timeout};

use self::{
    dereference::{NotDereferenced, dereference, secret_names},
    observe::observe,
    status::{Facts, compute},
    terms::Terms,
    validate::{retry_interval, validate},
    write::{Address, update_status},
};
use super::{
    context::Context,
    outcome::{NextLook, Rejection, Remedy, Retryable},
};
use crate::{
    api::{
        ConditionStatus, ConditionType, DeploymentValidation, DeploymentValidationStatus,
        Duration as Span, Reason,
    },
    kubernetes::{client::REQUEST_TIMEOUT, conditions::find},
    monitor::Subject,
    telemetry::chain,
};

/// A validation as the watch gives it: one that does not decode hurts itself alone.
type Guarded = DeserializeGuard<DeploymentValidation>;

/// Shortest and longest pause before a failed reconcile is tried again.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Objects that one page of a list holds: a page is in memory several times over while it is taken apart, which the
/// process then keeps.
const LIST_PAGE: u32 = 100;

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
}

impl Default for ControllerSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            watch_namespace: None,
            watch_timeout: Span::from_secs(120),
            reference_grace: Span::from_secs(120),
            secrets_refresh: Span::from_secs(300),
        }
    }
}

/// Watches and reconciles until `shutdown` resolves and what was under way has ended. `wakes` names objects whose
/// snapshot has changed; `listed` is called once the first list is complete.
pub async fn run(
    context: Arc<Context>,
    settings: &ControllerSettings,
    wakes: mpsc::UnboundedReceiver<Subject>,
    listed: impl FnOnce() + Send + 'static,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let objects: Api<Guarded> = match &settings.watch_namespace {
        Some(namespace) => Api::namespaced(context.client.clone(), namespace),
        None => Api::all(context.client.clone()),
    };
    let (reader, writer) = reflector::store();
    let watch_timeout = u32::try_from(settings.watch_timeout.get().as_secs()).unwrap_or(u32::MAX);
    let events = watcher(
        objects,
        watcher::Config::default()
            .timeout(watch_timeout.max(1))
            .page_size(LIST_PAGE),
    );
    let events = events
        .default_backoff()
        .inspect_err(|error| {
            tracing::warn!(
                error = chain(error),
                "the watch of DeploymentValidations failed; it goes on"
            );
        })
        .modify(forget_what_nobody_reads);
    let events = forgetting_the_deleted(events, context.clone())
        .reflect(writer)
        .applied_objects();
    let first_list = reader.clone();
    let ready = async move {
        if first_list.wait_until_ready().await.is_ok() {
            listed();
        }
    };
    let wakes = futures::stream::unfold(wakes, |mut wakes| async move {
        Some((wakes.recv().await?, wakes))
    });
    let wakes =
        wakes.map(|subject| ObjectRef::<Guarded>::new(&subject.name).within(&subject.namespace));
    let controller = Controller::for_stream(events, reader)
        .with_config(Config::default().concurrency(settings.concurrency.max(1)))
        .reconcile_on(wakes)
        .graceful_shutdown_on(shutdown)
        .run(reconcile, try_again, context)
        .for_each(|ended| async move {
            if let Err(error) = ended {
                report(&error);
            }
        });
    tokio::join!(ready, controller);
}

/// Drops, before an object is cached, what is large and never read.
fn forget_what_nobody_reads(object: &mut Guarded) {
    object.managed_fields_mut().clear();
    object
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
}

/// Has the monitor forget an object that is gone, also when a break of the watch has swallowed its deletion.
fn forgetting_the_deleted(
    events: impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send + 'static,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send {
    let present: HashSet<String> = HashSet::new();
    events
        .scan((present, context), |(present, context), event| {
            let mut gone = None;
            let mut complete = None;
            match &event {
                Ok(watcher::Event::Init) => present.clear(),
                Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                    present.extend(object.uid());
                }
                Ok(watcher::Event::InitDone) => complete = Some(present.clone()),
                Ok(watcher::Event::Delete(object)) => {
                    gone = object.uid();
                    if let Some(uid) = &gone {
                        present.remove(uid);
                    }
                }
                Err(_) => {}
            }
            let context = context.clone();
            async move {
                if let Some(uid) = gone {
                    context.monitor.forget(&uid).await;
                    context.written.retain(|known| known != uid);
                }
                if let Some(uids) = complete {
                    context.written.retain(|known| uids.contains(known));
                    context.monitor.retain(uids).await;
                }
                Some(event)
            }
        })
        .boxed()
}

async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Retryable> {
    context.metrics.reconciled();
    match &guarded.0 {
        Ok(object) => reconcile_object(object, &context).await,
        Err(invalid) => reject_undecodable(invalid, &context).await,
    }
}

async fn reconcile_object(
    object: &DeploymentValidation,
    context: &Context,
) -> Result<Action, Retryable> {
    if object.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let uid = object.uid().unwrap_or_default();
    let resource_version = object.resource_version();
    let previous =
        context
            .written
            .newest(&uid, resource_version.as_deref(), object.status.as_ref());
    let facts = gather(object, &previous, context).await?;
    if !matches!(facts, Facts::Observed(_)) {
        context.monitor.forget(&uid).await;
    }
    let (status, next) = compute(
        &previous,
        &facts,
        terms(object.metadata.generation, context),
    );
    let next = next.or_sooner(look_again(object, &status, context));
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
    if edited || was_refused(previous) || is_requested(object, previous) {
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
    Ok(Facts::Observed(
        observe(object, previous, validated, &context.monitor).await,
    ))
}

/// Whether a Secret's value was refused by what it opens, so that it may have been replaced since.
fn was_refused(previous: &DeploymentValidationStatus) -> bool {
    find(&previous.conditions, ConditionType::Accepted).is_some_and(|accepted| {
        matches!(
            accepted.reason,
            Reason::CredentialsRejected | Reason::SecretNotFound | Reason::SecretKeyMissing
        )
    })
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
    let accepted = find(&status.conditions, ConditionType::Accepted)?;
    let can_arrive = matches!(
        accepted.reason,
        Reason::SecretNotFound
            | Reason::SecretKeyMissing
            | Reason::ReferenceNotPermitted
            | Reason::CredentialsRejected
    );
    if accepted.status == ConditionStatus::False && can_arrive {
        return Some(retry_interval(&object.spec));
    }
    let refers = !secret_names(&object.spec).is_empty() && !object.spec.suspend;
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
    let previous = stored_status(invalid, context).await?;
    let problem = crate::checks::verdict::printable(&invalid.error, 256);
    let facts = Facts::Rejected(Rejection {
        reason: Reason::InvalidSpec,
        message: format!("the stored object does not fit its schema; apply it anew: {problem}"),
        remedy: Remedy::SpecChange,
    });
    let (status, next) = compute(&previous, &facts, terms(metadata.generation, context));
    update_status(&Address { metadata }, &previous, status, context).await?;
    Ok(action(next))
}

/// The status of an object that does not decode, as far as the status itself does.
async fn stored_status(
    invalid: &InvalidObject,
    context: &Context,
) -> Result<DeploymentValidationStatus, Retryable> {
    let name = invalid.metadata.name.clone().unwrap_or_default();
    let namespace = invalid.metadata.namespace.clone().unwrap_or_default();
    let resource = kube::api::ApiResource::erase::<DeploymentValidation>(&());
    let objects: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &namespace, &resource);
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Retryable::Dereference {
        namespace: namespace.clone(),
        name: name.clone(),
        source,
    };
    match timeout(REQUEST_TIMEOUT, objects.get_opt(&name)).await {
        Ok(Ok(object)) => Ok(object
            .and_then(|object| serde_json::from_value(object.data.get("status")?.clone()).ok())
            .unwrap_or_default()),
        Ok(Err(error)) => Err(failed(Box::new(error))),
        Err(late) => Err(failed(Box::new(late))),
    }
}

fn terms(generation: Option<i64>, context: &Context) -> Terms {
    Terms {
        generation: generation.unwrap_or_default(),
        now: (context.clock)(),
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
    tracing::warn!(
        error = chain(error),
        "a reconcile failed; it is tried again"
    );
    let (shortest, longest) = RETRY_PAUSE;
    let pause = match error {
        Retryable::WriteStatus { .. } => shortest * 4,
        Retryable::Dereference { .. } => longest / 6,
    };
    Action::requeue(pause.mul_f64(rand::random_range(0.25..1.0)).max(shortest))
}

fn report<E: std::error::Error + 'static, Q: std::error::Error + 'static>(
    error: &kube::runtime::controller::Error<E, Q>,
) {
    use kube::runtime::controller::Error;
    match error {
        // Deleted between its wake-up and its turn.
        Error::ObjectNotFound(object) => tracing::debug!(%object, "the object is gone"),
        // `try_again` has logged it.
        Error::ReconcilerFailed(..) => {}
        Error::QueueError(error) => tracing::warn!(
            error = chain(error),
            "the controller's queue failed; it goes on"
        ),
        Error::RunnerError(error) => tracing::error!(%error, "the controller's runner failed"),
    }
}

#[cfg(test)]
mod tests;
