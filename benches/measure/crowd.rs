//! Two hundred validations on one API key, of which a tenth fail at once, and then a fifth more.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::{
    Broken, metrics,
    support::crowd::{BUDGET, Crowd, FAILING, FAILING_MORE, POLICIES, SIZE, Tempo},
    table::{Table, count, in_seconds, note},
};

/// The budget of reality, 400 readings a minute and key, and intervals with which the work fits into it.
const REAL: Tempo = Tempo {
    settings: "platforms: {render: {url: RENDER, pollInterval: 2m, consistencyWindow: 30s}}",
    interval: "1m",
    retry_interval: "30s",
    window: 60,
    patience: Duration::from_mins(10),
};

/// Measures them.
pub async fn measure() -> Result<(), Broken> {
    note(&format!("crowd: {SIZE} validations on one API key"));
    let mut table = Table::new("A crowd on one API key");
    let crowd = Crowd::start(REAL).await;
    let render = crowd.world.render();
    let begun = Instant::now();
    crowd.until_good().await;
    table.tell(
        format!("until {SIZE} releases are known to be good"),
        in_seconds(begun.elapsed().as_secs_f64()),
    );

    note(&format!("crowd: {} fail at once", FAILING.len()));
    let begun = Instant::now();
    crowd.ship_bad(FAILING);
    crowd.until_decided(FAILING).await;
    table.tell(
        format!("until it is decided about {} that fail", FAILING.len()),
        in_seconds(begun.elapsed().as_secs_f64()),
    );
    let verified = crowd.verified().await;
    let most = verified.values().copied().max().unwrap_or_default();
    table.tell(
        "rollbacks, all verified",
        format!("{}", crowd.world.rollbacks()),
    );
    table.hold(
        "rollbacks of one policy, the most",
        number(most)?,
        number(BUDGET)?,
        count,
    );
    table.tell("policies", format!("{POLICIES}"));

    note(&format!("crowd: {} more fail", FAILING_MORE.len()));
    let before = crowd.world.rollbacks();
    let begun = Instant::now();
    crowd.ship_bad(FAILING_MORE);
    crowd.until_braked(FAILING_MORE).await;
    table.tell(
        format!("until the brake holds {} more", FAILING_MORE.len()),
        in_seconds(begun.elapsed().as_secs_f64()),
    );
    // From here on nothing but the brake holds them.
    crowd.allow(100).await;
    sleep(Duration::from_secs(REAL.window.into())).await;
    let after = crowd.world.rollbacks() - before;
    table.hold("rollbacks while it does", number(after)?, 0.0, count);

    let times: Vec<Timestamp> = render.requests().iter().map(|request| request.at).collect();
    let (mean, most) = per_minute(&times)?;
    table.tell("requests per minute, mean", count(mean.round()));
    table.tell("requests in one minute, the most", count(most));
    let (_, metrics) = crowd.world.scenario.controller.get("/metrics").await?;
    let held_back = metrics::sum(&metrics, "plumbline_platform_calls_total", "held_back");
    table.tell(
        "requests that were not made, as the budget was used up",
        count(held_back),
    );
    let refused = usize::try_from(render.refused())?;
    table.hold("answers with 429", number(refused)?, 0.0, count);
    table.print()
}

/// How many there are per minute on average, and the most in any minute. The times are in order.
fn per_minute(times: &[Timestamp]) -> Result<(f64, f64), Broken> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Err("nothing was asked of Render".into());
    };
    let minutes = last.duration_since(*first).as_secs_f64() / 60.0;
    let within = |from: &Timestamp| {
        let end = *from + SignedDuration::from_mins(1);
        times.iter().filter(|at| *at >= from && **at < end).count()
    };
    let most = times.iter().map(within).max().unwrap_or_default();
    Ok((number(times.len())? / minutes, number(most)?))
}

fn number(count: usize) -> Result<f64, Broken> {
    Ok(f64::from(u32::try_from(count)?))
}
