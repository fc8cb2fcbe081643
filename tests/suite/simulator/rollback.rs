//! Rollbacks.

use std::time::Duration;

use plumbline::simulator::{
    DeployStatus::{self, *},
    NewDeploy, NewService, Phase,
};
use serde_json::{Value, json};

use super::calls::{Answer, Api};

/// A service with a deploy that was replaced and the live one that replaced it.
struct Scene {
    api: Api,
    service: String,
    former: String,
    live: String,
}

impl Scene {
    async fn new() -> Self {
        let api = Api::start().await;
        let service = api.service("api");
        let (former, live) = (api.live(&service), api.live(&service));
        Self {
            api,
            service,
            former,
            live,
        }
    }

    async fn roll_back_to(&self, deploy: &str) -> Answer {
        let path = format!("/services/{}/rollback", self.service);
        self.api.post(&path, &json!({ "deployId": deploy })).await
    }

    async fn deploy(&self, id: &str) -> Value {
        let path = format!("/services/{}/deploys/{id}", self.service);
        self.api.get(&path).await.json()
    }
}

#[tokio::test]
async fn a_rollback_is_a_new_deploy_of_what_the_target_runs_and_does_not_build() {
    let scene = Scene::new().await;
    let answer = scene.roll_back_to(&scene.former).await;
    assert_eq!(answer.status.as_u16(), 201);
    let created = answer.json();
    assert_eq!(created["trigger"], "rollback");
    assert_eq!(created["status"], "update_in_progress");
    assert_ne!(created["id"], json!(scene.former));
    let target = scene.deploy(&scene.former).await;
    assert_eq!(created["commit"], target["commit"]);
    let statuses = async || scene.api.statuses(&scene.service).await;
    let under_way = ["update_in_progress", "live", "deactivated"];
    assert_eq!(statuses().await, under_way);
    scene.api.clock.advance(Duration::from_secs(10));
    assert_eq!(statuses().await, ["live", "deactivated", "deactivated"]);
    let service = scene.api.control().service(&scene.service).unwrap();
    assert!(service.auto_deploy, "a rollback by the API leaves it on");
    scene.api.end().await;
}

#[tokio::test]
async fn a_rollback_of_an_image_runs_the_target_s_image_and_has_its_instances() {
    let api = Api::start().await;
    let new = NewService {
        name: "api".to_owned(),
        image: Some("ghcr.io/acme/api:1".to_owned()),
        ..NewService::default()
    };
    let service = api.control().create_service(&new).unwrap().id;
    let former = api.live(&service);
    let path = format!("/services/{service}");
    let newer = json!({"imageUrl": "ghcr.io/acme/api:2"});
    api.post(&format!("{path}/deploys"), &newer).await;
    api.clock.advance(Duration::from_mins(1));
    let three = json!({"numInstances": 3});
    api.post(&format!("{path}/scale"), &three).await;
    let instances = async || api.get(&format!("{path}/instances")).await.json();
    assert_eq!(instances().await.as_array().unwrap().len(), 3);
    let body = json!({ "deployId": former });
    let created = api.post(&format!("{path}/rollback"), &body).await.json();
    assert_eq!(created["image"]["ref"], "ghcr.io/acme/api:1");
    assert_eq!(created["commit"], Value::Null);
    api.clock.advance(Duration::from_mins(1));
    // What the target had when it was replaced; the setting stays as it is.
    assert_eq!(instances().await.as_array().unwrap().len(), 1);
    let service = api.get(&path).await.json();
    assert_eq!(service["serviceDetails"]["numInstances"], 3);
    api.end().await;
}

#[tokio::test]
async fn events_tell_what_a_rollback_goes_back_to() {
    let scene = Scene::new().await;
    let created = scene.roll_back_to(&scene.former).await.json();
    let path = format!("/services/{}/events?type=deploy_started", scene.service);
    let events = scene.api.get(&path).await.json();
    let details = &events[0]["event"]["details"];
    assert_eq!(details["deployId"], created["id"]);
    assert_eq!(details["trigger"]["rollback"], true);
    assert_eq!(
        details["trigger"]["rollbackTargetDeployId"],
        json!(scene.former)
    );
    let before = &events[1]["event"]["details"]["trigger"];
    assert_eq!(before["rollback"], false);
    assert_eq!(before.get("rollbackTargetDeployId"), None);
    scene.api.end().await;
}

#[tokio::test]
async fn what_cannot_be_gone_back_to_is_refused_and_leaves_no_trace() {
    let scene = Scene::new().await;
    let control = scene.api.control();
    let failed = scene.api.live(&scene.service);
    control.set_deploy_status(&failed, UpdateFailed).unwrap();
    let expired = scene.api.live(&scene.service);
    control.expire_artifact(&expired).unwrap();
    let other = scene.api.service("other");
    let foreign = scene.api.live(&other);
    let deploys = control.deploys(&scene.service).unwrap();
    let path = format!("/services/{}/rollback", scene.service);
    let refused = [
        (json!({ "deployId": failed }), 400),
        (json!({ "deployId": expired }), 400),
        (json!({ "deployId": foreign }), 404),
        (json!({"deployId": "dep-none"}), 404),
        (json!({"deployId": ""}), 404),
        (json!({"deployId": null}), 400),
        (json!({"deployId": 7}), 400),
        (json!({"deploy": scene.former}), 400),
        (json!({"deployId": scene.former, "force": true}), 400),
        (json!([scene.former]), 400),
        (Value::Null, 400),
    ];
    for (body, status) in refused {
        scene.api.clock.advance(Duration::from_mins(1));
        let answer = scene.api.post(&path, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {answer:?}");
        assert!(answer.json()["message"].is_string());
    }
    assert_eq!(control.mutations(), []);
    assert_eq!(control.deploys(&scene.service).unwrap(), deploys);
    scene.api.end().await;
}

#[tokio::test]
async fn an_artifact_is_gone_for_every_deploy_that_shares_it() {
    let scene = Scene::new().await;
    let created = scene.roll_back_to(&scene.former).await.json();
    scene.api.clock.advance(Duration::from_secs(10));
    let copy = created["id"].as_str().unwrap().to_owned();
    assert_eq!(scene.roll_back_to(&copy).await.status.as_u16(), 201);
    scene.api.clock.advance(Duration::from_secs(10));
    scene.api.control().expire_artifact(&scene.former).unwrap();
    assert_eq!(scene.roll_back_to(&copy).await.status.as_u16(), 400);
    assert_eq!(scene.roll_back_to(&scene.live).await.status.as_u16(), 201);
    scene.api.end().await;
}

#[tokio::test]
async fn going_back_to_what_is_live_deploys_it_again() {
    let scene = Scene::new().await;
    let answer = scene.roll_back_to(&scene.live).await;
    assert_eq!(answer.status.as_u16(), 201);
    assert_eq!(
        answer.json()["commit"],
        scene.deploy(&scene.live).await["commit"]
    );
    scene.api.end().await;
}

#[tokio::test]
async fn a_rollback_behind_a_running_deploy_is_queued_and_named_all_the_same() {
    let scene = Scene::new().await;
    let control = scene.api.control();
    let running = control
        .start_deploy(&scene.service, &NewDeploy::default())
        .unwrap();
    let answer = scene.roll_back_to(&scene.former).await;
    assert_eq!(answer.status.as_u16(), 201);
    assert_eq!(answer.json()["status"], "queued");
    assert_eq!(answer.json().get("startedAt"), None);
    control
        .set_deploy_status(&running.id, UpdateFailed)
        .unwrap();
    let statuses = scene.api.statuses(&scene.service).await;
    assert_eq!(statuses[..2], ["update_in_progress", "update_failed"]);
    scene.api.end().await;
}

#[tokio::test]
async fn a_test_decides_what_the_next_deploys_go_through() {
    let scene = Scene::new().await;
    let control = scene.api.control();
    let phase = |status: DeployStatus, seconds| Phase { status, seconds };
    let fails = [phase(UpdateInProgress, 5.0), phase(UpdateFailed, 0.0)];
    let succeeds = [phase(PreDeployInProgress, 1.0), phase(Live, 0.0)];
    control.next_deploy_phases("api", &fails).unwrap();
    control.next_deploy_phases("api", &succeeds).unwrap();
    control.next_deploy_phases("api", &[]).unwrap_err();
    // What `control` starts goes its own way.
    scene.api.live(&scene.service);
    let seen = async |expected: &str| {
        let statuses = scene.api.statuses(&scene.service).await;
        assert_eq!(statuses[0], expected);
    };
    scene.roll_back_to(&scene.former).await;
    seen("update_in_progress").await;
    scene.api.clock.advance(Duration::from_secs(5));
    seen("update_failed").await;
    scene.roll_back_to(&scene.former).await;
    seen("pre_deploy_in_progress").await;
    scene.api.clock.advance(Duration::from_secs(1));
    seen("live").await;
    scene.roll_back_to(&scene.former).await;
    seen("update_in_progress").await;
    scene.api.clock.advance(Duration::from_secs(10));
    seen("live").await;
    scene.api.end().await;
}

#[tokio::test]
async fn a_suspended_service_is_not_rolled_back() {
    let scene = Scene::new().await;
    let path = format!("/services/{}/suspend", scene.service);
    scene.api.post(&path, &Value::Null).await;
    let answer = scene.roll_back_to(&scene.former).await;
    assert_eq!(answer.status.as_u16(), 400);
    scene.api.end().await;
}
