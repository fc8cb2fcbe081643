//! Two validations of one service: the older one has it rolled back, and the younger one stands aside until that is gone.

use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::support::{GOOD, World, message, said};

/// A world with the validation `shop` and a younger one, `second`, which names the same service by its id.
async fn two_of_one_service() -> World {
    let world = World::start().await;
    world.good_release().await;
    world.scenario.apply("second", second(&world)).await;
    until_aside(&world).await;
    world
}

fn second(world: &World) -> Value {
    let mut spec = world.spec(&["api"]);
    let id = world.render().service("api").unwrap().id;
    spec["target"]["render"]["services"] = json!([{"name": id}]);
    spec
}

async fn until_aside(world: &World) -> Value {
    let object = world
        .until_of("second", "second to stand aside", |object| {
            said(object, "Accepted") == "False TargetConflict"
        })
        .await;
    assert_eq!(said(&object, "Ready"), "False TargetConflict");
    assert_eq!(said(&object, "Stalled"), "True TargetConflict");
    assert_eq!(said(&object, "RolledBack"), "False RollbackDisabled");
    assert!(message(&object, "Accepted").contains("DeploymentValidation shop,"));
    object
}

async fn until_ready(world: &World, name: &str) {
    let ready = |object: &Value| said(object, "Ready") == "True Validated";
    world.until_of(name, "it to be ready", ready).await;
}

/// What `Accepted` and `Ready` have said of `second`, in every version.
fn told_of_second(world: &World) -> Vec<(String, String)> {
    let versions = world.scenario.recorder.versions_of("second");
    versions
        .iter()
        .map(|version| (said(version, "Accepted"), said(version, "Ready")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_validations_of_one_service_only_the_older_one_rolls_it_back() {
    let mut world = two_of_one_service().await;
    // One that only watches is in nobody's way.
    let mut watching = world.spec(&["api"]);
    watching
        .as_object_mut()
        .unwrap()
        .remove("rollbackPolicyRef");
    world.scenario.apply("watching", watching).await;
    until_ready(&world, "watching").await;

    // Nor does a new process take the younger one for the only one, whichever it hears of first.
    let told = told_of_second(&world);
    assert!(told.iter().all(|(_, ready)| !ready.starts_with("True")));
    let namespace = world.scenario.namespace.clone();
    world.scenario.controller.restart(&namespace).await;
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    let aside = until_aside(&world).await;
    let since = told_of_second(&world).split_off(told.len());
    assert!(
        since
            .iter()
            .all(|(accepted, _)| accepted == "False TargetConflict")
    );
    assert_eq!(world.rollbacks(), 1);
    let record = world.record().await;
    assert_eq!(record["spec"]["validationRef"]["name"], "shop");

    let live = &aside["status"]["observedRelease"]["id"];
    let request = json!({"from": {"release": live}, "validationRef": {"name": "second"}});
    let request = world.ask(request).await;
    let request = world.until_state(&request, "Rejected").await;
    assert!(message(&request, "Ready").contains("DeploymentValidation shop,"));
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_younger_one_takes_over_once_the_older_one_is_suspended_changed_or_gone() {
    let world = two_of_one_service().await;
    world.scenario.edit("shop", json!({"suspend": true})).await;
    until_ready(&world, "second").await;
    world.scenario.edit("shop", json!({"suspend": false})).await;
    until_aside(&world).await;

    let policy = json!({"rollbackPolicyRef": null});
    world.scenario.edit("shop", policy).await;
    until_ready(&world, "second").await;
    world.apply(&["api"]).await;
    until_aside(&world).await;

    let elsewhere = json!({"target": {"render": null, "external": {}}});
    world.scenario.edit("shop", elsewhere).await;
    until_ready(&world, "second").await;
    let back =
        json!({"target": {"render": world.spec(&["api"])["target"]["render"], "external": null}});
    world.scenario.edit("shop", back).await;
    until_aside(&world).await;

    let objects = world.scenario.objects();
    objects
        .delete("shop", &DeleteParams::default())
        .await
        .unwrap();
    until_ready(&world, "second").await;
    let what = "the live release to be the last known good one";
    world
        .until_of("second", what, |object| {
            object["status"]["lastKnownGood"].is_object()
        })
        .await;
    world.ship_bad("api");
    world
        .until_rolled_back_of("second", "True", "RollbackVerified")
        .await;
    assert_eq!(world.live("api"), GOOD);
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_prepared_before_an_older_one_came_into_its_way_is_not_issued() {
    let world = two_of_one_service().await;
    world.apply_policy(json!({"mode": "DryRun"})).await;
    world
        .apply_policy_named("careful", json!({"mode": "Manual"}))
        .await;
    world.scenario.edit("shop", json!({"suspend": true})).await;
    let careful = json!({"rollbackPolicyRef": {"name": "careful"}});
    world.scenario.edit("second", careful).await;
    let what = "the live release to be the last known good one";
    world
        .until_of("second", what, |object| {
            object["status"]["lastKnownGood"].is_object()
        })
        .await;
    world.ship_bad("api");
    world
        .until_rolled_back_of("second", "False", "AwaitingApproval")
        .await;
    let record = world.record().await;
    let name = record["metadata"]["name"].as_str().unwrap();

    world.scenario.edit("shop", json!({"suspend": false})).await;
    world
        .until_of("second", "second to stand aside", |object| {
            said(object, "Accepted") == "False TargetConflict"
        })
        .await;
    world.approve(name, true).await;
    let ended = world.until_state(name, "NotIssued").await;
    assert!(message(&ended, "Ready").contains("DeploymentValidation shop,"));
    assert!(world.mutations().is_empty());
    world.finish().await;
}
