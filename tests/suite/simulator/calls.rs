//! A simulator on a clock that stands still, and calls to it.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use plumbline::simulator::{
    Control, ManualClock, NewDeploy, NewKey, NewService, Options, Running, Simulator,
};
use serde_json::Value;

/// The longest that a call may take.
pub const LIMIT: Duration = Duration::from_secs(10);

/// The key that a new [`Api`] accepts.
pub const KEY: &str = "rnd_of_the_tests";

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The identifiers of a list's items, which stand under `name`.
    pub fn ids(&self, name: &str) -> Vec<String> {
        let list = self.json();
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| item[name]["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A simulator and a client of it.
pub struct Api {
    pub running: Running,
    pub clock: Arc<ManualClock>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Api {
    /// An empty platform that accepts [`KEY`], on the first of January 2026.
    pub async fn start() -> Self {
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let options = Options {
            clock: clock.clone(),
            ..Options::default()
        };
        let api = Self {
            running: Simulator::start(options).await.unwrap(),
            clock,
            client: Client::builder(TokioExecutor::new()).build_http(),
        };
        let key = NewKey {
            key: KEY.to_owned(),
            workspaces: None,
        };
        api.control().accept_key(&key).unwrap();
        api
    }

    pub fn control(&self) -> &Control {
        self.running.control()
    }

    /// Creates a web service; its identifier.
    pub fn service(&self, name: &str) -> String {
        let new = NewService {
            name: name.to_owned(),
            ..NewService::default()
        };
        self.control().create_service(&new).unwrap().id
    }

    /// Starts a deploy that is live at once; its identifier.
    pub fn live(&self, service: &str) -> String {
        let new = NewDeploy {
            immediately: true,
            ..NewDeploy::default()
        };
        self.control().start_deploy(service, &new).unwrap().id
    }

    /// Sends a GET of Render's API with [`KEY`].
    pub async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap()
    }

    /// The same for an answer that may not come to its end.
    pub async fn try_get(&self, path: &str) -> Result<Answer, String> {
        let authorization = format!("Bearer {KEY}");
        let headers = [("authorization", authorization.as_str())];
        self.send(Method::GET, &format!("/v1{path}"), &headers, "")
            .await
    }

    /// Sends a POST with a body, or without one if it is null.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.write(Method::POST, path, body).await.unwrap()
    }

    /// Sends a call that changes something with [`KEY`].
    pub async fn write(&self, method: Method, path: &str, body: &Value) -> Result<Answer, String> {
        let authorization = format!("Bearer {KEY}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(method, &format!("/v1{path}"), &headers, &text)
            .await
    }

    /// The statuses of a service's deploys as the API tells them, newest first.
    pub async fn statuses(&self, service: &str) -> Vec<String> {
        let list = self
            .get(&format!("/services/{service}/deploys"))
            .await
            .json();
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| item["deploy"]["status"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Sends anything.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.running.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let exchange = async {
            let response = self.client.request(request).await?;
            let (head, body) = response.into_parts();
            let bytes = body.collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error>>(Answer {
                status: head.status,
                headers: head.headers,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        };
        tokio::time::timeout(LIMIT, exchange)
            .await
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|error| format!("{error:?}"))
    }

    /// Stops the simulator; fails if anything is left of it.
    pub async fn end(self) {
        self.running.shutdown().await.unwrap();
    }
}
