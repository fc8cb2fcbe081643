//! What is installed, as kustomize renders it: the CRDs are the generated ones, the rights are exact, the pod is confined, and
//! the samples mean what they say.

mod admission;
mod rights;
mod samples;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Parser;
use plumbline::{
    cli::{CommandLine, crd},
    settings::Settings,
};
use serde::Deserialize;
use serde_json::Value;

pub use self::samples::{resource, unread};
use crate::support::control_plane::programs;

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
fn what_belongs_to_the_whole_cluster_is_in_no_namespace() {
    let namespaced = [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ];
    for layer in ["manifests/base", "manifests/overlays/namespace"] {
        for object in rendered(layer) {
            let placed = object["metadata"]["namespace"].is_string();
            assert_eq!(placed, namespaced.contains(&kind(&object)), "{object}");
        }
    }
}

#[test]
fn the_pod_keeps_to_the_restricted_profile() {
    let base = rendered("manifests/base");
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
    let base = rendered("manifests/base");
    let spec = &one(&base, "Deployment", "plumbline")["spec"];
    assert_eq!(spec["replicas"], 1);
    assert_eq!(spec["strategy"]["type"], "Recreate");
}

#[test]
fn the_pod_starts_the_controller_with_settings_that_fit() {
    for layer in ["manifests/base", "manifests/overlays/namespace"] {
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

/// The objects of a folder of the repository, as `kubectl apply -k` would send them.
pub fn rendered(layer: &str) -> Vec<Value> {
    let kubectl = programs().join("kubectl");
    let output = Command::new(&kubectl)
        .arg("kustomize")
        .arg(root().join(layer))
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{} does not start: {error}; `make cluster-programs` builds it",
                kubectl.display()
            )
        });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{layer} does not render: {told}");
    assert_eq!(told, "", "{layer} renders without a complaint");
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

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
