//! The time and the rules that a status is made by.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

/// The time and the rules that a status is made by.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Generation of the spec.
    pub generation: i64,
    /// Wall clock.
    pub now: Timestamp,
    /// How long a rejection that something may still end is no reason to stall.
    pub grace: Duration,
}

/// From `since` to `now`; zero when a clock stepped back.
pub fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
