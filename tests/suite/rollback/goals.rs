//! What the platform does not give back, and how long it is asked for it.

use std::time::Duration;

use plumbline::simulator::{Effect, Fault, NewService, Route};
use serde_json::{Value, json};

use super::support::{BETTER, GOOD, SETTINGS, World, message, said};
use crate::support::scenario::Scenario;

fn states(records: &[Value]) -> Vec<&str> {
    let states = records.iter().map(|it| it["status"]["state"].as_str());
    states.map(Option::unwrap_or_default).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_any_more_is_followed_by_the_next_candidate() {
    let world = World::start().await;
    let good = world.good_release().await;
    let better = world.ship_good(BETTER).await;
    world.render().expire_artifact(&better).unwrap();
    world.ship_bad("api");
    world.until_verified(2).await;
    let records = world.records().await;
    assert_eq!(states(&records), ["Rejected", "Verified"]);
    assert_eq!(records[0]["spec"]["to"]["release"], json!(better));
    assert_eq!(records[0]["status"]["steps"][0]["state"], "Unavailable");
    assert_eq!(world.rolled_back_to(), [good]);
    assert_eq!(world.live("api"), GOOD);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_settled_by_the_list_and_never_by_a_second_call() {
    let world = World::start().await;
    let good = world.good_release().await;
    let fault = Fault::of(Route::RollBack, Effect::HoldAfter).times(1);
    world.render().add_fault(fault).unwrap();
    world.ship_bad("api");
    let held = world.render().until_held().await;
    // The list does not show the deploy at once.
    let omit = Fault::of(Route::ListDeploys, Effect::Omit).times(2);
    world.render().add_fault(omit).unwrap();
    world.render().discard(held.id).unwrap();
    world.until_rolled_back("True", "RollbackVerified").await;
    let record = world.record().await;
    assert_eq!(record["status"]["state"], "Verified");
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_asks_for_a_long_pause_is_not_asked_again_before() {
    // Five minutes is what any longer pause is taken for; without a word it is a minute.
    let waits = async |pause: &str| {
        let world = World::start().await;
        world.good_release().await;
        let limited = Fault::of(Route::RollBack, Effect::rate_limited(pause));
        world.render().add_fault(limited).unwrap();
        world.ship_bad("api");
        let object = world
            .until("the next attempt to wait for the platform", |object| {
                object["status"]["rollback"]["attempt"] == 2
                    && said(object, "RolledBack") == "Unknown IntentRecorded"
                    && message(object, "RolledBack")
                        .contains("the calls that the platform allows are used up")
            })
            .await;
        assert_eq!(said(&object, "Reconciling"), "True RollingBack");
        world.scenario.until_still(Duration::from_secs(5)).await;
        assert_eq!(
            states(&world.records().await),
            ["NotIssued", "IntentRecorded"]
        );
        assert_eq!(world.render().calls_of(Route::RollBack), 1);
        world.finish().await;
    };
    tokio::join!(waits("1000000000"), waits("soon"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_that_deploy_nothing_are_left_alone() {
    let scenario = Scenario::start_with(SETTINGS).await;
    let quiet = NewService {
        name: "quiet".to_owned(),
        auto_deploy: Some(false),
        ..NewService::default()
    };
    scenario.render().create_service(&quiet).unwrap();
    let world = World::of(scenario, &[("quiet", GOOD)]).await;
    world.apply_policy(json!({})).await;
    world.apply(&["quiet"]).await;
    world.good_release().await;
    world.ship_bad("quiet");
    world.until_rolled_back("True", "RollbackVerified").await;
    let actions: Vec<&str> = world.mutations().iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["roll back"]);
    world.finish().await;
}
