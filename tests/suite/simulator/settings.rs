//! Services that the API sets, suspends, resumes, restarts and scales.

use std::time::Duration;

use http::{Method, StatusCode};
use plumbline::simulator::{NewService, ServiceType, Suspender};
use serde_json::{Value, json};

use super::calls::{Answer, Api};

async fn patch(api: &Api, service: &str, body: &Value) -> Answer {
    let path = format!("/services/{service}");
    api.write(Method::PATCH, &path, body).await.unwrap()
}

fn create(api: &Api, name: &str, r#type: ServiceType, image: Option<&str>) -> String {
    let new = NewService {
        name: name.to_owned(),
        r#type,
        image: image.map(str::to_owned),
        ..NewService::default()
    };
    api.control().create_service(&new).unwrap().id
}

#[tokio::test]
async fn a_patch_sets_what_it_names_deploys_nothing_and_is_seen_at_once() {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    api.clock.advance(Duration::from_secs(5));
    let mode = json!({"enabled": true, "uri": "https://example.com"});
    let set = [
        (json!({"autoDeploy": "no"}), "/autoDeploy", json!("no")),
        (json!({"branch": "next"}), "/branch", json!("next")),
        (
            json!({"repo": "https://github.com/a/b"}),
            "/repo",
            json!("https://github.com/a/b"),
        ),
        (json!({"name": "front"}), "/name", json!("front")),
        (json!({"rootDir": "web"}), "/rootDir", json!("web")),
        (
            json!({"serviceDetails": {"maintenanceMode": mode}}),
            "/serviceDetails/maintenanceMode",
            mode.clone(),
        ),
    ];
    for (body, pointer, value) in set {
        let answer = patch(&api, &service, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}: {answer:?}");
        assert_eq!(answer.json().pointer(pointer), Some(&value), "{body}");
        let read = api.get(&format!("/services/{service}")).await.json();
        assert_eq!(read, answer.json());
        assert_eq!(read["updatedAt"], "2026-01-01T00:00:05Z");
    }
    assert_eq!(api.statuses(&service).await, ["live"]);
    let image = create(
        &api,
        "image",
        ServiceType::WebService,
        Some("ghcr.io/acme/api:1"),
    );
    let owner = api.control().service(&image).unwrap().owner_id;
    let body = json!({"image": {"ownerId": owner, "imagePath": "ghcr.io/acme/api:2"}});
    let answer = patch(&api, &image, &body).await;
    assert_eq!(answer.json()["imagePath"], "ghcr.io/acme/api:2");
    api.end().await;
}

#[tokio::test]
async fn a_patch_that_is_not_as_described_is_refused_as_a_whole() {
    let api = Api::start().await;
    let service = api.service("api");
    let worker = create(&api, "worker", ServiceType::BackgroundWorker, None);
    let image = create(
        &api,
        "image",
        ServiceType::WebService,
        Some("ghcr.io/acme/api:1"),
    );
    let before = api.control().ledger().len();
    let mode = json!({"maintenanceMode": {"enabled": true, "uri": ""}});
    let refused = [
        (&service, json!({"autoDeploy": false}), 400),
        (&service, json!({"autoDeploy": "off"}), 400),
        (
            &service,
            json!({"autoDeploy": "no", "colour": "green"}),
            400,
        ),
        (&service, json!({"autoDeploy": "no", "branch": null}), 400),
        (&service, json!({"autoDeploy": "no", "branch": ""}), 400),
        (&service, json!({"name": "worker"}), 409),
        (
            &service,
            json!({"serviceDetails": {"maintenanceMode": {"enabled": true}}}),
            400,
        ),
        (
            &service,
            json!({"image": {"ownerId": "tea-none", "imagePath": "a/b:1"}}),
            400,
        ),
        (
            &service,
            json!({"serviceDetails": {"maintenanceMode": [true, ""]}}),
            400,
        ),
        (&worker, json!({ "serviceDetails": mode }), 400),
        (&image, json!({"branch": "main"}), 400),
        (
            &image,
            json!({"image": {"ownerId": "tea-none", "imagePath": "a/b:1"}}),
            400,
        ),
        (&image, json!({"image": {"imagePath": "a/b:1"}}), 400),
        (&service, json!("no"), 400),
        (&service, Value::Null, 400),
    ];
    for (service, body, status) in refused {
        api.clock.advance(Duration::from_mins(1));
        let answer = patch(&api, service, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
    }
    assert_eq!(api.control().ledger().len(), before);
    api.end().await;
}

#[tokio::test]
async fn a_change_is_one_entry_in_the_ledger_in_its_caller_s_name() {
    let api = Api::start().await;
    let service = api.service("api");
    let target = api.live(&service);
    let path = format!("/services/{service}");
    let body = json!({"autoDeploy": "no"});
    patch(&api, &service, &body).await;
    patch(&api, &service, &body).await;
    let rollback = json!({ "deployId": target });
    api.post(&format!("{path}/rollback"), &rollback).await;
    let scale = json!({"numInstances": 2});
    api.post(&format!("{path}/scale"), &scale).await;
    for end in ["restart", "suspend", "resume"] {
        api.post(&format!("{path}/{end}"), &Value::Null).await;
    }
    let entries = api.control().mutations();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.action, entry.method.as_deref(), entry.body.as_ref()))
        .collect();
    let post = Some("POST");
    let expected = [
        ("patch service", Some("PATCH"), Some(&body)),
        ("patch service", Some("PATCH"), Some(&body)),
        ("roll back", post, Some(&rollback)),
        ("scale service", post, Some(&scale)),
        ("restart service", post, None),
        ("suspend service", post, None),
        ("resume service", post, None),
    ];
    assert_eq!(told, expected);
    for entry in &entries {
        assert!(entry.actor.starts_with("key sha256:"), "{}", entry.actor);
        assert!(entry.path.as_ref().unwrap().starts_with("/v1/services/"));
    }
    assert_eq!(entries[0].before["autoDeploy"], true);
    assert_eq!(entries[0].after["autoDeploy"], false);
    assert_eq!(entries[1].before, entries[1].after);
    assert_eq!(entries[2].before, Value::Null);
    assert_eq!(entries[2].after["rollbackTarget"], json!(target));
    let sequences: Vec<_> = entries.iter().map(|entry| entry.sequence).collect();
    assert!(sequences.is_sorted_by(|one, next| one + 1 == *next));
    api.end().await;
}

#[tokio::test]
async fn only_what_a_person_suspended_is_resumed() {
    let api = Api::start().await;
    let service = api.service("api");
    let live = api.live(&service);
    let path = format!("/services/{service}");
    let post = async |end: &str| api.post(&format!("{path}/{end}"), &Value::Null).await;
    for _ in 0..2 {
        assert_eq!(post("suspend").await.status, StatusCode::ACCEPTED);
    }
    assert_eq!(api.get(&path).await.json()["suspenders"], json!(["user"]));
    let deploy = api.post(&format!("{path}/deploys"), &json!({})).await;
    assert_eq!(deploy.status, StatusCode::BAD_REQUEST);
    assert_eq!(post("restart").await.status, StatusCode::BAD_REQUEST);
    let resumed = post("resume").await;
    assert_eq!(
        (resumed.status, resumed.text.as_str()),
        (StatusCode::ACCEPTED, "")
    );
    let deploys = api.control().deploys(&service).unwrap();
    let (newest, former) = (&deploys[0], &deploys[1]);
    assert_eq!(former.id, live);
    assert_eq!(newest.commit, former.commit);
    assert_eq!(
        serde_json::to_value(newest.trigger).unwrap(),
        "service_resumed"
    );
    // Nothing is left to resume.
    assert_eq!(post("resume").await.status, StatusCode::ACCEPTED);
    assert_eq!(api.control().deploys(&service).unwrap().len(), 2);
    api.control().suspend(&service, Suspender::Billing).unwrap();
    assert_eq!(post("resume").await.status, StatusCode::BAD_REQUEST);
    post("suspend").await;
    post("resume").await;
    assert_eq!(
        api.get(&path).await.json()["suspenders"],
        json!(["billing"])
    );
    api.end().await;
}

#[tokio::test]
async fn a_restart_replaces_the_instances_and_deploys_nothing() {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    let path = format!("/services/{service}");
    let instances = async || api.get(&format!("{path}/instances")).await.json();
    let before = instances().await;
    api.clock.advance(Duration::from_mins(1));
    let answer = api.post(&format!("{path}/restart"), &Value::Null).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, ""));
    let after = instances().await;
    assert_ne!(before[0]["id"], after[0]["id"]);
    assert_ne!(before[0]["createdAt"], after[0]["createdAt"]);
    assert_eq!(api.statuses(&service).await, ["live"]);
    api.live(&service);
    assert_ne!(instances().await[0]["id"], after[0]["id"]);
    api.end().await;
}

#[tokio::test]
async fn scaling_changes_the_setting_and_the_instances_within_bounds() {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    let path = format!("/services/{service}");
    for (body, status) in [
        (json!({"numInstances": 3}), 202),
        (json!({"numInstances": 0}), 400),
        (json!({"numInstances": -1}), 400),
        (json!({"numInstances": 101}), 400),
        (json!({"numInstances": "3"}), 400),
        (json!({}), 400),
    ] {
        let answer = api.post(&format!("{path}/scale"), &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
    }
    let instances = api.get(&format!("{path}/instances")).await.json();
    assert_eq!(instances.as_array().unwrap().len(), 3);
    let read = api.get(&path).await.json();
    assert_eq!(read["serviceDetails"]["numInstances"], 3);
    let cron = create(&api, "cron", ServiceType::CronJob, None);
    let answer = api
        .post(
            &format!("/services/{cron}/scale"),
            &json!({"numInstances": 1}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    api.end().await;
}
