//! From the request that makes a check fail to the call that brings the last known good release back.

use super::{
    Broken,
    rounds::{self, ROUNDS, median_and_worst, seconds},
    table::{Table, milliseconds, note},
};

/// What may go by beside the run.
const GOAL: f64 = 0.25;

/// Measures it.
pub async fn measure() -> Result<(), Broken> {
    note(&format!("reaction: {ROUNDS} bad releases"));
    let rounds = rounds::all("1s").await?;
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
