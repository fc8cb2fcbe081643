//! The sample of `performance` against a server whose pace the test sets.

use std::time::Duration;

use super::{Sample, fails, validates};
use crate::support::{
    hostile::{Behaviour, Server},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twin_fails() {
    let server = Server::start(Behaviour::Ok).await;
    let scenario = Scenario::start().await;
    let token = "Bearer canary-performance";
    scenario
        .put_secret("performance-token", &[("authorization", token)])
        .await;
    let sample =
        Sample::of("performance").with("https://api.example.com/catalogue", &server.url("/"));
    validates(&scenario, "performance", sample.spec()).await;
    assert!(server.requests()[0].head.contains(token));
    let mut twin = sample.spec();
    let requests = &mut twin["checks"][0]["performance"];
    requests["samples"] = 8.into();
    requests["maxP50"] = "100ms".into();
    server.behave(Behaviour::Slow(Duration::from_millis(150)));
    fails(&scenario, "twin", twin, "catalogue-is-fast", "TooSlow").await;
    scenario.leaks_nothing(&["canary-performance"]).await;
    scenario.finish().await;
}
