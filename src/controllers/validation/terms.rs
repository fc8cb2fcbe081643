//! The time and the rules that a status is made by.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::rollback::Moment;

/// The time and the rules that a status is made by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Name of the object.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Generation of the spec.
    pub generation: i64,
    /// The steady clock.
    pub now: Timestamp,
    /// When the process began.
    pub started: Timestamp,
    /// How long a rejection that something may still end is no reason to stall.
    pub grace: Duration,
}

impl Terms<'_> {
    /// The time, for ages that outlive the process.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            now: self.now,
            started: self.started,
        }
    }
}

/// From `since` to `now`; zero when a clock stepped back.
pub fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
