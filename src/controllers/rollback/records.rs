//! The records of attempts that exist, by validation and by policy: what the watch and our own writes have told, whichever is
//! newer.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::rollback::ledger::{Attempt, AttemptName};

/// Deletions that are remembered: far more than passes can be under way.
const REMEMBERED_DELETIONS: usize = 256;

/// The records that exist.
#[derive(Debug, Default)]
pub struct Records(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    records: BTreeMap<AttemptName, Arc<Attempt>>,
    by_validation: HashMap<String, HashSet<AttemptName>>,
    by_policy: HashMap<(String, String), HashSet<AttemptName>>,
    /// Uids of records that were deleted last: a pass that was under way then must not bring one back.
    deleted: VecDeque<String>,
}

impl Records {
    /// Notes a record, unless a newer version of it is known.
    pub fn note(&self, attempt: Attempt) {
        let mut index = self.index();
        if index.deleted.contains(&attempt.uid) {
            return;
        }
        let known = index.records.get(&attempt.name);
        let is_older =
            |known: &Arc<Attempt>| known.uid == attempt.uid && version(known) > version(&attempt);
        if !known.is_some_and(is_older) {
            index.remove(&attempt.name);
            index.insert(attempt);
        }
    }

    /// The record with this uid is gone.
    pub fn delete(&self, name: &AttemptName, uid: &str) {
        let mut index = self.index();
        if index.deleted.len() == REMEMBERED_DELETIONS {
            index.deleted.pop_front();
        }
        index.deleted.push_back(uid.to_owned());
        if index
            .records
            .get(name)
            .is_some_and(|known| known.uid == uid)
        {
            index.remove(name);
        }
    }

    /// No other records exist than those with these names.
    pub fn retain(&self, names: &HashSet<AttemptName>) {
        let mut index = self.index();
        let gone: Vec<AttemptName> = index
            .records
            .keys()
            .filter(|name| !names.contains(*name))
            .cloned()
            .collect();
        for name in gone {
            index.remove(&name);
        }
    }

    /// The newest version that is known of a record.
    #[must_use]
    pub fn get(&self, name: &AttemptName) -> Option<Arc<Attempt>> {
        self.index().records.get(name).cloned()
    }

    /// The records that name the validation with this uid, oldest first.
    #[must_use]
    pub fn of_validation(&self, uid: &str) -> Vec<Arc<Attempt>> {
        let index = self.index();
        index.sorted(index.by_validation.get(uid))
    }

    /// The records in `namespace` that name this policy, oldest first.
    #[must_use]
    pub fn of_policy(&self, namespace: &str, policy: &str) -> Vec<Arc<Attempt>> {
        let index = self.index();
        let place = (namespace.to_owned(), policy.to_owned());
        index.sorted(index.by_policy.get(&place))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn insert(&mut self, attempt: Attempt) {
        let name = attempt.name.clone();
        if let Some(uid) = &attempt.spec.validation_ref.uid {
            let names = self.by_validation.entry(uid.clone()).or_default();
            names.insert(name.clone());
        }
        if let Some(policy) = &attempt.spec.policy_ref {
            let place = (name.namespace.clone(), policy.name.clone());
            self.by_policy
                .entry(place)
                .or_default()
                .insert(name.clone());
        }
        self.records.insert(name, Arc::new(attempt));
    }

    fn remove(&mut self, name: &AttemptName) {
        let Some(attempt) = self.records.remove(name) else {
            return;
        };
        if let Some(uid) = &attempt.spec.validation_ref.uid {
            forget(&mut self.by_validation, uid, name);
        }
        if let Some(policy) = &attempt.spec.policy_ref {
            let place = (name.namespace.clone(), policy.name.clone());
            forget(&mut self.by_policy, &place, name);
        }
    }

    fn sorted(&self, names: Option<&HashSet<AttemptName>>) -> Vec<Arc<Attempt>> {
        let mut records: Vec<Arc<Attempt>> = names
            .into_iter()
            .flatten()
            .filter_map(|name| self.records.get(name).cloned())
            .collect();
        records.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        records
    }
}

fn forget<K: Eq + std::hash::Hash>(
    index: &mut HashMap<K, HashSet<AttemptName>>,
    key: &K,
    name: &AttemptName,
) {
    if let Some(names) = index.get_mut(key) {
        names.remove(name);
        if names.is_empty() {
            index.remove(key);
        }
    }
}

/// Versions of one object can be compared as numbers.
fn version(attempt: &Attempt) -> u64 {
    attempt.version.parse().unwrap_or_default()
}
