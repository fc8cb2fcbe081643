//! How late healthy checks are while one target in ten hangs, with nothing tuned.

use std::{collections::HashMap, time::Duration};

use plumbline::checks::{engine::ConnectionReuse, net::NetworkSettings};
use tokio::time::sleep;

use super::{
    Broken,
    engine::{self, Report, Timing},
    metrics,
    role::{Process, Role},
    table::{Table, milliseconds, note, quantile},
    target,
};

const HEALTHY: usize = 900;
const HANGING: usize = 100;

/// Time between two runs of each validation, in seconds.
pub const INTERVAL: u64 = 30;

/// Every run has found its slot, and every hanging target hangs.
const WARM_UP: Duration = Duration::from_secs(2 * INTERVAL);

/// What is measured: whole intervals.
const WINDOW: Duration = Duration::from_secs(2 * INTERVAL);

/// Measures once with none that hangs, and once with one in ten.
pub async fn measure() -> Result<(), Broken> {
    let mut table = Table::new("Lateness of healthy checks");
    for (named, hanging) in [("none hangs", 0), ("one target in ten hangs", HANGING)] {
        note(&format!(
            "lateness, {named}: {HEALTHY} healthy validations, one check every {INTERVAL} s"
        ));
        let (_target, ports) = target::start(HEALTHY, hanging)?;
        let ports = ports.answering.iter().chain(&ports.hanging);
        let order = engine::Order {
            checks: ports.map(|&port| engine::http(port, "/health")).collect(),
            network: NetworkSettings::everything_allowed(),
            interval: INTERVAL,
            reuse: ConnectionReuse::Run,
            timed: true,
        };
        let (lateness, due_to_run) = late(order, HEALTHY).await?;
        let starts = sorted(&lateness, |lateness| lateness.start);
        let ends = sorted(&lateness, |lateness| lateness.end);
        let middle = |sorted: &[f64]| milliseconds(quantile(sorted, 0.5));
        table.tell(
            format!("start after its slot, {named}, p50"),
            middle(&starts),
        );
        table.hold(
            format!("start after its slot, {named}, p99"),
            quantile(&starts, 0.99),
            0.050,
            milliseconds,
        );
        table.tell(format!("end after its slot, {named}, p50"), middle(&ends));
        table.hold(
            format!("end after its slot, {named}, p99"),
            quantile(&ends, 0.99),
            0.050,
            milliseconds,
        );
        table.tell(
            format!("the monitor's own figure for all runs, {named}, p99"),
            format!("at most {}", milliseconds(due_to_run)),
        );
        table.tell(format!("checks, {named}"), lateness.len().to_string());
    }
    table.print()
}

/// Seconds after the slot in which a check was due.
pub struct Lateness {
    /// When it began to measure.
    pub start: f64,
    /// When it had measured.
    pub end: f64,
}

/// One side of them, the smallest first.
pub fn sorted(lateness: &[Lateness], of: fn(&Lateness) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = lateness.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// How late the first `healthy` checks of an order are; and the monitor's own figure for all, p99.
pub async fn late(order: engine::Order, healthy: usize) -> Result<(Vec<Lateness>, f64), Broken> {
    let (mut engine, _) = Process::start::<Report>(&Role::Engine(order))?;
    sleep(WARM_UP).await;
    let warm: Report = engine.ask()?;
    sleep(WINDOW).await;
    let measured: Report = engine.ask()?;
    let lateness = lateness(&warm.timings, &measured.timings, healthy)?;
    let own = metrics::quantile(
        &warm.metrics,
        &measured.metrics,
        "plumbline_run_lateness_seconds",
        0.99,
    );
    Ok((lateness, own))
}

/// Runs of a validation are whole intervals apart, in slots of one second. The last run before the window tells which slot
/// it is: only those at the very beginning come at once, and the warm-up is longer than an interval.
fn lateness(warm: &[Timing], measured: &[Timing], healthy: usize) -> Result<Vec<Lateness>, Broken> {
    let slots: HashMap<usize, f64> = warm
        .iter()
        .map(|timing| (timing.place, timing.begun.floor()))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "half a minute")]
    let interval = INTERVAL as f64;
    let lateness: Vec<Lateness> = measured
        .iter()
        .filter(|timing| timing.place < healthy)
        .map(|timing| {
            let known = slots.get(&timing.place)?;
            let periods = ((timing.begun - known) / interval).floor();
            let slot = known + periods * interval;
            Some(Lateness {
                start: timing.begun - slot,
                end: timing.ended - slot,
            })
        })
        .collect::<Option<_>>()
        .ok_or("a validation did not run before the window")?;
    let expected = healthy * usize::try_from(WINDOW.as_secs() / INTERVAL)?;
    if lateness.len() < expected * 95 / 100 {
        return Err(format!("{} healthy checks ended, not {expected}", lateness.len()).into());
    }
    Ok(lateness)
}
