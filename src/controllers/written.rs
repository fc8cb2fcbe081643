//! What was written to each object last: the watch lags behind our own writes, and others may write as well.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use crate::api::{ConditionType, DeploymentValidationStatus};

/// How often in a row a write gives way to what somebody else has written meanwhile. Whoever writes to the object without a pause
/// could otherwise keep its status from being written for good.
const MOST_GIVING_WAY: u8 = 2;

/// How long a status that somebody else has put in place of ours stands at the least. Two controllers that see things differently
/// for a while, each between its own runs, would otherwise write as fast as they hear of one another.
const STANDS: Duration = Duration::from_secs(5);

/// A status, and the version of the object that has it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The status, without conditions of other managers.
    pub status: DeploymentValidationStatus,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<String>,
}

impl Known {
    /// Leaves out other managers' conditions: they are their own, stay where they are, and are no reason to write.
    #[must_use]
    pub fn new(mut status: DeploymentValidationStatus, resource_version: Option<String>) -> Self {
        status
            .conditions
            .retain(|condition| condition.type_ != ConditionType::Other);
        Self {
            status,
            resource_version,
        }
    }

    /// The version as a number: of two of one object, the higher one is the newer.
    fn age(&self) -> Option<u64> {
        self.resource_version.as_deref()?.parse().ok()
    }
}

/// The newest status written of each object, by uid.
#[derive(Debug, Default)]
pub struct Written(Mutex<Writes>);

#[derive(Debug, Default)]
struct Writes {
    confirmed: HashMap<String, Known>,
    in_doubt: HashSet<String>,
    contested: HashMap<String, u8>,
    told: HashMap<String, Told>,
}

/// What was written last.
#[derive(Debug)]
struct Told {
    digest: Vec<u8>,
    at: Instant,
}

impl Written {
    /// The newer of what was written of the object `uid` and what the watch has of it.
    #[must_use]
    pub fn newest(&self, uid: &str, watched: Known) -> Known {
        let confirmed = &mut self.writes().confirmed;
        match confirmed.get(uid) {
            Some(known) if watched.age().is_some() && watched.age() < known.age() => known.clone(),
            known => {
                if known.is_some() {
                    confirmed.remove(uid);
                }
                watched
            }
        }
    }

    /// Notes what the API server was told, or says, to have.
    pub fn note(&self, uid: &str, known: Known) {
        let mut writes = self.writes();
        writes.in_doubt.remove(uid);
        if known.age().is_some() {
            writes.confirmed.insert(uid.to_owned(), known);
        }
    }

    /// A write got no answer, and may have been carried out.
    pub fn doubt(&self, uid: &str) {
        self.writes().in_doubt.insert(uid.to_owned());
    }

    /// Whether nothing was noted since a write got no answer, or another one than was hoped for.
    #[must_use]
    pub fn is_in_doubt(&self, uid: &str) -> bool {
        self.writes().in_doubt.contains(uid)
    }

    /// A write gave way to somebody else's.
    pub fn contested(&self, uid: &str) {
        let mut writes = self.writes();
        writes.in_doubt.insert(uid.to_owned());
        let times = writes.contested.entry(uid.to_owned()).or_default();
        *times = times.saturating_add(1);
    }

    /// A write of `status` was carried out.
    pub fn won(&self, uid: &str, status: &DeploymentValidationStatus) {
        let told = Told {
            digest: digest(status),
            at: Instant::now(),
        };
        let mut writes = self.writes();
        writes.contested.remove(uid);
        writes.told.insert(uid.to_owned(), told);
    }

    /// How long `stored` stands yet: somebody else has written it since our own last write, which was a moment ago.
    #[must_use]
    pub fn stands(&self, uid: &str, stored: &DeploymentValidationStatus) -> Option<Duration> {
        let writes = self.writes();
        let told = writes.told.get(uid)?;
        let left = STANDS.checked_sub(told.at.elapsed())?;
        (told.digest != digest(stored)).then_some(left)
    }

    /// Whether the next write may ask for the object to be as it was read.
    #[must_use]
    pub fn may_insist(&self, uid: &str) -> bool {
        let times = self.writes().contested.get(uid).copied();
        times.is_none_or(|times| times < MOST_GIVING_WAY)
    }

    /// Forgets every object for which `keep` is false.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        let mut writes = self.writes();
        writes.confirmed.retain(|uid, _| keep(uid));
        writes.in_doubt.retain(|uid| keep(uid));
        writes.contested.retain(|uid, _| keep(uid));
        writes.told.retain(|uid, _| keep(uid));
    }

    fn writes(&self) -> MutexGuard<'_, Writes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(status: &DeploymentValidationStatus) -> Vec<u8> {
    // A status is written as JSON, so that this never fails.
    let text = serde_json::to_vec(status).unwrap_or_default();
    Sha256::digest(text).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(version: &str, generation: i64) -> Known {
        let status = DeploymentValidationStatus {
            observed_generation: generation,
            ..DeploymentValidationStatus::default()
        };
        Known::new(status, Some(version.to_owned()))
    }

    #[test]
    fn the_newer_of_watch_and_own_write_is_known_with_its_version() {
        let written = Written::default();
        written.note("uid", known("9", 1));
        let before = written.newest("uid", known("8", 0));
        assert_eq!(before.resource_version.as_deref(), Some("9"));
        assert_eq!(before.status.observed_generation, 1);
        let after = written.newest("uid", known("10", 2));
        assert_eq!(after.resource_version.as_deref(), Some("10"));
        assert_eq!(after.status.observed_generation, 2);
    }

    #[test]
    fn a_write_gives_way_a_few_times_and_then_no_more_until_it_was_carried_out() {
        let written = Written::default();
        for _ in 0..MOST_GIVING_WAY {
            assert!(written.may_insist("uid"));
            written.contested("uid");
            assert!(written.is_in_doubt("uid"));
            written.note("uid", known("9", 1));
            assert!(!written.is_in_doubt("uid"));
        }
        assert!(!written.may_insist("uid"));
        assert!(written.may_insist("another"));
        written.won("uid", &known("10", 1).status);
        assert!(written.may_insist("uid"));
    }

    #[test]
    fn what_somebody_else_has_written_over_ours_stands_for_a_while() {
        let written = Written::default();
        let (ours, theirs) = (known("9", 1).status, known("10", 2).status);
        assert_eq!(written.stands("uid", &theirs), None);
        written.won("uid", &ours);
        assert_eq!(written.stands("uid", &ours), None);
        assert!(
            written
                .stands("uid", &theirs)
                .is_some_and(|left| left <= STANDS)
        );
        assert_eq!(written.stands("another", &theirs), None);
    }
}
