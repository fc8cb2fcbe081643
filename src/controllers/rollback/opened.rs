//! The records that this process has created: a status that is wiped later makes none of them somebody else's.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    api::RollbackSpec,
    rollback::ledger::{Attempt, AttemptName},
};

/// The most that are remembered: far more than are open at one time.
const CAPACITY: usize = 1024;

/// What this process has put on record. Its name in a record can be read by anybody: it proves nothing by itself.
#[derive(Debug, Default)]
pub struct Opened(Mutex<VecDeque<(AttemptName, RollbackSpec)>>);

impl Opened {
    /// This process is about to create this record.
    pub fn note(&self, name: &AttemptName, spec: &RollbackSpec) {
        let mut records = self.records();
        records.retain(|(known, _)| known != name);
        if records.len() == CAPACITY {
            records.pop_front();
        }
        records.push_back((name.clone(), spec.clone()));
    }

    /// Whether `attempt` is what this process has created.
    #[must_use]
    pub fn holds(&self, attempt: &Attempt) -> bool {
        let records = self.records();
        let noted = records.iter().find(|(name, _)| *name == attempt.name);
        noted.is_some_and(|(_, spec)| {
            (&spec.plan, &spec.from, &spec.to)
                == (&attempt.spec.plan, &attempt.spec.from, &attempt.spec.to)
        })
    }

    fn records(&self) -> MutexGuard<'_, VecDeque<(AttemptName, RollbackSpec)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
