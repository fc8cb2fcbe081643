//! The sample of `grpc` against a server with a health service.

use super::{Sample, fails, validates};
use crate::support::{
    grpc::{GrpcServer, TOKEN},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let server = GrpcServer::asking_for_a_token().await;
    server.say("shop.v1.Orders", true).await;
    let scenario = Scenario::start().await;
    let token = format!("Bearer {TOKEN}");
    scenario
        .put_secret("orders", &[("token", &token), ("wrong", "astray")])
        .await;
    let sample = Sample::of("grpc")
        .with("orders.example.com", "127.0.0.1")
        .with("443", &server.port().to_string())
        .with("tls: true", "tls: false");
    validates(&scenario, "grpc", sample.spec()).await;
    let mut twin = sample.spec();
    twin["checks"][0]["grpc"]["services"][1] = "shop.v1.Missing".into();
    fails(&scenario, "twin", twin, "orders", "UnexpectedValue").await;
    let mut locked_out = sample.spec();
    locked_out["checks"][0]["grpc"]["metadata"][0]["valueFrom"]["secretKeyRef"]["key"] =
        "wrong".into();
    scenario.apply("locked-out", locked_out).await;
    let object = scenario
        .until_ready("locked-out", "Unknown", "Inconclusive")
        .await;
    let said = &object["status"]["checks"][0]["reason"];
    assert_eq!(said, "CredentialsRefused", "{}", object["status"]);
    scenario.leaks_nothing(&[TOKEN]).await;
    scenario.finish().await;
}
