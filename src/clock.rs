//! The clocks of the process: one for what people read and records keep, in whole seconds. Intervals within the process go by
//! `tokio::time::Instant`.

use std::{sync::LazyLock, time::Instant};

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::rollback::Moment;

/// The wall clock at the first look, and the monotonic clock then.
static ORIGIN: LazyLock<(Timestamp, Instant)> =
    LazyLock::new(|| (Timestamp::now(), Instant::now()));

/// Now, in whole seconds as the Kubernetes API conventions write times. It goes on steadily from what the wall clock said
/// when the process began: a wall clock that is set meanwhile ends no wait early, and makes none longer.
#[must_use]
pub fn now() -> Timestamp {
    let (began, origin) = *ORIGIN;
    let passed = SignedDuration::try_from(origin.elapsed()).unwrap_or(SignedDuration::MAX);
    whole_seconds(began.saturating_add(passed).unwrap_or(Timestamp::MAX))
}

/// When the process began, by the same clock.
#[must_use]
pub fn started() -> Timestamp {
    whole_seconds(ORIGIN.0)
}

/// The present, for rules that outlive the process.
#[must_use]
pub fn moment() -> Moment {
    Moment {
        now: now(),
        started: started(),
    }
}

/// `time` without its fraction of a second.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    // Every time within the range has its whole second within the range.
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
