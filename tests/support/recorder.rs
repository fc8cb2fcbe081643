//! Records every status that an object ever had, through a connection of its own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::TryStreamExt;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    runtime::watcher,
};
use plumbline::api::DeploymentValidation;
use serde_json::Value;
use tokio::task::JoinHandle;

/// Every version of every object of a kind in one namespace, in the order in which the API server gave them.
pub struct Recorder {
    versions: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Records the validations from now on.
    pub fn start(client: Client, namespace: &str) -> Self {
        Self::start_of::<DeploymentValidation>(client, namespace)
    }

    /// Records objects of another kind.
    pub fn start_of<K: kube::Resource<DynamicType = ()>>(client: Client, namespace: &str) -> Self {
        let resource = ApiResource::erase::<K>(&());
        let objects: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let versions = Arc::<Mutex<Vec<Value>>>::default();
        let recorded = versions.clone();
        let task = tokio::spawn(async move {
            let events = watcher(objects, watcher::Config::default());
            let mut events = std::pin::pin!(events);
            loop {
                match events.try_next().await {
                    Ok(Some(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                        let mut object = serde_json::to_value(object).unwrap();
                        object["metadata"]
                            .as_object_mut()
                            .unwrap()
                            .remove("managedFields");
                        recorded.lock().unwrap().push(object);
                    }
                    Ok(Some(_)) => {}
                    // A break while the API server is down: the watcher goes on by itself, but without a pause.
                    Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                    Ok(None) => return,
                }
            }
        });
        Self { versions, task }
    }

    /// Every version so far, oldest first.
    pub fn versions(&self) -> Vec<Value> {
        self.versions.lock().unwrap().clone()
    }

    /// Every version of the object `name`.
    pub fn versions_of(&self, name: &str) -> Vec<Value> {
        let mut versions = self.versions();
        versions.retain(|object| object["metadata"]["name"] == name);
        versions
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}
