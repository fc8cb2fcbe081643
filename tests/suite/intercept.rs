//! The interceptor does to requests, to watches and to whole processes what a test tells it, and nothing else.

mod crashes;
mod requests;
mod watches;

use std::{fmt::Debug, time::Duration};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, Config,
    api::{Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::support::{
    control_plane::ControlPlane,
    eventually::within,
    intercept::{Interceptor, Journal},
};

/// Longest time that anything takes that is to happen at once.
const SOON: Duration = Duration::from_secs(10);

/// How long something is given to happen that must not.
const A_WHILE: Duration = Duration::from_millis(200);

/// A namespace of the shared control plane, seen through an interceptor and past it.
struct World {
    journal: Journal,
    proxy: Interceptor,
    /// The objects of the namespace, through the interceptor.
    through: Api<ConfigMap>,
    /// The same, past it.
    direct: Api<ConfigMap>,
}

impl World {
    async fn start() -> Self {
        Self::start_with(Journal::new()).await
    }

    async fn start_with(journal: Journal) -> Self {
        let plane = ControlPlane::shared();
        let proxy = Interceptor::before_api_server(plane, &journal).await;
        let client = plane.client().await;
        let namespace = namespace(&client).await;
        Self {
            through: Api::namespaced(client_through(&proxy).await, &namespace),
            direct: Api::namespaced(client, &namespace),
            journal,
            proxy,
        }
    }

    /// Whether the object `name` is there.
    async fn has(&self, name: &str) -> bool {
        self.direct.get_opt(name).await.unwrap().is_some()
    }

    /// Waits until the object `name` is there.
    async fn until_there(&self, name: &str) {
        within(SOON, "the object to be there", || async {
            if self.has(name).await {
                Ok(())
            } else {
                Err(self.journal.summary())
            }
        })
        .await;
    }

    /// Creates the object `name` through the interceptor, in a task of its own.
    fn creating(&self, name: &'static str) -> JoinHandle<Result<(), kube::Error>> {
        let objects = self.through.clone();
        tokio::spawn(async move { create(&objects, name).await })
    }

    /// Waits until so many mutations have arrived.
    async fn until_arrived(&self, count: usize) {
        within(SOON, "mutations to arrive", || async {
            if self.journal.count() == count {
                Ok(())
            } else {
                Err(self.journal.summary())
            }
        })
        .await;
    }

    /// What the journal says of mutation `number`: method, name of its object, times forwarded, status.
    fn told(&self, number: usize) -> (String, Value, usize, Option<u16>) {
        let mutation = self.journal.mutation(number).unwrap();
        assert_eq!(mutation.number, number);
        assert!(mutation.path.contains("/configmaps"), "{}", mutation.path);
        let name = mutation.body["metadata"]["name"].clone();
        let method = mutation.method.to_string();
        (method, name, mutation.forwarded, mutation.status)
    }
}

async fn namespace(client: &Client) -> String {
    let namespace = json!({"metadata": {"generateName": "intercept-"}});
    let namespace: Namespace = serde_json::from_value(namespace).unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let made = namespaces.create(&PostParams::default(), &namespace).await;
    made.unwrap().metadata.name.unwrap()
}

/// An administrator's client that goes through `proxy`, and sends everything once.
async fn client_through(proxy: &Interceptor) -> Client {
    let facts = &ControlPlane::shared().facts;
    let mut kubeconfig = Kubeconfig::read_from(&facts.kubeconfig).unwrap();
    let cluster = kubeconfig.clusters[0].cluster.as_mut().unwrap();
    cluster.server = Some(proxy.url());
    let authority = proxy.certificate_authority();
    cluster.certificate_authority = Some(authority.to_str().unwrap().to_owned());
    cluster.certificate_authority_data = None;
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

async fn create(objects: &Api<ConfigMap>, name: &str) -> Result<(), kube::Error> {
    let object = config_map(name);
    objects
        .create(&PostParams::default(), &object)
        .await
        .map(drop)
}

async fn label(objects: &Api<ConfigMap>, name: &str, value: &str) -> Result<(), kube::Error> {
    let change = Patch::Merge(json!({"metadata": {"name": name, "labels": {"is": value}}}));
    objects
        .patch(name, &PatchParams::default(), &change)
        .await
        .map(drop)
}

/// What comes soon.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(SOON, what).await.expect("it comes soon")
}

/// Panics when it comes within a while.
async fn not_yet<T: Debug>(what: impl Future<Output = T>) {
    if let Ok(came) = timeout(A_WHILE, what).await {
        panic!("it came: {came:?}");
    }
}

/// Status of the API server's refusal.
fn refusal(outcome: Result<(), kube::Error>) -> u16 {
    match outcome {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// Panics unless the connection was closed without an answer.
fn assert_cut(outcome: &Result<(), kube::Error>) {
    assert!(
        matches!(
            outcome,
            Err(kube::Error::HyperError(_) | kube::Error::Service(_))
        ),
        "not cut: {outcome:?}"
    );
}
