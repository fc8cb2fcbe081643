//! A rollback that waits for a person.

use std::time::Duration;

use plumbline::simulator::DeployStatus;
use serde_json::json;

use super::support::{BETTER, GOOD, SETTINGS, World, message, said};
use crate::support::scenario::{Scenario, condition};

#[tokio::test(flavor = "multi_thread")]
async fn in_mode_manual_a_rollback_is_prepared_and_waits_for_its_approval() {
    let world = World::start().await;
    world.apply_policy(json!({"mode": "Manual"})).await;
    let good = world.good_release().await;
    let bad = world.ship_bad("api");
    let object = world.until_rolled_back("False", "AwaitingApproval").await;
    assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
    let record = world.record().await;
    let name = record["metadata"]["name"].as_str().unwrap();
    assert!(message(&object, "RolledBack").contains(name), "{object}");
    assert_eq!(said(&record, "Approved"), "False AwaitingApproval");
    assert_eq!(said(&record, "Stalled"), "True AwaitingApproval");
    assert_eq!(said(&record, "Ready"), "False AwaitingApproval");
    assert_eq!(record["spec"]["to"]["release"], json!(good));
    assert_eq!(world.rollbacks(), 0);

    world.bind("ops");
    let arguments = ["patch", "rb", name, "--type=merge", "-p"];
    let patch = |spec| {
        let patch = json!({"spec": spec}).to_string();
        let whole: Vec<&str> = arguments.into_iter().chain([patch.as_str()]).collect();
        world.kubectl_as("ops", &whole, None)
    };
    for (field, change) in [
        ("spec.reason", json!({"reason": "another"})),
        ("spec.trigger", json!({"trigger": "Manual"})),
        ("spec.from", json!({"from": {"release": "dep-another"}})),
        ("spec.to", json!({"to": {"release": bad}})),
        ("spec.policyRef", json!({"policyRef": {"name": "lax"}})),
        (
            "spec.validationRef",
            json!({"validationRef": {"name": "cart"}}),
        ),
        ("spec.plan", json!({"plan": {"attempt": 2}})),
    ] {
        let refused = patch(change).unwrap_err();
        assert!(
            refused.contains(field) && refused.contains("nothing but approved can be changed"),
            "{field}: {refused}"
        );
    }
    patch(json!({"plan": null})).unwrap_err();
    let outsider = world.kubectl_as(
        "dev",
        &["patch", "rb", name, "--type=merge", "-p", "{}"],
        None,
    );
    assert!(outsider.unwrap_err().contains("forbidden"));
    assert_eq!(world.rollbacks(), 0);

    patch(json!({"approved": true})).unwrap();
    world.until_rolled_back("True", "RollbackVerified").await;
    let record = world.record().await;
    assert_eq!(said(&record, "Approved"), "True Approved");
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_of_the_list_waits_for_a_person_and_no_other_does() {
    let world = World::start().await;
    world
        .apply_policy(json!({"approval": {"required": ["database"]}}))
        .await;
    let mut database = world.check("api", "database");
    database["area"] = json!("database");
    let checks = json!({"checks": [world.check("api", "health"), database]});
    world.apply_with(&["api"], checks).await;
    world.good_release().await;
    world.app.mends(super::support::BAD);
    world.app.page_answers("health", super::support::BAD, 503);
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;

    // Both fail: the class is complete, and the database is part of it.
    world.app.breaks(super::support::BAD);
    world.ship_bad("api");
    world.until_rolled_back("False", "AwaitingApproval").await;
    let records = world.records().await;
    let waiting = records
        .iter()
        .find(|it| it["status"]["state"] == "AwaitingApproval");
    world
        .approve(waiting.unwrap()["metadata"]["name"].as_str().unwrap(), true)
        .await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_does_not_come_in_time_lapses_for_good() {
    // Whatever goes live has been so for all but the last seconds of the window.
    let scenario = Scenario::start_behind(SETTINGS, Duration::from_secs(50)).await;
    let world = World::on(scenario, GOOD).await;
    let window = json!({"mode": "Manual", "trigger": {"window": "1m"}});
    world.apply_policy(window).await;
    world.good_release().await;
    world.ship_bad("api");
    world.until_rolled_back("False", "AwaitingApproval").await;
    let record = world.record().await;
    let name = record["metadata"]["name"].as_str().unwrap();
    let record = world.until_state(name, "NotIssued").await;
    assert_eq!(message(&record, "Ready"), "it was not approved in time");
    let object = world.until_rolled_back("False", "EnvironmentFault").await;
    let told = message(&object, "RolledBack");
    assert!(told.contains("trigger.window 1m"), "{told}");
    assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
    // To approve it now comes too late.
    world.approve(name, true).await;
    world
        .until_rollback(name, "the late approval to be seen", |record| {
            said(record, "Approved") == "True Approved"
        })
        .await;
    assert_eq!(world.record().await["status"]["state"], "NotIssued");
    assert_eq!(world.rollbacks(), 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_can_be_withdrawn_and_a_newer_deploy_ends_the_wait() {
    let world = World::start().await;
    world.apply_policy(json!({"mode": "Manual"})).await;
    world.good_release().await;
    world.ship_bad("api");
    world.until_rolled_back("False", "AwaitingApproval").await;
    let record = world.record().await;
    let name = record["metadata"]["name"].as_str().unwrap();
    let phases = [
        (DeployStatus::BuildInProgress, 12.0),
        (DeployStatus::Live, 0.0),
    ];
    let better = world.start_deploy("api", BETTER, &phases);
    world.approve(name, true).await;
    let record = world.until_state(name, "IntentRecorded").await;
    let told = message(&record, "Ready");
    assert!(
        told.contains(&format!("deploy {better} is under way")),
        "{told}"
    );
    world.approve(name, false).await;
    world.until_state(name, "AwaitingApproval").await;

    let object = world.until_rolled_back("False", "Superseded").await;
    let record = world.until_state(name, "Superseded").await;
    assert!(message(&record, "Ready").contains(&better), "{record}");
    assert_eq!(said(&record, "Stalled"), "True Superseded");
    assert_eq!(object["status"]["observedRelease"]["id"], json!(better));
    world
        .until("the newer release to be validated", |object| {
            condition(object, "Ready")["reason"] == "Validated"
        })
        .await;
    assert_eq!(world.rollbacks(), 0);
    assert_eq!(world.live("api"), BETTER);
    world.finish().await;
}
