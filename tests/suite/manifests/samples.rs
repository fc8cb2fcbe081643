//! The samples: each is read in full, brings what it refers to, and applies; together they show everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use plumbline::api::{
    DeploymentValidation, Rollback, RollbackPolicy, SecretKeyReference, custom_resource_definitions,
};
use serde_json::{Value, json};

use super::{documents, kind, root};
use crate::support::control_plane::ControlPlane;

#[test]
fn every_sample_is_read_in_full_and_brings_what_it_names() {
    for (file, documents) in samples() {
        for document in resources(&documents) {
            let read = resource(document).unwrap_or_else(|error| panic!("{file}: {error}"));
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
                let secret = named(&documents, "Secret", &name);
                let value = secret.map(|secret| &secret["stringData"][&key]);
                assert!(
                    value.is_some_and(Value::is_string),
                    "{file} lacks key {key} of Secret {name}"
                );
            }
            if let Some(reference) = &validation.spec.rollback_policy_ref {
                let policy = named(&documents, "RollbackPolicy", &reference.name);
                assert!(
                    policy.is_some(),
                    "{file} lacks the policy {}",
                    reference.name
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_applies_without_a_warning() {
    let plane = ControlPlane::shared();
    for file in samples().keys() {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "sample-"},
        });
        let arguments = ["create", "-f", "-", "-o", "jsonpath={.metadata.name}"];
        let namespace = plane.kubectl(&arguments, Some(&namespace.to_string()));
        let namespace = namespace.unwrap();
        // A request has a name that the API server makes, and so cannot be applied.
        let strict = ["--validate=strict", "--warnings-as-errors"];
        let arguments = ["create", "-n", &namespace, "-f", file];
        plane
            .kubectl(&[&arguments[..], &strict].concat(), None)
            .unwrap_or_else(|told| panic!("{file}: {told}"));
    }
}

#[test]
fn every_resource_has_a_sample_and_the_policy_shows_each_of_its_fields() {
    let samples = samples();
    let shown = |wanted: &str| -> Vec<&Value> {
        let documents = samples.values().flatten();
        documents
            .filter(|document| kind(document) == wanted)
            .collect()
    };
    for definition in custom_resource_definitions() {
        let kind = &definition.spec.names.kind;
        assert!(!shown(kind).is_empty(), "there is no {kind}");
    }
    let policies: BTreeSet<String> = shown("RollbackPolicy")
        .into_iter()
        .flat_map(|policy| paths(&policy["spec"]))
        .map(|path| of_any_class(&path))
        .collect();
    let fields = fields(&spec_schema("RollbackPolicy")).into_iter();
    let fields: BTreeSet<String> = fields.map(|path| of_any_class(&path)).collect();
    let missing: Vec<_> = fields.difference(&policies).collect();
    assert!(missing.is_empty(), "no policy shows {missing:?}");
    let named = shown("DeploymentValidation");
    let has_policy = |validation: &&Value| validation["spec"]["rollbackPolicyRef"].is_object();
    assert!(named.iter().any(has_policy), "no validation names a policy");
}

#[test]
fn every_kind_of_target_and_of_check_has_a_sample() {
    let spec = spec_schema("DeploymentValidation")["properties"].clone();
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

/// A step of one class of failure is like that of another.
fn of_any_class(path: &str) -> String {
    let parts: Vec<&str> = path.splitn(3, '.').collect();
    match parts[..] {
        ["strategies", _, step] => format!("strategies.*.{step}"),
        _ => path.to_owned(),
    }
}

/// The schema of the spec of `kind`.
fn spec_schema(kind: &str) -> Value {
    let definitions = custom_resource_definitions();
    let mut definitions = definitions.iter();
    let definition = definitions.find(|definition| definition.spec.names.kind == kind);
    let definition = serde_json::to_value(definition).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

/// The paths of all fields of a schema; what stands in a list has the path of the list.
fn fields(schema: &Value) -> BTreeSet<String> {
    let item = &schema["items"];
    let schema = if item.is_object() { item } else { schema };
    let members = schema["properties"].as_object().into_iter().flatten();
    below(members, fields)
}

/// The paths of all fields of an object.
fn paths(value: &Value) -> BTreeSet<String> {
    if let Value::Array(items) = value {
        return items.iter().flat_map(paths).collect();
    }
    below(value.as_object().into_iter().flatten(), paths)
}

fn below<'a>(
    members: impl Iterator<Item = (&'a String, &'a Value)>,
    inner: fn(&Value) -> BTreeSet<String>,
) -> BTreeSet<String> {
    let each = members.flat_map(|(name, member)| {
        let inner = inner(member).into_iter();
        let inner = inner.map(move |path| format!("{name}.{path}"));
        inner.chain([name.clone()])
    });
    each.collect()
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

/// What the program reads of a document of one of its kinds.
pub fn resource(document: &Value) -> Result<Value, serde_json::Error> {
    let document = document.clone();
    match kind(&document) {
        "DeploymentValidation" => {
            serde_json::to_value(serde_json::from_value::<DeploymentValidation>(document)?)
        }
        "RollbackPolicy" => {
            serde_json::to_value(serde_json::from_value::<RollbackPolicy>(document)?)
        }
        "Rollback" => serde_json::to_value(serde_json::from_value::<Rollback>(document)?),
        other => panic!("{other} is none of ours"),
    }
}

/// The documents of our own kinds.
fn resources(documents: &[Value]) -> impl Iterator<Item = &Value> {
    documents
        .iter()
        .filter(|document| kind(document) != "Secret")
}

fn named<'a>(documents: &'a [Value], of: &str, name: &str) -> Option<&'a Value> {
    let mut documents = documents.iter();
    documents.find(|document| kind(document) == of && document["metadata"]["name"] == name)
}

fn references(validation: &DeploymentValidation) -> Vec<SecretKeyReference> {
    let render = validation
        .spec
        .target
        .render
        .iter()
        .map(|render| &render.api_key_secret_ref);
    let checks = validation.spec.checks.iter();
    render
        .chain(checks.flat_map(plumbline::api::Check::secrets))
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
