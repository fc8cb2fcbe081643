//! The wall clock, for what people read; intervals go by `tokio::time::Instant`.

use k8s_openapi::jiff::Timestamp;

/// Now, in whole seconds as the Kubernetes API conventions write times.
#[must_use]
pub fn now() -> Timestamp {
    whole_seconds(Timestamp::now())
}

/// `time` without its fraction of a second.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    // Every time within the range has its whole second within the range.
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
