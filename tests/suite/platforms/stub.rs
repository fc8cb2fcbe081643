//! A platform with one answer for each call.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body, response::Response};
use http::{Method, Uri};
use plumbline::platforms::{PlatformError, Release};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};

use super::render::{KEY, PATIENCE, hub, target};

/// A server with one answer for each method and path, until it is dropped.
pub struct Stub {
    base: String,
    calls: Arc<Mutex<Vec<(Method, Uri)>>>,
    server: JoinHandle<()>,
}

impl Stub {
    pub async fn start(
        answer: impl Fn(&Method, &Uri) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let calls = Arc::<Mutex<Vec<(Method, Uri)>>>::default();
        let seen = Arc::clone(&calls);
        let app = Router::new().fallback(move |method: Method, uri: Uri| {
            let answer = answer(&method, &uri);
            seen.lock().unwrap().push((method, uri));
            async move { answer }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            base,
            calls,
            server,
        }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The live release of a service.
    pub async fn read(&self, name: &str) -> Result<Release, PlatformError> {
        self.read_in(None, name).await
    }

    /// The same, with the workspace compared.
    pub async fn read_in(&self, owner: Option<&str>, name: &str) -> Result<Release, PlatformError> {
        let (hub, _) = hub(&self.base, PATIENCE);
        let observer = hub.observer(&target(KEY, owner, &[name])).unwrap();
        observer.observe(Instant::now()).await
    }

    /// How many calls reached it.
    pub fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// How many calls with another method than GET reached it.
    pub fn changes(&self) -> usize {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .filter(|(method, _)| method != Method::GET)
            .count()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Status 200 with this body.
pub fn answer(body: impl Into<Body>) -> Response {
    Response::new(body.into())
}
