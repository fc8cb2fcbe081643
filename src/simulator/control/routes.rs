//! The handle's methods over HTTP, under `/_simulator`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{FromRef, Path, State},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use http::StatusCode;
use serde_json::json;

use super::{Control, ControlError, data_routes};
use crate::simulator::{
    app::Behaviour,
    budget::{Bucket, Limit},
    faults::Fault,
    requests::{
        Behind, NewCommit, NewCrash, NewDeploy, NewDisk, NewKey, NewService, NewWorkspace,
        Placement, Script, Sized, Stored, Suspension, Withdrawal,
    },
    server::Shared,
};

pub(super) type Outcome<T> = Result<Json<T>, ControlError>;
pub(super) type Done = Result<StatusCode, ControlError>;

impl FromRef<Arc<Shared>> for Control {
    fn from_ref(shared: &Arc<Shared>) -> Self {
        Self::new(Arc::clone(shared))
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({ "message": self.to_string() }))).into_response()
    }
}

/// The routes.
pub(in crate::simulator) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/state",
            get(async |State(control): State<Control>| Json(control.state())),
        )
        .route(
            "/ledger",
            get(async |State(control): State<Control>| Json(control.ledger())),
        )
        .route(
            "/calls",
            get(async |State(control): State<Control>| Json(control.calls())).delete(forget_calls),
        )
        .route(
            "/mutations",
            get(async |State(control): State<Control>| Json(control.mutations())),
        )
        .route(
            "/requests",
            get(async |State(control): State<Control>| Json(control.requests())),
        )
        .route(
            "/held",
            get(async |State(control): State<Control>| Json(control.held())),
        )
        .route("/held/{held}", delete(discard))
        .route("/held/{held}/release", post(release))
        .route("/lag", put(set_lag))
        .route(
            "/reset",
            post(async |State(control): State<Control>| done(control.reset())),
        )
        .route("/workspaces", post(create_workspace))
        .route("/services", post(create_service))
        .route("/services/{service}", delete(delete_service))
        .route("/services/{service}/deploys", post(start_deploy))
        .route("/services/{service}/crashes", post(crash))
        .route("/services/{service}/suspend", post(suspend))
        .route("/services/{service}/resume", post(resume))
        .route("/services/{service}/next-deploy", post(next_deploy))
        .route("/services/{service}/pushes", post(push))
        .route("/services/{service}/plan", put(set_plan))
        .route(
            "/services/{service}/disk",
            put(set_disk).delete(remove_disk),
        )
        .route("/services/{service}/variables", get(variables))
        .route("/services/{service}/variables/{key}", put(set_variable))
        .route("/deploys/{deploy}/variables", get(variables_of_deploy))
        .route("/deploys/{deploy}/status", put(set_deploy_status))
        .route("/deploys/{deploy}/artifact", delete(expire_artifact))
        .route("/behaviours/{subject}", put(behave))
        .route("/keys", post(accept_key).delete(withdraw_key))
        .route("/limits/{bucket}", put(set_limit))
        .route("/faults", post(add_fault).delete(clear_faults))
        .route("/faults/{fault}", delete(remove_fault))
        .merge(data_routes::router())
        .fallback(async || StatusCode::NOT_FOUND)
}

async fn create_workspace(
    State(control): State<Control>,
    Json(new): Json<NewWorkspace>,
) -> Outcome<impl serde::Serialize> {
    control.create_workspace(&new).map(Json)
}

async fn create_service(
    State(control): State<Control>,
    Json(new): Json<NewService>,
) -> Outcome<impl serde::Serialize> {
    control.create_service(&new).map(Json)
}

async fn delete_service(State(control): State<Control>, Path(service): Path<String>) -> Done {
    done(control.delete_service(&service))
}

async fn start_deploy(
    State(control): State<Control>,
    Path(service): Path<String>,
    new: Option<Json<NewDeploy>>,
) -> Outcome<impl serde::Serialize> {
    let Json(new) = new.unwrap_or_default();
    control.start_deploy(&service, &new).map(Json)
}

async fn set_deploy_status(
    State(control): State<Control>,
    Path(deploy): Path<String>,
    Json(Placement { status }): Json<Placement>,
) -> Outcome<impl serde::Serialize> {
    control.set_deploy_status(&deploy, status).map(Json)
}

async fn next_deploy(
    State(control): State<Control>,
    Path(service): Path<String>,
    Json(Script { phases }): Json<Script>,
) -> Done {
    done(control.next_deploy_phases(&service, &phases))
}

async fn push(
    State(control): State<Control>,
    Path(service): Path<String>,
    commit: Option<Json<NewCommit>>,
) -> Outcome<impl serde::Serialize> {
    let Json(commit) = commit.unwrap_or_default();
    control.push(&service, &commit).map(Json)
}

async fn set_plan(
    State(control): State<Control>,
    Path(service): Path<String>,
    Json(Sized { plan }): Json<Sized>,
) -> Outcome<impl serde::Serialize> {
    control.set_plan(&service, &plan).map(Json)
}

async fn set_disk(
    State(control): State<Control>,
    Path(service): Path<String>,
    Json(disk): Json<NewDisk>,
) -> Outcome<impl serde::Serialize> {
    control.set_disk(&service, Some(&disk)).map(Json)
}

async fn remove_disk(
    State(control): State<Control>,
    Path(service): Path<String>,
) -> Outcome<impl serde::Serialize> {
    control.set_disk(&service, None).map(Json)
}

async fn variables(
    State(control): State<Control>,
    Path(service): Path<String>,
) -> Outcome<impl serde::Serialize> {
    control.variables(&service).map(Json)
}

async fn set_variable(
    State(control): State<Control>,
    Path((service, key)): Path<(String, String)>,
    Json(Stored { value }): Json<Stored>,
) -> Done {
    done(control.set_variable(&service, &key, &value))
}

async fn variables_of_deploy(
    State(control): State<Control>,
    Path(deploy): Path<String>,
) -> Outcome<impl serde::Serialize> {
    control.variables_of_deploy(&deploy).map(Json)
}

async fn expire_artifact(State(control): State<Control>, Path(deploy): Path<String>) -> Done {
    done(control.expire_artifact(&deploy))
}

async fn set_lag(
    State(control): State<Control>,
    Json(Behind { milliseconds }): Json<Behind>,
) -> Done {
    done(control.set_lag(Duration::from_millis(milliseconds)))
}

async fn release(State(control): State<Control>, Path(held): Path<u64>) -> Done {
    done(control.release(held))
}

async fn discard(State(control): State<Control>, Path(held): Path<u64>) -> Done {
    done(control.discard(held))
}

async fn crash(
    State(control): State<Control>,
    Path(service): Path<String>,
    new: Option<Json<NewCrash>>,
) -> Done {
    let Json(new) = new.unwrap_or_default();
    done(control.crash(&service, &new))
}

async fn suspend(
    State(control): State<Control>,
    Path(service): Path<String>,
    suspension: Option<Json<Suspension>>,
) -> Outcome<impl serde::Serialize> {
    let Json(Suspension { by }) = suspension.unwrap_or_default();
    control.suspend(&service, by).map(Json)
}

async fn resume(
    State(control): State<Control>,
    Path(service): Path<String>,
) -> Outcome<impl serde::Serialize> {
    control.resume(&service).map(Json)
}

async fn accept_key(State(control): State<Control>, Json(new): Json<NewKey>) -> Done {
    done(control.accept_key(&new))
}

async fn behave(
    State(control): State<Control>,
    Path(subject): Path<String>,
    Json(behaviour): Json<Behaviour>,
) -> Done {
    done(control.behave(&subject, behaviour))
}

async fn withdraw_key(
    State(control): State<Control>,
    Json(Withdrawal { key }): Json<Withdrawal>,
) -> Done {
    done(control.withdraw_key(&key))
}

async fn set_limit(
    State(control): State<Control>,
    Path(bucket): Path<Bucket>,
    Json(limit): Json<Limit>,
) -> Done {
    done(control.set_limit(bucket, limit))
}

async fn add_fault(
    State(control): State<Control>,
    Json(fault): Json<Fault>,
) -> Outcome<impl serde::Serialize> {
    let id = control.add_fault(fault)?;
    Ok(Json(json!({ "id": id })))
}

async fn remove_fault(State(control): State<Control>, Path(fault): Path<u64>) -> Done {
    done(control.remove_fault(fault))
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.clear_faults();
    StatusCode::NO_CONTENT
}

async fn forget_calls(State(control): State<Control>) -> StatusCode {
    control.forget_calls();
    StatusCode::NO_CONTENT
}

pub(super) fn done(outcome: Result<(), ControlError>) -> Done {
    outcome.map(|()| StatusCode::NO_CONTENT)
}
