//! The watch of all validations, and what has to be forgotten when one is gone.

use std::{collections::HashSet, mem, sync::Arc, time::Duration};

use futures::{Stream, StreamExt};
use kube::{Api, ResourceExt, runtime::watcher};

use super::Guarded;
use crate::controllers::{context::Context, watch};

/// Every change of `objects`. `timeout` is the longest time of one watch request.
pub fn events(
    objects: Api<Guarded>,
    timeout: Duration,
    context: Arc<Context>,
) -> impl Stream<Item = watcher::Result<watcher::Event<Guarded>>> + Send {
    forgetting_the_deleted(watch::events(objects, timeout), context)
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
