//! The samples of kind `worker`, over a real Redis and a real PostgreSQL.

use serde_json::json;

use super::{Sample, fails, validates};
use crate::support::{
    jobs::{SCHEMA, take_from_list, work},
    postgres::{PASSWORD, Postgres},
    redis::{self, Redis},
    scenario::Scenario,
    target::Target,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_over_postgres_is_validated_and_its_broken_twin_processes_nothing() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    let worker = work(&server).await;
    let scenario = Scenario::start().await;
    scenario.put_secret("jobs", &[("password", PASSWORD)]).await;
    let sample = Sample::of("worker-postgres")
        .with("database.example.com", "127.0.0.1")
        .with("5432", &server.port().to_string())
        .with("database: app", "database: postgres")
        // The controller does not trust the authority of the test.
        .with("VerifyFull", "Require");
    validates(&scenario, "worker", sample.spec()).await;
    // Its last sign of life is young enough; its jobs are not done any more.
    worker.abort();
    let mut twin = sample.spec();
    twin["checks"][0]["worker"]["postgres"]["roundTrip"]["within"] = json!("1s");
    fails(&scenario, "twin", twin, "worker", "NotProcessing").await;
    scenario.leaks_nothing(&[PASSWORD]).await;
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_over_redis_is_validated_and_its_broken_twin_processes_nothing() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let health = Target::start().await;
    health.answer(200, &json!({}));
    let worker = take_from_list(&redis).await;
    let scenario = Scenario::start().await;
    scenario
        .put_secret("cache", &[("password", redis::PASSWORD)])
        .await;
    let sample = Sample::of("worker")
        .with("http://worker.example.com:8080", &health.url())
        .with("cache.example.com", "127.0.0.1")
        .with("6379", &redis.port().to_string())
        .with("worker:heartbeat", "beat");
    validates(&scenario, "worker", sample.spec()).await;
    worker.abort();
    let mut twin = sample.spec();
    twin["checks"][0]["worker"]["roundTrip"]["within"] = json!("1s");
    fails(&scenario, "twin", twin, "worker", "NotProcessing").await;
    scenario.leaks_nothing(&[redis::PASSWORD]).await;
    scenario.finish().await;
}
