//! One table of states of all three kinds, and one column that says how each is read: by kstatus, by `kubectl wait`, by Flux's
//! checker and by Argo CD with our script. The states are recorded in `conformance/`, as the code writes them:
//!
//! ```sh
//! RECORD_STATES=1 cargo test --test suite conformance::      # after a change of what the code writes; read the diff
//! ```

mod life;
mod policy;
mod rollback;
mod validation;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use plumbline::api::{DeploymentValidation, Rollback, RollbackPolicy};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{
    control_plane::ControlPlane,
    eventually::eventually,
    readers::{Reading, read},
    rules,
};

/// How a state is read, in kstatus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Expected {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// One row of the table.
struct State {
    name: &'static str,
    recorded: Recorded,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Recorded {
    expected: Expected,
    object: Value,
}

fn state(name: &'static str, expected: Expected, object: Value) -> State {
    State {
        name,
        recorded: Recorded { expected, object },
    }
}

fn states() -> Vec<State> {
    let parts = [validation::states(), policy::states(), rollback::states()];
    parts.into_iter().flatten().collect()
}

#[test]
fn the_recorded_states_are_those_that_the_code_writes() {
    let states = states();
    let mut names = BTreeSet::new();
    for State { name, recorded } in &states {
        assert!(
            names.insert(format!("{name}.yaml")),
            "{name} is there twice"
        );
        let path = folder().join(format!("{name}.yaml"));
        if std::env::var_os("RECORD_STATES").is_some() {
            fs::write(&path, serde_yaml::to_string(recorded).unwrap()).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let kept: Option<Recorded> = serde_yaml::from_str(&text).unwrap_or_default();
        assert_eq!(kept.as_ref(), Some(recorded), "{name} has changed");
    }
    let files = fs::read_dir(folder()).unwrap();
    let kept: BTreeSet<String> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "yaml"))
        .collect();
    assert_eq!(kept, names, "a state that is no longer written was left");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_reads_each_state_as_the_one_column_says() {
    let cluster = ControlPlane::shared();
    let place = Place::new(cluster).await;
    let states = states();
    let mut objects = Vec::new();
    for State { name, recorded } in &states {
        objects.push(place.put(name, &recorded.object).await);
    }
    rules::hold(&objects);
    let readings = read(&objects);
    assert_eq!(readings.len(), states.len());
    let mut wrong = Vec::new();
    for ((state, object), reading) in states.iter().zip(&objects).zip(&readings) {
        let waits = place.waits(object);
        for (tool, held) in read_as(state.recorded.expected, object, reading, waits) {
            if !held {
                wrong.push(format!("{} by {tool}: {reading:?}, {waits:?}", state.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// For which of Ready and Stalled `kubectl wait` waits no longer.
#[derive(Clone, Copy, Debug)]
struct Waits {
    ready: bool,
    stalled: bool,
}

/// Whether each tool reads the object as is expected.
fn read_as(
    expected: Expected,
    object: &Value,
    reading: &Reading,
    waits: Waits,
) -> Vec<(&'static str, bool)> {
    use Expected::{Current, Failed, InProgress, Terminating};
    let argocd = match expected {
        // It has a word of its own for what waits for a person.
        _ if object["spec"]["suspend"] == true => "Suspended",
        Current => "Healthy",
        Failed => "Degraded",
        InProgress | Terminating => "Progressing",
    };
    let kstatus = match expected {
        Current => "Current",
        InProgress => "InProgress",
        Failed => "Failed",
        Terminating => "Terminating",
    };
    let is_met = Waits {
        ready: expected == Current,
        stalled: expected == Failed,
    };
    let [ready, stalled] = ["ready", "stalled"].map(|word| reading.flux_says(word));
    // Flux's checker knows nothing of generations and deletions: its callers ask kstatus for those.
    let is_old = object["status"]["observedGeneration"] != object["metadata"]["generation"];
    let flux = match expected {
        _ if is_old => true,
        Current => ready && !stalled && reading.flux_accepts("settled"),
        Failed => stalled && !ready && reading.flux_accepts("settled"),
        InProgress => {
            let reconciling = reading.flux_says("reconciling");
            !ready && !stalled && (!reconciling || reading.flux_accepts("inProgress"))
        }
        Terminating => true,
    };
    // Nor does `kubectl wait` of deletions: it has `--for=delete`.
    let deleted = expected == Terminating;
    vec![
        ("kstatus", reading.kstatus() == kstatus),
        ("Argo CD", reading.argocd() == argocd),
        ("Flux", flux),
        (
            "kubectl wait for Ready",
            deleted || waits.ready == is_met.ready,
        ),
        (
            "kubectl wait for Stalled",
            deleted || waits.stalled == is_met.stalled,
        ),
    ]
}

/// A namespace that no controller watches.
struct Place {
    plane: &'static ControlPlane,
    namespace: String,
    user: Client,
    /// Records are written by the controller alone.
    controller: Client,
}

impl Place {
    async fn new(plane: &'static ControlPlane) -> Self {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "states-"},
        });
        let arguments = ["create", "-f", "-", "-o", "jsonpath={.metadata.name}"];
        let namespace = plane.kubectl(&arguments, Some(&namespace.to_string()));
        let controller = "system:serviceaccount:plumbline-system:plumbline";
        Self {
            plane,
            namespace: namespace.unwrap(),
            user: plane.client().await,
            controller: plane.client_as(controller).await,
        }
    }

    fn objects(&self, client: &Client, kind: &Value) -> Api<DynamicObject> {
        let resource = match kind.as_str() {
            Some("DeploymentValidation") => ApiResource::erase::<DeploymentValidation>(&()),
            Some("RollbackPolicy") => ApiResource::erase::<RollbackPolicy>(&()),
            _ => ApiResource::erase::<Rollback>(&()),
        };
        Api::namespaced_with(client.clone(), &self.namespace, &resource)
    }

    /// Brings an object about that is as the recorded one, and gives what the API server makes of it.
    async fn put(&self, name: &str, recorded: &Value) -> Value {
        let objects = self.objects(&self.user, &recorded["kind"]);
        let deleting = recorded["metadata"]["deletionTimestamp"].is_string();
        let mut object = recorded.clone();
        object["metadata"] = json!({"name": name});
        if deleting {
            object["metadata"]["finalizers"] = json!(["plumbline.dev/held-by-a-test"]);
        }
        let edited = recorded["metadata"]["generation"] == 2;
        let (field, before, after) = edit(&recorded["kind"]);
        if edited {
            object["spec"][field] = before;
        }
        let client = if recorded["spec"]["plan"].is_object() {
            &self.controller
        } else {
            &self.user
        };
        let first = serde_json::from_value(object).unwrap();
        let created = self.objects(client, &recorded["kind"]);
        // What may write records is known a moment after the manifests were applied.
        eventually("the object to be created", || async {
            let made = created.create(&PostParams::default(), &first).await;
            made.map_err(|error| error.to_string())
        })
        .await;
        let merge = PatchParams::default();
        if edited {
            let patch = Patch::Merge(json!({"spec": {field: after}}));
            objects.patch(name, &merge, &patch).await.unwrap();
        }
        let status = Patch::Merge(json!({"status": recorded["status"]}));
        objects.patch_status(name, &merge, &status).await.unwrap();
        if deleting {
            objects
                .delete(name, &DeleteParams::default())
                .await
                .unwrap();
        }
        let object = objects.get(name).await.unwrap();
        let object = serde_json::to_value(object).unwrap();
        assert_eq!(object["status"], recorded["status"], "{name}");
        assert_eq!(
            object["metadata"]["generation"].as_i64() > Some(1),
            edited || deleting,
            "{name}"
        );
        object
    }

    fn waits(&self, object: &Value) -> Waits {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let kind = text(&object["kind"]);
        let name = text(&object["metadata"]["name"]);
        let is_met = |condition: &str| {
            let arguments = [
                "wait",
                &format!("{kind}/{name}"),
                "-n",
                &self.namespace,
                &format!("--for=condition={condition}"),
                // It looks once.
                "--timeout=0s",
            ];
            self.plane.kubectl(&arguments, None).is_ok()
        };
        Waits {
            ready: is_met("Ready"),
            stalled: is_met("Stalled"),
        }
    }
}

/// A field of the spec of a kind, a value to begin with, and another one.
fn edit(kind: &Value) -> (&'static str, Value, Value) {
    match kind.as_str() {
        Some("DeploymentValidation") => ("interval", json!("31s"), json!("30s")),
        Some("RollbackPolicy") => ("delay", json!("11s"), json!("10s")),
        _ => ("approved", json!(false), json!(true)),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/conformance")
}
