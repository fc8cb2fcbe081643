//! A service that stores documents, and misbehaves on request.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What it lets in, beside the token that it gives with each document. Planted: it must be found nowhere but in the Secret.
pub const TOKEN: &str = "Bearer PlantedTokenThatMustNotLeak";

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    /// It stores a document, and never answers that it has.
    CreateHangs,
    /// It stores a document, and answers 500.
    CreateFails,
    /// It answers 500 to whoever reads a document.
    ReadFails,
    /// It never answers whoever reads a document.
    ReadHangs,
    /// It answers 500 to whoever deletes a document, and keeps it.
    DeleteFails,
    /// It never answers whoever deletes a document, and keeps it.
    DeleteHangs,
    /// It lets nobody in.
    Locked,
}

/// The service, until it is dropped.
pub struct Documents {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    fault: Mutex<Fault>,
    stored: Mutex<BTreeMap<String, Value>>,
    /// Method and path of each request.
    requests: Mutex<Vec<String>>,
}

impl Documents {
    /// One that works, on a free port of loopback.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            fault: Mutex::new(Fault::Nothing),
            stored: Mutex::new(BTreeMap::new()),
            requests: Mutex::new(Vec::new()),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new()
            .route(
                "/internal/status",
                get(async || Json(json!({"status": "ok"}))),
            )
            .route("/old", get(async || Redirect::temporary("/page")))
            .route("/page", get(async || "<title>here</title>"))
            .route("/documents", post(create))
            .route("/documents/{id}", get(read).put(replace).delete(remove))
            .with_state(shared.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("it serves");
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// Its address, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this wrong.
    pub fn has(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Ids of what is stored.
    pub fn stored(&self) -> Vec<String> {
        self.shared.stored.lock().unwrap().keys().cloned().collect()
    }

    /// Method and path of each request for a document.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }
}

impl Drop for Documents {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn note(&self, request: String) -> Fault {
        self.requests.lock().unwrap().push(request);
        *self.fault.lock().unwrap()
    }

    async fn store(&self, id: String, document: Value, fault: Fault) -> Response {
        let location = [("location", format!("/documents/{id}"))];
        let answer = json!({"id": id, "token": "canary"});
        self.stored.lock().unwrap().insert(id, document);
        match fault {
            Fault::CreateHangs => std::future::pending().await,
            Fault::CreateFails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            _ => (StatusCode::CREATED, location, Json(answer)).into_response(),
        }
    }
}

async fn create(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(document): Json<Value>,
) -> Response {
    let fault = shared.note("POST /documents".to_owned());
    if fault == Fault::Locked {
        return StatusCode::FORBIDDEN.into_response();
    }
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    // An id that must be escaped in a path.
    let id = format!("d {}/é", shared.requests.lock().unwrap().len());
    shared.store(id, document, fault).await
}

async fn replace(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(document): Json<Value>,
) -> Response {
    let fault = shared.note(format!("PUT {id}"));
    shared.store(id, document, fault).await
}

async fn read(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match shared.note(format!("GET {id}")) {
        Fault::ReadFails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::ReadHangs => std::future::pending().await,
        _ => {}
    }
    let token = headers.get("authorization");
    if token.is_some_and(|it| it != "Bearer canary" && it != TOKEN) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let stored = shared.stored.lock().unwrap().get(&id).cloned();
    stored.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |document| Json(document).into_response(),
    )
}

async fn remove(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> StatusCode {
    match shared.note(format!("DELETE {id}")) {
        Fault::DeleteFails => return StatusCode::INTERNAL_SERVER_ERROR,
        Fault::DeleteHangs => std::future::pending().await,
        _ => {}
    }
    if shared.stored.lock().unwrap().remove(&id).is_some() {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}
