//! The watch of all objects of a kind: what it hands on, and how long it pauses when it fails.

use std::{fmt, time::Duration};

use futures::{Stream, TryStreamExt};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{WatchStreamExt, utils::Backoff, watcher},
};
use serde::de::DeserializeOwned;

use crate::telemetry::chain;

/// Objects that one page of a list holds: a page is in memory several times over while it is taken apart, which the
/// process then keeps.
const LIST_PAGE: u32 = 100;

/// Every change of `objects`. `timeout` is the longest time of one watch request.
pub fn events<K>(
    objects: Api<K>,
    timeout: Duration,
) -> impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + fmt::Debug + Send + Sync + 'static,
{
    let timeout = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    let watch = watcher::Config::default()
        .timeout(timeout.max(1))
        .page_size(LIST_PAGE);
    watcher(objects, watch)
        .backoff(Pauses::default())
        .inspect_err(|error| {
            tracing::warn!(
                error = chain(error),
                "the watch of {} failed; it goes on",
                K::plural(&())
            );
        })
        .modify(forget_what_nobody_reads)
}

/// The pauses between failures in a row: doubled each time, and spread over their upper half. The longest is a fraction of
/// the minute that kube's own come to, since it delays every edit once the API server is back, and one request of one
/// watch costs that next to nothing.
#[derive(Debug)]
struct Pauses(Duration);

impl Pauses {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(15);
}

impl Default for Pauses {
    fn default() -> Self {
        Self(Self::SHORTEST)
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        Some(pause.mul_f64(rand::random_range(0.5..1.0)))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Drops, before an object is cached, what is large and never read.
fn forget_what_nobody_reads(object: &mut impl Resource) {
    object.managed_fields_mut().clear();
    object
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_start_anew_after_a_success() {
        let mut pauses = Pauses::default();
        let first: Vec<Duration> = pauses.by_ref().take(100).collect();
        assert!(first[0] <= Pauses::SHORTEST);
        assert!(first.iter().all(|pause| *pause <= Pauses::LONGEST));
        assert!(
            first[50..]
                .iter()
                .all(|pause| *pause >= Pauses::LONGEST / 2)
        );
        pauses.reset();
        assert!(pauses.next().is_some_and(|pause| pause <= Pauses::SHORTEST));
    }
}
