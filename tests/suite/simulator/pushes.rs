//! Commits that are pushed, and what a service is made of.

use std::time::Duration;

use http::{Method, StatusCode};
use plumbline::simulator::{
    ControlError, DeployStatus, NewCommit, NewDisk, NewService, ServiceType, Suspender, Trigger,
};
use serde_json::json;

use super::calls::Api;

fn commit(id: &str) -> NewCommit {
    NewCommit {
        commit: Some(id.to_owned()),
        message: Some(format!("Change to {id}")),
    }
}

async fn auto_deploy(api: &Api, service: &str, word: &str) {
    let path = format!("/services/{service}");
    let body = json!({ "autoDeploy": word });
    let answer = api.write(Method::PATCH, &path, &body).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_pushed_is_deployed_unless_that_is_turned_off() {
    let api = Api::start().await;
    let service = api.service("api");
    let deploy = api.control().push("api", &commit("aaaa")).unwrap().unwrap();
    assert_eq!(deploy.trigger, Trigger::NewCommit);
    assert_eq!(deploy.status, DeployStatus::BuildInProgress);
    assert_eq!(deploy.commit.unwrap().id, "aaaa");
    api.clock.advance(Duration::from_mins(1));
    auto_deploy(&api, &service, "no").await;
    assert_eq!(api.control().push("api", &commit("bbbb")), Ok(None));
    assert_eq!(api.statuses(&service).await, ["live"]);
    // A deploy by the API is of what was pushed meanwhile.
    let path = format!("/services/{service}/deploys");
    let deploy = api.post(&path, &json!({})).await.json();
    assert_eq!(deploy["commit"]["id"], "bbbb");
    assert_eq!(deploy["commit"]["message"], "Change to bbbb");
    auto_deploy(&api, &service, "yes").await;
    // Turning it on again makes up for nothing.
    assert_eq!(api.control().deploys("api").unwrap().len(), 2);
    api.end().await;
}

#[tokio::test]
async fn a_push_after_a_rollback_deploys_again_while_auto_deploy_is_on() {
    let api = Api::start().await;
    let service = api.service("api");
    let good = api.live(&service);
    api.live(&service);
    let path = format!("/services/{service}/rollback");
    api.post(&path, &json!({ "deployId": good })).await;
    api.clock.advance(Duration::from_mins(1));
    let pushed = api.control().push("api", &commit("cccc")).unwrap();
    assert_eq!(pushed.unwrap().status, DeployStatus::BuildInProgress);
    api.end().await;
}

#[tokio::test]
async fn a_push_to_a_suspended_service_deploys_nothing_and_one_to_an_image_cannot_be() {
    let api = Api::start().await;
    api.service("api");
    api.control().suspend("api", Suspender::Billing).unwrap();
    assert_eq!(api.control().push("api", &NewCommit::default()), Ok(None));
    let image = NewService {
        name: "image".to_owned(),
        image: Some("ghcr.io/acme/api:1".to_owned()),
        ..NewService::default()
    };
    api.control().create_service(&image).unwrap();
    let refused = api.control().push("image", &NewCommit::default());
    assert!(matches!(refused, Err(ControlError::Invalid(_))));
    api.end().await;
}

#[tokio::test]
async fn a_push_is_one_change_and_the_deploy_that_follows_is_the_platform_s() {
    let api = Api::start().await;
    api.service("api");
    let before = api.control().ledger().len();
    api.control().push("api", &commit("aaaa")).unwrap();
    let ledger = api.control().ledger();
    let [entry] = &ledger[before..] else {
        panic!("{ledger:?}");
    };
    assert_eq!(
        (entry.action, entry.actor.as_str()),
        ("push commit", "control")
    );
    assert_eq!(entry.after["head"]["id"], "aaaa");
    api.end().await;
}

#[tokio::test]
async fn plan_and_disk_are_seen_and_bound_what_can_be_asked_for() {
    let api = Api::start().await;
    let service = api.service("api");
    let control = api.control();
    let path = format!("/services/{service}");
    let details = async || api.get(&path).await.json()["serviceDetails"].clone();
    assert_eq!(details().await["plan"], "starter");
    let scale = async || {
        let answer = api
            .post(&format!("{path}/scale"), &json!({"numInstances": 2}))
            .await;
        answer.status.as_u16()
    };
    let disk = NewDisk {
        name: "data".to_owned(),
        size_gb: 10,
        mount_path: "/var/data".to_owned(),
    };
    control.set_disk("api", Some(&disk)).unwrap();
    let seen = details().await["disk"].clone();
    assert_eq!(seen["sizeGB"], 10);
    assert_eq!(seen["mountPath"], "/var/data");
    assert!(seen["id"].as_str().unwrap().starts_with("dsk-"));
    assert_eq!(scale().await, 400);
    control.set_plan("api", "free").unwrap_err();
    control.set_disk("api", None).unwrap();
    control.set_plan("api", "free").unwrap();
    assert_eq!(details().await["plan"], "free");
    assert_eq!(scale().await, 400);
    control.set_disk("api", Some(&disk)).unwrap_err();
    let mode = json!({"serviceDetails": {"maintenanceMode": {"enabled": true, "uri": ""}}});
    let refused = api.write(Method::PATCH, &path, &mode).await.unwrap();
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    control.set_plan("api", "pro").unwrap();
    assert_eq!(scale().await, 202);
    control.set_disk("api", Some(&disk)).unwrap_err();
    control.set_plan("api", "tiny").unwrap_err();
    let cron = NewService {
        name: "cron".to_owned(),
        r#type: ServiceType::CronJob,
        ..NewService::default()
    };
    control.create_service(&cron).unwrap();
    control.set_disk("cron", Some(&disk)).unwrap_err();
    api.end().await;
}
