//! The handle's methods on databases, logs and maintenance over HTTP.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{get, post, put},
};

use super::{
    Control,
    routes::{Done, Outcome, done},
};
use crate::simulator::{
    databases::NewDatabase,
    logs::NewLine,
    maintenance::NewMaintenance,
    requests::{Connected, Moved, Recoverable, Stated},
    server::Shared,
};

/// The routes.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(
            "/databases",
            get(async |State(control): State<Control>| Json(control.databases()))
                .post(create_database),
        )
        .route("/databases/{database}/status", put(set_status))
        .route("/databases/{database}/recovery", put(set_recovery))
        .route("/databases/{database}/connection", put(set_connection))
        .route("/logs/{resource}", post(add_lines))
        .route("/maintenance", post(schedule))
        .route("/maintenance/{run}/state", put(set_state))
}

async fn create_database(
    State(control): State<Control>,
    Json(new): Json<NewDatabase>,
) -> Outcome<impl serde::Serialize> {
    control.create_database(&new).map(Json)
}

async fn set_status(
    State(control): State<Control>,
    Path(database): Path<String>,
    Json(Stated { status }): Json<Stated>,
) -> Outcome<impl serde::Serialize> {
    control.set_database_status(&database, status).map(Json)
}

async fn set_recovery(
    State(control): State<Control>,
    Path(database): Path<String>,
    Json(Recoverable { recovery }): Json<Recoverable>,
) -> Outcome<impl serde::Serialize> {
    control.set_recovery(&database, recovery).map(Json)
}

async fn set_connection(
    State(control): State<Control>,
    Path(database): Path<String>,
    Json(Connected { connection }): Json<Connected>,
) -> Outcome<impl serde::Serialize> {
    control.set_connection(&database, &connection).map(Json)
}

async fn add_lines(
    State(control): State<Control>,
    Path(resource): Path<String>,
    Json(lines): Json<Vec<NewLine>>,
) -> Done {
    done(control.add_lines(&resource, &lines))
}

async fn schedule(
    State(control): State<Control>,
    Json(new): Json<NewMaintenance>,
) -> Outcome<impl serde::Serialize> {
    control.schedule_maintenance(&new).map(Json)
}

async fn set_state(
    State(control): State<Control>,
    Path(run): Path<String>,
    Json(Moved { state }): Json<Moved>,
) -> Outcome<impl serde::Serialize> {
    control.set_maintenance_state(&run, state).map(Json)
}
