//! What was stored under another schema: an object that no longer decodes hurts itself alone, and a status of an older
//! shape hurts nobody.

use std::collections::BTreeSet;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{
    row::Kind,
    schema::{loosen, tighten},
};
use crate::support::{
    control_plane::ControlPlane,
    eventually::eventually,
    recorder::Recorder,
    scenario::{Scenario, condition, external_spec},
    target::Target,
};

/// A name, the field of a good spec that no longer decodes, its value, and what status says of it.
type Case = (&'static str, &'static str, Value, &'static str);

fn cases() -> Vec<Case> {
    let port = json!({"host": "example.com", "port": 70_000});
    let overflow = "\"99999999999h\" is not a duration";
    vec![
        ("overflow", "/interval", json!("99999999999h"), overflow),
        ("null-list", "/checks", Value::Null, "Missing field checks"),
        (
            "enum",
            "/checks/0/area",
            json!("payments"),
            "Unknown variant payments",
        ),
        (
            "negative",
            "/checks/0/failureThreshold",
            json!(-1),
            "integer `-1`. Expected u8",
        ),
        (
            "port",
            "/checks/0/tcp",
            port,
            "integer `70000`. Expected u16",
        ),
    ]
}

/// The same, where the API server takes no write to the status before the object is repaired: a field holds a value of
/// another type than its schema's.
fn cases_without_a_status() -> Vec<Case> {
    vec![
        ("integer", "/interval", json!(5), ""),
        ("scalar", "/target", json!("render"), ""),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_no_longer_decodes_hurts_itself_alone_until_it_is_repaired() {
    let plane = Box::leak(Box::new(ControlPlane::start()));
    let mut scenario = Scenario::start_on(plane, "", None).await;
    let target = Target::start().await;
    let spec = external_spec(&target.url());
    scenario.apply("neighbour", spec.clone()).await;
    scenario.until_ready("neighbour", "True", "Validated").await;

    // What the recorder would see from here on is the work of the older version.
    scenario.controller.kill();
    loosen(&scenario, Kind::Validation).await;
    let all = || cases().into_iter().chain(cases_without_a_status());
    for (name, pointer, value, _) in all() {
        let mut spec = spec.clone();
        set(&mut spec, pointer, value);
        put(&scenario, name, &spec, None).await;
    }
    for (name, status) in older_statuses() {
        put(&scenario, name, &spec, Some(&status)).await;
    }
    tighten(&scenario, Kind::Validation).await;
    let namespace = scenario.namespace.clone();
    let repair = Recorder::start(&scenario.client, &namespace);
    scenario.controller.restart(&namespace).await;

    for (name, _, _, saying) in cases() {
        scenario.until(name, "Stalled", "True", "InvalidSpec").await;
        let object = scenario.until_ready(name, "False", "InvalidSpec").await;
        let message = condition(&object, "Ready")["message"].as_str().unwrap();
        assert!(
            message.starts_with("the stored object does not fit its schema"),
            "{message}"
        );
        assert!(message.contains(saying), "{name}: {message}");
    }
    for (name, _) in older_statuses() {
        let object = scenario.until_ready(name, "True", "Validated").await;
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let types: BTreeSet<&str> = conditions
            .iter()
            .map(|condition| condition["type"].as_str().unwrap())
            .collect();
        assert_eq!(types.len(), conditions.len(), "{object}");
        for version in repair.versions_of(name) {
            assert_ne!(
                condition(&version, "Ready")["reason"],
                "InvalidSpec",
                "{version}"
            );
        }
    }
    scenario.recorder = Recorder::start(&scenario.client, &namespace);
    let requests = target.requests();
    eventually("the neighbour's next run", || async {
        let now = target.requests();
        if now > requests { Ok(()) } else { Err(now) }
    })
    .await;
    let neighbour = scenario.get("neighbour").await;
    assert_eq!(condition(&neighbour, "Ready")["status"], "True");

    for (name, ..) in all() {
        put(&scenario, name, &spec, None).await;
    }
    for (name, ..) in all() {
        scenario.until_ready(name, "True", "Validated").await;
    }
    assert!(scenario.controller.is_running());
    assert!(!scenario.controller.log().contains("panicked"));
    scenario.finish().await;
}

/// Statuses that another version, or another program, may have written.
fn older_statuses() -> Vec<(&'static str, Value)> {
    let condition = |type_: &str| {
        json!({
            "type": type_, "status": "True", "reason": "Fine", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
        })
    };
    vec![
        (
            "unknown-types",
            json!({"observedGeneration": 1, "conditions": [condition("Blessed"), condition("Ready")]}),
        ),
        (
            "duplicates",
            json!({"observedGeneration": 1, "conditions": [condition("Ready"), condition("Ready")]}),
        ),
        (
            "bare",
            json!({"conditions": [{"type": "Ready"}], "checks": [{"name": "health"}], "phase": "Done"}),
        ),
    ]
}

fn set(spec: &mut Value, pointer: &str, value: Value) {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[member] = value;
}

/// Creates or replaces an object, and its status as the controller writes it.
async fn put(scenario: &Scenario, name: &str, spec: &Value, status: Option<&Value>) {
    let object = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
        "metadata": {"name": name, "namespace": scenario.namespace}, "spec": spec,
    });
    scenario
        .plane
        .kubectl(&["apply", "-f", "-"], Some(&object.to_string()))
        .unwrap();
    if let Some(status) = status {
        let object = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation", "status": status,
        });
        let parameters = PatchParams::apply("plumbline").force();
        scenario
            .objects()
            .patch_status(name, &parameters, &Patch::Apply(&object))
            .await
            .unwrap();
    }
}
