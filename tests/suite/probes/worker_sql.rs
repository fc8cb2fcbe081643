//! A small worker over a real PostgreSQL: working, idle, slow, stuck, stopped; and a job of the check's own, which leaves nothing.

use std::time::Duration;

use plumbline::{
    api::WorkerCheck,
    checks::{
        verdict::{FindingReason, Measurement, Verdict},
        worker::WorkerProbe,
    },
};
use secrecy::SecretString;

use super::{assert_says, measure, measure_within, network};
use crate::support::{
    jobs::{SCHEMA, work},
    postgres::{PASSWORD, Postgres},
};

const TRIP: &str = "
  roundTrip:
    enqueue: INSERT INTO jobs (kind, mark) VALUES ('plumbline', $1)
    done: SELECT state = 'done' FROM jobs WHERE mark = $1
    cleanup: DELETE FROM jobs WHERE mark = $1
    left: SELECT count(*) FROM jobs WHERE mark = $1
    within: 2s";

/// A check of the worker's kind over `server`.
fn yaml(server: &Postgres, more: &str) -> String {
    format!(
        "
postgres:
  host: 127.0.0.1
  port: {}
  database: postgres
  user: plumbline
  password: {{secretKeyRef: {{name: jobs, key: password}}}}
  tls: Disable
  heartbeat: {{query: SELECT max(seen_at) FROM workers, maxAge: 1m}}
  queue:
    depthQuery: SELECT count(*) FROM jobs WHERE state = 'waiting'
    oldestQuery: SELECT min(created_at) FROM jobs WHERE state = 'waiting';
    maxAge: 1m
    maxDepth: 3
    deadLetters: {{query: SELECT count(*) FROM jobs WHERE state = 'dead'}}{more}",
        server.port()
    )
}

fn probe(yaml: &str) -> WorkerProbe {
    let check: WorkerCheck = serde_yaml::from_str(yaml).unwrap();
    WorkerProbe::new(&check, &|_| Some(SecretString::from(PASSWORD))).unwrap()
}

async fn check(yaml: &str) -> Measurement {
    let measured = measure_within(Duration::from_secs(8), &probe(yaml), &network().session()).await;
    assert!(!measured.finding.message.contains(PASSWORD));
    measured
}

async fn start() -> Option<Postgres> {
    let server = Postgres::start().await?;
    server.run(SCHEMA).await;
    Some(server)
}

async fn beat(server: &Postgres) {
    server.run("INSERT INTO workers VALUES (now())").await;
}

async fn put(server: &Postgres, state: &str, age: &str) {
    let job = format!(
        "INSERT INTO jobs (kind, state, created_at) VALUES ('real', '{state}', now() - interval '{age}')"
    );
    server.run(&job).await;
}

async fn jobs(server: &Postgres) -> i64 {
    server.number("SELECT count(*) FROM jobs").await
}

#[tokio::test(flavor = "multi_thread")]
async fn working_and_idle_pass_and_a_round_trip_leaves_nothing_behind() {
    let Some(server) = start().await else {
        return;
    };
    let worker = work(&server).await;
    let idle = check(&yaml(&server, "")).await;
    assert_says(&idle, Verdict::Pass, FindingReason::Passed);
    assert_eq!(idle.finding.message, "up, and has nothing to do");
    assert!(idle.phases.authenticate.is_some() && idle.phases.query.is_some());
    let tried = check(&yaml(&server, TRIP)).await;
    assert_says(&tried, Verdict::Pass, FindingReason::Passed);
    assert!(tried.finding.message.starts_with("up, did a job in"));
    assert_eq!(jobs(&server).await, 0);
    worker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_up_but_takes_nothing_is_not_processing() {
    let Some(server) = start().await else {
        return;
    };
    beat(&server).await;
    let tried = check(&yaml(&server, TRIP)).await;
    assert_says(&tried, Verdict::Fail, FindingReason::NotProcessing);
    assert_eq!(
        jobs(&server).await,
        0,
        "a job that nobody took is taken away"
    );
    put(&server, "waiting", "1 hour").await;
    let stuck = check(&yaml(&server, "")).await;
    assert_says(&stuck, Verdict::Fail, FindingReason::NotProcessing);
    let message = &stuck.finding.message;
    assert!(message.starts_with("the worker is up, but processes nothing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_heartbeat_is_old_or_missing_is_down_and_gets_no_job() {
    let Some(server) = start().await else {
        return;
    };
    for sign in [
        "",
        "INSERT INTO workers VALUES (now() - interval '2 minutes')",
    ] {
        server.run(sign).await;
        let down = check(&yaml(&server, TRIP)).await;
        assert_says(&down, Verdict::Fail, FindingReason::UnexpectedValue);
        assert!(down.finding.message.starts_with("the worker is down"));
    }
    assert_eq!(server.number("SELECT nextval('jobs_id_seq')").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_behind_or_leaves_dead_letters_fails_with_numbers() {
    let Some(server) = start().await else {
        return;
    };
    beat(&server).await;
    for _ in 0..4 {
        put(&server, "waiting", "1 second").await;
    }
    put(&server, "dead", "1 hour").await;
    let behind = check(&yaml(&server, "")).await;
    assert_says(&behind, Verdict::Fail, FindingReason::UnexpectedValue);
    assert_eq!(
        behind.finding.message,
        "jobs waiting in the queue are 4 > 3; dead letters are 1 > 0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleanup_that_fails_or_leaves_something_is_told_and_fails() {
    let Some(server) = start().await else {
        return;
    };
    let worker = work(&server).await;
    let cleanup = "cleanup: DELETE FROM jobs WHERE mark = $1";
    for (wrong, says) in [
        (
            "cleanup: DELETE FROM jobs WHERE mark = $1 AND false",
            "the cleanup leaves something of the check's own job",
        ),
        (
            "cleanup: DELETE FROM gone WHERE mark = $1",
            "the check's own job may not be taken away: roundTrip.cleanup: ",
        ),
    ] {
        let measured = check(&yaml(&server, &TRIP.replace(cleanup, wrong))).await;
        assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedValue);
        let message = &measured.finding.message;
        assert!(message.starts_with(says), "{message}");
    }
    worker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_cannot_write_and_refusals_are_told_as_by_the_kind_sql() {
    let Some(server) = start().await else {
        return;
    };
    beat(&server).await;
    server
        .run("CREATE FUNCTION forget() RETURNS bigint LANGUAGE sql AS 'DELETE FROM workers RETURNING 1::bigint'; CREATE TABLE secret (id int)")
        .await;
    for (query, verdict, reason) in [
        ("SELECT forget()", Verdict::Unknown, FindingReason::NoData),
        (
            "SELECT syntax error here",
            Verdict::Unknown,
            FindingReason::NoData,
        ),
        (
            "SELECT count(*) FROM gone",
            Verdict::Fail,
            FindingReason::UnexpectedValue,
        ),
        (
            "SELECT count(*) FROM secret",
            Verdict::Unknown,
            FindingReason::CredentialsRefused,
        ),
        (
            "SELECT pg_sleep(60)",
            Verdict::Fail,
            FindingReason::TimedOut,
        ),
    ] {
        let yaml = yaml(&server, "").replace("SELECT max(seen_at) FROM workers", query);
        let measured = measure(&probe(&yaml), &network().session()).await;
        assert_says(&measured, verdict, reason);
    }
    assert_eq!(server.number("SELECT count(*) FROM workers").await, 1);
    let check: WorkerCheck = serde_yaml::from_str(&yaml(&server, "")).unwrap();
    let probe = WorkerProbe::new(&check, &|_| Some(SecretString::from("wrong"))).unwrap();
    let refused = measure(&probe, &network().session()).await;
    assert_says(
        &refused,
        Verdict::Unknown,
        FindingReason::CredentialsRefused,
    );
}
