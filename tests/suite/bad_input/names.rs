//! The longest names that the API server takes.

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
    let longest = "a".repeat(253);
    scenario.apply(&longest, spec).await;
    scenario.until_ready(&longest, "True", "Validated").await;
    eventually("its events", || async {
        let events = scenario.events_of(&longest);
        if events == ["Normal Running", "Normal Validated"] {
            Ok(())
        } else {
            Err(events)
        }
    })
    .await;
    scenario.finish().await;
}
