//! What a person does with Rollbacks.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use plumbline::api::Rollback;
use serde_json::{Value, json};

use super::World;
use crate::support::eventually::eventually;

impl World {
    /// Creates a request, as a person does; its name.
    pub async fn ask(&self, spec: Value) -> String {
        let request = serde_json::from_value(request(spec)).unwrap();
        let made = self
            .objects::<Rollback>()
            .create(&PostParams::default(), &request)
            .await;
        made.unwrap().metadata.name.unwrap()
    }

    /// Creates a Rollback with this metadata and status, or what the API server has against it.
    pub async fn create(
        &self,
        metadata: Value,
        spec: &Value,
        status: &Value,
    ) -> Result<(), String> {
        let mut object = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
            "metadata": metadata, "spec": spec,
        });
        if !status.is_null() {
            object["status"] = status.clone();
        }
        let object = serde_json::from_value(object).unwrap();
        let records = self.objects::<Rollback>();
        let made = records.create(&PostParams::default(), &object).await;
        made.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Changes the spec of a Rollback, or what the API server has against it.
    pub async fn patch(&self, name: &str, spec: &Value) -> Result<(), String> {
        let records = self.objects::<Rollback>();
        let patch = Patch::Merge(json!({"spec": spec}));
        let patched = records.patch(name, &PatchParams::default(), &patch).await;
        patched.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Approves a Rollback, or takes the approval back.
    pub async fn approve(&self, name: &str, approved: bool) {
        let patched = self.patch(name, &json!({"approved": approved})).await;
        patched.unwrap();
    }

    /// A Rollback as it is now.
    pub async fn rollback(&self, name: &str) -> Value {
        let object = self.objects::<Rollback>().get(name).await.unwrap();
        serde_json::to_value(object).unwrap()
    }

    /// Waits until a Rollback is in this state.
    pub async fn until_state(&self, name: &str, state: &str) -> Value {
        let what = format!("{name} to be {state}");
        self.until_rollback(name, &what, |object| object["status"]["state"] == state)
            .await
    }

    /// Waits until a Rollback is as `holds` says, and the controller has seen it so.
    pub async fn until_rollback(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, || async {
            let object = self.rollback(name).await;
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if current && holds(&object) {
                Ok(object)
            } else {
                Err(object)
            }
        })
        .await
    }

    /// Deletes a Rollback.
    pub async fn delete(&self, name: &str) {
        let records = self.objects::<Rollback>();
        let parameters = DeleteParams::default();
        records.delete(name, &parameters).await.unwrap();
    }

    /// Lets the user `name` ask for rollbacks and approve them in this namespace, and nothing else.
    pub fn bind(&self, name: &str) {
        let arguments = [
            "create",
            "rolebinding",
            name,
            "--clusterrole=plumbline-rollback",
            &format!("--user={name}"),
            "-n",
            &self.scenario.namespace,
        ];
        self.scenario.plane.kubectl(&arguments, None).unwrap();
    }

    /// What kubectl says to the user `name` in this namespace.
    pub fn kubectl_as(
        &self,
        name: &str,
        arguments: &[&str],
        input: Option<&Value>,
    ) -> Result<String, String> {
        let mut whole = vec!["--as", name, "-n", &self.scenario.namespace];
        whole.extend(arguments);
        let input = input.map(Value::to_string);
        self.scenario.plane.kubectl(&whole, input.as_deref())
    }
}

/// A request for a rollback of `shop`.
pub fn request(spec: Value) -> Value {
    let mut request = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
        "metadata": {"generateName": "shop-"}, "spec": {"validationRef": {"name": "shop"}},
    });
    super::merge(&mut request["spec"], spec);
    request
}
