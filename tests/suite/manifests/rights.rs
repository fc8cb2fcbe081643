//! The rights that are granted: the controller's are exact, and people's are what each role is for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{container, kind, one, rendered, strings};

/// API group, resource, verb.
type Right = (String, String, String);

/// Everything that the controller may do: resource with its group, and verbs.
const RIGHTS: [(&str, &[&str]); 8] = [
    ("/secrets", &["get"]),
    ("events.k8s.io/events", &["create"]),
    (
        "plumbline.dev/deploymentvalidations",
        &["get", "list", "watch"],
    ),
    ("plumbline.dev/deploymentvalidations/status", &["patch"]),
    ("plumbline.dev/rollbackpolicies", &["get", "list", "watch"]),
    ("plumbline.dev/rollbackpolicies/status", &["patch"]),
    (
        "plumbline.dev/rollbacks",
        &["create", "delete", "get", "list", "watch"],
    ),
    ("plumbline.dev/rollbacks/status", &["patch"]),
];

const READ: &[&str] = &["get", "list", "watch"];

const WRITE: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

#[test]
fn the_controller_has_exactly_the_rights_that_it_uses() {
    let base = rendered("manifests/base");
    let role = one(&base, "ClusterRole", "plumbline");
    assert_eq!(rights(role), expected(&RIGHTS));
    let bindings = bindings(&base);
    assert_eq!(bindings.len(), 1, "one binding, and so no other role");
    assert_binds(bindings[0], "ClusterRole");
}

#[test]
fn the_overlay_for_one_namespace_gives_the_same_rights_there_and_none_elsewhere() {
    let overlay = rendered("manifests/overlays/namespace");
    let role = one(&overlay, "Role", "plumbline");
    assert_eq!(rights(role), expected(&RIGHTS));
    let bindings = bindings(&overlay);
    assert_eq!(bindings.len(), 1);
    assert_binds(bindings[0], "Role");
    let watched = &role["metadata"]["namespace"];
    assert!(watched.is_string());
    assert_eq!(&bindings[0]["metadata"]["namespace"], watched);
    let container = container(&overlay);
    let environment = container["env"].as_array().unwrap();
    assert!(
        environment
            .iter()
            .any(|entry| entry["name"] == "WATCH_NAMESPACE" && entry["value"] == *watched)
    );
    assert!(
        strings(&container["args"])
            .any(|argument| argument == "--watch-namespace=$(WATCH_NAMESPACE)")
    );
}

#[test]
fn the_rights_go_with_the_account_into_another_namespace_and_under_another_name() {
    let renamed = rendered("tests/suite/manifests/renamed");
    let account = &one(&renamed, "ServiceAccount", "other-plumbline")["metadata"];
    assert_eq!(account["namespace"], "plumbline-elsewhere");
    let subject = json!([{"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}]);
    assert_eq!(bindings(&renamed)[0]["subjects"], subject);
}

#[test]
fn people_read_all_edit_what_they_declare_and_ask_for_rollbacks_only_by_a_role_of_its_own() {
    let base = rendered("manifests/base");
    let roles: Vec<&Value> = base
        .iter()
        .filter(|object| kind(object) == "ClusterRole" && object["metadata"]["name"] != "plumbline")
        .collect();
    let mut granted: BTreeMap<&str, BTreeSet<Right>> = BTreeMap::new();
    for role in &roles {
        let labels = &role["metadata"]["labels"];
        for cluster_role in ["view", "edit", "admin"] {
            let label = format!("rbac.authorization.k8s.io/aggregate-to-{cluster_role}");
            if labels[label] == "true" {
                granted
                    .entry(cluster_role)
                    .or_default()
                    .extend(rights(role));
            }
        }
    }
    let view = expected(&[
        ("plumbline.dev/deploymentvalidations", READ),
        ("plumbline.dev/rollbackpolicies", READ),
        ("plumbline.dev/rollbacks", READ),
    ]);
    let edit = expected(&[
        ("plumbline.dev/deploymentvalidations", WRITE),
        ("plumbline.dev/rollbackpolicies", WRITE),
        ("plumbline.dev/rollbacks", READ),
    ]);
    assert_eq!(granted["view"], view);
    assert_eq!(granted["edit"], edit);
    assert_eq!(granted["admin"], edit);

    let rollback = one(&base, "ClusterRole", "plumbline-rollback");
    let verbs = [
        "create", "delete", "get", "list", "patch", "update", "watch",
    ];
    assert_eq!(
        rights(rollback),
        expected(&[("plumbline.dev/rollbacks", &verbs)])
    );
    for role in roles {
        let status = rights(role)
            .into_iter()
            .find(|(_, resource, _)| resource.contains('/') || resource.contains('*'));
        assert_eq!(status, None, "{}", role["metadata"]["name"]);
    }
}

fn expected(rights: &[(&str, &[&str])]) -> BTreeSet<Right> {
    let each = rights.iter().flat_map(|(resource, verbs)| {
        let (group, resource) = resource.split_once('/').unwrap();
        verbs
            .iter()
            .map(move |verb| (group.to_owned(), resource.to_owned(), (*verb).to_owned()))
    });
    each.collect()
}

fn bindings(objects: &[Value]) -> Vec<&Value> {
    let is_binding =
        |object: &&Value| ["RoleBinding", "ClusterRoleBinding"].contains(&kind(object));
    objects.iter().filter(is_binding).collect()
}

/// A binding of the one service account to the one role.
fn assert_binds(binding: &Value, role: &str) {
    assert_eq!(binding["roleRef"]["kind"], role);
    assert_eq!(binding["roleRef"]["name"], "plumbline");
    let subject =
        json!([{"kind": "ServiceAccount", "name": "plumbline", "namespace": "plumbline-system"}]);
    assert_eq!(binding["subjects"], subject);
}

fn rights(role: &Value) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        let known = ["apiGroups", "resources", "verbs"];
        assert!(
            rule.as_object()
                .unwrap()
                .keys()
                .all(|key| known.contains(&key.as_str())),
            "{rule}"
        );
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for verb in strings(&rule["verbs"]) {
                    rights.insert((group.to_owned(), resource.to_owned(), verb.to_owned()));
                }
            }
        }
    }
    rights
}
