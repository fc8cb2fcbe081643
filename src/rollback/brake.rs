//! The brake: nothing is rolled back while much fails at once. When a fifth of all validations turns bad within minutes, it is
//! more likely that something has happened to all of them, or to us, than that as many releases are bad.

use std::{fmt, time::Duration};

use jiff::Timestamp;

use super::moment::{Moment, after};

/// When the brake is engaged, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrakeSettings {
    /// More than this share of all validations, in percent.
    pub share_percent: u8,
    /// And at least as many.
    pub least: usize,
    /// Within this time.
    pub window: Duration,
    /// How long after the last of them it stays engaged, if they stay bad.
    pub hold: Duration,
}

impl Default for BrakeSettings {
    fn default() -> Self {
        Self {
            share_percent: 20,
            least: 5,
            window: Duration::from_mins(5),
            hold: Duration::from_mins(15),
        }
    }
}

/// The brake is engaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engaged {
    /// Validations that turned bad within the window.
    pub turned_bad: usize,
    /// All that are watched.
    pub watched: usize,
    /// The window.
    pub window: Duration,
    /// When it is released, if no more turn bad.
    pub until: Timestamp,
}

impl fmt::Display for Engaged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            turned_bad,
            watched,
            window,
            until,
        } = self;
        let window = crate::api::Duration::from(*window);
        write!(
            formatter,
            "{turned_bad} of {watched} validations turned bad within {window}: nothing is rolled back before {until}"
        )
    }
}

/// Whether the brake is engaged. `turned_bad` has an entry for each watched validation (accepted, not suspended): when
/// a critical check of it began to fail, or `None` while none does.
#[must_use]
pub fn engaged(
    turned_bad: impl IntoIterator<Item = Option<Timestamp>>,
    settings: &BrakeSettings,
    moment: Moment,
) -> Option<Engaged> {
    let mut watched = 0_usize;
    let mut times = Vec::new();
    for turned_bad in turned_bad {
        watched += 1;
        times.extend(turned_bad.map(|time| moment.counted_from(time)));
    }
    times.sort_unstable();
    let much = |count: usize| {
        count >= settings.least
            && count.saturating_mul(100) > watched.saturating_mul(settings.share_percent.into())
    };
    let mut first = 0;
    let mut last_burst = None;
    for (place, &time) in times.iter().enumerate() {
        while after(times[first], settings.window) < time {
            first += 1;
        }
        let count = place + 1 - first;
        if much(count) {
            last_burst = Some((time, count));
        }
    }
    let (time, turned_bad) = last_burst?;
    Some(Engaged {
        turned_bad,
        watched,
        window: settings.window,
        until: moment.until(time, settings.hold)?,
    })
}

#[cfg(test)]
mod tests;
