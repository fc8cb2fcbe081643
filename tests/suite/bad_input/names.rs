//! The longest names that the API server takes.

use serde_json::Value;

use crate::support::{
    eventually::eventually,
    scenario::{Scenario, external_spec},
    target::Target,
};

#[tokio::test(flavor = "multi_thread")]
async fn objects_with_the_longest_names_are_validated_and_have_events() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    let spec = external_spec(&target.url());
    // An event is named for its object, with a dot and 16 digits behind it.
    let (longest, name) = ("a".repeat(253), "b".repeat(253 - 17));
    scenario.apply(&longest, spec.clone()).await;
    scenario.apply(&name, spec).await;
    scenario.until_ready(&longest, "True", "Validated").await;
    scenario.until_ready(&name, "True", "Validated").await;
    eventually("its events", || async {
        let arguments = [
            "get",
            "events.events.k8s.io",
            "-n",
            &scenario.namespace,
            "-o",
            "json",
        ];
        let told = scenario.plane.kubectl(&arguments, None).unwrap();
        let events: Value = serde_json::from_str(&told).unwrap();
        let events = events["items"].as_array().unwrap().clone();
        let of_it = |event: &&Value| event["regarding"]["name"] == *name;
        if events.iter().filter(of_it).count() >= 2 {
            Ok(())
        } else {
            Err(events)
        }
    })
    .await;
    scenario.finish().await;
}
