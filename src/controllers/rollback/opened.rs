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
    /// This process is about to create this record. What it was about to create under the same name before stays noted: of two
    /// passes at one time, it is not told here which has won.
    pub fn note(&self, name: &AttemptName, spec: &RollbackSpec) {
        let mut records = self.records();
        records.retain(|(known, noted)| known != name || noted != spec);
        if records.len() == CAPACITY {
            records.pop_front();
        }
        records.push_back((name.clone(), spec.clone()));
    }

    /// Whether `attempt` is what this process has created.
    #[must_use]
    pub fn holds(&self, attempt: &Attempt) -> bool {
        let records = self.records();
        let mut noted = records.iter().filter(|(name, _)| *name == attempt.name);
        noted.any(|(_, spec)| {
            (&spec.plan, &spec.from, &spec.to)
                == (&attempt.spec.plan, &attempt.spec.from, &attempt.spec.to)
        })
    }

    fn records(&self) -> MutexGuard<'_, VecDeque<(AttemptName, RollbackSpec)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn attempt(to: &str) -> Attempt {
        let spec = json!({
            "validationRef": {"name": "shop", "uid": "u"}, "from": {"release": "dep-1"}, "to": {"release": to},
        });
        Attempt {
            name: AttemptName {
                namespace: "test".to_owned(),
                name: "shop-rb-1".to_owned(),
            },
            uid: "r".to_owned(),
            version: "1".to_owned(),
            generation: 1,
            created: Timestamp::UNIX_EPOCH,
            spec: serde_json::from_value(spec).unwrap(),
            status: crate::api::RollbackStatus::default(),
        }
    }

    #[test]
    fn who_comes_second_with_the_same_name_does_not_disown_the_first() {
        let opened = Opened::default();
        let (first, second) = (attempt("dep-2"), attempt("dep-3"));
        opened.note(&first.name, &first.spec);
        opened.note(&second.name, &second.spec);
        assert!(opened.holds(&first) && opened.holds(&second));
        assert!(!opened.holds(&attempt("dep-4")));
    }
}
