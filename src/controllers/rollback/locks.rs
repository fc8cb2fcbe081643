//! What keeps the controllers of one process from being in each other's way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};

use crate::controllers::wakes::Place;

/// One lock for each policy: whoever holds it puts an attempt on record, and nobody else does so by the same policy.
#[derive(Debug, Default)]
pub struct Locks(Mutex<HashMap<Place, Arc<AsyncMutex<()>>>>);

impl Locks {
    /// Waits for the lock of the policy `name` in `namespace`.
    pub async fn of_policy(&self, namespace: &str, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            let place = Place::new(namespace, name);
            locks.entry(place).or_default().clone()
        };
        lock.lock_owned().await
    }
}

/// Something that comes true once, and stays so.
#[derive(Debug)]
pub struct Flag(watch::Sender<bool>);

impl Default for Flag {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Flag {
    /// It is true from now on.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is true.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is true.
    pub async fn wait(&self) {
        // The sender is this flag's own, and so cannot be gone.
        let _ = self.0.subscribe().wait_for(|set| *set).await;
    }
}
