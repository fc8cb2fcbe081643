//! What is installed, as kustomize renders it: the CRDs are the generated ones, the rights are exact, the pod is confined, and
//! the samples mean what they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser;
use plumbline::{
    api::{DeploymentValidation, SecretKeyReference, custom_resource_definitions},
    cli::{CommandLine, crd},
    settings::Settings,
};
use serde::Deserialize;
use serde_json::Value;

use crate::support::control_plane::programs;

/// API group, resource, verb.
type Right = (String, String, String);

/// Everything that the controller may do.
const RIGHTS: [(&str, &str, &str); 16] = [
    ("", "secrets", "get"),
    ("events.k8s.io", "events", "create"),
    ("plumbline.dev", "deploymentvalidations", "get"),
    ("plumbline.dev", "deploymentvalidations", "list"),
    ("plumbline.dev", "deploymentvalidations", "watch"),
    ("plumbline.dev", "deploymentvalidations/status", "patch"),
    ("plumbline.dev", "rollbackpolicies", "get"),
    ("plumbline.dev", "rollbackpolicies", "list"),
    ("plumbline.dev", "rollbackpolicies", "watch"),
    ("plumbline.dev", "rollbackpolicies/status", "patch"),
    ("plumbline.dev", "rollbacks", "create"),
    ("plumbline.dev", "rollbacks", "delete"),
    ("plumbline.dev", "rollbacks", "get"),
    ("plumbline.dev", "rollbacks", "list"),
    ("plumbline.dev", "rollbacks", "watch"),
    ("plumbline.dev", "rollbacks/status", "patch"),
];

/// Whether the object gives rights.
fn is_binding(object: &Value) -> bool {
    matches!(kind(object), "RoleBinding" | "ClusterRoleBinding")
}

#[test]
fn the_shipped_definitions_are_the_generated_ones() {
    let folder = root().join("crds");
    let generated: BTreeMap<String, String> = crd::files().unwrap().into_iter().collect();
    for (name, text) in &generated {
        let shipped = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            shipped == *text,
            "crds/{name} differs from what `make crds` writes"
        );
    }
    let index: Value = parse(&fs::read_to_string(folder.join("kustomization.yaml")).unwrap());
    let listed: BTreeSet<&str> = strings(&index["resources"]).collect();
    let expected: BTreeSet<&str> = generated.keys().map(String::as_str).collect();
    assert_eq!(
        listed, expected,
        "crds/kustomization.yaml lists every definition"
    );
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(
        files,
        expected.len() + 1,
        "a definition that is no longer generated was left"
    );
}

#[test]
fn the_controller_has_exactly_the_rights_that_it_uses() {
    let base = rendered("base");
    let expected: BTreeSet<Right> = RIGHTS
        .map(|(group, resource, verb)| (group.to_owned(), resource.to_owned(), verb.to_owned()))
        .into();
    assert_eq!(rights(one(&base, "ClusterRole", "plumbline")), expected);
    let bindings: Vec<&Value> = base.iter().filter(|object| is_binding(object)).collect();
    assert_eq!(bindings.len(), 1, "one binding, and so no other role");
    assert_binds(bindings[0], "ClusterRole");
}

#[test]
fn the_overlay_for_one_namespace_gives_the_same_rights_there_and_none_elsewhere() {
    let overlay = rendered("overlays/namespace");
    let role = one(&overlay, "Role", "plumbline");
    assert_eq!(
        rights(role),
        rights(one(&rendered("base"), "ClusterRole", "plumbline"))
    );
    let bindings: Vec<&Value> = overlay.iter().filter(|object| is_binding(object)).collect();
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
fn people_get_validations_and_policies_but_no_rollback_and_never_a_status() {
    const KINDS: [&str; 3] = ["deploymentvalidations", "rollbackpolicies", "rollbacks"];
    const READ: [&str; 3] = ["get", "list", "watch"];
    const WRITE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];
    let base = rendered("base");
    let roles = base.iter().filter(|object| {
        kind(object) == "ClusterRole" && object["metadata"]["name"] != "plumbline"
    });
    let mut granted: BTreeMap<&str, BTreeSet<Right>> = BTreeMap::new();
    for role in roles {
        let labels = &role["metadata"]["labels"];
        for cluster_role in ["view", "edit", "admin"] {
            if labels[format!("rbac.authorization.k8s.io/aggregate-to-{cluster_role}")] == "true" {
                granted
                    .entry(cluster_role)
                    .or_default()
                    .extend(rights(role));
            }
        }
    }
    let of = |kinds: &[&str], verbs: &[&str]| -> BTreeSet<Right> {
        let each =
            |kind: &str, verb: &str| ("plumbline.dev".to_owned(), kind.to_owned(), verb.to_owned());
        kinds
            .iter()
            .flat_map(|kind| verbs.iter().map(move |verb| each(kind, verb)))
            .collect()
    };
    let read = of(&KINDS, &READ);
    let edit = &read | &of(&KINDS[..2], &WRITE);
    assert_eq!(granted["view"], read);
    assert_eq!(granted["edit"], edit);
    assert_eq!(granted["admin"], edit);
    // Asking for a rollback and approving one is a right of its own, which no role of the cluster's has.
    let rollback = rights(one(&base, "ClusterRole", "plumbline-rollback"));
    let read = of(&[KINDS[0], KINDS[2]], &READ);
    let write = of(&KINDS[2..], &["create", "delete", "patch", "update"]);
    assert_eq!(rollback, &read | &write);
}

#[test]
fn the_pod_keeps_to_the_restricted_profile() {
    let base = rendered("base");
    let namespace = one(&base, "Namespace", "plumbline-system");
    for mode in ["enforce", "audit", "warn"] {
        let label = format!("pod-security.kubernetes.io/{mode}");
        assert_eq!(namespace["metadata"]["labels"][label], "restricted");
    }
    let pod = &one(&base, "Deployment", "plumbline")["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    for shared in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
        assert!(pod[shared].is_null(), "{shared}");
    }
    let context = &container(&base)["securityContext"];
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert!(context["capabilities"]["add"].is_null());
}

#[test]
fn two_controllers_never_run_at_one_time() {
    let base = rendered("base");
    let spec = &one(&base, "Deployment", "plumbline")["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["strategy"]["type"], "Recreate");
}

#[test]
fn the_pod_starts_the_controller_with_settings_that_fit() {
    for layer in ["base", "overlays/namespace"] {
        let objects = rendered(layer);
        let container = container(&objects);
        let arguments = std::iter::once("plumbline").chain(strings(&container["args"]));
        CommandLine::try_parse_from(arguments).unwrap_or_else(|error| panic!("{layer}: {error}"));

        let settings = objects
            .iter()
            .find(|object| kind(object) == "ConfigMap")
            .unwrap();
        let pod = &one(&objects, "Deployment", "plumbline")["spec"]["template"]["spec"];
        assert_eq!(
            pod["volumes"][0]["configMap"]["name"],
            settings["metadata"]["name"]
        );
        let settings: Settings =
            serde_yaml::from_str(settings["data"]["plumbline.yaml"].as_str().unwrap()).unwrap();
        assert_eq!(
            container["ports"][0]["containerPort"],
            settings.server.listen.port()
        );
    }
}

#[test]
fn every_sample_is_read_in_full_and_brings_its_secrets() {
    for (file, documents) in samples() {
        let secrets: BTreeMap<&str, &Value> = documents
            .iter()
            .filter(|document| kind(document) == "Secret")
            .map(|secret| {
                (
                    secret["metadata"]["name"].as_str().unwrap(),
                    &secret["stringData"],
                )
            })
            .collect();
        for document in documents
            .iter()
            .filter(|document| kind(document) != "Secret")
        {
            let read = crate::documentation::read(document)
                .unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(
                unread(document, &read),
                None,
                "{file} has a field that nothing reads"
            );
            if kind(document) != "DeploymentValidation" {
                continue;
            }
            let validation: DeploymentValidation = serde_json::from_value(read).unwrap();
            for SecretKeyReference { name, key } in references(&validation) {
                let value = secrets.get(&*name).map(|data| &data[&key]);
                assert!(
                    value.is_some_and(Value::is_string),
                    "{file} lacks key {key} of Secret {name}"
                );
            }
        }
    }
}

#[test]
fn every_kind_of_target_and_of_check_has_a_sample() {
    let kinds: BTreeSet<String> = samples()
        .values()
        .flatten()
        .map(|document| kind(document).to_owned())
        .collect();
    let definitions = custom_resource_definitions();
    for definition in &definitions {
        assert!(
            kinds.contains(&definition.spec.names.kind),
            "no sample of {}",
            definition.spec.names.kind
        );
    }
    let definition = serde_json::to_value(&definitions[0]).unwrap();
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        ["properties"];
    let samples = samples();
    let shown = |part: &dyn Fn(&Value) -> Vec<Value>| -> BTreeSet<String> {
        let documents = samples
            .values()
            .flatten()
            .filter(|document| kind(document) == "DeploymentValidation");
        documents
            .flat_map(part)
            .flat_map(|object| objects(&object))
            .collect()
    };
    let targets = shown(&|document| vec![document["spec"]["target"].clone()]);
    assert_eq!(targets, properties(&spec["target"]["properties"]));
    let checks = shown(&|document| document["spec"]["checks"].as_array().unwrap().clone());
    assert_eq!(checks, properties(&spec["checks"]["items"]["properties"]));
}

/// The names under which an object has objects of its own: in a target and in a check these are the kinds.
fn objects(value: &Value) -> Vec<String> {
    let members = value.as_object().unwrap().iter();
    members
        .filter(|(_, member)| member.is_object())
        .map(|(name, _)| name.clone())
        .collect()
}

fn properties(schema: &Value) -> BTreeSet<String> {
    let members = schema.as_object().unwrap().iter();
    members
        .filter(|(_, member)| member["type"] == "object")
        .map(|(name, _)| name.clone())
        .collect()
}

/// The first value of `written` that `read` does not have, as its path.
pub fn unread(written: &Value, read: &Value) -> Option<String> {
    match written {
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            unread(member, &read[name]).map(|path| format!(".{name}{path}"))
        }),
        Value::Array(items) => items.iter().enumerate().find_map(|(place, item)| {
            unread(item, &read[place]).map(|path| format!("[{place}]{path}"))
        }),
        written => (written != read).then(String::new),
    }
}

fn references(validation: &DeploymentValidation) -> Vec<SecretKeyReference> {
    let render = validation
        .spec
        .target
        .render
        .iter()
        .map(|render| &render.api_key_secret_ref);
    let checks = validation
        .spec
        .checks
        .iter()
        .filter_map(|check| check.http.as_ref());
    let headers = checks
        .flat_map(|http| &http.headers)
        .filter_map(|header| header.value_from.as_ref());
    render
        .chain(headers.map(|source| &source.secret_key_ref))
        .cloned()
        .collect()
}

fn samples() -> BTreeMap<String, Vec<Value>> {
    let files = fs::read_dir(root().join("manifests/samples")).unwrap();
    let samples: BTreeMap<String, Vec<Value>> = files
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.display().to_string(),
                documents(&fs::read_to_string(&path).unwrap()),
            )
        })
        .collect();
    assert!(!samples.is_empty());
    samples
}

/// The objects of a folder of `manifests/`, as `kubectl apply -k` would send them.
fn rendered(layer: &str) -> Vec<Value> {
    let kubectl = programs().join("kubectl");
    let output = Command::new(&kubectl)
        .arg("kustomize")
        .arg(root().join("manifests").join(layer))
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{} does not start: {error}; `make cluster-programs` builds it",
                kubectl.display()
            )
        });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "manifests/{layer} does not render: {told}"
    );
    assert_eq!(told, "", "manifests/{layer} renders without a complaint");
    documents(&String::from_utf8(output.stdout).unwrap())
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn parse(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap()
}

fn one<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects
        .iter()
        .filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let object = found
        .next()
        .unwrap_or_else(|| panic!("there is no {kind} {name}"));
    assert!(found.next().is_none(), "there are two of {kind} {name}");
    object
}

fn container(objects: &[Value]) -> &Value {
    let pod = &one(objects, "Deployment", "plumbline")["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    &containers[0]
}

/// A binding of the one service account to the one role.
fn assert_binds(binding: &Value, role: &str) {
    assert_eq!(binding["roleRef"]["kind"], role);
    assert_eq!(binding["roleRef"]["name"], "plumbline");
    let subject = serde_json::json!([{"kind": "ServiceAccount", "name": "plumbline", "namespace": "plumbline-system"}]);
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

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
