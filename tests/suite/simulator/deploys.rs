//! Deploys that the API starts and stops.

use std::time::Duration;

use http::StatusCode;
use plumbline::simulator::{DeployStatus::*, NewDeploy, NewService, ServiceType};
use serde_json::{Value, json};

use super::calls::Api;

fn start(api: &Api, service: &str) -> String {
    let started = api.control().start_deploy(service, &NewDeploy::default());
    started.unwrap().id
}

#[tokio::test]
async fn a_deploy_is_of_the_newest_commit_unless_the_call_names_one() {
    let api = Api::start().await;
    let service = api.service("api");
    let path = format!("/services/{service}/deploys");
    let pushed = start(&api, &service);
    api.clock.advance(Duration::from_mins(1));
    let head = api.get(&format!("{path}/{pushed}")).await.json()["commit"].clone();
    let newest = api.post(&path, &json!({})).await;
    assert_eq!(newest.status, StatusCode::CREATED);
    assert_eq!(newest.json()["commit"], head);
    assert_eq!(newest.json()["trigger"], "api");
    assert_eq!(newest.json()["status"], "build_in_progress");
    api.clock.advance(Duration::from_mins(1));
    let named = api.post(&path, &json!({"commitId": "c0ffee"})).await.json();
    assert_eq!(named["commit"]["id"], "c0ffee");
    api.clock.advance(Duration::from_mins(1));
    let newest = api.post(&path, &json!({"clearCache": "clear"})).await;
    assert_eq!(newest.json()["commit"], head);
    api.end().await;
}

#[tokio::test]
async fn a_deploy_behind_another_is_accepted_without_a_word() {
    let api = Api::start().await;
    let service = api.service("api");
    let path = format!("/services/{service}/deploys");
    start(&api, &service);
    let answer = api.post(&path, &json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.text, "");
    assert!(!answer.headers.contains_key("content-type"));
    assert_eq!(
        api.statuses(&service).await,
        ["queued", "build_in_progress"]
    );
    api.end().await;
}

#[tokio::test]
async fn deploy_only_deploys_the_newest_build_that_went_well_again() {
    let api = Api::start().await;
    let service = api.service("api");
    let path = format!("/services/{service}/deploys");
    let again = json!({"deployMode": "deploy_only"});
    let nothing = api.post(&path, &again).await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    let (former, built) = (api.live(&service), api.live(&service));
    let broken = start(&api, &service);
    let control = api.control();
    control.set_deploy_status(&broken, BuildFailed).unwrap();
    let rollback = format!("/services/{service}/rollback");
    api.post(&rollback, &json!({ "deployId": former })).await;
    api.clock.advance(Duration::from_mins(1));
    let answer = api.post(&path, &again).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let deploy = answer.json();
    assert_eq!(deploy["status"], "update_in_progress");
    let built = api.get(&format!("{path}/{built}")).await.json();
    assert_eq!(deploy["commit"], built["commit"]);
    api.end().await;
}

#[tokio::test]
async fn bodies_that_contradict_the_service_or_themselves_are_refused() {
    let api = Api::start().await;
    let create = |name: &str, r#type, image: Option<&str>| {
        let new = NewService {
            name: name.to_owned(),
            r#type,
            image: image.map(str::to_owned),
            ..NewService::default()
        };
        api.control().create_service(&new).unwrap().id
    };
    let git = create("git", ServiceType::WebService, None);
    let image = Some("ghcr.io/acme/api:1");
    let image = create("image", ServiceType::WebService, image);
    let cron = create("cron", ServiceType::CronJob, None);
    let refused = [
        (&git, json!({"imageUrl": "ghcr.io/acme/api:2"})),
        (
            &git,
            json!({"commitId": "c0ffee", "deployMode": "deploy_only"}),
        ),
        (
            &git,
            json!({"clearCache": "clear", "deployMode": "build_and_deploy"}),
        ),
        (&git, json!({"clearCache": "maybe"})),
        (&git, json!({"clearCache": true})),
        (&git, json!({"deployMode": "rebuild"})),
        (&git, json!({"commit": "c0ffee"})),
        (&git, json!("now")),
        (&git, Value::Null),
        (&image, json!({"commitId": "c0ffee"})),
        (&image, json!({"imageUrl": "ghcr.io/acme/other:1"})),
        (
            &image,
            json!({"imageUrl": "ghcr.io.example.com/acme/api:1"}),
        ),
        (&cron, json!({"commitId": "c0ffee"})),
    ];
    for (service, body) in refused {
        let path = format!("/services/{service}/deploys");
        let answer = api.post(&path, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let text = [("authorization", "Bearer rnd_of_the_tests")];
    let path = format!("/v1/services/{git}/deploys");
    let unnamed = api.send(http::Method::POST, &path, &text, "{}").await;
    assert_eq!(unnamed.unwrap().status, StatusCode::BAD_REQUEST);
    assert_eq!(api.control().mutations(), []);
    api.end().await;
}

#[tokio::test]
async fn a_deploy_that_is_canceled_lets_the_next_one_start_at_once() {
    let api = Api::start().await;
    let service = api.service("api");
    let path = format!("/services/{service}/deploys");
    let (running, _) = (start(&api, &service), start(&api, &service));
    let cancel = format!("{path}/{running}/cancel");
    let answer = api.post(&cancel, &Value::Null).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["id"], json!(running));
    assert_eq!(answer.json()["status"], "canceled");
    assert_eq!(
        api.statuses(&service).await,
        ["build_in_progress", "canceled"]
    );
    let again = api.post(&cancel, &Value::Null).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    let none = api
        .post(&format!("{path}/dep-none/cancel"), &Value::Null)
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    api.end().await;
}
