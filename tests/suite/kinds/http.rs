//! The sample of `http` against a service that stores documents.

use super::{Sample, fails, validates};
use crate::support::{
    documents::{Documents, Fault, TOKEN},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_its_broken_twin_fails_and_nothing_is_left_behind() {
    let service = Documents::start().await;
    let scenario = Scenario::start().await;
    scenario
        .put_secret("status-token", &[("authorization", TOKEN)])
        .await;
    let sample = Sample::of("http")
        .with("https://api.example.com", &service.url())
        .with("http://www.example.com", &service.url());
    validates(&scenario, "http", sample.spec()).await;
    service.has(Fault::ReadFails);
    let (check, reason) = ("documents", "UnexpectedStatus");
    fails(&scenario, "twin", sample.spec(), check, reason).await;
    scenario.leaks_nothing(&[TOKEN]).await;
    scenario.finish().await;
    assert!(service.stored().is_empty());
    let requests = service.requests();
    let made = requests.iter().filter(|it| it.starts_with("POST")).count();
    let deleted = requests.iter().filter(|it| it.starts_with("DELETE"));
    assert_eq!(deleted.count(), made);
}
