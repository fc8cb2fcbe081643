//! Checks through the monitor and the engine, as the controller runs them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use plumbline::{
    api::{Area, Severity, Stage},
    checks::{
        engine::{ConnectionReuse, Engine, EngineSettings},
        net::{Network, NetworkSettings, Session},
        reference::{Reference, ReferenceSettings},
        suite::{Check, Probe, Suite, UnorderedCheck},
        verdict::Measurement,
    },
    monitor::{Assignment, Memory, Monitor, MonitorMetrics, Subject},
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, time::Instant};

use super::{Broken, role::answer, target::JUDGED, world::probe};

/// What to check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Checks as they are written: one validation each.
    pub checks: Vec<String>,
    /// How they reach their targets.
    pub network: NetworkSettings,
    /// Time between two runs of a validation, in whole seconds.
    pub interval: u64,
    /// When connections end.
    pub reuse: ConnectionReuse,
    /// Whether to note when each check begins and ends.
    pub timed: bool,
}

/// What came of it so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The monitor's metrics, as `/metrics` shows them.
    pub metrics: String,
    /// The checks that have ended since the last report.
    pub timings: Vec<Timing>,
}

/// When one execution of one check took place, in seconds since the monitor's first slot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Timing {
    /// Which of the checks.
    pub place: usize,
    /// When its probe began to measure.
    pub begun: f64,
    /// When its probe had measured.
    pub ended: f64,
}

/// An engine with the settings that the controller has by default, but for these.
pub fn engine(reuse: ConnectionReuse, network: &NetworkSettings) -> Result<Engine, Broken> {
    let network = Network::new(network, Vec::new())?;
    let reference = Reference::new(&ReferenceSettings::default(), network.clone())?;
    let settings = EngineSettings {
        connection_reuse: reuse,
        ..EngineSettings::default()
    };
    Ok(Engine::new(network, reference, settings))
}

/// A check of `path` on `port`, that judges the status and one member of the body.
pub fn http(port: u16, path: &str) -> String {
    let (member, expected) = JUDGED;
    let json = format!("[{{path: $.{member}, value: {expected}}}]");
    format!("http: {{url: 'http://127.0.0.1:{port}{path}', expect: {{json: {json}}}}}")
}

/// A check with the defaults of the resource.
pub fn check(name: &str, depends_on: Vec<String>, probe: Arc<dyn Probe>) -> UnorderedCheck {
    UnorderedCheck {
        depends_on,
        check: Check {
            name: name.into(),
            area: Area::default(),
            stage: Stage::default(),
            severity: Severity::default(),
            depends_on: Vec::new(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            retries: 0,
            failure_threshold: 3,
            success_threshold: 2,
            probe,
        },
    }
}

/// Checks until standard input ends.
pub async fn play(order: Order) -> Result<(), Broken> {
    let metrics = MonitorMetrics::default();
    let mut registry = Registry::with_prefix("plumbline");
    metrics.register(&mut registry);
    let (wakes, mut woken) = mpsc::unbounded_channel();
    let engine = engine(order.reuse, &order.network)?;
    let (monitor, actor) = Monitor::new(engine, metrics, wakes);
    let log = Arc::new(Log::starting_now());
    let actor = tokio::spawn(actor.run());
    let woken = tokio::spawn(async move { while woken.recv().await.is_some() {} });
    for place in 0..order.checks.len() {
        let (subject, assignment) = validation(place, &order, &log)?;
        let known = monitor.assign(subject, assignment, Memory::default());
        known.await.ok_or("the monitor has ended")?;
    }
    answer(move || Report {
        metrics: shown(&registry),
        timings: log.take(),
    })
    .await?;
    actor.abort();
    woken.abort();
    Ok(())
}

fn validation(
    place: usize,
    order: &Order,
    log: &Arc<Log>,
) -> Result<(Subject, Assignment), Broken> {
    let mut probe = probe(&order.checks[place], None)?;
    if order.timed {
        let log = log.clone();
        probe = Arc::new(Timed { place, probe, log });
    }
    let interval = Duration::from_secs(order.interval);
    let suite = Suite::new(vec![check("health", Vec::new(), probe)], interval)?;
    let subject = Subject {
        namespace: "measure".to_owned(),
        name: format!("validation-{place}"),
        uid: format!("6f1c8a52-0000-4000-8000-{place:012}"),
    };
    let assignment = Assignment {
        generation: 1,
        fingerprint: String::new(),
        suite: Arc::new(suite),
        releases: None,
        retry_interval: interval / 3,
        requested: None,
        confirm: false,
    };
    Ok((subject, assignment))
}

fn shown(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).expect("a string takes any text");
    text
}

/// A probe that notes when it measures.
#[derive(Debug)]
struct Timed {
    place: usize,
    probe: Arc<dyn Probe>,
    log: Arc<Log>,
}

impl Probe for Timed {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(async move {
            let begun = self.log.now();
            let measurement = self.probe.measure(session, deadline).await;
            self.log.note(Timing {
                place: self.place,
                begun,
                ended: self.log.now(),
            });
            measurement
        })
    }

    fn host(&self) -> &str {
        self.probe.host()
    }

    fn targets(&self) -> Vec<&plumbline::checks::net::Target> {
        Vec::new()
    }
}

#[derive(Debug)]
struct Log {
    origin: Instant,
    timings: Mutex<Vec<Timing>>,
}

impl Log {
    fn starting_now() -> Self {
        Self {
            origin: Instant::now(),
            timings: Mutex::default(),
        }
    }

    fn now(&self) -> f64 {
        self.origin.elapsed().as_secs_f64()
    }

    fn note(&self, timing: Timing) {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        timings.push(timing);
    }

    fn take(&self) -> Vec<Timing> {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut timings)
    }
}
