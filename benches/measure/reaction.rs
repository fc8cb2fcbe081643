//! From the request that makes a check fail to the call that brings the last known good release back.

use std::time::Duration;

use super::{
    Broken,
    rounds::{self, ROUNDS, median_and_worst, seconds},
    table::{Table, milliseconds, note},
};

/// Time between two runs.
const INTERVAL: Duration = Duration::from_secs(5);

/// What may go by beside the run.
const GOAL: f64 = 0.25;

/// Measures it.
pub async fn measure() -> Result<(), Broken> {
    note(&format!("reaction: {ROUNDS} bad releases"));
    let rounds = rounds::all(INTERVAL, Duration::from_secs(1)).await?;
    let mut table = Table::new("From the verdict to the call");
    let (median, worst) = median_and_worst(&rounds, |round| seconds(round.failed, round.asked));
    table.tell(
        "from the failed request to the call, median",
        milliseconds(median),
    );
    table.hold(
        "from the failed request to the call, worst",
        worst,
        GOAL,
        milliseconds,
    );
    table.print()
}
