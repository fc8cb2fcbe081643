//! The `RollbackPolicy` controller: says whether a policy can be acted on, who uses it, and what is spent of its budget.

mod status;

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller, WatchStreamExt,
        controller::{Action, Config},
        reflector::{ObjectRef, store::Writer},
        watcher,
    },
};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch as watch_channel},
    time::timeout,
};

pub use self::status::{Facts, compute, problem};
use super::{
    context::Context,
    outcome::{self, Retryable},
    undecodable::{self, Words},
    until,
    validation::ControllerSettings,
    wakes::{Place, heard},
    watch,
};
use crate::{
    api::{ConditionType, RollbackPolicy, RollbackPolicyStatus},
    clock,
    kubernetes::client::{FIELD_MANAGER, REQUEST_TIMEOUT},
    telemetry::chain,
};

/// A policy as the watch gives it: one that does not decode hurts itself alone.
pub type Guarded = DeserializeGuard<RollbackPolicy>;

/// The shortest time between two looks at one policy: a fleet that starts wakes it once for each validation.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// The pause before a reconcile that failed is made again, spread over its upper half.
const RETRY_PAUSE: Duration = Duration::from_secs(4);

/// What the status of a policy that does not decode says.
const UNDECODABLE: Words = Words {
    denied: &[ConditionType::Ready, ConditionType::Accepted],
    doubted: &[],
    kept: &[],
    is_final: |_| false,
};

/// Watches and reconciles until `stopped` says so and what was under way has ended. `store` is filled with all policies.
pub async fn run(
    context: Arc<Context>,
    settings: &ControllerSettings,
    store: Writer<Guarded>,
    wakes: mpsc::UnboundedReceiver<Place>,
    stopped: watch_channel::Receiver<bool>,
) {
    let objects: Api<Guarded> = match &settings.watch_namespace {
        Some(namespace) => Api::namespaced(context.client.clone(), namespace),
        None => Api::all(context.client.clone()),
    };
    let reader = store.as_reader();
    let events = watch::events(objects, settings.watch_timeout.get()).reflect(store);
    let events = waking(events, context.clone()).applied_objects();
    let wakes =
        heard(wakes).map(|place| ObjectRef::<Guarded>::new(&place.name).within(&place.namespace));
    let config = Config::default()
        .concurrency(settings.concurrency.max(1))
        .debounce(DEBOUNCE);
    Controller::for_stream(events, reader)
        .with_config(config)
        .reconcile_on(wakes)
        .graceful_shutdown_on(until(stopped))
        .run(reconcile, try_again, context)
        .for_each(|ended| async move {
            if let Err(error) = ended {
                outcome::report(&error);
            }
        })
        .await;
}

/// Wakes every validation that names a policy which has changed, once the store has it.
fn waking(
    events: impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send {
    events.inspect(move |event| {
        if let Ok(
            watcher::Event::Apply(policy)
            | watcher::Event::InitApply(policy)
            | watcher::Event::Delete(policy),
        ) = event
        {
            let namespace = policy.namespace().unwrap_or_default();
            for name in context.users_of(&namespace, &policy.name_any()) {
                context.wakes.validation(&namespace, &name);
            }
        }
    })
}

async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Retryable> {
    let policy = match &guarded.0 {
        Ok(policy) if policy.metadata.deletion_timestamp.is_none() => policy,
        Ok(_) => return Ok(Action::await_change()),
        Err(invalid) => {
            return Ok(undecodable::tell::<RollbackPolicy>(invalid, UNDECODABLE, &context).await);
        }
    };
    let namespace = policy.namespace().unwrap_or_default();
    let name = policy.name_any();
    let facts = Facts {
        generation: policy.metadata.generation.unwrap_or_default(),
        users: context.users_of(&namespace, &name),
        records: context.records.of_policy(&namespace, &name),
        moment: clock::moment(),
    };
    let previous = policy.status.clone().unwrap_or_default();
    let (status, next) = compute(&policy.spec, &previous, &facts);
    if status != previous {
        write(policy, &status, &context).await?;
    }
    Ok(next.map_or_else(Action::await_change, Action::requeue))
}

async fn write(
    policy: &RollbackPolicy,
    status: &RollbackPolicyStatus,
    context: &Context,
) -> Result<(), Retryable> {
    let (namespace, name) = (policy.namespace().unwrap_or_default(), policy.name_any());
    let patch = json!({
        "apiVersion": <RollbackPolicy as kube::Resource>::api_version(&()),
        "kind": <RollbackPolicy as kube::Resource>::kind(&()),
        // With the version, a status that somebody else has written meanwhile gets a conflict in place of one that does not follow it.
        "metadata": {
            "name": name, "uid": policy.metadata.uid, "resourceVersion": policy.metadata.resource_version,
        },
        "status": status,
    });
    let objects: Api<PartialObjectMeta<RollbackPolicy>> =
        Api::namespaced(context.client.clone(), &namespace);
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = timeout(
        REQUEST_TIMEOUT,
        objects.patch_status(&name, &parameters, &Patch::Apply(&patch)),
    )
    .await;
    context.metrics.status_written();
    let source = match written {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
            return Err(Retryable::Contested { namespace, name });
        }
        Ok(Err(error)) => Some(Box::new(error)),
        Err(_) => None,
    };
    Err(Retryable::WriteStatus {
        namespace,
        name,
        source,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn try_again(_: Arc<Guarded>, error: &Retryable, context: Arc<Context>) -> Action {
    context.metrics.retried();
    if let Retryable::Contested { .. } = error {
        // The watch tells of it, most often before the pause is over.
        tracing::debug!(error = chain(error), "a status is made anew");
    } else {
        tracing::warn!(
            error = chain(error),
            "a reconcile failed; it is tried again"
        );
    }
    Action::requeue(RETRY_PAUSE.mul_f64(rand::random_range(0.5..1.0)))
}
