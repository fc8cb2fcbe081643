//! One ledger under test, with what a test does to it besides.

use std::{fs, future::Future, path::PathBuf, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use plumbline::{
    api::{Rollback, RollbackSpec, RollbackState, RollbackStatus},
    clock,
    kubernetes::{attempts::RollbackLedger, client::connect},
    rollback::ledger::{Attempt, AttemptLedger, AttemptName, Created, LedgerError},
    store::SqliteLedger,
};
use serde_json::json;

use crate::support::{control_plane::ControlPlane, scenario::new_namespace};

/// One ledger under test.
pub trait Bench: Sized + Sync {
    /// The implementation.
    type Ledger: AttemptLedger + 'static;

    /// An empty one.
    fn start() -> impl Future<Output = Self> + Send;

    /// The namespace of its attempts.
    fn namespace(&self) -> &str;

    /// The ledger.
    fn ledger(&self) -> &Self::Ledger;

    /// The same records over a connection of its own, as another process has them.
    fn another(&self) -> impl Future<Output = Self::Ledger> + Send;

    /// A person approves the attempt, or takes it back.
    fn approve(&self, name: &AttemptName, approved: bool) -> impl Future<Output = ()> + Send;

    /// Names an attempt.
    fn name(&self, name: &str) -> AttemptName {
        AttemptName {
            namespace: self.namespace().to_owned(),
            name: name.to_owned(),
        }
    }

    /// Puts an attempt for the validation `u-1` on record.
    fn recorded(&self, name: &str) -> impl Future<Output = Attempt> + Send {
        async {
            let name = self.name(name);
            match self.ledger().create(&name, &spec("u-1", "careful")).await {
                Ok(Created::New(attempt)) => attempt,
                other => panic!("{other:?}"),
            }
        }
    }

    /// The attempt as the ledger has it.
    fn read(&self, name: &AttemptName) -> impl Future<Output = Option<Attempt>> + Send {
        async { self.ledger().read(name).await.unwrap() }
    }
}

/// A `SQLite` file in a temporary folder.
pub struct File {
    pub folder: tempfile::TempDir,
    ledger: SqliteLedger,
}

impl File {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("attempts.db")
    }
}

impl Bench for File {
    type Ledger = SqliteLedger;

    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = open(&folder.path().join("attempts.db")).await;
        Self { folder, ledger }
    }

    fn namespace(&self) -> &'static str {
        "shop"
    }

    fn ledger(&self) -> &SqliteLedger {
        &self.ledger
    }

    async fn another(&self) -> SqliteLedger {
        open(&self.path()).await
    }

    async fn approve(&self, name: &AttemptName, approved: bool) {
        self.ledger.approve(name, approved).await.unwrap();
    }
}

/// `Rollback` objects in a namespace of the shared control plane.
pub struct Cluster {
    /// The administrator's.
    pub client: Client,
    namespace: String,
    ledger: RollbackLedger,
}

impl Cluster {
    /// The objects themselves.
    pub fn objects(&self) -> Api<Rollback> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A ledger on the API server at `server`.
    pub async fn through(server: &str) -> RollbackLedger {
        RollbackLedger::new(client(server).await, |_, status| status)
    }
}

impl Bench for Cluster {
    type Ledger = RollbackLedger;

    async fn start() -> Self {
        let plane = ControlPlane::shared();
        let client = plane.client().await;
        let namespace = new_namespace(&client).await;
        Self {
            client,
            namespace,
            ledger: Self::through(&plane.facts.server).await,
        }
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn ledger(&self) -> &RollbackLedger {
        &self.ledger
    }

    async fn another(&self) -> RollbackLedger {
        Self::through(&ControlPlane::shared().facts.server).await
    }

    async fn approve(&self, name: &AttemptName, approved: bool) {
        let patch = Patch::Merge(json!({"spec": {"approved": approved}}));
        let (objects, parameters) = (self.objects(), PatchParams::default());
        let patched = objects.patch(&name.name, &parameters, &patch);
        patched.await.unwrap();
    }
}

/// Opens the ledger in the file at `path`.
pub async fn open(path: &std::path::Path) -> SqliteLedger {
    SqliteLedger::open(path, clock::now, new_uid).await.unwrap()
}

/// Another one each time.
pub fn new_uid() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A client as the controller makes it, with the controller's rights: nobody else may write a plan.
pub async fn client(server: &str) -> Client {
    let plane = ControlPlane::shared();
    // Sets up TLS for this process.
    drop(plane.client().await);
    let kubeconfig = plane.kubeconfig_of("plumbline-system", "plumbline", server, None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    fs::write(&path, kubeconfig).unwrap();
    let connection = connect(Some(&path), Duration::from_mins(1)).await;
    connection.unwrap().client
}

/// An attempt for the validation with the uid `validation`, by the policy `policy`.
pub fn spec(validation: &str, policy: &str) -> RollbackSpec {
    let spec = json!({
        "validationRef": {"name": "web", "uid": validation}, "policyRef": {"name": policy},
        "trigger": "Automatic", "from": {"release": "r-2"}, "to": {"release": "r-1"},
        "plan": {
            "attempt": 1, "failedRelease": "r-2", "key": "k", "claimant": "one",
            "issueBefore": "2030-01-01T00:00:00Z", "timeout": "10m", "verificationTimeout": "10m",
            "steps": [{"service": "api", "from": "d-2", "to": "d-1"}],
        },
    });
    serde_json::from_value(spec).unwrap()
}

/// A status that says `message`.
pub fn status(state: RollbackState, message: &str) -> RollbackStatus {
    RollbackStatus {
        observed_generation: 1,
        state: Some(state),
        issued_at: Some(Timestamp::from_second(1_800_000_000).unwrap()),
        message: message.to_owned(),
        ..RollbackStatus::default()
    }
}

/// How a call ended, in one word.
pub fn told<T>(ended: &Result<T, LedgerError>) -> &'static str {
    match ended {
        Ok(_) => "done",
        Err(LedgerError::Conflict(_)) => "conflict",
        Err(LedgerError::Gone(_)) => "gone",
        Err(LedgerError::InDoubt { .. }) => "in doubt",
        Err(LedgerError::Failed { .. }) => "failed",
        Err(LedgerError::Unreadable { .. }) => "unreadable",
    }
}
