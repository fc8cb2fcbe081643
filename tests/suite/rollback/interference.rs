//! What people, pushes and accounts do in the middle of a rollback.

use plumbline::simulator::{DeployStatus, Effect, Fault, NewCommit, NewKey, Route, Suspender};
use serde_json::{Value, json};

use super::support::{BETTER, GOOD, World, message, said};
use crate::support::{
    eventually::eventually,
    scenario::{API_KEY, condition},
};

impl World {
    /// Ships a bad release, and edits the spec between the record of the intent and the call.
    async fn stop_before_the_call(&self, change: &Value) {
        let held = self.held_before_the_call().await;
        self.scenario.edit("shop", change.clone()).await;
        self.render().release(held).unwrap();
    }

    /// Ships a bad release, and holds what comes right before the call: automatic deploys are being turned off.
    async fn held_before_the_call(&self) -> u64 {
        let fault = Fault::of(Route::PatchService, Effect::HoldBefore).times(1);
        self.render().add_fault(fault).unwrap();
        self.ship_bad("api");
        self.render().until_held().await.id
    }

    async fn until_asked(&self) {
        eventually("the platform to be asked", || async {
            if self.rollbacks() == 1 {
                Ok(())
            } else {
                Err(self.records().await)
            }
        })
        .await;
    }

    async fn until_live(&self, deploy: &str) {
        eventually("the push to be live", || async {
            let deploys = self.render().deploys("api").unwrap();
            let live = deploys.iter().find(|it| it.status == DeployStatus::Live);
            if live.is_some_and(|live| live.id == deploy) {
                Ok(())
            } else {
                Err(deploys)
            }
        })
        .await;
    }

    async fn until_validated(&self, deploy: &str) -> Value {
        self.until("the newer release to be validated", |object| {
            object["status"]["observedRelease"]["id"] == json!(deploy)
                && condition(object, "Ready")["reason"] == "Validated"
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_deploy_that_takes_the_place_of_the_rollback_is_never_undone() {
    let world = World::start().await;
    world.good_release().await;
    world.next(&[
        (DeployStatus::UpdateInProgress, 30.0),
        (DeployStatus::Live, 0.0),
    ]);
    world.ship_bad("api");
    world.until_asked().await;
    // Live at once: whatever runs is canceled.
    let better = world.app.ship("api", BETTER);
    let object = world.until_validated(&better).await;
    let record = world.record().await;
    assert_eq!(record["status"]["state"], "Superseded");
    assert!(
        message(&record, "Ready").contains("newer deploy"),
        "{record}"
    );
    assert_eq!(said(&object, "Stalled"), "");
    assert_eq!(world.rollbacks(), 1);
    assert_eq!(world.live("api"), BETTER);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_before_the_call_goes_before_it_and_one_after_it_deploys_nothing() {
    let world = World::start().await;
    world.good_release().await;
    // The push is deployed, since automatic deploys are on until the rollback turns them off.
    let held = world.held_before_the_call().await;
    let pushed = NewCommit {
        commit: Some(BETTER.to_owned()),
        message: None,
    };
    let better = world.render().push("api", &pushed).unwrap().unwrap().id;
    world.until_live(&better).await;
    world.render().release(held).unwrap();
    world.until_validated(&better).await;
    let record = world.record().await;
    assert_eq!(record["status"]["state"], "Superseded");
    assert_eq!(world.rollbacks(), 0);

    // What was pushed is gone back to only once it has soaked as well.
    assert_eq!(world.good_release().await, better);
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [better]);
    assert!(!world.render().service("api").unwrap().auto_deploy);
    let deployed = world.render().push("api", &pushed).unwrap();
    assert!(deployed.is_none(), "a push was deployed");
    assert_eq!(world.live("api"), BETTER);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_waits_for_the_deploy_that_is_under_way_and_gives_way_to_one_that_comes_live() {
    let world = World::start().await;
    world.good_release().await;
    world.ship_bad("api");
    let failing = world.start_deploy(
        "api",
        BETTER,
        &[
            (DeployStatus::BuildInProgress, 6.0),
            (DeployStatus::BuildFailed, 0.0),
        ],
    );
    let what = "the attempt to wait";
    let waits = |object: &Value| {
        said(object, "RolledBack") == "Unknown IntentRecorded"
            && message(object, "RolledBack").contains(&format!("deploy {failing} is under way"))
    };
    let object = world.until(what, waits).await;
    assert_eq!(said(&object, "Reconciling"), "True RollingBack");
    assert_eq!(world.rollbacks(), 0);
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.live("api"), GOOD);
    assert_eq!(world.record().await["status"]["state"], "Verified");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_after_the_verdict_stops_it_until_there_is_another() {
    let world = World::start().await;
    let good = world.good_release().await;
    let held = world.held_before_the_call().await;
    world.render().withdraw_key(API_KEY).unwrap();
    world.render().release(held).unwrap();
    let object = world
        .until("the key to be refused", |object| {
            said(object, "Accepted") == "False CredentialsRejected"
        })
        .await;
    assert_eq!(said(&object, "Ready"), "False CredentialsRejected");
    assert_eq!(world.rollbacks(), 0);
    let key = "rnd_AnotherPlantedKey42";
    let new = NewKey {
        key: key.to_owned(),
        workspaces: None,
    };
    world.render().accept_key(&new).unwrap();
    world
        .scenario
        .put_secret("render", &[("apiKey", key)])
        .await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    world.scenario.leaks_nothing(&[key]).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_service_is_not_rolled_back_before_it_is_resumed() {
    let world = World::start().await;
    world.good_release().await;
    world.ship_bad("api");
    world.render().suspend("api", Suspender::Billing).unwrap();
    let object = world.until_rolled_back("False", "RollbackRejected").await;
    let told = message(&object, "RolledBack");
    assert!(told.contains("api is suspended: billing"), "{told}");
    assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
    assert_eq!(world.rollbacks(), 0);
    // The bill is paid: the same release comes up again, and fails again.
    world.render().resume("api").unwrap();
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.live("api"), GOOD);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_or_a_suspension_after_the_record_stops_it_before_the_call() {
    let world = World::start().await;
    world.good_release().await;
    world.stop_before_the_call(&json!({"interval": "6s"})).await;
    // Decided anew for the new generation.
    world.until_rolled_back("True", "RollbackVerified").await;
    let suspended = World::start().await;
    suspended.good_release().await;
    suspended
        .stop_before_the_call(&json!({"suspend": true}))
        .await;
    suspended
        .scenario
        .until_ready("shop", "Unknown", "Suspended")
        .await;
    let name = suspended.record().await["metadata"]["name"].clone();
    suspended
        .until_state(name.as_str().unwrap(), "NotIssued")
        .await;
    assert_eq!(suspended.rollbacks(), 0);
    suspended.finish().await;
    let records = world.records().await;
    let mut states: Vec<&str> = records
        .iter()
        .map(|record| record["status"]["state"].as_str().unwrap())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["NotIssued", "Verified"]);
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}
