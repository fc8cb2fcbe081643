//! The sample of `redis` against a primary with a replica.

use super::{Sample, fails, validates};
use crate::support::{
    redis::{PASSWORD, Redis},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let Some(redis) = Redis::start(&["--maxmemory", "1gb"]).await else {
        return;
    };
    let _replica = redis.replica().await;
    redis.ask::<()>(&["SET", "settings", "1"]).await;
    let scenario = Scenario::start().await;
    scenario
        .put_secret("cache", &[("password", PASSWORD), ("wrong", "astray")])
        .await;
    let sample = Sample::of("redis")
        .with("cache.example.com", "127.0.0.1")
        .with("6379", &redis.port().to_string());
    validates(&scenario, "redis", sample.spec()).await;
    let mut twin = sample.spec();
    twin["checks"][0]["redis"]["keys"][0]["key"] = "missing".into();
    fails(&scenario, "twin", twin, "cache", "UnexpectedValue").await;
    let mut locked_out = sample.spec();
    locked_out["checks"][0]["redis"]["password"]["secretKeyRef"]["key"] = "wrong".into();
    scenario.apply("locked-out", locked_out).await;
    let object = scenario
        .until_ready("locked-out", "Unknown", "Inconclusive")
        .await;
    let said = &object["status"]["checks"][0]["reason"];
    assert_eq!(said, "CredentialsRefused", "{}", object["status"]);
    scenario.leaks_nothing(&[PASSWORD]).await;
    scenario.finish().await;
}
