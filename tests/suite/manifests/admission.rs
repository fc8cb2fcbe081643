//! Who may write the record of a rollback: the controller, whatever its account is called, and nobody else.

use serde_json::{Value, json};

use super::root;
use crate::support::{control_plane::ControlPlane, eventually::eventually};

/// Somebody with the right to ask for rollbacks.
const TENANT: &[&str] = &["--as=tenant"];

/// Somebody with every right there is, such as one who applies what others have written.
const APPLIER: &[&str] = &["--as=applier", "--as-group=system:masters"];

/// A namespace with a tenant in it.
struct Place<'a> {
    plane: &'a ControlPlane,
    namespace: String,
}

impl<'a> Place<'a> {
    /// A namespace of its own.
    fn new(plane: &'a ControlPlane) -> Self {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "records-"},
        });
        let arguments = ["create", "-f", "-", "-o", "jsonpath={.metadata.name}"];
        let created = plane.kubectl(&arguments, Some(&namespace.to_string()));
        Self::at(plane, &created.unwrap())
    }

    /// A namespace that is there.
    fn at(plane: &'a ControlPlane, namespace: &str) -> Self {
        let somewhere = Self {
            plane,
            namespace: namespace.to_owned(),
        };
        for role in ["plumbline-rollback", "admin"] {
            let (name, role) = (format!("tenant-{role}"), format!("--clusterrole={role}"));
            let arguments = ["create", "rolebinding", &name, &role, "--user=tenant"];
            somewhere.kubectl(&arguments, None).unwrap();
        }
        somewhere
    }

    fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> Result<String, String> {
        let place = ["-n", &self.namespace];
        self.plane.kubectl(&[&place[..], arguments].concat(), input)
    }

    /// Creates a Rollback as `user`.
    fn create(&self, user: &[&str], object: &Value) -> Result<String, String> {
        let create = ["create", "-f", "-"];
        self.kubectl(&[&create[..], user].concat(), Some(&object.to_string()))
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

/// Nobody but `controller` can write a record in that namespace; its tenant can ask and approve all the same.
async fn only_the_controller_records(somewhere: &Place<'_>, controller: &str) {
    // The policy is in force a moment after it was applied, and so is whom its binding names.
    for user in [TENANT, APPLIER] {
        eventually("the record of somebody else to be refused", || async {
            match somewhere.create(user, &record()) {
                Err(told) if told.contains("spec.plan is written by the controller") => Ok(()),
                other => Err(other),
            }
        })
        .await;
    }
    let controller = format!("--as=system:serviceaccount:{controller}");
    eventually("the controller to be known", || async {
        somewhere.create(&[&controller], &record())
    })
    .await;
    somewhere.create(TENANT, &request()).unwrap();
    let patch = r#"{"spec":{"approved":true}}"#;
    let names = somewhere.kubectl(&["get", "rollbacks", "-o", "name"], None);
    for name in names.unwrap().lines() {
        let patch = ["patch", name, "--type=merge", "-p", patch];
        somewhere.kubectl(&[&patch, TENANT].concat(), None).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_can_ask_for_a_rollback_and_approve_one_and_never_write_its_record() {
    let somewhere = Place::new(ControlPlane::shared());
    only_the_controller_records(&somewhere, "plumbline-system:plumbline").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controller_of_one_namespace_records_there_whatever_it_is_called() {
    let plane = ControlPlane::start();
    let base = [
        "validatingadmissionpolicy/plumbline-records",
        "validatingadmissionpolicybinding/plumbline-records",
        "clusterrolebinding/plumbline",
    ];
    plane
        .kubectl(&[&["delete"], &base[..]].concat(), None)
        .unwrap();
    let folder = root().join("tests/suite/manifests/renamed");
    plane
        .kubectl(&["apply", "-k", folder.to_str().unwrap()], None)
        .unwrap();
    let somewhere = Place::at(&plane, "plumbline-elsewhere");
    only_the_controller_records(&somewhere, "plumbline-elsewhere:other-plumbline").await;

    // In a namespace that no controller watches, nothing is asked for that nobody would answer.
    let elsewhere = Place::new(&plane);
    for object in [record(), request()] {
        let refused = elsewhere.create(APPLIER, &object).unwrap_err();
        assert!(refused.contains("denied request"), "{refused}");
    }
}
