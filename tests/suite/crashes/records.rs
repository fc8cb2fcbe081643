//! What befalls the records of attempts while a rollback is under way: others write beside the controller, wipe what it wrote,
//! take its names, restore old ones.

use std::{sync::Arc, time::Duration};

use kube::api::{Patch, PatchParams};
use plumbline::api::Rollback;
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinHandle};

use super::disturbed::{Disturbed, creations, intents, writes_a_record};
use crate::{
    rollback::support::{GOOD, World},
    support::{
        eventually::eventually,
        intercept::{Action, RequestRule},
        scenario::condition,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_never_rests_on_the_metadata_does_not_hold_a_rollback_up() {
    let disturbed = Disturbed::start().await;
    // As slow as a platform is: between its first look and its intent, a dozen foreign writes come.
    let slow = RequestRule::new(Action::Delay(Duration::from_millis(300))).methods(&["GET"]);
    disturbed.render().rule(slow);
    let (stop, writer) = restless(&disturbed.world);
    disturbed.world.ship_bad("api");
    disturbed.until_verified().await;
    stop.notify_one();
    let written = writer.await.unwrap();
    assert!(written >= 20, "it has hardly disturbed: {written}");
    assert_eq!(disturbed.states().await, ["Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.oracle.hold();
}

/// Annotates the validation and every record ten times a second until it is told to stop; gives how often it has.
fn restless(world: &World) -> (Arc<Notify>, JoinHandle<usize>) {
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let (validations, records) = (world.scenario.objects(), world.objects::<Rollback>());
    let writer = tokio::spawn(async move {
        let mut written = 0;
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = stopped.notified() => return written,
            }
            let patch =
                json!({"metadata": {"annotations": {"example.com/beat": written.to_string()}}});
            let (parameters, patch) = (PatchParams::default(), Patch::Merge(&patch));
            validations
                .patch("shop", &parameters, &patch)
                .await
                .unwrap();
            for record in records
                .list(&kube::api::ListParams::default())
                .await
                .unwrap()
            {
                let name = record.metadata.name.unwrap();
                records.patch(&name, &parameters, &patch).await.unwrap();
                written += 1;
            }
        }
    });
    (stop, writer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_wiped_between_intent_and_call_leads_to_one_call() {
    let disturbed = Disturbed::start().await;
    disturbed.api().rule(intents(Action::HoldAfter).nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    disturbed.wipe("rb", &name_of_the_only(&disturbed).await);
    held.release();
    disturbed.until_verified().await;
    assert_eq!(disturbed.states().await, ["Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_wiped_and_whose_process_dies_before_the_call_is_settled_and_made_again_under_the_next_number()
 {
    let mut disturbed = Disturbed::start().await;
    disturbed.api().rule(intents(Action::HoldAfter).nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    disturbed.world.scenario.controller.kill();
    disturbed.wipe("rb", &name_of_the_only(&disturbed).await);
    held.drop_it();
    let namespace = disturbed.world.scenario.namespace.clone();
    disturbed
        .world
        .scenario
        .controller
        .restart(&namespace)
        .await;
    disturbed.until_verified().await;
    assert_eq!(disturbed.states().await, ["NotIssued", "Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_wiped_while_it_is_verified_comes_to_the_same_end() {
    let disturbed = Disturbed::start().await;
    let end = RequestRule::new(Action::HoldBefore)
        .when(|request| writes_a_record(request) && request.body["status"]["state"] == "Verified");
    disturbed.api().rule(end.nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    disturbed.wipe("rb", &name_of_the_only(&disturbed).await);
    held.release();
    disturbed.until_verified().await;
    assert_eq!(disturbed.states().await, ["Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_that_is_wiped_during_its_rollback_comes_to_the_same_end() {
    let disturbed = Disturbed::start().await;
    disturbed.api().rule(intents(Action::HoldAfter).nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    disturbed.wipe("dv", "shop");
    held.release();
    let object = disturbed.until_verified().await;
    assert_eq!(condition(&object, "Ready")["reason"], "RolledBack");
    assert_eq!(disturbed.states().await, ["Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    // What was brought back becomes good like any other release.
    disturbed.world.good_release().await;
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_that_has_lost_its_status_rolls_nothing_back_before_it_has_seen_a_release_pass()
 {
    let disturbed = Disturbed::start().await;
    disturbed
        .world
        .apply_policy(json!({"mode": "DryRun"}))
        .await;
    disturbed.world.ship_bad("api");
    disturbed.world.until_rolled_back("False", "DryRun").await;
    disturbed.wipe("dv", "shop");
    disturbed
        .world
        .apply_policy(json!({"mode": "Automatic"}))
        .await;
    disturbed
        .world
        .until_rolled_back("False", "NoKnownGood")
        .await;
    disturbed
        .world
        .scenario
        .until_still(Duration::from_secs(6))
        .await;
    assert!(disturbed.world.records().await.is_empty());
    assert_eq!(disturbed.world.rollbacks(), 0);
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_restored_without_status_inherits_no_attempt_and_no_good_release() {
    let disturbed = Disturbed::start().await;
    disturbed.world.ship_bad("api");
    disturbed.until_verified().await;
    disturbed.world.good_release().await;
    let backup = |kinds| {
        let exported = disturbed.kubectl(&["get", kinds, "-o", "json"], None);
        backed_up(serde_json::from_str(&exported).unwrap())
    };
    let (objects, records) = (backup("dv,rbp"), backup("rb"));
    disturbed.kubectl(&["delete", "dv,rbp,rb", "--all"], None);
    disturbed.world.ship_bad("api");
    disturbed.create(&records);
    disturbed.kubectl(&["create", "-f", "-"], Some(&objects.to_string()));

    disturbed
        .world
        .until_rolled_back("False", "NoKnownGood")
        .await;
    disturbed
        .world
        .scenario
        .until_still(Duration::from_secs(6))
        .await;
    assert_eq!(disturbed.world.rollbacks(), 1, "nothing more than before");
    disturbed.world.app.ship("api", GOOD);
    disturbed.world.good_release().await;
    disturbed.world.ship_bad("api");
    disturbed.until_verified().await;
    assert_eq!(disturbed.world.rollbacks(), 2);
    let uid = disturbed.world.scenario.get("shop").await["metadata"]["uid"].clone();
    let records = disturbed.world.records().await;
    let own: Vec<&Value> = records
        .iter()
        .filter(|record| record["spec"]["validationRef"]["uid"] == uid)
        .collect();
    assert_eq!(own.len(), 1, "{records:#?}");
    assert_eq!(own[0]["spec"]["plan"]["attempt"], 1);
    disturbed.oracle.hold();
}

/// The objects as a backup holds them: without what the API server gives, and without status.
fn backed_up(mut list: Value) -> Value {
    for object in list["items"].as_array_mut().unwrap() {
        object.as_object_mut().unwrap().remove("status");
        let metadata = object["metadata"].as_object_mut().unwrap();
        for given in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "managedFields",
        ] {
            metadata.remove(given);
        }
    }
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_somebody_forges_under_the_name_of_the_next_one_leads_to_no_call_of_its_own()
{
    let disturbed = Disturbed::start().await;
    let other = disturbed
        .world
        .app
        .ship("api", "0123456789012345678901234567890123456789");
    let is_good = |object: &Value| object["status"]["lastKnownGood"]["release"] == json!(other);
    disturbed
        .world
        .until("the newer release to be good", is_good)
        .await;
    disturbed.api().rule(creations(Action::HoldBefore).nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    // Key and name are right; what it goes back to is the forger's choice.
    let mut forged = held.request.body.clone();
    assert_eq!(forged["spec"]["plan"]["steps"][0]["to"], json!(other));
    forged["spec"]["plan"]["steps"][0]["to"] = json!(disturbed.good);
    forged["spec"]["plan"]["claimant"] = json!("somebody");
    disturbed.create(&forged);
    held.release();
    disturbed.until_verified().await;
    assert_eq!(disturbed.states().await, ["NotIssued", "Verified"]);
    let asked: Vec<Value> = disturbed.asked_for();
    assert_eq!(asked, [json!({"deployId": other})]);
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_object_that_has_the_name_of_the_next_record_is_marked_and_passed_over() {
    let disturbed = Disturbed::start().await;
    disturbed.api().rule(creations(Action::HoldBefore).nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    let mut foreign = held.request.body.clone();
    foreign["spec"]["plan"]["key"] = json!("0".repeat(32));
    disturbed.create(&foreign);
    held.release();
    disturbed.until_verified().await;
    assert_eq!(disturbed.world.rollbacks(), 1);
    let name = foreign["metadata"]["name"].as_str().unwrap();
    let records = disturbed.world.records().await;
    let marked = records
        .iter()
        .find(|it| it["metadata"]["name"] == name)
        .unwrap();
    assert_eq!(condition(marked, "Ready")["reason"], "NotPermitted");
    let own = records
        .iter()
        .find(|it| it["status"]["state"] == "Verified")
        .unwrap();
    assert_eq!(own["spec"]["plan"]["attempt"], 2);
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_deleted_between_intent_and_call_is_found_again_and_not_made_again() {
    let disturbed = Disturbed::start().await;
    disturbed.api().rule(intents(Action::HoldAfter).nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    disturbed
        .world
        .delete(&name_of_the_only(&disturbed).await)
        .await;
    held.release();
    disturbed.until_verified().await;
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.oracle.hold();
}

async fn name_of_the_only(disturbed: &Disturbed) -> String {
    let record = disturbed.world.record().await;
    record["metadata"]["name"].as_str().unwrap().to_owned()
}

impl Disturbed {
    /// Creates objects where nothing keeps records from being written by others than the controller: by its own account.
    fn create(&self, objects: &Value) {
        let arguments = [
            "create",
            "-f",
            "-",
            "--as",
            "system:serviceaccount:plumbline-system:plumbline",
        ];
        self.kubectl(&arguments, Some(&objects.to_string()));
    }

    /// The bodies of the rollbacks that Render has begun.
    fn asked_for(&self) -> Vec<Value> {
        let mutations = self.world.mutations().into_iter();
        let rollbacks = mutations.filter(|entry| entry.action == "roll back");
        rollbacks
            .map(|entry| entry.body.unwrap_or_default())
            .collect()
    }
}

/// What a person does while a call is about to be made.
type Edit = fn(&Disturbed);

#[tokio::test(flavor = "multi_thread")]
async fn every_edit_between_intent_and_call_that_speaks_against_the_call_keeps_it_from_being_made()
{
    let edits: [(&str, Edit); 5] = [
        ("suspended", |it| {
            it.merge("dv", r#"{"spec": {"suspend": true}}"#);
        }),
        ("edited", |it| it.merge("dv", r#"{"spec": {"soak": "2s"}}"#)),
        ("deleted", |it| {
            it.kubectl(&["delete", "dv", "shop", "--wait=false"], None);
        }),
        ("a dry run", |it| {
            it.merge("rbp", r#"{"spec": {"mode": "DryRun"}}"#);
        }),
        ("in a person's hand", |it| {
            it.merge("rbp", r#"{"spec": {"mode": "Manual"}}"#);
        }),
    ];
    futures::future::join_all(edits.map(|(name, edit)| async move {
        let disturbed = Disturbed::start().await;
        // Nothing of it is told by a watch before it is all over.
        let frozen = disturbed.api().freeze(|path| !path.ends_with("/rollbacks"));
        disturbed.api().rule(intents(Action::HoldAfter).nth(1));
        disturbed.world.ship_bad("api");
        let held = disturbed.api().held().await;
        edit(&disturbed);
        held.release();
        eventually(&format!("the attempt to end, being {name}"), || async {
            let states = disturbed.states().await;
            // In a person's hand, the next one waits for that person.
            let ended = states.first().is_some_and(|state| state == "NotIssued");
            if ended && states[1..].iter().all(|state| state == "AwaitingApproval") {
                Ok(())
            } else {
                Err(states)
            }
        })
        .await;
        assert_eq!(disturbed.world.rollbacks(), 0, "{name}");
        drop(frozen);
        disturbed.oracle.hold();
    }))
    .await;
}

impl Disturbed {
    /// Changes part of the object `shop` of a kind.
    fn merge(&self, resource: &str, patch: &str) {
        self.kubectl(
            &["patch", resource, "shop", "--type=merge", "-p", patch],
            None,
        );
    }
}
