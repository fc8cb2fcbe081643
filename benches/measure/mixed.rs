//! Checks of many kinds together: how late they are beside such as hang, and how long a suite of them takes.

use std::{collections::HashMap, iter::repeat_with};

use plumbline::checks::engine::{ConnectionReuse, Engine};

use super::{
    Broken, chain,
    engine::{self, check},
    lateness::{INTERVAL, late, sorted},
    support::checks,
    table::{Table, milliseconds, note, quantile, ratio},
    world::{Ports, World, probe},
};

/// Checks of one interval, a tenth of which hangs.
const CHECKS: usize = 500;
const HANGING: usize = CHECKS / 10;

/// Chains of the suite, and checks of each.
const CHAINS: usize = 8;
const LINKS: usize = 5;

/// Runs of each check alone.
const ALONE: usize = 10;

/// Measures both.
pub async fn measure() -> Result<(), Broken> {
    let (_playing, world) = World::start()?;
    let mut table = Table::new("Checks of twelve kinds together");
    measure_lateness(&mut table, &world).await?;
    measure_suite(&mut table, &world).await?;
    table.print()
}

/// Checks of many kinds, one after the other.
fn kinds(ports: Ports) -> [String; 12] {
    [
        checks::http(ports.http),
        checks::sql("postgres", ports.postgres),
        checks::tcp(ports.http),
        checks::redis(ports.redis),
        checks::metrics(ports.metrics),
        checks::sql("mysql", ports.mariadb),
        checks::dns(),
        checks::worker_redis(ports.redis),
        checks::grpc(ports.grpc),
        checks::prometheus(ports.prometheus),
        checks::tls(ports.tls),
        checks::external(ports.external),
    ]
}

/// The kinds that a target without a word can keep waiting.
fn hanging(port: u16, place: usize) -> String {
    let kinds = [
        checks::http(port),
        checks::sql("postgres", port),
        checks::redis(port),
        checks::metrics(port),
        checks::sql("mysql", port),
        checks::grpc(port),
        checks::prometheus(port),
        checks::tls(port),
        checks::external(port),
    ];
    kinds[place % kinds.len()].clone()
}

async fn measure_lateness(table: &mut Table, world: &World) -> Result<(), Broken> {
    let healthy: Vec<String> = repeat_with(|| kinds(world.ports))
        .flatten()
        .take(CHECKS - HANGING)
        .collect();
    let ports = world.hanging.iter().take(HANGING).enumerate();
    let hanging: Vec<String> = ports.map(|(place, &port)| hanging(port, place)).collect();
    for (named, hanging) in [("none hangs", Vec::new()), ("one in ten hangs", hanging)] {
        note(&format!("lateness of mixed checks, {named}"));
        let order = engine::Order {
            checks: [healthy.clone(), hanging].concat(),
            network: world.settings(),
            interval: INTERVAL,
            reuse: ConnectionReuse::Run,
            timed: true,
        };
        let (lateness, _) = late(order, healthy.len()).await?;
        #[expect(clippy::cast_precision_loss, reason = "half a minute")]
        let interval = INTERVAL as f64;
        for (side, values) in [
            ("start", sorted(&lateness, |it| it.start)),
            ("end", sorted(&lateness, |it| it.end)),
        ] {
            let p99 = quantile(&values, 0.99);
            table.tell(
                format!("{side} after its slot, {named}, p50"),
                milliseconds(quantile(&values, 0.5)),
            );
            table.tell(
                format!("{side} after its slot, {named}, p99"),
                milliseconds(p99),
            );
            table.hold(
                format!("the same as a share of the interval of {INTERVAL} s"),
                p99 / interval,
                0.1,
                |share| format!("{:.2} %", share * 100.0),
            );
        }
    }
    Ok(())
}

async fn measure_suite(table: &mut Table, world: &World) -> Result<(), Broken> {
    note("a suite of 40 mixed checks");
    let engine = engine::engine(ConnectionReuse::Run, &world.settings())?;
    let kinds = kinds(world.far);
    let of = |chain: usize, link: usize| &kinds[(chain + link * 5) % kinds.len()];
    let alone = alone(&engine, &kinds).await?;
    let chains = (0..CHAINS).map(|chain| (0..LINKS).map(|link| alone[of(chain, link)]).sum());
    let slowest: f64 = chains.fold(0.0, f64::max);
    let mut suite = Vec::with_capacity(CHAINS * LINKS);
    for chain in 0..CHAINS {
        for link in 0..LINKS {
            let before = link.checked_sub(1);
            let depends_on = before.map(|before| format!("chain-{chain}-{before}"));
            suite.push(check(
                &format!("chain-{chain}-{link}"),
                depends_on.into_iter().collect(),
                probe(of(chain, link), None)?,
            ));
        }
    }
    let mut taken = chain::run(&engine, suite, chain::RUNS).await?;
    taken.sort_by(f64::total_cmp);
    let middle = quantile(&taken, 0.5);
    let figure = "a suite of 40 in 8 chains of 5";
    table.tell(
        format!("{figure}: slowest chain, its checks alone"),
        milliseconds(slowest),
    );
    table.tell(format!("{figure}: run, median"), milliseconds(middle));
    table.hold(
        format!("{figure}: run / slowest chain"),
        middle / slowest,
        1.1,
        ratio,
    );
    Ok(())
}

/// Seconds that each check takes in a run of its own, the median of several.
async fn alone<'a>(
    engine: &Engine,
    kinds: &'a [String],
) -> Result<HashMap<&'a String, f64>, Broken> {
    let mut times = HashMap::new();
    for kind in kinds {
        let only = check("alone", Vec::new(), probe(kind, None)?);
        let mut taken = chain::run(engine, vec![only], ALONE).await?;
        taken.sort_by(f64::total_cmp);
        times.insert(kind, quantile(&taken, 0.5));
    }
    Ok(times)
}
