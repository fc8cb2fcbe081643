//! The first connection of a session to a host under TLS. Requests that come meanwhile wait for it for a moment: where it turns
//! out to be of HTTP/2, they all share it, and without the wait each would have made its own.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Uri, uri::Authority};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// The longest wait for somebody else's connection: one that is slow, or never comes to stand, keeps nobody.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// The hosts that a session goes to.
#[derive(Debug, Default)]
pub(super) struct Firsts(Mutex<HashMap<Authority, Arc<Host>>>);

#[derive(Debug)]
struct Host {
    turn: Arc<Semaphore>,
    /// Whether a request need not wait any more.
    is_known: AtomicBool,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            is_known: AtomicBool::new(false),
        }
    }
}

/// Who has it makes the first connection to a host. Dropped without an end, it goes to the next who waits.
#[derive(Debug)]
pub struct Turn {
    host: Arc<Host>,
    _place: OwnedSemaphorePermit,
}

impl Turn {
    /// The connection stands and can be shared, or there will be none: everybody may go on.
    pub(super) fn end(self) {
        self.host.is_known.store(true, Ordering::Release);
    }
}

impl Firsts {
    /// The turn of a request to `uri`, when it is the first; `None`, after a wait perhaps, when it is not, or goes out
    /// without TLS.
    pub(super) async fn turn(&self, uri: &Uri, deadline: Instant) -> Option<Turn> {
        if uri.scheme_str() != Some("https") {
            return None;
        }
        let host = self.host(uri.authority()?);
        let is_known = || host.is_known.load(Ordering::Acquire);
        if is_known() {
            return None;
        }
        let waited = deadline.min(Instant::now() + LONGEST_WAIT);
        let place = timeout_at(waited, host.turn.clone().acquire_owned()).await;
        let place = place.ok()?.ok()?;
        if is_known() {
            return None;
        }
        Some(Turn {
            host,
            _place: place,
        })
    }

    fn host(&self, authority: &Authority) -> Arc<Host> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match hosts.get(authority) {
            Some(host) => host.clone(),
            None => hosts.entry(authority.clone()).or_default().clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &'static str) -> Uri {
        Uri::from_static(text)
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_that_ends_lets_all_go_and_one_that_is_dropped_the_next() {
        let firsts = Firsts::default();
        let (one, other) = (uri("https://a/"), uri("https://b/"));
        let deadline = Instant::now() + Duration::from_secs(9);
        assert!(firsts.turn(&uri("http://a/"), deadline).await.is_none());
        let first = firsts.turn(&one, deadline).await.unwrap();
        assert!(firsts.turn(&other, deadline).await.is_some());
        let (second, ()) = tokio::join!(firsts.turn(&one, deadline), async { drop(first) });
        let second = second.unwrap();
        let (third, ()) = tokio::join!(firsts.turn(&one, deadline), async { second.end() });
        assert!(third.is_none());
        assert!(firsts.turn(&one, deadline).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_that_does_not_end_keeps_nobody_for_long() {
        let firsts = Firsts::default();
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(9);
        let _first = firsts.turn(&uri("https://a/"), deadline).await.unwrap();
        assert!(firsts.turn(&uri("https://a/"), deadline).await.is_none());
        assert_eq!(begun.elapsed(), LONGEST_WAIT);
    }
}
