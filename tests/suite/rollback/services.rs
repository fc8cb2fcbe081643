//! Several services are one release: they go back one after the other, and only those that have to.

use plumbline::simulator::DeployStatus;
use serde_json::{Value, json};

use super::support::{GOOD, SETTINGS, World, message, said, time};
use crate::support::scenario::Scenario;

/// A world with the services `api` and `worker` in the validation `shop`, all good.
async fn two_services() -> World {
    let scenario = Scenario::start_with(SETTINGS).await;
    let world = World::of(scenario, &[("api", GOOD), ("worker", GOOD)]).await;
    world.apply_policy(json!({})).await;
    world.apply(&["api", "worker"]).await;
    world.good_release().await;
    world
}

impl World {
    /// Ids of the services that the platform was asked to bring back, in that order.
    fn services_brought_back(&self) -> Vec<String> {
        let mutations = self.mutations();
        let rollbacks = mutations.iter().filter(|entry| entry.action == "roll back");
        let path = rollbacks.map(|entry| entry.path.clone().unwrap());
        path.map(|path| path.split('/').nth(3).unwrap().to_owned())
            .collect()
    }

    fn id(&self, service: &str) -> String {
        self.render().service(service).unwrap().id
    }
}

fn states(record: &Value) -> Vec<(&str, &str)> {
    let steps = record["status"]["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| {
            let (service, state) = (step["service"].as_str(), step["state"].as_str());
            (service.unwrap(), state.unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_service_that_differs_goes_back_and_then_both_one_after_the_other() {
    let world = two_services().await;
    world.ship_bad("worker");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.services_brought_back(), [world.id("worker")]);
    assert!(world.render().service("api").unwrap().auto_deploy);
    assert!(!world.render().service("worker").unwrap().auto_deploy);

    world.good_release().await;
    world.ship_bad("api");
    world.ship_bad("worker");
    world.until_verified(2).await;
    let brought_back = world.services_brought_back();
    assert_eq!(brought_back[1..], [world.id("api"), world.id("worker")]);
    let record = world.records().await.pop().unwrap();
    assert_eq!(states(&record), [("api", "Done"), ("worker", "Done")]);
    let live = time(&record, "/status/steps/0/finishedAt");
    assert!(time(&record, "/status/steps/1/startedAt") >= live);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_after_a_failed_attempt_is_all_that_the_next_one_does() {
    let world = two_services().await;
    // Time to read what the first one says.
    world.apply_policy(json!({"delay": "4s"})).await;
    world.next_of(
        "worker",
        &[
            (DeployStatus::UpdateInProgress, 0.3),
            (DeployStatus::UpdateFailed, 0.0),
        ],
    );
    world.ship_bad("api");
    world.ship_bad("worker");
    let object = world.until_rolled_back("False", "CoolingOff").await;
    assert!(message(&object, "RolledBack").contains("attempt 1 ended as Failed"));
    assert_eq!(said(&object, "Reconciling"), "True ProgressingWithRetry");
    let record = world.record().await;
    let told = message(&record, "Ready");
    assert!(told.contains("(api: back, worker: failed)"), "{told}");
    assert_eq!(states(&record), [("api", "Done"), ("worker", "Failed")]);

    world.until_rolled_back("True", "RollbackVerified").await;
    let records = world.records().await;
    assert_eq!(states(&records[1]), [("worker", "Done")]);
    assert_eq!(records[1]["spec"]["plan"]["attempt"], 2);
    let ids = [world.id("api"), world.id("worker"), world.id("worker")];
    assert_eq!(world.services_brought_back(), ids);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_go_back_in_the_order_of_the_strategy_and_only_those_of_its_tiers() {
    let world = two_services().await;
    let step = |tier: &str| json!({"platform": {"tier": tier, "disableAutoDeploy": false}});
    let strategies = |steps: &[Value]| json!({"strategies": {"application": steps}});
    let both = strategies(&[step("infrastructure"), step("application")]);
    world.apply_policy(both).await;
    let mut target = world.spec(&["api", "worker"])["target"].take();
    target["render"]["services"][1]["tier"] = json!("infrastructure");
    let tiers = json!({"target": target});
    world.apply_with(&["api", "worker"], tiers).await;
    world.ship_bad("api");
    world.ship_bad("worker");
    world.until_rolled_back("True", "RollbackVerified").await;
    let ids = [world.id("worker"), world.id("api")];
    assert_eq!(world.services_brought_back(), ids);
    // As the policy says, pushes deploy as before.
    assert!(world.render().service("api").unwrap().auto_deploy);

    world
        .apply_policy(strategies(&[step("infrastructure")]))
        .await;
    world.good_release().await;
    world.ship_bad("api");
    let object = world.until_rolled_back("False", "RollbackRejected").await;
    let told = message(&object, "RolledBack");
    assert!(
        told.contains("strategies.application names no service"),
        "{told}"
    );
    assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
    assert_eq!(world.services_brought_back(), ids);
    world.finish().await;
}
