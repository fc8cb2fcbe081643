//! A small worker over a real Redis: working, idle, stuck, stopped; and a job of the check's own, which leaves nothing.

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
    eventually::eventually,
    jobs::{beat, take_from_list as work},
    redis::{PASSWORD, Redis},
};

/// Parts of a check of the worker's kind over `redis`, whose queue is a list.
fn yaml(redis: &Redis, more: &str) -> String {
    let fields = redis.fields().trim_end().replace('\n', ", ");
    format!(
        "store: {{redis: {{{fields}}}}}
heartbeat: {{key: beat, maxAge: 1m}}
queue: {{key: jobs, enqueuedAt: at, maxAge: 1m, deadLetters: {{key: dead}}}}
{more}"
    )
}

const TRIP: &str =
    "roundTrip: {job: '{\"id\":\"{marker}\"}', doneKey: 'done:{marker}', within: 1s}";

async fn check(yaml: &str) -> Measurement {
    let check: WorkerCheck = serde_yaml::from_str(yaml).unwrap();
    let probe = WorkerProbe::new(&check, &|_| Some(SecretString::from(PASSWORD))).unwrap();
    measure(&probe, &network().session()).await
}

/// Puts a job in that has waited for an hour.
async fn put_old_job(redis: &Redis) {
    let time: Vec<String> = redis.ask(&["TIME"]).await;
    let hour_ago = time[0].parse::<u64>().unwrap() - 3600;
    let job = format!("{{\"at\": {hour_ago}}}");
    redis.ask::<u64>(&["LPUSH", "jobs", &job]).await;
}

async fn keys(redis: &Redis) -> Vec<String> {
    let mut keys: Vec<String> = redis.ask(&["KEYS", "*"]).await;
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn working_and_idle_pass_and_a_round_trip_leaves_nothing_behind() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let worker = work(&redis).await;
    let idle = check(&yaml(&redis, "")).await;
    assert_says(&idle, Verdict::Pass, FindingReason::Passed);
    assert!(idle.finding.message.contains("nothing to do"));
    let tried = check(&yaml(&redis, TRIP)).await;
    assert_says(&tried, Verdict::Pass, FindingReason::Passed);
    assert!(
        tried.finding.message.contains("did a job in"),
        "{}",
        tried.finding.message
    );
    assert_eq!(keys(&redis).await, ["beat"]);
    worker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_up_but_takes_nothing_is_not_processing() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    beat(&redis).await;
    let tried = check(&yaml(&redis, TRIP)).await;
    assert_says(&tried, Verdict::Fail, FindingReason::NotProcessing);
    assert_eq!(
        keys(&redis).await,
        ["beat"],
        "a job that nobody took is taken away"
    );
    put_old_job(&redis).await;
    let stuck = check(&yaml(&redis, "")).await;
    assert_says(&stuck, Verdict::Fail, FindingReason::NotProcessing);
    assert!(
        stuck
            .finding
            .message
            .starts_with("the worker is up, but processes nothing")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_heartbeat_is_old_is_down_and_gets_no_job() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    redis.ask::<()>(&["SET", "beat", "1700000000"]).await;
    put_old_job(&redis).await;
    let writes = async || {
        let statistics: String = redis.ask(&["INFO", "commandstats"]).await;
        statistics.contains("cmdstat_zadd") || statistics.contains("cmdstat_lrem")
    };
    let down = check(&yaml(&redis, TRIP)).await;
    assert_says(&down, Verdict::Fail, FindingReason::UnexpectedValue);
    assert!(down.finding.message.starts_with("the worker is down"));
    assert!(!writes().await, "a job was put in");
    assert_eq!(redis.ask::<u64>(&["LLEN", "jobs"]).await, 1);
    redis.ask::<u64>(&["DEL", "beat"]).await;
    let missing = check(&yaml(&redis, "")).await;
    assert_says(&missing, Verdict::Fail, FindingReason::UnexpectedValue);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_is_taken_away_by_a_later_run() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    beat(&redis).await;
    let taking = async {
        eventually("the job is there", || async {
            let job: Option<String> = redis.ask(&["RPOP", "jobs"]).await;
            job.ok_or("no job")
        })
        .await
    };
    let yaml = yaml(&redis, TRIP);
    let (measured, job) = tokio::join!(check(&yaml), taking);
    assert_says(&measured, Verdict::Fail, FindingReason::NotProcessing);
    let job: serde_json::Value = serde_json::from_str(&job).unwrap();
    let done = format!("done:{}", job["id"].as_str().unwrap());
    redis.ask::<()>(&["SET", &done, "1"]).await;
    // As if the first run had been long ago.
    let record = "plumbline:round-trip:done:";
    let left: Vec<String> = redis.ask(&["ZRANGE", record, "0", "-1"]).await;
    redis.ask::<u64>(&["ZADD", record, "1", &left[0]]).await;
    let worker = work(&redis).await;
    let next = check(&yaml).await;
    assert_says(&next, Verdict::Pass, FindingReason::Passed);
    assert_eq!(keys(&redis).await, ["beat"]);
    worker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_that_is_shorter_than_the_trip_leaves_it_unknown_and_nothing_behind() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    beat(&redis).await;
    let yaml = yaml(&redis, &TRIP.replace("1s}", "1m}"));
    let check: WorkerCheck = serde_yaml::from_str(&yaml).unwrap();
    let probe = WorkerProbe::new(&check, &|_| Some(SecretString::from(PASSWORD))).unwrap();
    let limit = Duration::from_secs(3);
    let measured = measure_within(limit, &probe, &network().session()).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::NoData);
    assert_eq!(keys(&redis).await, ["beat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_sorted_sets_tell_the_age_of_their_oldest_job() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    beat(&redis).await;
    let fields = redis.fields().trim_end().replace('\n', ", ");
    let of = |queue: &str| {
        format!(
            "store: {{redis: {{{fields}}}}}\nheartbeat: {{key: beat, maxAge: 1m}}\nqueue: {queue}"
        )
    };
    let stream = of("{key: stream, type: Stream, group: workers, maxAge: 1m}");
    let sorted = of("{key: sorted, type: SortedSet, maxAge: 1m}");
    for yaml in [&stream, &sorted] {
        assert_says(&check(yaml).await, Verdict::Pass, FindingReason::Passed);
    }
    redis
        .ask::<()>(&["XGROUP", "CREATE", "stream", "workers", "0", "MKSTREAM"])
        .await;
    redis
        .ask::<String>(&["XADD", "stream", "1700000000000-0", "job", "1"])
        .await;
    redis
        .ask::<u64>(&["ZADD", "sorted", "1700000000", "job"])
        .await;
    for yaml in [&stream, &sorted] {
        assert_says(
            &check(yaml).await,
            Verdict::Fail,
            FindingReason::NotProcessing,
        );
    }
    let taken = [
        "XREADGROUP",
        "GROUP",
        "workers",
        "one",
        "STREAMS",
        "stream",
        ">",
    ];
    redis.ask::<redis::Value>(&taken).await;
    assert_says(
        &check(&stream).await,
        Verdict::Fail,
        FindingReason::NotProcessing,
    );
    redis
        .ask::<u64>(&["XACK", "stream", "workers", "1700000000000-0"])
        .await;
    assert_says(&check(&stream).await, Verdict::Pass, FindingReason::Passed);
    redis.ask::<u64>(&["ZREM", "sorted", "job"]).await;
    assert_says(&check(&sorted).await, Verdict::Pass, FindingReason::Passed);
}
