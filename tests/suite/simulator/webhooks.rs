//! Webhooks: who is told, of what, how it is signed, and what comes of an answer that is none.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, StatusCode};
use plumbline::simulator::{DeployStatus, NewDeploy, Phase};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::JoinHandle};

use super::calls::{Answer, Api};
use crate::support::eventually::eventually;

/// A delivery as it arrived.
#[derive(Debug, Clone)]
struct Told {
    id: String,
    timestamp: String,
    signature: String,
    text: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

#[derive(Debug, Default)]
struct Heard {
    told: Vec<Told>,
    /// What is answered to the next ones; 204 when that is used up.
    answers: VecDeque<StatusCode>,
}

type Shared = Arc<Mutex<Heard>>;

/// Somebody who is told.
struct Listener {
    url: String,
    heard: Shared,
    serving: JoinHandle<()>,
}

impl Listener {
    async fn start() -> Self {
        let heard = Shared::default();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", socket.local_addr().unwrap());
        let router = Router::new()
            .route("/hook", post(hear))
            .with_state(heard.clone());
        Self {
            url,
            heard,
            serving: tokio::spawn(async move { axum::serve(socket, router).await.unwrap() }),
        }
    }

    fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        let statuses = statuses.into_iter();
        let statuses = statuses.map(|status| StatusCode::from_u16(status).unwrap());
        self.heard.lock().unwrap().answers.extend(statuses);
    }

    fn told(&self) -> Vec<Told> {
        self.heard.lock().unwrap().told.clone()
    }

    /// What was told, once it is this many.
    async fn once(&self, count: usize) -> Vec<Told> {
        eventually("deliveries", async || {
            let told = self.told();
            if told.len() == count {
                Ok(told)
            } else {
                Err(told)
            }
        })
        .await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn hear(State(heard): State<Shared>, headers: HeaderMap, text: String) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let mut heard = heard.lock().unwrap();
    heard.told.push(Told {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        text,
    });
    heard.answers.pop_front().unwrap_or(StatusCode::NO_CONTENT)
}

struct Scene {
    api: Api,
    service: String,
    listener: Listener,
    hook: Value,
}

impl Scene {
    async fn listening_for(types: &[&str]) -> Self {
        let api = Api::start().await;
        let service = api.service("api");
        let listener = Listener::start().await;
        let answer = register(&api, &listener.url, types).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        Self {
            hook: answer.json(),
            api,
            service,
            listener,
        }
    }

    fn path(&self) -> String {
        format!("/webhooks/{}", self.hook["id"].as_str().unwrap())
    }

    async fn write(&self, method: Method, body: &Value) -> Answer {
        self.api.write(method, &self.path(), body).await.unwrap()
    }

    async fn attempts(&self) -> Vec<Value> {
        let list = self
            .api
            .get(&format!("{}/events", self.path()))
            .await
            .json();
        let items = list.as_array().unwrap().iter();
        items.map(|item| item["webhookEvent"].clone()).collect()
    }

    /// The attempts, once they are this many.
    async fn attempted(&self, count: usize) -> Vec<Value> {
        eventually("attempts", async || {
            let attempts = self.attempts().await;
            if attempts.len() == count {
                Ok(attempts)
            } else {
                Err(attempts)
            }
        })
        .await
    }
}

async fn register(api: &Api, url: &str, types: &[&str]) -> Answer {
    let owner = api.control().service("api").unwrap().owner_id;
    let body = json!({
        "ownerId": owner, "name": "hook", "url": url, "enabled": true, "eventFilter": types,
    });
    api.post("/webhooks", &body).await
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let padded = |pad: u8| -> Vec<u8> {
        let mut block = key.to_vec();
        block.resize(64, 0);
        block.iter().map(|byte| byte ^ pad).collect()
    };
    let inner = Sha256::digest([padded(0x36), message.as_bytes().to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

#[tokio::test]
async fn what_happens_is_told_signed_over_the_very_bytes() {
    let scene = Scene::listening_for(&["deploy_started", "deploy_ended"]).await;
    let new = NewDeploy::default();
    let control = scene.api.control();
    control.start_deploy(&scene.service, &new).unwrap();
    let [started] = scene.listener.once(1).await.try_into().unwrap();
    assert_eq!(started.json()["type"], "deploy_started");
    assert_eq!(started.json()["data"].get("status"), None);
    // Nobody asks the simulator anything, and still it tells of the end.
    scene.api.clock.advance(Duration::from_mins(1));
    let [_, ended] = scene.listener.once(2).await.try_into().unwrap();
    let body = ended.json();
    assert_eq!(body["type"], "deploy_ended");
    assert_eq!(body["data"]["status"], "succeeded");
    assert_eq!(body["data"]["serviceId"], json!(scene.service));
    assert_eq!(body["data"]["serviceName"], "api");
    assert_eq!(body["data"]["id"], json!(ended.id));
    let path = format!("/services/{}/events?type=deploy_ended", scene.service);
    let listed = scene.api.get(&path).await.ids("event");
    assert_eq!(listed, std::slice::from_ref(&ended.id));
    let secret = scene.hook["secret"].as_str().unwrap();
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let signed = format!("{}.{}.{}", ended.id, ended.timestamp, ended.text);
    let expected = format!("v1,{}", STANDARD.encode(hmac(&key, &signed)));
    assert_eq!(ended.signature, expected);
    assert_eq!(ended.timestamp, "1767225660");
    let attempts = scene.attempted(2).await;
    assert_eq!(attempts[0]["eventId"], json!(ended.id));
    assert_eq!(attempts[0]["eventType"], "deploy_ended");
    assert_eq!(attempts[0]["statusCode"], 204);
    scene.api.end().await;
}

#[tokio::test]
async fn a_failed_deploy_is_told_as_failed() {
    let scene = Scene::listening_for(&["deploy_ended"]).await;
    let fails = [Phase {
        status: DeployStatus::UpdateFailed,
        seconds: 0.0,
    }];
    let control = scene.api.control();
    control.next_deploy_phases("api", &fails).unwrap();
    let path = format!("/services/{}/deploys", scene.service);
    scene.api.post(&path, &json!({})).await;
    let told = scene.listener.once(1).await;
    assert_eq!(told[0].json()["data"]["status"], "failed");
    scene.api.end().await;
}

#[tokio::test]
async fn a_failure_is_repeated_under_the_same_name_and_ends_with_a_disabled_webhook() {
    let scene = Scene::listening_for(&["deploy_started"]).await;
    scene
        .listener
        .answer([500, 302, 404, 500, 500, 500, 500, 500]);
    scene.api.live(&scene.service);
    let pauses = [
        0,
        5,
        5 * 60,
        30 * 60,
        2 * 3_600,
        5 * 3_600,
        10 * 3_600,
        15 * 3_600,
    ];
    for (attempt, pause) in pauses.into_iter().enumerate() {
        assert_eq!(scene.attempted(attempt).await.len(), attempt);
        assert_eq!(scene.api.get(&scene.path()).await.json()["enabled"], true);
        scene.api.clock.advance(Duration::from_secs(pause));
        scene.listener.once(attempt + 1).await;
    }
    scene.attempted(8).await;
    let told = scene.listener.told();
    assert!(told.iter().all(|again| again.id == told[0].id));
    assert_ne!(told[0].signature, told[1].signature);
    assert_eq!(scene.api.get(&scene.path()).await.json()["enabled"], false);
    scene.api.clock.advance(Duration::from_hours(100));
    // It is told again only of what happens after it was enabled.
    let body = json!({"enabled": true});
    assert_eq!(
        scene.write(Method::PATCH, &body).await.status,
        StatusCode::OK
    );
    scene.api.live(&scene.service);
    let told = scene.listener.once(9).await;
    assert_ne!(told[8].id, told[0].id);
    scene.api.end().await;
}

#[tokio::test]
async fn a_listener_that_is_gone_is_an_error_of_the_attempt() {
    let scene = Scene::listening_for(&["deploy_started"]).await;
    scene.listener.serving.abort();
    let gone = json!({"url": "http://127.0.0.1:9/hook"});
    scene.write(Method::PATCH, &gone).await;
    scene.api.live(&scene.service);
    let attempts = scene.attempted(1).await;
    assert!(attempts[0]["error"].is_string(), "{attempts:?}");
    assert_eq!(attempts[0].get("statusCode"), None);
    scene.api.end().await;
}

#[tokio::test]
async fn a_webhook_is_told_only_of_what_it_asks_for_and_while_it_is_enabled() {
    let scene = Scene::listening_for(&["deploy_ended"]).await;
    let off = json!({"enabled": false});
    let changed = scene.write(Method::PATCH, &off).await.json();
    assert_eq!(changed["enabled"], false);
    scene.api.live(&scene.service);
    scene.write(Method::PATCH, &json!({"enabled": true})).await;
    scene.api.live(&scene.service);
    let told = scene.listener.once(1).await;
    assert_eq!(told[0].json()["type"], "deploy_ended");
    // Everything is told when nothing is filtered, and that reads back as null.
    let all = json!({"eventFilter": []});
    let changed = scene.write(Method::PATCH, &all).await.json();
    assert_eq!(changed["eventFilter"], Value::Null);
    scene.api.live(&scene.service);
    let types: Vec<_> = scene.listener.once(3).await[1..]
        .iter()
        .map(|told| told.json()["type"].as_str().unwrap().to_owned())
        .collect();
    assert!(types.contains(&"deploy_started".to_owned()), "{types:?}");
    let deleted = scene.write(Method::DELETE, &Value::Null).await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(
        scene.api.get(&scene.path()).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(scene.api.get("/webhooks").await.json(), json!([]));
    scene.api.end().await;
}

#[tokio::test]
async fn a_webhook_that_leads_elsewhere_or_is_not_as_described_is_refused() {
    let scene = Scene::listening_for(&[]).await;
    for url in [
        "http://example.com/hook",
        "http://localhost:1/hook",
        "http://10.0.0.1/hook",
        "https://127.0.0.1/hook",
        "ftp://127.0.0.1/hook",
        "hook",
    ] {
        let answer = register(&scene.api, url, &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{url}");
        let patched = scene.write(Method::PATCH, &json!({ "url": url })).await;
        assert_eq!(patched.status, StatusCode::BAD_REQUEST, "{url}");
    }
    let url = &scene.listener.url;
    assert_eq!(
        register(&scene.api, url, &["deploy_exploded"]).await.status,
        StatusCode::BAD_REQUEST
    );
    let foreign = json!({
        "ownerId": "tea-none", "name": "hook", "url": url, "enabled": true, "eventFilter": [],
    });
    let answer = scene.api.post("/webhooks", &foreign).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = scene.api.post("/webhooks", &json!({ "url": url })).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(scene.api.get("/webhooks").await.ids("webhook").len(), 1);
    scene.api.end().await;
}

#[tokio::test]
async fn secrets_of_webhooks_are_in_answers_and_nowhere_else() {
    let scene = Scene::listening_for(&[]).await;
    let secret = scene.hook["secret"].as_str().unwrap();
    let written = [
        format!("{:?}", scene.api.running),
        scene.api.control().state().to_string(),
        serde_json::to_string(&scene.api.control().ledger()).unwrap(),
    ];
    for text in written {
        assert!(!text.contains(secret), "{text}");
    }
    let read = scene.api.get(&scene.path()).await.json();
    assert_eq!(read["secret"], json!(secret));
    scene.api.end().await;
}
