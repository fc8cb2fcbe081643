//! Who may write the record of a rollback: the controller, whatever its account is called, and nobody else.

use serde_json::{Value, json};

use super::{documents, root};
use crate::support::{control_plane::ControlPlane, eventually::eventually};

/// Somebody with the right to ask for rollbacks.
const TENANT: &str = "tenant";

/// A namespace with a tenant in it.
struct Place {
    plane: &'static ControlPlane,
    namespace: String,
}

impl Place {
    fn new(plane: &'static ControlPlane) -> Self {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "records-"},
        });
        let created = plane
            .kubectl(
                &["create", "-f", "-", "-o", "jsonpath={.metadata.name}"],
                Some(&namespace.to_string()),
            )
            .unwrap();
        let place = Self {
            plane,
            namespace: created,
        };
        for role in ["plumbline-rollback", "admin"] {
            let (name, role) = (format!("tenant-{role}"), format!("--clusterrole={role}"));
            let user = format!("--user={TENANT}");
            let arguments = ["create", "rolebinding", &name, &role, &user];
            place.kubectl(&arguments, None).unwrap();
        }
        place
    }

    fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
        let place = ["-n", &self.namespace];
        self.plane.kubectl(&[&place[..], arguments].concat(), input)
    }

    /// Creates a Rollback as `user`.
    fn create(&self, user: &str, object: &Value) -> Result<String, String> {
        let user = format!("--as={user}");
        self.kubectl(&["create", "-f", "-", &user], Some(&object.to_string()))
    }
}

fn request() -> Value {
    json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
        "metadata": {"generateName": "shop-"},
        "spec": {"validationRef": {"name": "shop"}, "from": {"release": "dep-2"}},
    })
}

/// What only the controller writes.
fn record() -> Value {
    let mut record = request();
    record["spec"]["trigger"] = json!("Automatic");
    record["spec"]["validationRef"]["uid"] = json!("uid-1");
    record["spec"]["to"] = json!({"release": "dep-1"});
    record["spec"]["plan"] = json!({
        "attempt": 1, "failedRelease": "dep-2", "key": "0123", "claimant": "somebody",
        "issueBefore": "2026-01-01T00:00:00Z", "timeout": "5m", "verificationTimeout": "5m",
        "steps": [{"service": "api", "from": "dep-2", "to": "dep-1"}],
    });
    record
}

/// Nobody but `controller` can write a record in `place`; its tenant can ask all the same.
async fn only_the_controller_records(place: &Place, controller: &str) {
    // The policy is in force a moment after it was applied.
    eventually("the record of a tenant to be refused", || async {
        match place.create(TENANT, &record()) {
            Err(told) if told.contains("spec.plan is written by the controller") => Ok(()),
            other => Err(other),
        }
    })
    .await;
    place.create(controller, &record()).unwrap();
    place.create(TENANT, &request()).unwrap();
    let patch = r#"{"spec":{"approved":true}}"#;
    let names = place
        .kubectl(&["get", "rollbacks", "-o", "name"], None)
        .unwrap();
    for name in names.lines() {
        let user = format!("--as={TENANT}");
        let arguments = ["patch", name, "--type=merge", "-p", patch, &user];
        place.kubectl(&arguments, None).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_can_ask_for_a_rollback_and_approve_one_and_never_write_its_record() {
    let place = Place::new(ControlPlane::shared());
    let controller = "system:serviceaccount:plumbline-system:plumbline";
    only_the_controller_records(&place, controller).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controller_of_an_overlay_records_whatever_it_is_called_and_only_where_it_watches() {
    let plane = ControlPlane::shared();
    let place = Place::new(plane);
    let folder = root().join("tests/suite/manifests/renamed");
    let rendered = plane
        .kubectl(&["kustomize", folder.to_str().unwrap()], None)
        .unwrap();
    // What is called as in the base, and is everybody's.
    let shared = ["CustomResourceDefinition", "Namespace"];
    let objects: Vec<Value> = documents(&rendered)
        .into_iter()
        .filter(|object| !shared.contains(&object["kind"].as_str().unwrap()))
        .map(|mut object| {
            if object["metadata"]["namespace"].is_string() {
                object["metadata"]["namespace"] = json!(place.namespace);
            }
            if object["kind"] == "RoleBinding" {
                object["subjects"][0]["namespace"] = json!(place.namespace);
            }
            object
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    plane
        .kubectl(&["apply", "-f", "-"], Some(&list.to_string()))
        .unwrap();
    let controller = format!("system:serviceaccount:{}:other-plumbline", place.namespace);
    only_the_controller_records(&place, &controller).await;
    let elsewhere = Place::new(plane);
    let refused = elsewhere.create(&controller, &record()).unwrap_err();
    assert!(refused.contains("forbidden"), "{refused}");
}
