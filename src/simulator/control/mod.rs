//! What a test or a person changes and sees, beside Render's API.

mod calls;
mod data;
mod data_routes;
pub(super) mod routes;
mod services;

use std::{collections::BTreeMap, sync::Arc};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{server::Shared, world::World};

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
    /// No such database.
    #[error("there is no database {0:?}")]
    UnknownDatabase(String),
    /// No such service or database.
    #[error("there is no service or database {0:?}")]
    UnknownResource(String),
    /// No such maintenance run.
    #[error("there is no maintenance run {0:?}")]
    UnknownMaintenance(String),
    /// No such webhook.
    #[error("there is no webhook {0:?}")]
    UnknownWebhook(String),
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
            | Self::UnknownDatabase(_)
            | Self::UnknownResource(_)
            | Self::UnknownMaintenance(_)
            | Self::UnknownWebhook(_)
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
            "databases": world.databases,
            "maintenance": world.maintenance,
            "webhooks": world.webhooks.registered(),
            "keys": keys,
            "limits": world.budgets.limits(),
            "refused": world.budgets.refused(),
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
