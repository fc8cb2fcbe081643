//! A service to check, on a loopback port: it answers as it is told to, so that a person or a test breaks and mends it.
//!
//! `GET /health` is what a check asks. `GET` and `PUT /_simulator/state` show and set how it is answered; what a `PUT` leaves
//! out is as it was at the start, so that `{}` mends everything.

use std::{
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{sleep, timeout},
};

use super::server::{SHUTDOWN_LIMIT, SimulatorError};
use crate::api::Duration;

/// Where the state is seen and set.
const STATE: &str = "/_simulator/state";

/// How `GET /health` is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Behaviour {
    /// Status of the answer, 200 to 599.
    status: u16,
    /// Time before the answer begins.
    delay: Duration,
    /// `queue.depth` of the body.
    queue_depth: u64,
    /// `version` of the body.
    version: String,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            status: 200,
            delay: Duration::from_secs(0),
            queue_depth: 3,
            version: "1".to_owned(),
        }
    }
}

/// A target that listens.
#[derive(Debug)]
pub struct Target {
    listener: TcpListener,
    address: SocketAddr,
}

impl Target {
    /// Listens on `port` of 127.0.0.1; 0 is a free one.
    pub async fn bind(port: u16) -> Result<Self, SimulatorError> {
        let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listen = |source| SimulatorError::Listen {
            address: asked,
            source,
        };
        let listener = TcpListener::bind(asked).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address })
    }

    /// The base address of what is checked.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address at which its state is seen and set.
    #[must_use]
    pub fn state_url(&self) -> String {
        format!("http://{}{STATE}", self.address)
    }

    /// Serves until `stop` resolves. Answers that wait are then given at once.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), SimulatorError> {
        let Self { listener, address } = self;
        let (stopping, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            behaviour: Mutex::default(),
            stopped,
        });
        let ended = Arc::clone(&shared);
        let serving = axum::serve(listener, router(shared))
            .with_graceful_shutdown(async move { ended.stopped().await })
            .into_future();
        let mut serving = pin!(serving);
        let served = tokio::select! {
            served = &mut serving => served,
            () = stop => {
                stopping.send_replace(true);
                timeout(SHUTDOWN_LIMIT, serving).await.map_err(|_| SimulatorError::Shutdown)?
            }
        };
        served.map_err(|source| SimulatorError::Serve { address, source })
    }
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    stopped: watch::Receiver<bool>,
}

impl Shared {
    fn behaviour(&self) -> Behaviour {
        let behaviour = self.behaviour.lock();
        behaviour.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn stopped(&self) {
        // An error means that whoever could stop it is gone, which is a reason to stop as well.
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route(STATE, get(show).put(set))
        .with_state(shared)
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let Behaviour {
        status,
        delay,
        queue_depth,
        version,
    } = shared.behaviour();
    tokio::select! {
        () = sleep(delay.get()) => {}
        () = shared.stopped() => {}
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let word = if status.is_success() { "ok" } else { "failing" };
    let body = json!({"status": word, "queue": {"depth": queue_depth}, "version": version});
    (status, Json(body)).into_response()
}

async fn show(State(shared): State<Arc<Shared>>) -> Json<Behaviour> {
    Json(shared.behaviour())
}

async fn set(State(shared): State<Arc<Shared>>, Json(behaviour): Json<Behaviour>) -> Response {
    if !(200..=599).contains(&behaviour.status) {
        let message = format!("status is {}: it must be 200 to 599", behaviour.status);
        return (StatusCode::BAD_REQUEST, Json(json!({"message": message}))).into_response();
    }
    *shared
        .behaviour
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = behaviour;
    StatusCode::NO_CONTENT.into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::{Method, Request};
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
    };
    use tower_service::Service;

    use super::*;

    async fn call(router: &Router, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = router.clone().call(request).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn healthy() -> (watch::Sender<bool>, Router) {
        let (stopping, stopped) = watch::channel(false);
        let shared = Shared {
            behaviour: Mutex::default(),
            stopped,
        };
        (stopping, router(Arc::new(shared)))
    }

    #[tokio::test]
    async fn it_answers_as_told_and_an_empty_state_mends_it() {
        let (_stopping, router) = healthy();
        let well = call(&router, Method::GET, "/health", "").await;
        let body = json!({"status": "ok", "queue": {"depth": 3}, "version": "1"});
        assert_eq!(well, (StatusCode::OK, body));

        let broken = r#"{"status": 503, "queueDepth": 5000}"#;
        let set = call(&router, Method::PUT, STATE, broken).await;
        assert_eq!(set.0, StatusCode::NO_CONTENT);
        let answer = call(&router, Method::GET, "/health", "").await;
        let body = json!({"status": "failing", "queue": {"depth": 5000}, "version": "1"});
        assert_eq!(answer, (StatusCode::SERVICE_UNAVAILABLE, body));
        let shown = call(&router, Method::GET, STATE, "").await;
        assert_eq!(shown.1["queueDepth"], 5000);

        call(&router, Method::PUT, STATE, "{}").await;
        assert_eq!(call(&router, Method::GET, "/health", "").await, well);
    }

    #[tokio::test]
    async fn a_state_that_cannot_be_is_refused_and_changes_nothing() {
        let (_stopping, router) = healthy();
        for wrong in [
            r#"{"status": 100}"#,
            r#"{"status": 600}"#,
            r#"{"delay": 2}"#,
            r#"{"stattus": 503}"#,
        ] {
            let refused = call(&router, Method::PUT, STATE, wrong).await;
            assert!(refused.0.is_client_error(), "{wrong}: {}", refused.0);
        }
        let shown = call(&router, Method::GET, STATE, "").await;
        assert_eq!(shown.1, serde_json::to_value(Behaviour::default()).unwrap());
    }

    #[tokio::test]
    async fn it_ends_at_once_though_an_answer_waits() {
        let target = Target::bind(0).await.unwrap();
        let address = target.address;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(target.serve(async move {
            let _ = stopped.await;
        }));
        let mut slow = TcpStream::connect(address).await.unwrap();
        let body = r#"{"delay": "1h"}"#;
        let requests = format!(
            "PUT {STATE} HTTP/1.1\r\nHost: target\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}\
             GET /health HTTP/1.1\r\nHost: target\r\n\r\n",
            body.len(),
        );
        slow.write_all(requests.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        slow.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 204");

        stop.send(()).unwrap();
        let ended = timeout(SHUTDOWN_LIMIT / 2, serving).await;
        ended
            .expect("it ends well before its limit")
            .unwrap()
            .unwrap();
    }
}
