//! A check beside a bare client: turns, ratios, and what can be told from them.

use std::{
    io::{Write, stdout},
    sync::Arc,
    time::Duration,
};

use plumbline::checks::{net::Network, suite::Probe, verdict::Verdict};
use rustix::time::{ClockId, clock_gettime};
use stats_alloc::Region;
use tokio::time::{Instant, sleep};

use super::{ALLOCATOR, Broken, process::load, support::proxy::Proxy, world::World};

/// Rounds of a comparison: one turn of the check, and two of the bare client, which show what it differs from itself.
const ROUNDS: usize = 25;

/// How long a connection may take to be accepted.
const UNTIL_ACCEPTED: Duration = Duration::from_millis(100);

/// What a check may cost, as a multiple of the bare client.
pub const GOAL: f64 = 2.0;
pub const HTTP_GOAL: f64 = 1.3;

/// How a kind is compared.
pub struct Kind {
    pub name: &'static str,
    pub goal: f64,
    /// Exchanges in one turn.
    pub exchanges: u16,
    /// What one exchange is divided by.
    pub samples: u16,
    /// Where its server is, when that counts connections.
    pub port: Option<u16>,
}

impl Kind {
    /// The usual way.
    pub const fn new(name: &'static str, port: Option<u16>) -> Self {
        Self {
            name,
            goal: GOAL,
            exchanges: 40,
            samples: 1,
            port,
        }
    }
}

/// All comparisons so far.
pub struct Comparison {
    named: Vec<String>,
    network: Network,
    rows: Vec<Row>,
}

/// What came of one.
struct Row {
    kind: Kind,
    check: Cost,
    bare: Cost,
    /// Processor time of the check, by that of the bare client.
    time: f64,
    /// By how much two turns of the bare client differ, in nine of ten rounds at most.
    sway: f64,
    allocations: f64,
    connections: Option<usize>,
}

/// What one exchange costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    microseconds: f64,
    allocations: f64,
}

impl Comparison {
    pub fn new(world: &World, named: Vec<String>) -> Result<Self, Broken> {
        Ok(Self {
            named,
            network: Network::new(&world.settings(), Vec::new())?,
            rows: Vec::new(),
        })
    }

    /// Lets the probe, which `compiled` gives for a port of its server, take turns with the bare client.
    pub async fn compare<Done>(
        &mut self,
        kind: Kind,
        compiled: impl Fn(u16) -> Result<Arc<dyn Probe>, Broken>,
        bare: impl Fn() -> Done,
    ) -> Result<(), Broken>
    where
        Done: Future<Output = Result<(), Broken>>,
    {
        let wanted = |name: &String| kind.name.starts_with(name);
        if !self.named.is_empty() && !self.named.iter().any(wanted) {
            return Ok(());
        }
        eprintln!("{}", kind.name);
        let probe = compiled(kind.port.unwrap_or_default())?;
        let network = &self.network;
        let check = || measured(probe.as_ref(), network);
        turn(&kind, &check).await?;
        turn(&kind, &bare).await?;
        let mut rounds = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let check = turn(&kind, &check).await?;
            rounds.push((check, turn(&kind, &bare).await?, turn(&kind, &bare).await?));
        }
        let connections = match kind.port {
            Some(port) => Some(count(port, network, compiled).await?),
            None => None,
        };
        let of = |value: &dyn Fn(&(Cost, Cost, Cost)) -> f64| {
            quantile(rounds.iter().map(value).collect(), 0.5)
        };
        let both = |one: f64, other: f64| f64::midpoint(one, other);
        let differ = |(_, one, other): &(Cost, Cost, Cost)| {
            let ratio = one.microseconds / other.microseconds;
            ratio.max(1.0 / ratio) - 1.0
        };
        self.rows.push(Row {
            check: Cost {
                microseconds: of(&|it| it.0.microseconds),
                allocations: of(&|it| it.0.allocations),
            },
            bare: Cost {
                microseconds: of(&|it| both(it.1.microseconds, it.2.microseconds)),
                allocations: of(&|it| both(it.1.allocations, it.2.allocations)),
            },
            time: of(&|it| it.0.microseconds / both(it.1.microseconds, it.2.microseconds)),
            allocations: of(&|it| it.0.allocations / both(it.1.allocations, it.2.allocations)),
            sway: quantile(rounds.iter().map(differ).collect(), 0.9),
            connections,
            kind,
        });
        Ok(())
    }

    /// Prints them as a Markdown table. An error if a goal was missed.
    pub fn print(&self) -> Result<(), Broken> {
        let mut out = stdout().lock();
        writeln!(out, "\n## A check of each kind beside a bare client\n")?;
        writeln!(out, "Load of the machine: {:.2}\n", load())?;
        writeln!(
            out,
            "| kind | time: check | bare | ratio | the bare client from itself | allocations: check | bare | ratio | goal | | connections |\n\
             |---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for row in &self.rows {
            writeln!(out, "{}", row.line())?;
        }
        out.flush()?;
        match self.rows.iter().filter(|row| row.misses()).count() {
            0 => Ok(()),
            missed => Err(format!("kinds that miss a goal: {missed}").into()),
        }
    }
}

impl Row {
    fn line(&self) -> String {
        let (check, bare, goal) = (self.check, self.bare, self.kind.goal);
        let connections = self.connections.map(|count| count.to_string());
        format!(
            "| {} | {:.1} µs | {:.1} µs | {:.2} | {:.0} % | {:.0} | {:.0} | {:.2} | at most {goal:.2} | {} | {} |",
            self.kind.name,
            check.microseconds,
            bare.microseconds,
            self.time,
            self.sway * 100.0,
            check.allocations,
            bare.allocations,
            self.allocations,
            self.verdict(),
            connections.as_deref().unwrap_or("none"),
        )
    }

    fn verdict(&self) -> &'static str {
        let is_close = (self.time / self.kind.goal - 1.0).abs() <= self.sway;
        match self.misses() {
            true => "missed",
            false if is_close => "met; the time is too close to the goal to be told from it",
            false => "met",
        }
    }

    fn misses(&self) -> bool {
        !(self.time <= self.kind.goal && self.allocations <= self.kind.goal)
    }
}

/// The connections that one run of the check opens.
async fn count(
    port: u16,
    network: &Network,
    compiled: impl Fn(u16) -> Result<Arc<dyn Probe>, Broken>,
) -> Result<usize, Broken> {
    let counter = Proxy::start(&format!("tcp://127.0.0.1:{port}")).await;
    let address = url::Url::parse(&counter.url())?;
    let probe = compiled(address.port().ok_or("no port")?)?;
    measured(probe.as_ref(), network).await?;
    // A connection on which nothing is said may be closed before it is accepted.
    sleep(UNTIL_ACCEPTED).await;
    Ok(counter.accepted())
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

async fn turn<Done>(kind: &Kind, exchange: &impl Fn() -> Done) -> Result<Cost, Broken>
where
    Done: Future<Output = Result<(), Broken>>,
{
    let region = Region::new(ALLOCATOR);
    let before = on_processor();
    for _ in 0..kind.exchanges {
        exchange().await?;
    }
    let taken = on_processor() - before;
    let exchanges = f64::from(kind.exchanges) * f64::from(kind.samples);
    #[expect(clippy::cast_precision_loss, reason = "millions at most")]
    let allocations = region.change().allocations as f64;
    Ok(Cost {
        microseconds: taken * 1e6 / exchanges,
        allocations: allocations / exchanges,
    })
}

/// The seconds that this process has been on a processor, its threads that have ended included.
fn on_processor() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "minutes, in nanoseconds")]
    let (seconds, nanoseconds) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds + nanoseconds / 1e9
}

/// The value below which `share` of the values lie.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a short list"
    )]
    let place = (values.len() as f64 * share) as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}
