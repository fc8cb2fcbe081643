//! What the simulated services serve: `GET /app/{service}/health` answers by the deploy that is live, so that a deploy breaks it
//! and a rollback mends it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::sleep;

use super::{control::ControlError, server::Shared};
use crate::api::Duration;

/// The most commits and services that can be told to behave in a way of their own.
const CAPACITY: usize = 1_000;

/// How a health page is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Behaviour {
    /// Status of the answer, 200 to 599. Default 200.
    pub status: u16,
    /// Time before the answer begins. Default: none.
    pub delay: Duration,
    /// `queue.depth` of the body. Default 3.
    pub queue_depth: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            status: 200,
            delay: Duration::from_secs(0),
            queue_depth: 3,
        }
    }
}

/// The behaviours that differ from the default, by commit or by service.
#[derive(Debug, Default)]
pub(super) struct Behaviours(Mutex<BTreeMap<String, Behaviour>>);

impl Behaviours {
    /// Every deploy of this commit, or this service whatever it runs, behaves so from now on; the default is forgotten.
    pub(super) fn set(&self, subject: &str, behaviour: Behaviour) -> Result<(), ControlError> {
        if !(200..=599).contains(&behaviour.status) {
            return Err(ControlError::Invalid("a status that is not 200 to 599"));
        }
        let mut behaviours = self.all();
        behaviours.remove(subject);
        if behaviour == Behaviour::default() {
            return Ok(());
        }
        if behaviours.len() >= CAPACITY {
            return Err(ControlError::Full("behaviours"));
        }
        behaviours.insert(subject.to_owned(), behaviour);
        Ok(())
    }

    /// No behaviour differs from the default any more.
    pub(super) fn clear(&self) {
        self.all().clear();
    }

    /// That of the commit, else that of the service.
    fn of(&self, service: &str, commit: Option<&str>) -> Behaviour {
        let behaviours = self.all();
        let of_commit = commit.and_then(|commit| behaviours.get(commit));
        let behaviour = of_commit.or_else(|| behaviours.get(service));
        behaviour.cloned().unwrap_or_default()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Behaviour>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /app/{service}/health`: 503 while nothing of the service is live.
pub(super) async fn health(
    State(shared): State<Arc<Shared>>,
    Path(service): Path<String>,
) -> Response {
    let Some((name, commit)) = live(&shared, &service) else {
        let body = json!({"status": "failing"});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    let Behaviour {
        status,
        delay,
        queue_depth,
    } = shared.behaviours().of(&name, commit.as_deref());
    tokio::select! {
        () = sleep(delay.get()) => {}
        () = shared.stopped() => {}
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let word = if status.is_success() { "ok" } else { "failing" };
    let body = json!({"status": word, "queue": {"depth": queue_depth}, "version": commit});
    (status, Json(body)).into_response()
}

/// The service's name, and the commit that is live; `None` when nothing is.
fn live(shared: &Shared, service: &str) -> Option<(String, Option<String>)> {
    let mut world = shared.world();
    let now = shared.now();
    world.settle(now);
    let service = world.services[world.service_at(service).ok()?].clone();
    let deploy = world.serving(&service)?;
    let commit = deploy.commit.as_ref().map(|commit| commit.id.clone());
    Some((service.name, commit))
}
