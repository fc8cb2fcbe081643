//! Faults between the controller and the API server in the middle of a rollback, and two controllers that both believe they
//! lead: one effect at the most per attempt.

use std::time::Duration;

use plumbline::simulator::DeployStatus;
use serde_json::json;

use super::support::{GOOD, World};
use crate::support::{
    controller::{Controller, Options},
    eventually::eventually,
    intercept::{Action, Answer, FrameAction, FrameRule, Journal, RequestRule},
    scenario::{Scenario, condition},
};

const SETTINGS: &str = "controller: {sendWithin: 1s}";

fn status_of_a_record(path: &str) -> bool {
    path.contains("/rollbacks/") && path.ends_with("/status")
}

/// A world behind interceptors, with its first release good.
async fn intercepted() -> World {
    let journal = Journal::new();
    let scenario = Scenario::start_intercepted(SETTINGS, &journal).await;
    let world = World::on(scenario, GOOD).await;
    world.good_release().await;
    world
}

impl World {
    fn rule(&self, rule: RequestRule) {
        self.scenario.intercepted.as_ref().unwrap().api.rule(rule);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_was_written_and_not_answered_leads_to_one_call() {
    let world = intercepted().await;
    world.rule(
        RequestRule::new(Action::DropAfter)
            .path(status_of_a_record)
            .nth(1),
    );
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    assert_eq!(world.records().await.len(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_created_and_not_answered_is_taken_up() {
    let world = intercepted().await;
    let create = RequestRule::new(Action::DropAfter)
        .methods(&["POST"])
        .path(|path| path.ends_with("/rollbacks"));
    world.rule(create.nth(1));
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    assert_eq!(world.records().await.len(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_meets_a_conflict_leads_to_no_call_before_another_look() {
    let world = intercepted().await;
    let conflict = Action::Answer(Answer::refusal(409, "Conflict"));
    world.rule(RequestRule::new(conflict).path(status_of_a_record).times(3));
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_status_is_wiped_is_settled_by_the_platform() {
    let world = intercepted().await;
    world.next(&[
        (DeployStatus::UpdateInProgress, 3.0),
        (DeployStatus::Live, 0.0),
    ]);
    world.ship_bad("api");
    eventually("the platform to be asked", || async {
        if world.rollbacks() == 1 {
            Ok(())
        } else {
            Err(())
        }
    })
    .await;
    let record = world.record().await;
    let name = record["metadata"]["name"].as_str().unwrap();
    let namespace = &world.scenario.namespace;
    let wipe = [
        "patch",
        "rb",
        name,
        "-n",
        namespace,
        "--subresource=status",
        "--type=json",
        "-p",
        r#"[{"op": "replace", "path": "/status", "value": {}}]"#,
    ];
    world.scenario.plane.kubectl(&wipe, None).unwrap();
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    assert_eq!(world.records().await.len(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_deleted_in_the_middle_is_found_again_and_not_made_again() {
    let world = intercepted().await;
    world.next(&[
        (DeployStatus::UpdateInProgress, 4.0),
        (DeployStatus::Live, 0.0),
    ]);
    world.ship_bad("api");
    eventually("the platform to be asked", || async {
        if world.rollbacks() == 1 {
            Ok(())
        } else {
            Err(())
        }
    })
    .await;
    let record = world.record().await;
    world
        .delete(record["metadata"]["name"].as_str().unwrap())
        .await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_watch_has_not_told_is_read_before_anything_is_done() {
    let world = intercepted().await;
    let api = &world.scenario.intercepted.as_ref().unwrap().api;
    let frozen = api.freeze(|path| path.ends_with("/deploymentvalidations"));
    world.scenario.edit("shop", json!({"suspend": true})).await;
    world.ship_bad("api");
    // The controller has not heard of it, and its checks fail.
    let failed = "Failed";
    eventually("the checks to fail", || async {
        let object = world.scenario.get("shop").await;
        if object["status"]["checks"][0]["state"] == failed {
            Ok(())
        } else {
            Err(object["status"].clone())
        }
    })
    .await;
    world.scenario.until_still(Duration::from_secs(3)).await;
    assert!(world.records().await.is_empty());
    assert_eq!(world.rollbacks(), 0);
    drop(frozen);
    world
        .scenario
        .until_ready("shop", "Unknown", "Suspended")
        .await;
    assert_eq!(world.rollbacks(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_watch_that_come_twice_late_and_out_of_order_change_nothing() {
    let world = intercepted().await;
    let api = &world.scenario.intercepted.as_ref().unwrap().api;
    for (action, nth) in [
        (FrameAction::Duplicate, 1),
        (FrameAction::Reorder, 2),
        (FrameAction::Duplicate, 4),
    ] {
        api.frame_rule(
            FrameRule::new(action)
                .when(|frame| frame.object["kind"] == "Rollback")
                .nth(nth),
        );
    }
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_controllers_that_both_believe_they_lead_roll_back_once() {
    let world = World::start().await;
    let options = Options {
        namespace: &world.scenario.namespace,
        settings: world.scenario.settings.clone(),
        server: None,
        authority: None,
    };
    let _second = Controller::start(world.scenario.plane, &options).await;
    world.good_release().await;
    for round in 1..=2 {
        world.ship_bad("api");
        // What one of them said of the attempt before may stand there until the other has looked.
        let object = world.until_verified(round).await;
        assert_eq!(condition(&object, "Ready")["reason"], "RolledBack");
        assert_eq!(world.rollbacks(), round);
        let mended = world.app.ship("api", GOOD);
        world
            .until("the mended release to be good", |object| {
                object["status"]["lastKnownGood"]["release"] == json!(mended)
            })
            .await;
    }
    // And they do not fight over what they say.
    world.scenario.until_still(Duration::from_secs(3)).await;
    world.scenario.finish().await;
}
