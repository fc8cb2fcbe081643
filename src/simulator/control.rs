//! What a test or a person changes and sees, beside Render's API.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    api::Route,
    budget::{Bucket, Limit},
    faults::Fault,
    holds::Held,
    journal::RecordedRequest,
    ledger::LedgerEntry,
    model::{Deploy, DeployStatus, Service, Suspender, Workspace},
    requests::{NewDeploy, NewKey, NewService, NewWorkspace, Phase},
    server::Shared,
    world::World,
};

/// Something asked of the simulated platform that it cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No such workspace.
    #[error("there is no workspace {0:?}")]
    UnknownWorkspace(String),
    /// No such service.
    #[error("there is no service {0:?}")]
    UnknownService(String),
    /// No such deploy.
    #[error("there is no deploy {0:?}")]
    UnknownDeploy(String),
    /// No such fault.
    #[error("there is no fault {0}")]
    UnknownFault(u64),
    /// No such held call.
    #[error("there is no held call {0}")]
    UnknownHold(u64),
    /// No such API key.
    #[error("there is no such API key")]
    UnknownKey,
    /// The name is in use.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// There is no room for more.
    #[error("there is no room for more {0}")]
    Full(&'static str),
    /// The request makes no sense.
    #[error("{0} cannot be")]
    Invalid(&'static str),
}

impl ControlError {
    /// The status that tells it over HTTP.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownWorkspace(_)
            | Self::UnknownService(_)
            | Self::UnknownDeploy(_)
            | Self::UnknownFault(_)
            | Self::UnknownHold(_)
            | Self::UnknownKey => StatusCode::NOT_FOUND,
            Self::NameTaken(_) => StatusCode::CONFLICT,
            Self::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// A handle on a running simulator. Clones are handles on the same one.
///
/// Services are named by their identifier or their name, workspaces likewise.
#[derive(Debug, Clone)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Creates a workspace.
    pub fn create_workspace(&self, new: &NewWorkspace) -> Result<Workspace, ControlError> {
        self.change(|world, now| world.create_workspace(new, now))
    }

    /// Creates a service.
    pub fn create_service(&self, new: &NewService) -> Result<Service, ControlError> {
        self.change(|world, now| world.create_service(new, now))
    }

    /// Deletes a service with its deploys and events.
    pub fn delete_service(&self, service: &str) -> Result<(), ControlError> {
        self.change(|world, now| world.delete_service(service, now))
    }

    /// A service as it stands now.
    pub fn service(&self, service: &str) -> Result<Service, ControlError> {
        self.change(|world, _| Ok(world.services[world.service_at(service)?].clone()))
    }

    /// Starts a deploy; the answer is how it stands right after that.
    pub fn start_deploy(&self, service: &str, new: &NewDeploy) -> Result<Deploy, ControlError> {
        self.change(|world, now| world.start_deploy(service, new, now))
    }

    /// The deploys of a service as they stand now, newest first.
    pub fn deploys(&self, service: &str) -> Result<Vec<Deploy>, ControlError> {
        self.change(|world, _| {
            let id = &world.services[world.service_at(service)?].id;
            Ok(world.deploys_of(id).cloned().collect())
        })
    }

    /// Moves a deploy to a status, where it stays until it is moved again.
    pub fn set_deploy_status(
        &self,
        deploy: &str,
        status: DeployStatus,
    ) -> Result<Deploy, ControlError> {
        self.change(|world, now| world.set_deploy_status(deploy, status, now))
    }

    /// Suspends a service.
    pub fn suspend(&self, service: &str, by: Suspender) -> Result<Service, ControlError> {
        self.change(|world, now| world.suspend(service, by, now))
    }

    /// Undoes every suspension of a service; the answer is the deploy that this starts.
    pub fn resume(&self, service: &str) -> Result<Deploy, ControlError> {
        self.change(|world, now| world.resume(service, now))
    }

    /// Accepts an API key, or changes what it reaches.
    pub fn accept_key(&self, new: &NewKey) -> Result<(), ControlError> {
        self.change(|world, now| world.accept_key(new, now))
    }

    /// No longer accepts an API key.
    pub fn withdraw_key(&self, key: &str) -> Result<(), ControlError> {
        self.change(|world, now| world.withdraw_key(key, now))
    }

    /// Sets how often each key may call, and starts counting anew.
    pub fn set_limit(&self, bucket: Bucket, limit: Limit) -> Result<(), ControlError> {
        self.change(|world, now| world.set_limit(bucket, limit, now))
    }

    /// Sets a fault; the answer is the number to remove it by.
    pub fn add_fault(&self, fault: Fault) -> Result<u64, ControlError> {
        self.change(|world, _| world.faults.add(fault))
    }

    /// Removes a fault.
    pub fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        self.change(|world, _| world.faults.remove(id))
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// How often each route was called since the start, a reset or [`Control::forget_calls`]. Calls that were answered
    /// with an error or not at all count as well.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Route, u64> {
        self.shared.world().calls.clone()
    }

    /// How often one route was called.
    #[must_use]
    pub fn calls_of(&self, route: Route) -> u64 {
        self.calls().get(&route).copied().unwrap_or_default()
    }

    /// Counts calls from 0 again, and forgets [`Control::requests`].
    pub fn forget_calls(&self) {
        let mut world = self.shared.world();
        world.calls.clear();
        world.journal.clear();
    }

    /// The changes since the start or a reset, oldest first; the newest 10,000 of them.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.shared.world().ledger.entries()
    }

    /// The changes that calls of Render's API made, as [`Control::ledger`] has them.
    #[must_use]
    pub fn mutations(&self) -> Vec<LedgerEntry> {
        let mut entries = self.ledger();
        entries.retain(|entry| entry.method.is_some());
        entries
    }

    /// The calls of Render's API since the start, a reset or [`Control::forget_calls`], oldest first; the newest 10,000 of
    /// them, answered or not. No key is in them.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.world().journal.requests()
    }

    /// Forgets what was built for a deploy: nobody can go back to it any more, nor to one that shares its build.
    pub fn expire_artifact(&self, deploy: &str) -> Result<(), ControlError> {
        self.change(|world, now| world.expire_artifact(deploy, now))
    }

    /// Decides what the next deploy of a service goes through that is started through Render's API, a rollback as well.
    /// Called again before that, it decides about the one after.
    pub fn next_deploy_phases(&self, service: &str, phases: &[Phase]) -> Result<(), ControlError> {
        self.change(|world, _| world.script_next(service, phases))
    }

    /// From now on, reads of deploys, instances and events show what changes only after this time, at most 24 h. What has
    /// changed until now stays to be seen. No time ends it.
    pub fn set_lag(&self, behind: Duration) -> Result<(), ControlError> {
        self.change(|world, _| world.set_lag(behind))
    }

    /// The calls that [`Effect::HoldBefore`](super::Effect::HoldBefore) and [`Effect::HoldAfter`](super::Effect::HoldAfter)
    /// hold now, oldest first.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        self.shared.world().holds.held()
    }

    /// Waits until a call is held; the oldest one. It has no limit of its own.
    pub async fn until_held(&self) -> Held {
        loop {
            self.shared.holding().await;
            if let Some(held) = self.held().into_iter().next() {
                return held;
            }
        }
    }

    /// Lets a held call go on. When this returns, what it asked for is done; its answer is sent if somebody still waits.
    pub fn release(&self, held: u64) -> Result<(), ControlError> {
        self.change(|world, now| world.release(held, now))
    }

    /// Drops a held call: it has no effect from here on, and its connection is closed without an answer.
    pub fn discard(&self, held: u64) -> Result<(), ControlError> {
        self.change(|world, _| world.holds.discard(held))
    }

    /// Returns to the state at the start: what was created, faults, counts and the ledger are gone.
    pub fn reset(&self) -> Result<(), ControlError> {
        self.shared.reset()
    }

    /// Everything, for a person to read. Keys are shown as digests.
    #[must_use]
    pub fn state(&self) -> Value {
        let mut world = self.shared.world();
        let now = self.shared.now();
        world.settle(now);
        let services: Vec<Value> = world
            .services
            .iter()
            .map(|service| {
                let deploys: Vec<_> = world.deploys_of(&service.id).take(20).collect();
                json!({"service": service, "newestDeploys": deploys})
            })
            .collect();
        let keys: BTreeMap<String, Value> = world
            .keys
            .iter()
            .map(|(key, reach)| (key.to_string(), reach.written()))
            .collect();
        json!({
            "now": now,
            "workspaces": world.workspaces,
            "services": services,
            "keys": keys,
            "limits": world.budgets.limits(),
            "faults": world.faults.active(),
            "calls": world.calls,
        })
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut World, Timestamp) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let mut world = self.shared.world();
        let now = self.shared.now();
        world.settle(now);
        change(&mut world, now)
    }
}
