//! Environment variables: stored is not running.

use std::{collections::BTreeMap, time::Duration};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::calls::{Answer, Api};

struct Scene {
    api: Api,
    service: String,
    path: String,
}

impl Scene {
    async fn new() -> Self {
        let api = Api::start().await;
        let service = api.service("api");
        Self {
            path: format!("/services/{service}/env-vars"),
            api,
            service,
        }
    }

    async fn put(&self, end: &str, body: &Value) -> Answer {
        let path = format!("{}{end}", self.path);
        self.api.write(Method::PUT, &path, body).await.unwrap()
    }

    async fn delete(&self, key: &str) -> Answer {
        let path = format!("{}/{key}", self.path);
        self.api
            .write(Method::DELETE, &path, &Value::Null)
            .await
            .unwrap()
    }

    /// The variables that are stored, as the API lists them.
    async fn stored(&self) -> Vec<(String, String)> {
        let list = self
            .api
            .get(&format!("{}?limit=100", self.path))
            .await
            .json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let items = list.as_array().unwrap().iter();
        items
            .map(|item| (text(&item["envVar"]["key"]), text(&item["envVar"]["value"])))
            .collect()
    }

    fn running(&self) -> BTreeMap<String, String> {
        let control = self.api.control();
        let live = &control.deploys(&self.service).unwrap()[0].id;
        control.variables_of_deploy(live).unwrap()
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs.iter();
    owned
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn one_variable_is_put_and_deleted_without_a_word_about_the_others_and_nothing_is_deployed() {
    let scene = Scene::new().await;
    for (key, value) in [("ONE", "1"), ("TWO", "2"), ("ONE", "3")] {
        let answer = scene
            .put(&format!("/{key}"), &json!({ "value": value }))
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json(), json!({"key": key, "value": value}));
    }
    assert_eq!(scene.stored().await, pairs(&[("TWO", "2"), ("ONE", "3")]));
    let one = scene.api.get(&format!("{}/ONE", scene.path)).await;
    assert_eq!(one.json(), json!({"key": "ONE", "value": "3"}));
    let deleted = scene.delete("ONE").await;
    assert_eq!(
        (deleted.status, deleted.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    assert_eq!(scene.delete("ONE").await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.stored().await, pairs(&[("TWO", "2")]));
    let none = scene.api.get(&format!("{}/ONE", scene.path)).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.api.control().deploys(&scene.service).unwrap(), []);
    let actions: Vec<_> = scene
        .api
        .control()
        .mutations()
        .iter()
        .map(|entry| entry.action)
        .collect();
    let set = "set environment variable";
    assert_eq!(actions, [set, set, set, "remove environment variable"]);
    scene.api.end().await;
}

#[tokio::test]
async fn putting_all_variables_loses_those_that_are_not_named() {
    let scene = Scene::new().await;
    for number in 0..25 {
        let key = format!("KEY_{number}");
        scene.api.control().set_variable("api", &key, "x").unwrap();
    }
    // What a client does that does not turn the page.
    let page = scene.api.get(&scene.path).await.json();
    let items = page.as_array().unwrap().iter();
    let read: Vec<_> = items.map(|item| item["envVar"].clone()).collect();
    assert_eq!(read.len(), 20);
    let answer = scene.put("", &json!(read)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json().as_array().unwrap().len(), 20);
    assert_eq!(scene.stored().await.len(), 20);
    scene.api.end().await;
}

#[tokio::test]
async fn a_value_can_be_left_to_the_platform() {
    let scene = Scene::new().await;
    let made = scene
        .put("/SALT", &json!({"generateValue": true}))
        .await
        .json();
    let other = scene
        .put("/SALT", &json!({"generateValue": true}))
        .await
        .json();
    assert!(made["value"].as_str().unwrap().len() >= 32);
    assert_ne!(made, other);
    scene.api.end().await;
}

#[tokio::test]
async fn bodies_that_are_not_as_described_are_refused() {
    let scene = Scene::new().await;
    let both = json!({"value": "1", "generateValue": true});
    for (end, body) in [
        ("/ONE", json!({})),
        ("/ONE", both),
        ("/ONE", json!({"value": 1})),
        ("/ONE", json!({"value": null})),
        ("/ONE", json!({"generateValue": false})),
        ("/ONE", json!({"key": "ONE", "value": "1"})),
        ("/1ONE", json!({"value": "1"})),
        ("/O%20E", json!({"value": "1"})),
        ("", json!({"key": "ONE", "value": "1"})),
        ("", json!([["ONE", "1"]])),
        ("", json!([{"key": "ONE"}])),
        (
            "",
            json!([{"key": "ONE", "value": "1"}, {"key": "ONE", "value": "2"}]),
        ),
        ("", Value::Null),
    ] {
        let answer = scene.put(end, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{end} {body}");
    }
    assert_eq!(scene.stored().await, []);
    assert_eq!(scene.api.control().mutations(), []);
    scene.api.end().await;
}

#[tokio::test]
async fn a_deploy_runs_with_what_was_stored_and_a_rollback_with_what_its_target_had() {
    let scene = Scene::new().await;
    let control = scene.api.control();
    let set = |value| control.set_variable("api", "LEVEL", value).unwrap();
    let level = || scene.running().remove("LEVEL");
    set("info");
    let former = scene.api.live(&scene.service);
    set("debug");
    assert_eq!(level().as_deref(), Some("info"));
    scene.api.live(&scene.service);
    assert_eq!(level().as_deref(), Some("debug"));
    let rollback = format!("/services/{}/rollback", scene.service);
    scene
        .api
        .post(&rollback, &json!({ "deployId": former }))
        .await;
    scene.api.clock.advance(Duration::from_mins(1));
    assert_eq!(level().as_deref(), Some("info"));
    assert_eq!(scene.stored().await, pairs(&[("LEVEL", "debug")]));
    scene.api.end().await;
}
