//! How all validations are, for the mass-failure brake: kept as their statuses are made.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::jiff::Timestamp;

use super::wakes::Place;

/// The validations that are watched, by their uid.
#[derive(Debug, Default)]
pub struct Fleet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    validations: HashMap<String, Validation>,
    /// Whether the brake was engaged when it was last looked at.
    is_braked: bool,
}

#[derive(Debug)]
struct Validation {
    place: Place,
    /// `None` while it is well.
    turned_bad: Option<Timestamp>,
}

impl Fleet {
    /// The validation `uid` at `place` is watched, and has turned bad at `turned_bad`, or is well.
    pub fn note(&self, uid: &str, place: Place, turned_bad: Option<Timestamp>) {
        let validation = Validation { place, turned_bad };
        self.state().validations.insert(uid.to_owned(), validation);
    }

    /// The validation `uid` is not watched any more.
    pub fn forget(&self, uid: &str) {
        self.state().validations.remove(uid);
    }

    /// No other validations are watched than those among `uids`.
    pub fn retain(&self, uids: &HashSet<String>) {
        let mut state = self.state();
        state.validations.retain(|uid, _| uids.contains(uid));
    }

    /// When each has turned bad.
    #[must_use]
    pub fn turned_bad(&self) -> Vec<Option<Timestamp>> {
        let state = self.state();
        let validations = state.validations.values();
        validations.map(|it| it.turned_bad).collect()
    }

    /// The brake is engaged now, or is not. When it was not before, gives those that have turned bad: what was said of them
    /// until now does not know of it.
    #[must_use]
    pub fn braked(&self, is_braked: bool) -> Vec<Place> {
        let mut state = self.state();
        let was_braked = std::mem::replace(&mut state.is_braked, is_braked);
        if was_braked || !is_braked {
            return Vec::new();
        }
        let bad = state.validations.values();
        let bad = bad.filter(|it| it.turned_bad.is_some());
        bad.map(|it| it.place.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_brake_engages_those_that_were_bad_before_are_told_once() {
        let fleet = Fleet::default();
        let place = |name| Place::new("shop", name);
        fleet.note("1", place("bad"), Some(Timestamp::UNIX_EPOCH));
        fleet.note("2", place("well"), None);
        assert!(fleet.braked(false).is_empty());
        assert_eq!(fleet.braked(true), [place("bad")]);
        assert!(fleet.braked(true).is_empty(), "they were told");
        assert!(fleet.braked(false).is_empty());
        assert_eq!(fleet.braked(true), [place("bad")], "it engages anew");
    }
}
