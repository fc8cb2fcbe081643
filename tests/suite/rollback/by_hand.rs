//! What a person asks for, approves and must not be able to forge.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use plumbline::{api::Rollback, rollback::naming};
use serde_json::{Value, json};

use super::{
    platform::message,
    support::{BAD, GOOD, World},
};
use crate::support::{eventually::eventually, scenario::condition};

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_exactly_what_would_be_done_and_does_nothing() {
    let world = World::start().await;
    world.apply_policy(json!({"mode": "DryRun"})).await;
    let good = world.good_release().await;
    let bad = world.ship_bad("api");
    let object = world.until_rolled_back("False", "DryRun").await;
    let told = message(&object, "RolledBack");
    assert!(
        told.starts_with(&format!("would roll back api {bad} -> {good}: ")),
        "{told}"
    );
    assert_eq!(condition(&object, "Stalled")["reason"], "ChecksFailed");
    assert!(world.records().await.is_empty());
    assert!(world.mutations().is_empty());

    let request = world.ask(json!({"from": {"release": bad}})).await;
    let request = world.until_state(&request, "DryRun").await;
    let told = message(&request, "Ready");
    assert_eq!(told, format!("would roll back api {bad} -> {good}"));
    assert!(world.mutations().is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_release_that_was_validated_there_is_nothing_to_go_back_to() {
    let world = World::start_with(BAD).await;
    let object = world.until_rolled_back("False", "NoKnownGood").await;
    assert_eq!(condition(&object, "Stalled")["reason"], "NoKnownGood");
    assert!(world.records().await.is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_mode_manual_a_rollback_is_prepared_and_waits_for_its_approval() {
    let world = World::start().await;
    world.apply_policy(json!({"mode": "Manual"})).await;
    let good = world.good_release().await;
    let bad = world.ship_bad("api");
    let object = world.until_rolled_back("False", "AwaitingApproval").await;
    assert_eq!(condition(&object, "Stalled")["reason"], "ChecksFailed");
    let record = world.record().await;
    assert_eq!(condition(&record, "Approved")["status"], "False");
    assert_eq!(world.rollbacks(), 0);
    let name = record["metadata"]["name"].as_str().unwrap();

    // Nothing but the approval can be changed.
    let changes = [
        json!({"reason": "another"}),
        json!({"trigger": "Manual"}),
        json!({"to": {"release": bad}}),
        json!({"plan": {"attempt": 2}}),
    ];
    for change in changes {
        let refused = world.patch(name, &change).await.unwrap_err();
        assert!(
            refused.contains("nothing but approved can be changed"),
            "{change}: {refused}"
        );
    }
    world.patch(name, &json!({"approved": true})).await.unwrap();
    world.until_rolled_back("True", "RollbackVerified").await;
    let record = world.record().await;
    assert_eq!(condition(&record, "Approved")["status"], "True");
    assert_eq!(record["spec"]["to"]["release"], json!(good));
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_goes_back_to_a_candidate_and_the_same_request_again_does_nothing() {
    let world = World::start().await;
    let first = world.good_release().await;
    let second = world.app.ship("api", "be77e700");
    world
        .until("the second release to be good", |object| {
            object["status"]["lastKnownGood"]["release"] == json!(second)
        })
        .await;
    let wrong = world.ask(json!({"from": {"release": first}})).await;
    let wrong = world.until_state(&wrong, "Superseded").await;
    assert_eq!(condition(&wrong, "Stalled")["status"], "True");
    let unknown = json!({"from": {"release": second}, "to": {"release": "dep-nobody"}});
    let unknown = world.ask(unknown).await;
    world.until_state(&unknown, "Rejected").await;
    let foreign = json!({
        "from": {"release": second},
        "to": {"release": "pin", "services": [{"name": "api", "deployId": "dep-somebodyelses00000"}]},
    });
    let foreign = world.ask(foreign).await;
    world.until_state(&foreign, "Rejected").await;
    assert!(world.mutations().is_empty());

    let spec = json!({"from": {"release": second}, "reason": "customers report empty carts"});
    let request = world.ask(spec.clone()).await;
    let request = world.until_state(&request, "Verified").await;
    assert_eq!(condition(&request, "Ready")["status"], "True");
    let record = request["status"]["record"].as_str().unwrap();
    let record = world.rollback(record).await;
    assert_eq!(record["spec"]["to"]["release"], json!(first));
    assert_eq!(record["spec"]["trigger"], "Manual");
    assert_eq!(record["spec"]["reason"], spec["reason"]);
    let live = world.render().deploys("api").unwrap();
    assert_eq!(live[0].commit.as_ref().unwrap().id, GOOD);

    let again = world.ask(spec).await;
    world.until_state(&again, "Superseded").await;
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_is_refused_at_the_door() {
    let world = World::start().await;
    let good = world.good_release().await;
    let object = world.scenario.get("shop").await;
    let uid = object["metadata"]["uid"].as_str().unwrap();
    // As good as a forger can make it: everything in it can be computed.
    let key = naming::key(uid, &good, 1);
    let forged = json!({
        "validationRef": {"name": "shop", "uid": uid}, "trigger": "Automatic",
        "from": {"release": good}, "to": {"release": good},
        "plan": {
            "attempt": 1, "failedRelease": good, "key": key, "claimant": "me",
            "issueBefore": "2030-01-01T00:00:00Z", "timeout": "5m", "verificationTimeout": "5m",
            "steps": [{"service": "api", "from": good, "to": good}],
        },
    });
    let refused = world
        .create(&naming::name("shop", &key), &forged)
        .await
        .unwrap_err();
    assert!(
        refused.contains("spec.plan is written by the controller"),
        "{refused}"
    );
    let mut automatic = forged;
    automatic.as_object_mut().unwrap().remove("plan");
    let refused = world.create("shop-forged", &automatic).await.unwrap_err();
    assert!(
        refused.contains("Automatic is the controller's own"),
        "{refused}"
    );
    world.finish().await;
}

impl World {
    /// Creates a request, as a person does; its name.
    async fn ask(&self, spec: Value) -> String {
        let mut request = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
            "metadata": {"generateName": "shop-"}, "spec": {"validationRef": {"name": "shop"}},
        });
        let members = spec.as_object().unwrap().clone();
        request["spec"].as_object_mut().unwrap().extend(members);
        let request = serde_json::from_value(request).unwrap();
        let made = self
            .objects::<Rollback>()
            .create(&PostParams::default(), &request)
            .await;
        made.unwrap().metadata.name.unwrap()
    }

    async fn create(&self, name: &str, spec: &Value) -> Result<(), String> {
        let object = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
            "metadata": {"name": name}, "spec": spec,
        });
        let object = serde_json::from_value(object).unwrap();
        let records = self.objects::<Rollback>();
        let made = records.create(&PostParams::default(), &object).await;
        made.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn patch(&self, name: &str, spec: &Value) -> Result<(), String> {
        let records = self.objects::<Rollback>();
        let patch = Patch::Merge(json!({"spec": spec}));
        let patched = records.patch(name, &PatchParams::default(), &patch).await;
        patched.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn rollback(&self, name: &str) -> Value {
        let object = self.objects::<Rollback>().get(name).await.unwrap();
        serde_json::to_value(object).unwrap()
    }

    /// Waits until a Rollback is in this state.
    async fn until_state(&self, name: &str, state: &str) -> Value {
        eventually(&format!("{name} to be {state}"), || async {
            let object = self.rollback(name).await;
            if object["status"]["state"] == state {
                Ok(object)
            } else {
                Err(object)
            }
        })
        .await
    }

    /// Deletes a Rollback.
    pub async fn delete(&self, name: &str) {
        let records = self.objects::<Rollback>();
        records
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }
}
