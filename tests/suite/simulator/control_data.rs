//! The simulator's own routes, beyond services and deploys: each has the effect of the handle's method.

use http::{Method, StatusCode};
use plumbline::simulator::{Effect, Fault, Route};
use serde_json::{Value, json};

use super::calls::{Answer, Api};

async fn ask(api: &Api, method: Method, path: &str, body: Value) -> Answer {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let headers: &[(&str, &str)] = if text.is_empty() {
        &[]
    } else {
        &[("content-type", "application/json")]
    };
    let path = format!("/_simulator{path}");
    let answer = api.send(method, &path, headers, &text).await.unwrap();
    assert!(answer.status.is_success(), "{path}: {answer:?}");
    answer
}

async fn get(api: &Api, path: &str) -> Value {
    ask(api, Method::GET, path, Value::Null).await.json()
}

#[tokio::test]
async fn services_are_made_up_over_http() {
    let api = Api::start().await;
    let id = api.service("api");
    let put = async |path: &str, body| ask(&api, Method::PUT, path, body).await;
    put("/services/api/plan", json!({"plan": "pro"})).await;
    let disk = json!({"name": "data", "sizeGB": 10, "mountPath": "/data"});
    put("/services/api/disk", disk).await;
    put("/services/api/variables/LEVEL", json!({"value": "info"})).await;
    let details = api.get(&format!("/services/{id}")).await.json()["serviceDetails"].clone();
    assert_eq!(details["plan"], "pro");
    assert_eq!(details["disk"]["sizeGB"], 10);
    ask(&api, Method::DELETE, "/services/api/disk", Value::Null).await;
    let stored = json!({"LEVEL": "info"});
    assert_eq!(get(&api, "/services/api/variables").await, stored);
    let phases = json!({"phases": [{"status": "update_failed"}]});
    let next = "/services/api/next-deploy";
    ask(&api, Method::POST, next, phases).await;
    let pushed = json!({"commit": "c0ffee", "message": "Wake up"});
    let push = "/services/api/pushes";
    let deploy = ask(&api, Method::POST, push, pushed).await.json();
    assert_eq!(deploy["commit"]["id"], "c0ffee");
    let deploy = deploy["id"].as_str().unwrap();
    let running = get(&api, &format!("/deploys/{deploy}/variables")).await;
    assert_eq!(running, stored);
    api.control()
        .set_deploy_status(deploy, plumbline::simulator::DeployStatus::Live)
        .unwrap();
    let rollback = format!("/services/{id}/rollback");
    let body = json!({ "deployId": deploy });
    let answer = api.post(&rollback, &body).await;
    assert_eq!(answer.json()["status"], "update_failed");
    let artifact = format!("/deploys/{deploy}/artifact");
    ask(&api, Method::DELETE, &artifact, Value::Null).await;
    let refused = api.post(&rollback, &body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    api.end().await;
}

#[tokio::test]
async fn calls_are_held_delayed_and_seen_over_http() {
    let api = Api::start().await;
    let id = api.service("api");
    let target = api.live(&id);
    let fault = Fault::of(Route::RollBack, Effect::HoldBefore).times(2);
    api.control().add_fault(fault).unwrap();
    ask(&api, Method::PUT, "/lag", json!({"milliseconds": 60_000})).await;
    let body = json!({ "deployId": target });
    let rollback = format!("/services/{id}/rollback");
    for (method, end, done) in [
        (Method::DELETE, "", false),
        (Method::POST, "/release", true),
    ] {
        let call = api.write(Method::POST, &rollback, &body);
        let let_go = async {
            let held = api.control().until_held().await;
            let listed = get(&api, "/held").await;
            assert_eq!(listed[0]["id"], held.id);
            assert_eq!(listed[0]["at"], "beforeEffect");
            let path = format!("/held/{}{end}", held.id);
            ask(&api, method, &path, Value::Null).await;
        };
        let (answer, ()) = tokio::join!(call, let_go);
        assert_eq!(answer.is_ok(), done);
    }
    let mutations = get(&api, "/mutations").await;
    assert_eq!(mutations.as_array().unwrap().len(), 1);
    assert_eq!(mutations[0]["body"], body);
    assert_eq!(api.statuses(&id).await, ["live"]);
    ask(&api, Method::PUT, "/lag", json!({"milliseconds": 0})).await;
    assert_eq!(api.statuses(&id).await, ["update_in_progress", "live"]);
    let requests = get(&api, "/requests").await;
    assert_eq!(requests.as_array().unwrap().len(), 4);
    ask(
        &api,
        Method::PUT,
        "/limits/deploys",
        json!({"calls": 3, "windowSeconds": 9}),
    )
    .await;
    let answer = api.post(&rollback, &body).await;
    assert_eq!(answer.header("ratelimit-limit"), "3");
    api.end().await;
}

#[tokio::test]
async fn databases_logs_and_maintenance_are_made_up_over_http() {
    let api = Api::start().await;
    api.service("api");
    let post = async |path: &str, body| ask(&api, Method::POST, path, body).await;
    let put = async |path: &str, body| ask(&api, Method::PUT, path, body).await;
    let connection = "postgresql://127.0.0.1/real";
    let new = json!({"name": "main", "plan": "pro_4gb", "connection": connection});
    let id = post("/databases", new).await.json()["id"].clone();
    let path = format!("/postgres/{}", id.as_str().unwrap());
    put("/databases/main/status", json!({"status": "unavailable"})).await;
    put(
        "/databases/main/recovery",
        json!({"recovery": "BACKUP_NOT_READY"}),
    )
    .await;
    assert_eq!(api.get(&path).await.json()["status"], "unavailable");
    let recovery = api.get(&format!("{path}/recovery")).await.json();
    assert_eq!(recovery["recoveryStatus"], "BACKUP_NOT_READY");
    let info = format!("{path}/connection-info");
    let told = async || api.get(&info).await.json()["externalConnectionString"].clone();
    assert_eq!(told().await, connection);
    let other = "postgresql://127.0.0.1/other";
    put("/databases/main/connection", json!({ "connection": other })).await;
    assert_eq!(told().await, other);
    assert_eq!(get(&api, "/databases").await[0]["plan"], "pro_4gb");

    post(
        "/logs/api",
        json!([{"message": "one"}, {"message": "two", "level": "error"}]),
    )
    .await;
    let service = api.control().service("api").unwrap();
    let query = format!("ownerId={}&resource={}", service.owner_id, service.id);
    api.clock.advance(std::time::Duration::from_secs(1));
    let logs = api.get(&format!("/logs?{query}")).await.json();
    assert_eq!(logs["logs"][0]["message"], "two");

    let run = post("/maintenance", json!({"resource": "main"}))
        .await
        .json();
    let state = format!("/maintenance/{}/state", run["id"].as_str().unwrap());
    put(&state, json!({"state": "failed"})).await;
    let runs = api.get("/maintenance").await.json();
    assert_eq!(runs[0]["state"], "failed");
    let state = get(&api, "/state").await;
    assert_eq!(state["databases"][0]["name"], "main");
    assert!(!state.to_string().contains("127.0.0.1"), "{state}");
    api.end().await;
}
