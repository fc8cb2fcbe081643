//! Who may have what rolled back, from minimal YAML, and who hears of it when that changes.

use serde_json::{Value, json};

use super::{Claims, Rival};
use crate::{
    api::{DeploymentValidation, ObservedRelease},
    controllers::wakes::Place,
};

/// The validation `namespace/name` of these services, each of which is the platform's `srv-NAME`, created at this second.
fn validation(name: &str, second: u8, services: &[&str]) -> Value {
    let (namespace, name) = name.split_once('/').unwrap();
    let named: Vec<Value> = services.iter().map(|name| json!({"name": name})).collect();
    json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
        "metadata": {
            "namespace": namespace, "name": name, "uid": format!("{namespace}-{name}"),
            "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
        },
        "spec": {
            "target": {"render": {
                "apiKeySecretRef": {"name": "render", "key": "apiKey"}, "services": named,
            }},
            "checks": [{"name": "port", "tcp": {"host": "example.com", "port": 80}}],
            "rollbackPolicyRef": {"name": "shop"},
        },
        "status": {"observedGeneration": 1, "observedRelease": release(services)},
    })
}

fn release(services: &[&str]) -> Value {
    let deploy = |name: &&str| json!({"name": name, "serviceId": format!("srv-{name}"), "deployId": format!("dep-{name}")});
    let services: Vec<Value> = services.iter().map(deploy).collect();
    json!({"id": "rel-1", "services": services, "since": "2026-01-01T00:00:00Z"})
}

fn object(value: &Value) -> DeploymentValidation {
    serde_json::from_value(value.clone()).unwrap()
}

/// The watch has told of `value`; the names of those that are woken.
fn watched(claims: &Claims, value: &Value) -> Vec<String> {
    names(claims.watched(&object(value)))
}

fn names(places: Vec<Place>) -> Vec<String> {
    let mut names: Vec<String> = places.into_iter().map(|place| place.name).collect();
    names.sort();
    names
}

/// The service that the validation with this uid may not have, and the name of its holder: `api of shop`.
fn lost(claims: &Claims, uid: &str) -> String {
    let told = |rival: Rival| format!("{} of {}", rival.service, rival.holder.name);
    claims.rival(uid).map(told).unwrap_or_default()
}

/// In every order in which the watch may tell of them.
fn in_any_order(values: &[Value], holds: impl Fn(&Claims)) {
    for first in 0..values.len() {
        let claims = Claims::default();
        for place in 0..values.len() {
            watched(&claims, &values[(first + place) % values.len()]);
        }
        holds(&claims);
        let claims = Claims::default();
        for place in (0..values.len()).rev() {
            watched(&claims, &values[(first + place) % values.len()]);
        }
        holds(&claims);
    }
}

#[test]
fn the_oldest_of_those_that_name_a_service_has_it() {
    let values = [
        validation("a/young", 9, &["api"]),
        validation("b/old", 3, &["worker", "api"]),
        validation("c/older", 5, &["api"]),
        validation("d/other", 1, &["mail"]),
    ];
    in_any_order(&values, |claims| {
        assert_eq!(lost(claims, "a-young"), "api of old");
        assert_eq!(lost(claims, "c-older"), "api of old");
        assert_eq!(lost(claims, "b-old"), "");
        assert_eq!(lost(claims, "d-other"), "");
    });
}

#[test]
fn of_two_that_were_created_in_one_second_the_first_by_namespace_and_name_has_it() {
    let values = [
        validation("a/y", 1, &["api"]),
        validation("b/a", 1, &["api"]),
        validation("a/x", 1, &["api"]),
    ];
    in_any_order(&values, |claims| {
        assert_eq!(lost(claims, "a-x"), "");
        assert_eq!(lost(claims, "a-y"), "api of x");
        assert_eq!(lost(claims, "b-a"), "api of x");
    });
}

#[test]
fn one_that_may_not_act_itself_stands_in_nobodys_way() {
    let values = [
        validation("a/first", 1, &["api"]),
        validation("a/second", 2, &["api", "worker"]),
        validation("a/third", 3, &["worker", "mail"]),
        validation("a/fourth", 4, &["mail"]),
    ];
    in_any_order(&values, |claims| {
        assert_eq!(lost(claims, "a-second"), "api of first");
        assert_eq!(lost(claims, "a-third"), "");
        assert_eq!(lost(claims, "a-fourth"), "mail of third");
    });
}

#[test]
fn each_one_whose_standing_changes_is_woken_and_nobody_else() {
    let claims = Claims::default();
    assert!(watched(&claims, &validation("a/first", 1, &["api"])).is_empty());
    assert!(watched(&claims, &validation("a/third", 3, &["worker"])).is_empty());
    let second = validation("a/second", 2, &["api", "worker"]);
    assert!(watched(&claims, &second).is_empty());
    assert!(watched(&claims, &second).is_empty());
    // The second one gets what the third had so far.
    assert_eq!(names(claims.forget("a-first")), ["second", "third"]);
    assert_eq!(lost(&claims, "a-third"), "worker of second");
    assert_eq!(
        names(claims.retain(&["a-third".to_owned()].into())),
        ["third"]
    );
    assert_eq!(lost(&claims, "a-third"), "");
}

#[test]
fn one_that_is_suspended_deleted_or_names_no_policy_or_other_services_gives_way() {
    let changes = [
        ("/spec/suspend", json!(true)),
        ("/spec/rollbackPolicyRef", Value::Null),
        ("/spec/target/render/services/0/name", json!("worker")),
        ("/spec/target", json!({"external": {}})),
        ("/metadata/deletionTimestamp", json!("2026-01-01T00:01:00Z")),
    ];
    for (path, new) in changes {
        let claims = Claims::default();
        let mut old = validation("a/old", 1, &["api"]);
        old["spec"]["suspend"] = json!(false);
        old["metadata"]["deletionTimestamp"] = Value::Null;
        watched(&claims, &old);
        watched(&claims, &validation("b/young", 2, &["api"]));
        assert_eq!(lost(&claims, "b-young"), "api of old");
        let mut edited = old.clone();
        *edited.pointer_mut(path).unwrap() = new;
        assert_eq!(watched(&claims, &edited), ["young"], "{path}");
        assert_eq!(lost(&claims, "b-young"), "", "{path}");
        // And takes it back, being the older one.
        assert_eq!(watched(&claims, &old), ["young"], "{path}");
    }
}

#[test]
fn a_service_is_the_same_under_its_name_and_its_id() {
    let claims = Claims::default();
    watched(&claims, &validation("a/by-name", 1, &["api"]));
    let mut by_id = validation("b/by-id", 2, &["srv-api"]);
    by_id["status"] = json!({"observedGeneration": 1});
    // Before the platform has told, nobody knows.
    watched(&claims, &by_id);
    assert_eq!(lost(&claims, "b-by-id"), "");
    let mut seen = release(&["srv-api"]);
    seen["services"][0]["serviceId"] = json!("srv-api");
    let seen: ObservedRelease = serde_json::from_value(seen).unwrap();
    assert!(claims.seen(&object(&by_id), Some(&seen)).is_empty());
    assert_eq!(lost(&claims, "b-by-id"), "srv-api of by-name");
    // A status that has yet to be written takes nothing of it back.
    watched(&claims, &by_id);
    assert_eq!(lost(&claims, "b-by-id"), "srv-api of by-name");
}

#[test]
fn what_the_platform_says_counts_for_more_than_what_a_status_says() {
    let claims = Claims::default();
    watched(&claims, &validation("a/old", 1, &["api"]));
    let forged = validation("b/young", 0, &["api"]);
    assert_eq!(watched(&claims, &forged), ["old"]);
    let mut seen = release(&["api"]);
    seen["services"][0]["serviceId"] = json!("srv-another");
    let seen: ObservedRelease = serde_json::from_value(seen).unwrap();
    assert_eq!(names(claims.seen(&object(&forged), Some(&seen))), ["old"]);
    assert!(watched(&claims, &forged).is_empty());
    assert_eq!(lost(&claims, "a-old"), "");
}

#[test]
fn the_holder_is_named_to_its_own_namespace_alone() {
    let rival = Rival {
        service: "api".to_owned(),
        holder: Place::new("tenant", "secret-project"),
    };
    assert!(rival.message("tenant").contains("secret-project"));
    let told = rival.message("other");
    assert!(told.contains("another namespace"), "{told}");
    assert!(
        !told.contains("secret") && !told.contains("tenant"),
        "{told}"
    );
}
