//! What only a cluster can show: other hands on the objects, and a network between.

use kube::{Resource, ResourceExt};
use plumbline::{
    api::{Condition, ConditionStatus, ConditionType, Reason, Rollback, RollbackState},
    kubernetes::attempts::{RollbackLedger, attempt_of},
    rollback::ledger::{AttemptLedger, Created},
};
use serde_json::{Value, json};

use super::bench::{Bench, Cluster, client, spec, status, told};
use crate::support::{
    control_plane::ControlPlane,
    eventually::eventually,
    proxy::{Mode, Proxy},
};

async fn object(bench: &Cluster, name: &str) -> Rollback {
    bench.objects().get(name).await.unwrap()
}

/// Everything that an advance must leave as it is.
fn all_but_status(object: &Rollback) -> Value {
    let mut value = serde_json::to_value(object).unwrap();
    value.as_object_mut().unwrap().remove("status");
    let metadata = value["metadata"].as_object_mut().unwrap();
    metadata.remove("resourceVersion");
    metadata.remove("managedFields");
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advance_writes_the_status_subresource_and_nothing_else() {
    let bench = Cluster::start().await;
    let attempt = bench.recorded("web-1").await;
    let before = object(&bench, "web-1").await;
    let wanted = status(RollbackState::Issued, "asked");
    let attempt = bench.ledger().advance(&attempt, wanted).await.unwrap();
    let after = object(&bench, "web-1").await;
    assert_eq!(attempt_of(&after), attempt);
    assert_eq!(
        all_but_status(&after).to_string(),
        all_but_status(&before).to_string()
    );
    let managers: Vec<_> = after
        .managed_fields()
        .iter()
        .map(|entry| {
            let texts = (&entry.manager, &entry.operation, &entry.subresource);
            serde_json::to_value(texts).unwrap()
        })
        .collect();
    assert!(
        managers.contains(&json!(["plumbline", "Update", null])),
        "{managers:?}"
    );
    assert!(
        managers.contains(&json!(["plumbline", "Apply", "status"])),
        "{managers:?}"
    );
    assert_eq!(managers.len(), 2, "{managers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_owned_by_its_validation_and_labelled_for_its_list() {
    let bench = Cluster::start().await;
    bench.recorded("web-1").await;
    let object = object(&bench, "web-1").await;
    let owners = serde_json::to_value(object.owner_references()).unwrap();
    assert_eq!(
        owners,
        json!([{
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation", "name": "web", "uid": "u-1",
            "controller": true, "blockOwnerDeletion": false,
        }])
    );
    let labels = serde_json::to_value(object.labels()).unwrap();
    assert_eq!(
        labels,
        json!({"plumbline.dev/validation-uid": "u-1", "plumbline.dev/policy": "careful"})
    );
    assert!(object.meta().finalizers.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conditions_are_filled_in_before_a_status_is_written() {
    let bench = Cluster::start().await;
    let attempt = bench.recorded("web-1").await;
    let client = client(&ControlPlane::shared().facts.server).await;
    let ledger = RollbackLedger::new(client, |attempt, mut status| {
        status.observed_generation = attempt.generation;
        status.conditions = vec![Condition {
            type_: ConditionType::Issued,
            status: ConditionStatus::True,
            observed_generation: attempt.generation,
            last_transition_time: attempt.created,
            reason: Reason::Issued,
            message: status.message.clone(),
        }];
        status
    });
    let mut wanted = status(RollbackState::Issued, "asked");
    wanted.observed_generation = -1;
    let advanced = ledger.advance(&attempt, wanted).await.unwrap();
    let stored = bench.read(&attempt.name).await.unwrap();
    assert_eq!(stored, advanced);
    assert_eq!(stored.status.observed_generation, 1);
    assert_eq!(stored.status.conditions[0].message, "asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_of_others_are_left_to_them_and_our_own_fields_are_taken_back() {
    let bench = Cluster::start().await;
    let attempt = bench.recorded("web-1").await;
    let patch = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback", "metadata": {"name": "web-1"},
        "status": {"message": "theirs", "conditions": [{
            "type": "example.org/Announced", "status": "True", "reason": "Said", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    });
    let parameters = kube::api::PatchParams::apply("somebody-else");
    let patch = kube::api::Patch::Apply(&patch);
    let objects = bench.objects();
    objects
        .patch_status("web-1", &parameters, &patch)
        .await
        .unwrap();
    let wanted = status(RollbackState::Issued, "asked");
    assert_eq!(
        told(&bench.ledger().advance(&attempt, wanted.clone()).await),
        "conflict"
    );
    let attempt = bench.read(&attempt.name).await.unwrap();
    bench.ledger().advance(&attempt, wanted).await.unwrap();
    let status = object(&bench, "web-1").await.status.unwrap();
    assert_eq!(status.message, "asked");
    assert_eq!(status.conditions.len(), 1, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_does_not_exist_has_no_attempts_and_takes_none() {
    let bench = Cluster::start().await;
    let mut name = bench.name("web-1");
    name.namespace = "does-not-exist".into();
    let created = bench.ledger().create(&name, &spec("u-1", "careful")).await;
    assert_eq!(told(&created), "failed");
    assert_eq!(bench.read(&name).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_whose_answers_are_lost_are_in_doubt_and_may_have_been_carried_out() {
    let bench = Cluster::start().await;
    let proxy = Proxy::start(&ControlPlane::shared().facts.server).await;
    let advanced = bench.recorded("advanced").await;
    let removed = bench.recorded("removed").await;
    // Each on a connection of its own, which is there before the network goes silent.
    let mut ledgers = Vec::new();
    for _ in 0..4 {
        let ledger = Cluster::through(&proxy.url()).await;
        let found = ledger.read(&advanced.name).await.unwrap();
        assert_eq!(found.as_ref(), Some(&advanced));
        ledgers.push(ledger);
    }

    proxy.set(Mode::Mute);
    let name = bench.name("created");
    let spec = spec("u-1", "careful");
    let wanted = status(RollbackState::Issued, "asked");
    let (create, advance, remove, read) = tokio::join!(
        ledgers[0].create(&name, &spec),
        ledgers[1].advance(&advanced, wanted.clone()),
        ledgers[2].remove(&removed),
        ledgers[3].read(&removed.name),
    );
    let ended = [told(&create), told(&advance), told(&remove), told(&read)];
    assert_eq!(ended, ["in doubt", "in doubt", "in doubt", "failed"]);
    eventually("all of it to have been carried out", || async {
        let created = bench.read(&name).await.map(|attempt| attempt.spec);
        let advanced = bench
            .read(&advanced.name)
            .await
            .map(|attempt| attempt.status);
        let removed = bench.read(&removed.name).await;
        let done = (created, advanced, removed);
        if done == (Some(spec.clone()), Some(wanted.clone()), None) {
            Ok(())
        } else {
            Err(done)
        }
    })
    .await;

    // Asked again, the ledger says how it is.
    proxy.set(Mode::Pass);
    proxy.cut();
    let ledger = Cluster::through(&proxy.url()).await;
    let found = ledger.create(&name, &spec).await.unwrap();
    assert!(matches!(found, Created::Existing(attempt) if attempt.spec == spec));
    assert_eq!(told(&ledger.advance(&advanced, wanted).await), "conflict");
    assert_eq!(told(&ledger.remove(&removed).await), "gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_whose_connection_is_reset_are_in_doubt() {
    let bench = Cluster::start().await;
    let attempt = bench.recorded("web-1").await;
    let proxy = Proxy::start(&ControlPlane::shared().facts.server).await;
    let ledger = Cluster::through(&proxy.url()).await;
    proxy.set(Mode::Refuse);
    let name = bench.name("web-2");
    let create = ledger.create(&name, &spec("u-1", "careful")).await;
    let wanted = status(RollbackState::Issued, "asked");
    let advance = ledger.advance(&attempt, wanted).await;
    let remove = ledger.remove(&attempt).await;
    assert_eq!(
        [told(&create), told(&advance), told(&remove)],
        ["in doubt"; 3]
    );
    assert_eq!(bench.read(&name).await, None);
    assert_eq!(bench.read(&attempt.name).await, Some(attempt));
}
