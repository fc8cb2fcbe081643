//! The watch of all validations, and what has to be forgotten when one is gone.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt, TryStreamExt};
use kube::{Api, ResourceExt, runtime::watcher};

use super::Guarded;
use crate::controllers::{context::Context, wakes::Place, watch};

/// Every change of `objects`. `timeout` is the longest time of one watch request.
pub fn events(
    objects: Api<Guarded>,
    timeout: Duration,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send {
    let events = waking_policies(watch::events(objects, timeout), context.clone());
    let events = waking_rivals(events, context.clone());
    forgetting_the_deleted(events, context)
}

/// Wakes each policy that a validation has come to name, or names no more: its status says who uses it.
fn waking_policies(
    events: impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send + 'static,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send + 'static {
    let mut named: HashMap<String, Place> = HashMap::new();
    events.inspect_ok(move |event| {
        let (object, is_there) = match event {
            watcher::Event::InitApply(object) | watcher::Event::Apply(object) => (object, true),
            watcher::Event::Delete(object) => (object, false),
            watcher::Event::Init | watcher::Event::InitDone => return,
        };
        let uid = object.uid().unwrap_or_default();
        let now = policy_of(object).filter(|_| is_there);
        let before = match &now {
            Some(now) => named.insert(uid, now.clone()),
            None => named.remove(&uid),
        };
        if before != now {
            for place in before.iter().chain(&now) {
                context.wakes.policy(&place.namespace, &place.name);
            }
        }
    })
}

fn policy_of(object: &Guarded) -> Option<Place> {
    let validation = object.0.as_ref().ok()?;
    let reference = validation.spec.rollback_policy_ref.as_ref()?;
    let namespace = validation.namespace().unwrap_or_default();
    Some(Place::new(&namespace, &reference.name))
}

/// Wakes each validation for which another one has come into its way, or gone out of it.
fn waking_rivals(
    events: impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send + 'static,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send + 'static {
    events.inspect_ok(move |event| {
        let (watcher::Event::InitApply(object) | watcher::Event::Apply(object)) = event else {
            return;
        };
        let disturbed = match &object.0 {
            Ok(object) => context.claims.watched(object),
            Err(invalid) => {
                let uid = invalid.metadata.uid.as_deref().unwrap_or_default();
                context.claims.forget(uid)
            }
        };
        context.wakes.validations(disturbed);
    })
}

/// Has the monitor forget an object that is gone, also when a break of the watch has swallowed its deletion.
fn forgetting_the_deleted(
    events: impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send + 'static,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send {
    let listed: HashSet<String> = HashSet::new();
    events
        .scan((listed, context), |(listed, context), event| {
            let mut gone = None;
            let mut complete = None;
            match &event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => {
                    listed.extend(object.uid());
                    context.present.add(object.uid().unwrap_or_default());
                }
                Ok(watcher::Event::Apply(object)) => {
                    context.present.add(object.uid().unwrap_or_default());
                }
                Ok(watcher::Event::InitDone) => {
                    context.present.replace(listed.clone());
                    complete = Some(mem::take(listed));
                }
                Ok(watcher::Event::Delete(object)) => {
                    let uid = object.uid().unwrap_or_default();
                    context.present.remove(&uid);
                    gone = Some(uid);
                }
                Err(_) => {}
            }
            let context = context.clone();
            async move {
                if let Some(uid) = gone {
                    context.forget(&uid).await;
                }
                if let Some(uids) = complete {
                    context.retain(uids).await;
                }
                Some(event)
            }
        })
        .boxed()
}
