//! The processor time of one check through the whole engine, beside a bare client that sends the same requests.

use std::time::Duration;

use plumbline::checks::{engine::ConnectionReuse, net::NetworkSettings};
use tokio::time::{Instant, sleep_until};

use super::{
    Broken,
    bare::{self, Rhythm},
    engine, metrics, process,
    role::{Process, Role},
    table::{Table, microseconds, note, ratio},
    target,
};

/// Validations, with one check each.
const VALIDATIONS: usize = 1000;

/// Time between two runs of each, in seconds.
const INTERVAL: u64 = 30;

/// Every run has found its slot, and every connection is open.
const WARM_UP: Duration = Duration::from_secs(INTERVAL + 5);

/// Intervals that are measured.
const INTERVALS: u32 = 2;

/// Measures with kept connections, then with fresh ones.
pub async fn measure() -> Result<(), Broken> {
    let mut table = Table::new("Processor time of an HTTP check");
    for (named, reuse) in [
        ("kept connections", ConnectionReuse::Release),
        ("fresh connections", ConnectionReuse::Run),
    ] {
        note(&format!(
            "cost, {named}: {VALIDATIONS} checks every {INTERVAL} s, in three processes beside each other"
        ));
        let [engine, slots, spread] = side_by_side(reuse).await?;
        table.tell(format!("engine, {named}"), microseconds(engine));
        table.tell(
            format!("bare client in slots, {named}"),
            microseconds(slots),
        );
        table.tell(
            format!("bare client spread evenly, {named}"),
            microseconds(spread),
        );
        table.hold(
            format!("engine / bare in slots, {named}"),
            engine / slots,
            1.3,
            ratio,
        );
        table.hold(
            format!("engine / bare spread evenly, {named}"),
            engine / spread,
            0.5,
            ratio,
        );
    }
    table.print()
}

/// Processor seconds per check of the engine, of the bare client in slots, and of the one that spreads.
async fn side_by_side(reuse: ConnectionReuse) -> Result<[f64; 3], Broken> {
    let (_target, ports) = target::start(VALIDATIONS, 0)?;
    let bare = |rhythm| {
        Role::Bare(bare::Order {
            ports: ports.answering.clone(),
            interval: INTERVAL,
            rhythm,
            keep: reuse == ConnectionReuse::Release,
        })
    };
    let begun = Instant::now();
    let mut slots = Process::start::<u32>(&bare(Rhythm::Slots))?.0;
    let mut spread = Process::start::<u32>(&bare(Rhythm::Spread))?.0;
    // The slots of one are not those of the other, so that neither waits for the processors that the other holds.
    sleep_until(begun + Duration::from_millis(500)).await;
    let order = engine::Order {
        checks: ports
            .answering
            .iter()
            .map(|&port| engine::http(port, "/health"))
            .collect(),
        network: NetworkSettings::everything_allowed(),
        interval: INTERVAL,
        reuse,
        timed: false,
    };
    let mut engine = Process::start::<engine::Report>(&Role::Engine(order))?.0;
    sleep_until(begun + WARM_UP).await;
    let before = [
        Reading::of_engine(&mut engine)?,
        Reading::of_bare(&mut slots)?,
        Reading::of_bare(&mut spread)?,
    ];
    sleep_until(begun + WARM_UP + Duration::from_secs(INTERVAL) * INTERVALS).await;
    let after = [
        Reading::of_engine(&mut engine)?,
        Reading::of_bare(&mut slots)?,
        Reading::of_bare(&mut spread)?,
    ];
    let mut costs = [0.0; 3];
    for (cost, (after, before)) in costs.iter_mut().zip(after.into_iter().zip(before)) {
        *cost = after.per_check_since(&before)?;
    }
    Ok(costs)
}

struct Reading {
    passed: f64,
    on_cpu: f64,
}

impl Reading {
    fn of_engine(process: &mut Process) -> Result<Self, Broken> {
        let on_cpu = process::on_cpu(process.pid())?;
        let report: engine::Report = process.ask()?;
        let passed = metrics::sum(
            &report.metrics,
            "plumbline_check_verdicts_total",
            "verdict=\"Pass\"",
        );
        Ok(Self { passed, on_cpu })
    }

    fn of_bare(process: &mut Process) -> Result<Self, Broken> {
        let on_cpu = process::on_cpu(process.pid())?;
        let passed: u32 = process.ask()?;
        Ok(Self {
            passed: passed.into(),
            on_cpu,
        })
    }

    /// Processor seconds per check that passed; refuses a measurement in which checks are missing.
    fn per_check_since(&self, before: &Self) -> Result<f64, Broken> {
        let passed = self.passed - before.passed;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let expected = VALIDATIONS as f64 * f64::from(INTERVALS);
        if (passed / expected - 1.0).abs() > 0.05 {
            return Err(format!("{passed} checks have passed, {expected} should have").into());
        }
        Ok((self.on_cpu - before.on_cpu) / passed)
    }
}
