use k8s_openapi::jiff::Timestamp;

use super::*;
use crate::checks::{
    net::NetworkSettings,
    reference::ReferenceSettings,
    scripted::{Act, QUICK, SECOND, Script},
};

fn engine(settings: EngineSettings, reference: &ReferenceSettings) -> Engine {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let network = Network::new(&NetworkSettings::everything_allowed(), Vec::new()).unwrap();
    let reference = Reference::new(reference, network.clone()).unwrap();
    Engine::new(network, reference, settings)
}

/// Runs every check once; what each says, by name, and how long it took in all.
async fn run(script: Script, settings: EngineSettings) -> (HashMap<String, Outcome>, Duration) {
    let suite = Arc::new(script.suite());
    let engine = engine(settings, &ReferenceSettings::default());
    let board = Board::new(&suite, Timestamp::UNIX_EPOCH);
    let due: Vec<usize> = (0..suite.checks().len()).collect();
    let begun = Instant::now();
    let run = engine.run(&suite, &due, &board, &engine.session()).await;
    let told = run
        .executions
        .into_iter()
        .map(|execution| {
            let name = suite.checks()[execution.place].name.to_string();
            (name, execution.outcome)
        })
        .collect();
    (told, begun.elapsed())
}

fn finding(outcome: &Outcome) -> Finding {
    match outcome {
        Outcome::Measured(finding) => finding.clone(),
        Outcome::Skipped { cause } => panic!("skipped for {cause}"),
    }
}

const NO: Act = Act::Fail(FindingReason::UnexpectedStatus);

#[tokio::test(start_paused = true)]
async fn a_run_takes_as_long_as_its_slowest_chain() {
    let script = Script::default()
        .check("database", &[], &[Act::Pass(2 * SECOND)])
        .check("api", &["database"], &[Act::Pass(3 * SECOND)])
        .check("worker", &["database"], &[Act::Pass(SECOND)])
        .check("elsewhere", &[], &[Act::Pass(4 * SECOND)]);
    let (told, took) = run(script, EngineSettings::default()).await;
    assert_eq!(told.len(), 4);
    assert_eq!(took.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_a_failure_is_skipped_with_its_cause() {
    let script = Script::default()
        .check("database", &[], &[NO])
        .check("api", &["database"], &[QUICK])
        .check("report", &["api"], &[QUICK]);
    let (told, _) = run(script, EngineSettings::default()).await;
    let skipped = |cause: &str| Outcome::Skipped {
        cause: cause.to_owned(),
    };
    assert_eq!(told["api"], skipped("database"));
    assert_eq!(told["report"], skipped("api"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_own_check_only() {
    let script = Script::default().check("broken", &[], &[Act::Panic]).check(
        "health",
        &[],
        &[Act::Pass(SECOND)],
    );
    let (told, _) = run(script, EngineSettings::default()).await;
    assert_eq!(finding(&told["broken"]).verdict, Verdict::Unknown);
    assert_eq!(finding(&told["broken"]).reason, FindingReason::Panicked);
    assert_eq!(finding(&told["health"]).verdict, Verdict::Pass);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_overruns_its_deadline_is_cut_off_and_delays_nobody() {
    let script =
        Script::default()
            .check("hanging", &[], &[Act::Hang])
            .check("health", &[], &[QUICK]);
    let (told, took) = run(script, EngineSettings::default()).await;
    assert_eq!(finding(&told["hanging"]).verdict, Verdict::Unknown);
    assert_eq!(finding(&told["health"]).verdict, Verdict::Pass);
    assert_eq!(took.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_is_retried_within_the_run_and_shown() {
    let script = Script::default()
        .check_with("flaky", &[], &[NO, NO, QUICK], |check| check.retries = 2)
        .check_with("down", &[], &[NO], |check| check.retries = 1);
    let (told, _) = run(script, EngineSettings::default()).await;
    assert_eq!(finding(&told["flaky"]).message, "ok (attempt 3)");
    assert_eq!(finding(&told["down"]).message, "no (attempt 2)");
}

#[tokio::test(start_paused = true)]
async fn no_more_checks_run_against_one_host_than_are_allowed() {
    let mut script = Script::default();
    for number in 0..20 {
        script = script.check(&format!("check-{number}"), &[], &[Act::Pass(SECOND)]);
    }
    let seen = script.seen();
    let settings = EngineSettings {
        concurrency_per_host: 4,
        ..EngineSettings::default()
    };
    let (told, took) = run(script, settings).await;
    assert_eq!(told.len(), 20);
    assert_eq!(seen.most(), 4);
    assert_eq!(took.as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_not_due_counts_as_the_board_has_it() {
    let script =
        Script::default()
            .check("database", &[], &[QUICK])
            .check("api", &["database"], &[QUICK]);
    let suite = Arc::new(script.suite());
    let engine = engine(EngineSettings::default(), &ReferenceSettings::default());
    let mut board = Board::new(&suite, Timestamp::UNIX_EPOCH);
    let run = engine.run(&suite, &[1], &board, &engine.session()).await;
    assert!(matches!(run.executions[0].outcome, Outcome::Skipped { .. }));
    let passed = Some(Outcome::Measured(Finding::pass("ok")));
    board.record(&suite, &[passed, None], Timestamp::UNIX_EPOCH);
    let run = engine.run(&suite, &[1], &board, &engine.session()).await;
    assert!(matches!(run.executions[0].outcome, Outcome::Measured(_)));
}

/// What is said of a target that looks down, with a reference at `address`.
async fn blamed(address: String) -> Finding {
    let refused = Act::Fail(FindingReason::ConnectionRefused);
    let suite = Arc::new(Script::default().check("health", &[], &[refused]).suite());
    let reference = ReferenceSettings {
        addresses: vec![address],
    };
    let engine = engine(EngineSettings::default(), &reference);
    let board = Board::new(&suite, Timestamp::UNIX_EPOCH);
    let run = engine.run(&suite, &[0], &board, &engine.session()).await;
    finding(&run.executions[0].outcome)
}

#[tokio::test]
async fn a_target_is_blamed_only_while_the_reference_answers() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(blamed(address.clone()).await.verdict, Verdict::Fail);
    drop(listener);
    let finding = blamed(address).await;
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert_eq!(finding.reason, FindingReason::CutOff);
}
