//! The samples of kind `worker`, over a real PostgreSQL.

use serde_json::json;

use super::{Sample, fails, validates};
use crate::support::{
    jobs::{SCHEMA, work},
    postgres::{PASSWORD, Postgres},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twin_processes_nothing() {
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
    // Its process goes on; its jobs do not.
    worker.abort();
    let mut twin = sample.spec();
    twin["checks"][0]["worker"]["postgres"]["roundTrip"]["within"] = json!("1s");
    fails(&scenario, "twin", twin, "worker", "NotProcessing").await;
    scenario.leaks_nothing(&[PASSWORD]).await;
    scenario.finish().await;
}
