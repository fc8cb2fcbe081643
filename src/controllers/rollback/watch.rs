//! The watch of all rollbacks: it keeps the index of records, and wakes whoever a record is about.

use std::{collections::HashSet, mem, sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use kube::{Api, ResourceExt, runtime::watcher};

use super::{Guarded, is_heard};
use crate::{
    controllers::{context::Context, watch},
    kubernetes::attempts::attempt_of,
    rollback::ledger::AttemptName,
};

/// Every change of `objects`. `timeout` is the longest time of one watch request.
pub fn events(
    objects: Api<Guarded>,
    timeout: Duration,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send {
    let mut listed = HashSet::new();
    watch::events(objects, timeout).inspect(move |event| match event {
        Ok(watcher::Event::Init) => listed.clear(),
        Ok(watcher::Event::InitApply(object)) => {
            listed.insert(name(object));
            note(object, &context);
        }
        Ok(watcher::Event::InitDone) => {
            context.records.retain(&mem::take(&mut listed));
            context.records_listed.set();
        }
        Ok(watcher::Event::Apply(object)) => note(object, &context),
        Ok(watcher::Event::Delete(object)) => {
            let uid = object.uid().unwrap_or_default();
            context.records.delete(&name(object), &uid);
            wake(object, &context);
        }
        Err(_) => {}
    })
}

fn note(object: &Guarded, context: &Context) {
    if let Ok(rollback) = &object.0 {
        let attempt = attempt_of(rollback);
        if is_heard(rollback, &attempt, context) {
            context.records.note(attempt);
        }
    }
    wake(object, context);
}

fn wake(object: &Guarded, context: &Context) {
    let (Ok(rollback), Some(namespace)) = (&object.0, object.namespace()) else {
        return;
    };
    context
        .wakes
        .validation(&namespace, &rollback.spec.validation_ref.name);
    if let Some(policy) = &rollback.spec.policy_ref {
        context.wakes.policy(&namespace, &policy.name);
    }
    let request = rollback.spec.plan.as_ref();
    if let Some(request) = request.and_then(|plan| plan.requested_by.as_ref()) {
        context.wakes.rollback(&namespace, &request.name);
    }
}

fn name(object: &Guarded) -> AttemptName {
    AttemptName {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}
