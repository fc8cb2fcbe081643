//! What a check of each kind costs beside a bare client of the same protocol: `make bench-kinds` prints it. See docs/benchmarks.md.
//!
//! Both take turns in one process, on connections of their own, against one real server: their processor time and their
//! allocations are compared, and the connections that the server has counted.

use std::{alloc::System, error::Error, future::Future, process::ExitCode, time::Duration};

use plumbline::{
    api,
    checks::{
        compile::compile,
        net::{Network, NetworkSettings},
        suite::Probe,
        verdict::Verdict,
    },
};
use secrecy::SecretString;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::Instant;

mod bare;
#[path = "../measure/process.rs"]
#[allow(dead_code, reason = "what the measurements share")]
mod process;
#[path = "../measure/table.rs"]
#[allow(dead_code, reason = "what the measurements share")]
mod table;

#[path = "../../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::doc_markdown,
    clippy::unwrap_used,
    reason = "what the tests share, where a panic is the way to fail and more of it is used"
)]
mod support;

use support::{
    hostile::{Behaviour, Server},
    postgres, prometheus, redis,
};
use table::Table;

/// Any way in which a measurement can break.
type Broken = Box<dyn Error + Send + Sync>;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Turns of each side, and exchanges in a turn.
const TURNS: usize = 25;
const EXCHANGES: usize = 40;

/// What a check may cost, as a multiple of the bare client.
const GOAL: f64 = 2.0;
const HTTP_GOAL: f64 = 1.3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The second installation would fail, and this is the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}

/// One side's cost of one exchange.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    microseconds: f64,
    allocations: f64,
}

async fn measure() -> Result<(), Broken> {
    let mut table = Table::new("kinds: a check beside a bare client");
    let json = r#"{"status":"ok","queue":{"depth":3}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    );
    let http = Server::start(Behaviour::Raw(answer.into_bytes())).await;
    let address = http.address();
    let check = format!(
        "{{name: a, http: {{url: 'http://{address}/', expect: {{json: [{{path: $.queue.depth, operator: AtMost, value: '9'}}]}}}}}}"
    );
    compare(&mut table, "http", &check, HTTP_GOAL, || {
        bare::http(address)
    })
    .await?;
    let check = format!(
        "{{name: a, tcp: {{host: 127.0.0.1, port: {}}}}}",
        address.port()
    );
    compare(&mut table, "tcp", &check, GOAL, || bare::tcp(address)).await?;
    measure_redis(&mut table).await?;
    measure_postgres(&mut table).await?;
    measure_prometheus(&mut table).await?;
    table.print()
}

async fn measure_redis(table: &mut Table) -> Result<(), Broken> {
    let server = redis::Redis::start(&[]).await.ok_or("no redis-server")?;
    let fields = server.fields().trim_end().replace('\n', ", ");
    let check = format!("{{name: a, redis: {{{fields}}}}}");
    let port = server.port();
    let opened = || async { server.ask::<String>(&["INFO", "stats"]).await };
    let before = counted(&opened().await)?;
    compare(table, "redis", &check, GOAL, || bare::redis(port)).await?;
    let after = counted(&opened().await)?;
    // Both sides, and those that ask for the count.
    let each = (after - before - 1.0) / made();
    table.hold(
        "redis: connections of a check",
        2.0 * each - 1.0,
        1.0,
        |it| format!("{it:.2}"),
    );
    Ok(())
}

async fn measure_postgres(table: &mut Table) -> Result<(), Broken> {
    let server = postgres::Postgres::start().await.ok_or("no postgres")?;
    let port = server.port();
    let check = format!(
        "{{name: a, sql: {{engine: postgres, host: 127.0.0.1, port: {port}, database: postgres, user: plumbline, \
         password: {{secretKeyRef: {{name: a, key: a}}}}, tls: Disable, query: {{statement: 'SELECT 1', operator: Equals, value: '1'}}}}}}"
    );
    let bare = || bare::postgres(port);
    compare(table, "sql (PostgreSQL)", &check, GOAL, bare).await
}

async fn measure_prometheus(table: &mut Table) -> Result<(), Broken> {
    let server = prometheus::Prometheus::start("", false)
        .await
        .ok_or("no prometheus")?;
    let url = server.url();
    let check = format!(
        "{{name: a, prometheus: {{url: '{url}', query: vector(1), operator: Equals, value: '1'}}}}"
    );
    compare(table, "prometheus", &check, GOAL, || bare::prometheus(&url)).await
}

/// Exchanges of both sides.
#[expect(clippy::cast_precision_loss, reason = "two thousand")]
fn made() -> f64 {
    (2 * (TURNS + 1) * EXCHANGES) as f64
}

/// The connections that a Redis server has counted.
fn counted(statistics: &str) -> Result<f64, Broken> {
    let line = statistics
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    Ok(line.ok_or("no count of connections")?.trim().parse()?)
}

/// Lets the check and the bare client take turns; the medians of both, and of the ratio of each pair of turns.
async fn compare<Done>(
    table: &mut Table,
    kind: &str,
    check: &str,
    goal: f64,
    bare: impl Fn() -> Done,
) -> Result<(), Broken>
where
    Done: Future<Output = Result<(), Broken>>,
{
    let check: api::Check = serde_yaml::from_str(check)?;
    let secret = |reference: &api::SecretKeyReference| {
        let password = match reference.name.as_str() {
            "cache" => redis::PASSWORD,
            _ => postgres::PASSWORD,
        };
        Some(SecretString::from(password))
    };
    let probe = compile(&check, &secret, None)?;
    let network = Network::new(&NetworkSettings::everything_allowed(), Vec::new())?;
    let ours = || measured(probe.as_ref(), &network);
    turn(&ours).await?;
    turn(&bare).await?;
    let mut pairs = Vec::new();
    for _ in 0..TURNS {
        pairs.push((turn(&ours).await?, turn(&bare).await?));
    }
    let of = |value: &dyn Fn(&(Cost, Cost)) -> f64| median(pairs.iter().map(value).collect());
    table.tell(
        format!("{kind}: check"),
        format!("{:.1} µs", of(&|it| it.0.microseconds)),
    );
    table.tell(
        format!("{kind}: bare client"),
        format!("{:.1} µs", of(&|it| it.1.microseconds)),
    );
    let ratio = of(&|it| it.0.microseconds / it.1.microseconds);
    table.hold(
        format!("{kind}: processor time, check / bare"),
        ratio,
        goal,
        |it| format!("{it:.2}"),
    );
    let allocations = of(&|it| it.0.allocations / it.1.allocations);
    table.hold(
        format!("{kind}: allocations, check / bare"),
        allocations,
        goal,
        |it| format!("{it:.2}"),
    );
    Ok(())
}

/// One run of the check, which must pass, on connections of its own.
async fn measured(probe: &dyn Probe, network: &Network) -> Result<(), Broken> {
    let session = network.session();
    let deadline = Instant::now() + Duration::from_secs(10);
    let finding = probe.measure(&session, deadline).await.finding;
    if finding.verdict == Verdict::Pass {
        Ok(())
    } else {
        Err(finding.message.into())
    }
}

async fn turn<Done>(exchange: &impl Fn() -> Done) -> Result<Cost, Broken>
where
    Done: Future<Output = Result<(), Broken>>,
{
    let region = Region::new(ALLOCATOR);
    let before = process::on_cpu(std::process::id())?;
    for _ in 0..EXCHANGES {
        exchange().await?;
    }
    let taken = process::on_cpu(std::process::id())? - before;
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let (exchanges, allocations) = (EXCHANGES as f64, region.change().allocations as f64);
    Ok(Cost {
        microseconds: taken * 1e6 / exchanges,
        allocations: allocations / exchanges,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
