//! Watches that tell nothing, as those of an API server that has lost touch.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

type Test = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Which watches are frozen.
#[derive(Clone, Default)]
pub(super) struct Freezer(watch::Sender<Vec<(u64, Test)>>);

/// While it lives, no event of the watches that it was made for is passed on; afterwards all of them are.
#[must_use = "the watches thaw when it is dropped"]
pub struct Frozen {
    freezer: Freezer,
    number: u64,
}

impl Freezer {
    pub fn freeze(&self, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Frozen {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        self.0
            .send_modify(|frozen| frozen.push((number, Arc::new(test))));
        Frozen {
            freezer: self.clone(),
            number,
        }
    }

    /// Waits until no watch of `path` is frozen.
    pub async fn until_thawed(&self, path: &str) {
        let mut frozen = self.0.subscribe();
        let thawed = frozen.wait_for(|frozen| frozen.iter().all(|(_, test)| !test(path)));
        // This holds the sender.
        let _ = thawed.await;
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.freezer
            .0
            .send_modify(|frozen| frozen.retain(|(number, _)| *number != self.number));
    }
}
