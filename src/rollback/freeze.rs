//! Times at which nothing is rolled back by itself.

use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Timestamp, tz::TimeZone};

use super::moment::{Moment, after};
use crate::api::FreezeWindow;

/// A freeze window that cannot be heeded: the policy is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFreeze {
    /// It does not say when it begins.
    #[error("guard.freeze[{place}].cron: {cron:?} is not a cron expression of five fields")]
    NotCron {
        /// Its place in the list, from 0.
        place: usize,
        /// What it says.
        cron: String,
        /// What is wrong with it.
        #[source]
        source: CronError,
    },
    /// It names a day that does not exist, such as 30 February.
    #[error("guard.freeze[{place}].cron: {cron:?} never comes")]
    Never {
        /// Its place in the list, from 0.
        place: usize,
        /// What it says.
        cron: String,
        /// How that was found out.
        #[source]
        source: CronError,
    },
}

/// When the last of the windows ends that are open now; `None` when none is. Times are UTC. One that has begun again before
/// it was over goes on. The work is bounded: a look at the calendar for each window, of 60 ms at the most when it never
/// comes.
pub fn frozen_until(
    windows: &[FreezeWindow],
    moment: Moment,
) -> Result<Option<Timestamp>, InvalidFreeze> {
    let now = moment.now.to_zoned(TimeZone::UTC);
    let mut until = None;
    for (place, window) in windows.iter().enumerate() {
        let cron = || window.cron.clone();
        let begins: Cron =
            parser()
                .parse(&window.cron)
                .map_err(|source| InvalidFreeze::NotCron {
                    place,
                    cron: cron(),
                    source,
                })?;
        let begun = begins.find_previous_occurrence(&now, true);
        let begun = begun.map_err(|source| InvalidFreeze::Never {
            place,
            cron: cron(),
            source,
        })?;
        let end = after(begun.timestamp(), window.duration.get());
        if end > moment.now {
            until = until.max(Some(end));
        }
    }
    Ok(until)
}

fn parser() -> CronParser {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
}

#[cfg(test)]
mod tests;
