use std::{
    collections::VecDeque,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;

use super::*;
use crate::{
    api::{Area, Severity, Stage},
    checks::{
        net::NetworkSettings,
        reference::ReferenceSettings,
        suite::{Probe, UnorderedCheck},
    },
};

/// What a scripted probe does at one attempt.
#[derive(Clone, Debug)]
enum Act {
    Pass(Duration),
    Fail(FindingReason),
    Panic,
    Hang,
}

struct Scripted {
    acts: Mutex<VecDeque<Act>>,
    host: &'static str,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Scripted")
    }
}

impl Scripted {
    /// The next act; the last one is repeated.
    fn next(&self) -> Act {
        let mut acts = self.acts.lock().unwrap();
        let act = if acts.len() > 1 {
            acts.pop_front()
        } else {
            acts.front().cloned()
        };
        act.expect("a script has an act")
    }
}

impl Probe for Scripted {
    fn measure<'a>(&'a self, _: &'a Session, _: Instant) -> BoxFuture<'a, Measurement> {
        Box::pin(async move {
            let act = self.next();
            let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let finding = match act {
                Act::Pass(takes) => {
                    tokio::time::sleep(takes).await;
                    Finding::pass("ok")
                }
                Act::Fail(reason) => Finding::fail(reason, "no"),
                Act::Panic => panic!("a probe that breaks"),
                Act::Hang => std::future::pending().await,
            };
            self.running.fetch_sub(1, Ordering::SeqCst);
            finding.into()
        })
    }

    fn host(&self) -> &str {
        self.host
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Script {
    checks: Vec<UnorderedCheck>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Script {
    fn check(mut self, name: &str, depends_on: &[&str], retries: u8, acts: &[Act]) -> Self {
        let probe = Scripted {
            acts: Mutex::new(acts.iter().cloned().collect()),
            host: "example.com:443",
            running: self.running.clone(),
            most: self.most.clone(),
        };
        self.checks.push(UnorderedCheck {
            depends_on: depends_on.iter().map(|&name| name.to_owned()).collect(),
            check: Check {
                name: name.into(),
                area: Area::Api,
                stage: Stage::Application,
                severity: Severity::Critical,
                depends_on: Vec::new(),
                interval: 30 * SECOND,
                timeout: 5 * SECOND,
                retries,
                failure_threshold: 3,
                success_threshold: 2,
                probe: Arc::new(probe),
            },
        });
        self
    }

    /// Runs every check once; what each says, by name, and how long it took in all.
    async fn run(self, settings: EngineSettings) -> (HashMap<String, Outcome>, Duration) {
        let suite = Arc::new(Suite::new(self.checks, 60 * SECOND).unwrap());
        let engine = engine(settings, &ReferenceSettings::default());
        let board = Board::new(&suite, Timestamp::UNIX_EPOCH);
        let due: Vec<usize> = (0..suite.checks().len()).collect();
        let begun = Instant::now();
        let run = engine.run(&suite, &due, &board, &engine.session()).await;
        let told = run
            .executions
            .into_iter()
            .map(|execution| {
                (
                    suite.checks()[execution.place].name.to_string(),
                    execution.outcome,
                )
            })
            .collect();
        (told, begun.elapsed())
    }
}

fn engine(settings: EngineSettings, reference: &ReferenceSettings) -> Engine {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let network = Network::new(&NetworkSettings::everything_allowed(), Vec::new()).unwrap();
    let reference = Reference::new(reference, network.clone()).unwrap();
    Engine::new(network, reference, settings)
}

fn finding(told: &HashMap<String, Outcome>, name: &str) -> Finding {
    match &told[name] {
        Outcome::Measured(finding) => finding.clone(),
        Outcome::Skipped { cause } => panic!("{name} was skipped for {cause}"),
    }
}

const QUICK: Act = Act::Pass(Duration::ZERO);

#[tokio::test(start_paused = true)]
async fn a_run_takes_as_long_as_its_slowest_chain() {
    let (told, took) = Script::default()
        .check("database", &[], 0, &[Act::Pass(2 * SECOND)])
        .check("api", &["database"], 0, &[Act::Pass(3 * SECOND)])
        .check("worker", &["database"], 0, &[Act::Pass(SECOND)])
        .check("elsewhere", &[], 0, &[Act::Pass(4 * SECOND)])
        .run(EngineSettings::default())
        .await;
    assert_eq!(told.len(), 4);
    assert_eq!(took.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_a_failure_is_skipped_with_its_cause() {
    let (told, _) = Script::default()
        .check(
            "database",
            &[],
            0,
            &[Act::Fail(FindingReason::UnexpectedStatus)],
        )
        .check("api", &["database"], 0, &[QUICK])
        .check("report", &["api"], 0, &[QUICK])
        .run(EngineSettings::default())
        .await;
    let skipped = |cause: &str| Outcome::Skipped {
        cause: cause.to_owned(),
    };
    assert_eq!(told["api"], skipped("database"));
    assert_eq!(told["report"], skipped("api"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_own_check_only() {
    let (told, _) = Script::default()
        .check("broken", &[], 0, &[Act::Panic])
        .check("health", &[], 0, &[Act::Pass(SECOND)])
        .run(EngineSettings::default())
        .await;
    assert_eq!(finding(&told, "broken").verdict, Verdict::Unknown);
    assert_eq!(finding(&told, "broken").reason, FindingReason::Panicked);
    assert_eq!(finding(&told, "health").verdict, Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_overruns_its_deadline_is_cut_off_and_delays_nobody() {
    let (told, took) = Script::default()
        .check("hanging", &[], 0, &[Act::Hang])
        .check("health", &[], 0, &[QUICK])
        .run(EngineSettings::default())
        .await;
    assert_eq!(finding(&told, "hanging").verdict, Verdict::Unknown);
    assert_eq!(finding(&told, "health").verdict, Verdict::Pass);
    assert_eq!(took, 5 * SECOND + GRACE);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_is_retried_within_the_run_and_shown() {
    let failing = Act::Fail(FindingReason::UnexpectedStatus);
    let (told, _) = Script::default()
        .check("flaky", &[], 2, &[failing.clone(), failing.clone(), QUICK])
        .check("down", &[], 1, &[failing])
        .run(EngineSettings::default())
        .await;
    assert_eq!(finding(&told, "flaky").message, "ok (attempt 3)");
    assert_eq!(finding(&told, "down").message, "no (attempt 2)");
}

#[tokio::test(start_paused = true)]
async fn no_more_checks_run_against_one_host_than_are_allowed() {
    let mut stage = Script::default();
    for number in 0..20 {
        stage = stage.check(&format!("check-{number}"), &[], 0, &[Act::Pass(SECOND)]);
    }
    let most = stage.most.clone();
    let settings = EngineSettings {
        concurrency_per_host: 4,
        ..EngineSettings::default()
    };
    let (told, took) = stage.run(settings).await;
    assert_eq!(told.len(), 20);
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert_eq!(took.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_not_due_counts_as_the_board_has_it() {
    let stage = Script::default().check("database", &[], 0, &[QUICK]).check(
        "api",
        &["database"],
        0,
        &[QUICK],
    );
    let suite = Arc::new(Suite::new(stage.checks, 60 * SECOND).unwrap());
    let engine = engine(EngineSettings::default(), &ReferenceSettings::default());
    let mut board = Board::new(&suite, Timestamp::UNIX_EPOCH);
    let run = engine.run(&suite, &[1], &board, &engine.session()).await;
    assert!(matches!(run.executions[0].outcome, Outcome::Skipped { .. }));
    let passed = Some(Outcome::Measured(Finding::pass("ok")));
    board.record(&suite, &[passed, None], Timestamp::UNIX_EPOCH);
    let run = engine.run(&suite, &[1], &board, &engine.session()).await;
    assert!(matches!(run.executions[0].outcome, Outcome::Measured(_)));
}

/// Runs one check that looks as if its target were down, with a reference at `address`.
async fn blamed(address: String) -> Finding {
    let stage = Script::default().check(
        "health",
        &[],
        0,
        &[Act::Fail(FindingReason::ConnectionRefused)],
    );
    let suite = Arc::new(Suite::new(stage.checks, 60 * SECOND).unwrap());
    let reference = ReferenceSettings {
        addresses: vec![address],
    };
    let engine = engine(EngineSettings::default(), &reference);
    let board = Board::new(&suite, Timestamp::UNIX_EPOCH);
    let run = engine.run(&suite, &[0], &board, &engine.session()).await;
    match &run.executions[0].outcome {
        Outcome::Measured(finding) => finding.clone(),
        Outcome::Skipped { cause } => panic!("skipped for {cause}"),
    }
}

#[tokio::test]
async fn a_target_is_blamed_only_while_the_reference_answers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(blamed(address.clone()).await.verdict, Verdict::Fail);
    drop(listener);
    let finding = blamed(address).await;
    assert_eq!(
        (finding.verdict, finding.reason),
        (Verdict::Unknown, FindingReason::CutOff)
    );
}
