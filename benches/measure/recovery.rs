//! From a bad release that is live to the proof that the release before it is back.

use std::time::Duration;

use super::{
    Broken,
    rounds::{self, ROUNDS, Round, median_and_worst, seconds},
    table::{Table, in_seconds, note},
};

/// Time between two runs.
const INTERVAL: Duration = Duration::from_secs(10);

/// One run finds it, and one proves that it is gone.
const RUNS: u32 = 2;

/// Measures it.
pub async fn measure() -> Result<(), Broken> {
    note(&format!("recovery: {ROUNDS} bad releases"));
    // The platform is looked at as seldom as the checks run, so that nothing is found sooner than by a run.
    let rounds = rounds::all(INTERVAL, INTERVAL).await?;
    let mut table = Table::new("From a bad release to the proof that it is gone");
    let mut tell = |figure: &str, taken: fn(&Round) -> f64| {
        let (median, worst) = median_and_worst(&rounds, taken);
        table.tell(format!("{figure}, median"), in_seconds(median));
        table.tell(format!("{figure}, worst"), in_seconds(worst));
    };
    tell("until a check has failed", |round| {
        seconds(round.shipped, round.failed)
    });
    tell("from there to the call", |round| {
        seconds(round.failed, round.asked)
    });
    tell("the platform's own time", platform);
    tell("from there to the proof", |round| {
        seconds(round.live, round.verified)
    });
    tell("all of it", |round| seconds(round.shipped, round.verified));
    let (median, worst) = median_and_worst(&rounds, |round| {
        seconds(round.shipped, round.verified) - platform(round)
    });
    let goal = (INTERVAL * RUNS).as_secs_f64();
    table.hold("without the platform, median", median, goal, in_seconds);
    table.hold("without the platform, worst", worst, goal, in_seconds);
    table.print()
}

fn platform(round: &Round) -> f64 {
    seconds(round.asked, round.live)
}
