//! A record that somebody else has written, or copied, changes nothing.

use std::time::Duration;

use kube::api::DeleteParams;
use plumbline::rollback::naming;
use serde_json::{Value, json};

use super::support::{GOOD, SETTINGS, World, message, request, said};
use crate::support::{control_plane::ControlPlane, scenario::Scenario};

/// A forged record: its name, its owner and its spec.
struct Forged {
    name: String,
    owner: Value,
    spec: Value,
}

/// A plan to get from the release `failed` to the deploy `to`, as good as a forger can make it: all of it can be computed, or
/// read from other records.
async fn forged(world: &World, failed: &str, to: &str, claimant: &str) -> Forged {
    let object = world.scenario.get("shop").await;
    let uid = object["metadata"]["uid"].as_str().unwrap();
    let key = naming::key(uid, failed, 1);
    let release = |id: &str| json!({"release": id, "services": [{"name": "api", "deployId": id}]});
    let spec = json!({
        "validationRef": {"name": "shop", "uid": uid}, "policyRef": {"name": "shop"},
        "trigger": "Automatic", "from": release(failed), "to": release(to),
        "plan": {
            "attempt": 1, "failedRelease": failed, "key": key, "claimant": claimant,
            "generation": object["metadata"]["generation"],
            "issueBefore": "2099-01-01T00:00:00Z", "timeout": "5m", "verificationTimeout": "5m",
            "steps": [{"service": "api", "from": failed, "to": to}],
        },
    });
    let owner = json!([{
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation", "name": "shop",
        "uid": uid, "controller": true, "blockOwnerDeletion": true,
    }]);
    let name = naming::name("shop", &key);
    Forged { name, owner, spec }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_is_refused_at_the_door() {
    let world = World::start().await;
    let good = world.good_release().await;
    let Forged { name, spec, .. } = forged(&world, &good, "dep-x", "me").await;
    world.bind("ops");
    let create = ["create", "-f", "-"];
    let mut record = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
        "metadata": {"name": name}, "spec": spec,
    });
    let refused = world.kubectl_as("ops", &create, Some(&record)).unwrap_err();
    assert!(
        refused.contains("spec.plan is written by the controller"),
        "{refused}"
    );
    record["spec"].as_object_mut().unwrap().remove("plan");
    let refused = world.kubectl_as("ops", &create, Some(&record)).unwrap_err();
    assert!(
        refused.contains("Automatic is the controller's own"),
        "{refused}"
    );

    // A status that comes with it is dropped, and nobody but the controller may write one.
    let mut claimed = request(json!({"from": {"release": "dep-not-live"}}));
    claimed["metadata"] = json!({"name": "claimed"});
    claimed["status"] = json!({"observedGeneration": 1, "state": "Verified"});
    world.kubectl_as("ops", &create, Some(&claimed)).unwrap();
    world.until_state("claimed", "Superseded").await;
    let status = [
        "patch",
        "rb",
        "claimed",
        "--subresource=status",
        "--type=merge",
        "-p",
        r#"{"status": {"state": "Verified"}}"#,
    ];
    let refused = world.kubectl_as("ops", &status, None).unwrap_err();
    assert!(refused.contains("forbidden"), "{refused}");
    let policy = ["delete", "rbp", "shop"];
    let refused = world.kubectl_as("ops", &policy, None).unwrap_err();
    assert!(refused.contains("forbidden"), "{refused}");
    assert!(world.mutations().is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_door_a_forged_or_copied_record_is_marked_and_changes_nothing() {
    let plane: &ControlPlane = Box::leak(Box::new(ControlPlane::start()));
    for kind in [
        "validatingadmissionpolicy",
        "validatingadmissionpolicybinding",
    ] {
        let delete = ["delete", kind, "plumbline-records"];
        plane.kubectl(&delete, None).unwrap();
    }
    let world = World::on(Scenario::start_on(plane, SETTINGS, None).await, GOOD).await;
    let deploys = world.render().deploys("api").unwrap();
    let first_of_all = deploys.last().unwrap().id.clone();
    let good = world.good_release().await;
    let budget = json!({"guard": {"cooldown": "0s", "budget": {"max": 2, "per": "1h"}}});
    world.apply_policy(budget.clone()).await;

    // What is well is not taken back, and stays good.
    let forged_one = forged(&world, &good, &first_of_all, "me").await;
    world.is_marked(&forged_one).await;
    world.delete(&forged_one.name).await;
    world.changes_nothing(forged_one).await;

    // What has failed is brought back all the same, by an attempt of the controller's own.
    world.apply_policy(json!({"mode": "DryRun"})).await;
    let bad = world.ship_bad("api");
    world.until_rolled_back("False", "DryRun").await;
    world
        .is_marked(&forged(&world, &bad, &first_of_all, "me").await)
        .await;
    world.apply_policy(budget.clone()).await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), std::slice::from_ref(&good));
    let records = world.records().await;
    let own = records
        .iter()
        .find(|it| it["status"]["state"] == "Verified")
        .unwrap();
    let claimant = own["spec"]["plan"]["claimant"].as_str().unwrap().to_owned();

    // The same in the name of the process that runs.
    world.apply_policy(json!({"mode": "DryRun"})).await;
    let bad = world.ship_bad("api");
    world.until_rolled_back("False", "DryRun").await;
    let forged_one = forged(&world, &bad, &first_of_all, &claimant).await;
    world.changes_nothing(forged_one).await;
    world.apply_policy(budget).await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 2);
    assert_ne!(world.rolled_back_to()[1], first_of_all);
    let policy = world.policy().await;
    assert_eq!(policy["status"]["budget"]["spent"], 2, "{policy}");

    copied_elsewhere(&world, plane, own).await;
    world.finish().await;
}

impl World {
    /// The controller says that a record is not its own.
    async fn is_marked(&self, forged: &Forged) {
        let Forged { name, spec, .. } = forged;
        let metadata = json!({"name": name});
        let status = json!({"observedGeneration": 1, "state": "Verified", "message": "believe me"});
        self.create(metadata, spec, &status).await.unwrap();
        let record = self.until_state(name, "Rejected").await;
        for type_ in ["Ready", "Succeeded", "Stalled"] {
            assert!(said(&record, type_).ends_with("NotPermitted"), "{record}");
        }
        assert!(message(&record, "Ready").contains("not one that the controller has recorded"));
    }

    /// A perfect forgery: nothing is asked of the platform for it, and what is good stays so.
    async fn changes_nothing(&self, forged: Forged) {
        let before = self.rollbacks();
        let good = self.scenario.get("shop").await["status"]["lastKnownGood"].clone();
        let metadata = json!({"name": forged.name, "ownerReferences": forged.owner});
        self.create(metadata, &forged.spec, &Value::Null)
            .await
            .unwrap();
        let what = "the forged record to be done with";
        self.until_rollback(&forged.name, what, |record| {
            said(record, "Stalled").starts_with("True")
        })
        .await;
        self.scenario.until_still(Duration::from_secs(2)).await;
        assert_eq!(self.rollbacks(), before);
        let object = self.scenario.get("shop").await;
        assert_eq!(object["status"]["lastKnownGood"], good);
    }
}

/// The copy of a record in a namespace with a validation of the same name.
async fn copied_elsewhere(world: &World, plane: &'static ControlPlane, own: &Value) {
    let other = World::on(Scenario::start_on(plane, SETTINGS, None).await, GOOD).await;
    let good = other.good_release().await;
    let name = own["metadata"]["name"].as_str().unwrap();
    for owned in [true, false] {
        let mut metadata = json!({"name": name});
        if owned {
            metadata["ownerReferences"] = own["metadata"]["ownerReferences"].clone();
        }
        other
            .create(metadata, &own["spec"], &own["status"])
            .await
            .unwrap();
        let copy = other.until_state(name, "Rejected").await;
        assert!(said(&copy, "Ready").ends_with("NotPermitted"), "{copy}");
        other.delete(name).await;
    }
    assert_ne!(world.scenario.namespace, other.scenario.namespace);
    let object = other.scenario.get("shop").await;
    assert_eq!(object["status"]["lastKnownGood"]["release"], json!(good));
    assert_eq!(said(&object, "Ready"), "True Validated");
    assert!(other.mutations().is_empty());
    other.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_that_is_made_anew_inherits_nothing() {
    let world = World::start().await;
    world.good_release().await;
    let bad = world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    let own = world.record().await;
    let validations = world.scenario.objects();
    let parameters = DeleteParams::background();
    validations.delete("shop", &parameters).await.unwrap();
    // Nobody collects what it owned here, as it may be on a cluster for a while.
    world.apply(&["api"]).await;
    let object = world.until_ready_again().await;
    assert!(object["status"]["rollback"].is_null(), "{object}");
    world.good_release().await;
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    let records = world.records().await;
    assert_eq!(records.len(), 2);
    let new = records
        .iter()
        .find(|it| it["metadata"]["uid"] != own["metadata"]["uid"]);
    let plan = &new.unwrap()["spec"]["plan"];
    assert_eq!(plan["attempt"], 1);
    assert_ne!(plan["failedRelease"], json!(bad));
    assert_eq!(world.rollbacks(), 2);
    world.finish().await;
}
