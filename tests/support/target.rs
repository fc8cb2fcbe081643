//! What the checks of a scenario look at: a health page that a test breaks and mends.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// The target. Ends when dropped.
pub struct Target {
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    answer: Mutex<Answer>,
    /// How long it takes for each answer.
    takes: Mutex<Duration>,
    requests: AtomicUsize,
}

#[derive(Clone)]
enum Answer {
    Now(u16, String),
    Never,
}

impl Target {
    /// A healthy one, on a free port of loopback.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            answer: Mutex::new(Answer::Now(200, json!({"status": "ok"}).to_string())),
            takes: Mutex::default(),
            requests: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, routes)
                .await
                .expect("the target serves");
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// Address of its health page.
    pub fn url(&self) -> String {
        format!("http://{}/health", self.address)
    }

    /// Host and port.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// From now on it answers with `status` and `body`.
    pub fn answer(&self, status: u16, body: &Value) {
        *self.shared.answer.lock().unwrap() = Answer::Now(status, body.to_string());
    }

    /// From now on it takes `span` for each answer.
    pub fn take(&self, span: Duration) {
        *self.shared.takes.lock().unwrap() = span;
    }

    /// From now on it never answers.
    pub fn hang(&self) {
        *self.shared.answer.lock().unwrap() = Answer::Never;
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>) -> Response {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let takes = *shared.takes.lock().unwrap();
    tokio::time::sleep(takes).await;
    let answer = shared.answer.lock().unwrap().clone();
    match answer {
        Answer::Now(status, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(CONTENT_TYPE, "application/json")], body).into_response()
        }
        Answer::Never => {
            tokio::time::sleep(Duration::from_mins(10)).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
    }
}
