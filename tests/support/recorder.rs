//! Records every status that an object ever had, through connections of its own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::TryStreamExt;
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    runtime::watcher,
};
use plumbline::api::{DeploymentValidation, Rollback, RollbackPolicy};
use serde_json::Value;
use tokio::task::JoinSet;

type Versions = Arc<Mutex<Vec<Value>>>;

/// Every version of every object of the three kinds in one namespace; those of one object in the order in which the API
/// server gave them.
pub struct Recorder {
    versions: Versions,
    /// Ends them with the recorder.
    _watches: JoinSet<()>,
}

impl Recorder {
    /// Records from now on.
    pub fn start(client: &Client, namespace: &str) -> Self {
        let versions = Versions::default();
        let mut watches = JoinSet::new();
        let resources = [
            ApiResource::erase::<DeploymentValidation>(&()),
            ApiResource::erase::<RollbackPolicy>(&()),
            ApiResource::erase::<Rollback>(&()),
        ];
        for resource in resources {
            let objects = Api::namespaced_with(client.clone(), namespace, &resource);
            watches.spawn(record(objects, versions.clone()));
        }
        Self {
            versions,
            _watches: watches,
        }
    }

    /// Every version so far.
    pub fn versions(&self) -> Vec<Value> {
        self.versions.lock().unwrap().clone()
    }

    /// Every version of the validation `name`, oldest first.
    pub fn versions_of(&self, name: &str) -> Vec<Value> {
        self.versions_of_kind::<DeploymentValidation>(name)
    }

    /// Every version of the object `name` of one kind, oldest first.
    pub fn versions_of_kind<K: Resource<DynamicType = ()>>(&self, name: &str) -> Vec<Value> {
        let mut versions = self.versions();
        versions
            .retain(|object| object["kind"] == *K::kind(&()) && object["metadata"]["name"] == name);
        versions
    }
}

async fn record(objects: Api<DynamicObject>, versions: Versions) {
    let events = watcher(objects, watcher::Config::default());
    let mut events = std::pin::pin!(events);
    loop {
        match events.try_next().await {
            Ok(Some(watcher::Event::Apply(object) | watcher::Event::InitApply(object))) => {
                let mut object = serde_json::to_value(object).unwrap();
                let metadata = object["metadata"].as_object_mut().unwrap();
                metadata.remove("managedFields");
                versions.lock().unwrap().push(object);
            }
            Ok(Some(_)) => {}
            // A break while the API server is down: the watcher goes on by itself, but without a pause.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            Ok(None) => return,
        }
    }
}
