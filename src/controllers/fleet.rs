//! How all validations are, for the mass-failure brake: kept as their statuses are made.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::jiff::Timestamp;

/// When each validation that is watched has turned bad; `None` for one that is well.
#[derive(Debug, Default)]
pub struct Fleet(Mutex<HashMap<String, Option<Timestamp>>>);

impl Fleet {
    /// The validation `uid` is watched, and has turned bad at `turned_bad`, or is well.
    pub fn note(&self, uid: &str, turned_bad: Option<Timestamp>) {
        self.validations().insert(uid.to_owned(), turned_bad);
    }

    /// The validation `uid` is not watched any more.
    pub fn forget(&self, uid: &str) {
        self.validations().remove(uid);
    }

    /// No other validations are watched than those among `uids`.
    pub fn retain(&self, uids: &HashSet<String>) {
        self.validations().retain(|uid, _| uids.contains(uid));
    }

    /// When each has turned bad.
    #[must_use]
    pub fn turned_bad(&self) -> Vec<Option<Timestamp>> {
        self.validations().values().copied().collect()
    }

    fn validations(&self) -> MutexGuard<'_, HashMap<String, Option<Timestamp>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
