//! How long a run takes beside its slowest chain of dependencies.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use plumbline::checks::{
    board::{Board, Outcome},
    engine::{ConnectionReuse, Engine, Run},
    net::NetworkSettings,
    suite::{Probe, Suite, UnorderedCheck},
    verdict::Verdict,
};
use tokio::time::{Duration, Instant};

use super::{
    Broken,
    engine::{self, check},
    table::{Table, milliseconds, note, quantile, ratio},
    target,
    world::probe,
};

/// Runs of each suite.
pub const RUNS: usize = 30;

/// How a suite hangs together, and what its slowest chain takes at the least.
struct Shape {
    name: &'static str,
    checks: Vec<UnorderedCheck>,
    slowest_chain: Duration,
}

/// Measures suites of 40 checks.
pub async fn measure() -> Result<(), Broken> {
    note("chain: suites of 40 checks");
    let (_target, ports) = target::start(4, 0)?;
    let mut table = Table::new("A run beside its slowest chain of dependencies");
    for shape in [
        chains(ports.answering[0])?,
        fan(&ports.answering)?,
        uneven(&ports.answering)?,
    ] {
        let slowest_chain = shape.slowest_chain.as_secs_f64();
        let engine = engine::engine(ConnectionReuse::Run, &NetworkSettings::everything_allowed())?;
        let mut taken = run(&engine, shape.checks, RUNS).await?;
        taken.sort_by(f64::total_cmp);
        let middle = quantile(&taken, 0.5);
        table.tell(
            format!("{}: slowest chain", shape.name),
            milliseconds(slowest_chain),
        );
        table.tell(format!("{}: run, median", shape.name), milliseconds(middle));
        table.hold(
            format!("{}: run / slowest chain", shape.name),
            middle / slowest_chain,
            1.1,
            ratio,
        );
    }
    table.print()
}

/// Eight chains of five on one target.
fn chains(port: u16) -> Result<Shape, Broken> {
    let mut checks = Vec::new();
    for chain in 0..8 {
        for link in 0..5_u32 {
            let before = link.checked_sub(1);
            let depends_on = before.map(|before| format!("chain-{chain}-{before}"));
            checks.push(check(
                &format!("chain-{chain}-{link}"),
                depends_on.into_iter().collect(),
                http(port, 100)?,
            ));
        }
    }
    Ok(Shape {
        name: "8 chains of 5, 100 ms each, one target",
        checks,
        slowest_chain: Duration::from_millis(500),
    })
}

/// One, then 38 that depend on it, then one that depends on eight of these.
fn fan(ports: &[u16]) -> Result<Shape, Broken> {
    let mut checks = vec![check("first", Vec::new(), http(ports[0], 100)?)];
    for (number, &port) in (0..38).zip(ports.iter().cycle()) {
        checks.push(check(
            &format!("middle-{number}"),
            vec!["first".to_owned()],
            http(port, 100)?,
        ));
    }
    checks.push(check(
        "last",
        (0..8).map(|number| format!("middle-{number}")).collect(),
        http(ports[0], 100)?,
    ));
    Ok(Shape {
        name: "1, then 38, then 1, 100 ms each, four targets",
        checks,
        slowest_chain: Duration::from_millis(300),
    })
}

/// A chain of six quick ones beside 34 slow ones on their own.
fn uneven(ports: &[u16]) -> Result<Shape, Broken> {
    let mut checks = Vec::new();
    for (number, &port) in (0..34).zip(ports.iter().cycle()) {
        checks.push(check(
            &format!("alone-{number}"),
            Vec::new(),
            http(port, 250)?,
        ));
    }
    for link in 0..6_u32 {
        let before = link.checked_sub(1);
        let depends_on = before.map(|before| format!("link-{before}"));
        checks.push(check(
            &format!("link-{link}"),
            depends_on.into_iter().collect(),
            http(ports[0], 50)?,
        ));
    }
    Ok(Shape {
        name: "a chain of 6 of 50 ms beside 34 of 250 ms, four targets",
        checks,
        slowest_chain: Duration::from_millis(300),
    })
}

/// The probe of a request that is answered after so many milliseconds.
fn http(port: u16, milliseconds: u32) -> Result<Arc<dyn Probe>, Broken> {
    let path = format!("/after/{milliseconds}");
    probe(&engine::http(port, &path), None)
}

/// Seconds that each of so many runs of the suite took, with connections of its own.
pub async fn run(
    engine: &Engine,
    checks: Vec<UnorderedCheck>,
    runs: usize,
) -> Result<Vec<f64>, Broken> {
    let suite = Arc::new(Suite::new(checks, Duration::from_mins(5))?);
    let due: Vec<usize> = (0..suite.checks().len()).collect();
    let board = Board::new(&suite, Timestamp::now());
    let mut taken = Vec::with_capacity(runs);
    for _ in 0..runs {
        let begun = Instant::now();
        let run = engine.run(&suite, &due, &board, &engine.session()).await;
        taken.push(begun.elapsed().as_secs_f64());
        if !all_passed(&run, due.len()) {
            return Err(format!("a check of the suite did not pass: {run:?}").into());
        }
    }
    Ok(taken)
}

fn all_passed(run: &Run, expected: usize) -> bool {
    run.executions.len() == expected
        && run.executions.iter().all(|execution| {
            matches!(&execution.outcome, Outcome::Measured(finding) if finding.verdict == Verdict::Pass)
        })
}
