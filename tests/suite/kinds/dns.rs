//! The sample of `dns` against a name server.

use super::{Sample, fails, validates};
use crate::support::{
    hostile::{Lookup, NameServer},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail() {
    let names = NameServer::start(|name, _| match name {
        "www.example.com" => Lookup::Addresses(vec!["192.0.2.1".parse().unwrap()]),
        "example.com" => Lookup::Mail("mail.example.com".to_owned()),
        _ => Lookup::NoSuchName,
    })
    .await;
    let settings = format!("network: {{dns: {{servers: ['{}']}}}}", names.address());
    let scenario = Scenario::start_with(&settings).await;
    let mut sample = Sample::of("dns").spec();
    validates(&scenario, "dns", sample.clone()).await;
    sample["checks"][0]["dns"]["name"] = "gone.example.com".into();
    fails(&scenario, "gone", sample.clone(), "address", "NameNotFound").await;
    sample["checks"][0]["dns"]["name"] = "www.example.com".into();
    sample["checks"][0]["dns"]["contains"] = serde_json::json!(["192.0.2.2"]);
    fails(&scenario, "other", sample, "address", "UnexpectedRecords").await;
    scenario.finish().await;
}
