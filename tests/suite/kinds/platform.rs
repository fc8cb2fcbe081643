//! The sample of `platform` against the simulated Render.

use plumbline::simulator::{Effect, Fault, NewCrash, Route};

use super::{Sample, fails, validates};
use crate::support::scenario::{API_KEY, Scenario};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let scenario = Scenario::start().await;
    let render = scenario.render();
    let live = render.deploys("api").unwrap().remove(0);
    let sample = Sample::of("platform")
        .with("shop-api", "api")
        .with("4f1c2ab09d", &live.commit.unwrap().id)
        .with("minInstances: 2", "minInstances: 1");
    validates(&scenario, "platform", sample.spec()).await;
    for (name, field, value) in [
        ("lonely", "minInstances", 2.into()),
        ("another", "version", "0123456".into()),
    ] {
        let mut twin = sample.spec();
        let fields: &mut serde_json::Value = &mut twin["checks"][0]["platform"];
        fields[field] = value;
        fails(&scenario, name, twin, "shop-runs", "UnexpectedValue").await;
    }
    let crash = NewCrash {
        memory_limit: Some("512Mi".to_owned()),
    };
    render.crash("api", &crash).unwrap();
    fails(
        &scenario,
        "crashing",
        sample.spec(),
        "shop-runs",
        "UnexpectedValue",
    )
    .await;
    let down = Fault::get(Route::ListEvents.path(), Effect::status(503));
    render.add_fault(down).unwrap();
    scenario.apply("down", sample.spec()).await;
    let object = scenario
        .until_ready("down", "Unknown", "Inconclusive")
        .await;
    let said = &object["status"]["checks"][0]["reason"];
    assert_eq!(said, "PlatformUnavailable", "{}", object["status"]);
    let mut elsewhere = sample.spec();
    elsewhere["target"] = serde_json::json!({"external": {}});
    scenario.apply("elsewhere", elsewhere).await;
    scenario
        .until_ready("elsewhere", "False", "InvalidSpec")
        .await;
    scenario.leaks_nothing(&[API_KEY]).await;
    scenario.finish().await;
}
