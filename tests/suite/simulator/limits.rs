//! How often a key may call.

use std::time::Duration;

use http::{Method, StatusCode};
use plumbline::simulator::{Bucket, Limit, NewKey};
use serde_json::{Value, json};

use super::calls::{Answer, Api};

fn left(answer: &Answer) -> (&str, &str, &str) {
    (
        answer.header("ratelimit-limit"),
        answer.header("ratelimit-remaining"),
        answer.header("ratelimit-reset"),
    )
}

#[tokio::test]
async fn every_answer_says_what_is_left_and_for_how_many_seconds() {
    let api = Api::start().await;
    assert_eq!(left(&api.get("/owners").await), ("400", "399", "60"));
    api.clock.advance(Duration::from_millis(14_500));
    assert_eq!(left(&api.get("/services/none").await), ("400", "398", "46"));
    api.clock.advance(Duration::from_millis(45_500));
    assert_eq!(left(&api.get("/owners").await), ("400", "399", "60"));
    api.end().await;
}

#[tokio::test]
async fn a_call_too_many_is_refused_with_the_other_body_until_the_window_ends() {
    let api = Api::start().await;
    let limit = Limit {
        calls: 2,
        window_seconds: 60,
    };
    api.control().set_limit(Bucket::Reads, limit).unwrap();
    for _ in 0..2 {
        assert_eq!(api.get("/owners").await.status, StatusCode::OK);
    }
    api.clock.advance(Duration::from_secs(20));
    for _ in 0..2 {
        let refused = api.get("/services").await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.json(), json!({"error": "rate limit exceeded"}));
        assert_eq!(left(&refused), ("2", "0", "40"));
        assert!(!refused.headers.contains_key("retry-after"));
    }
    api.clock.advance(Duration::from_secs(40));
    assert_eq!(api.get("/owners").await.status, StatusCode::OK);
    assert_eq!(api.control().refused(), 2);
    api.end().await;
}

#[tokio::test]
async fn keys_do_not_use_up_one_another_s_budget() {
    let api = Api::start().await;
    let limit = Limit {
        calls: 1,
        window_seconds: 60,
    };
    api.control().set_limit(Bucket::Reads, limit).unwrap();
    let other = NewKey {
        key: "rnd_other".to_owned(),
        workspaces: None,
    };
    api.control().accept_key(&other).unwrap();
    api.get("/owners").await;
    assert_eq!(
        api.get("/owners").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    let headers = [("authorization", "Bearer rnd_other")];
    let answer = api
        .send(Method::GET, "/v1/owners", &headers, "")
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    // A key that was withdrawn and is accepted again has used nothing.
    api.control().withdraw_key("rnd_other").unwrap();
    api.control().accept_key(&other).unwrap();
    let answer = api.send(Method::GET, "/v1/owners", &headers, "").await;
    assert_eq!(answer.unwrap().status, StatusCode::OK);
    api.end().await;
}

#[tokio::test]
async fn what_deploys_or_sets_a_service_is_counted_for_each_service_and_the_rest_for_each_key() {
    let api = Api::start().await;
    let (one, other) = (api.service("one"), api.service("other"));
    let target = api.live(&one);
    let other_key = NewKey {
        key: "rnd_other".to_owned(),
        workspaces: None,
    };
    api.control().accept_key(&other_key).unwrap();
    let path = format!("/services/{one}");
    let rollback = json!({ "deployId": target });
    let calls = [
        (Method::PATCH, String::new(), json!({"autoDeploy": "no"})),
        (Method::POST, "/deploys".to_owned(), json!({})),
        (Method::POST, "/rollback".to_owned(), rollback),
        (
            Method::POST,
            "/scale".to_owned(),
            json!({"numInstances": 2}),
        ),
        (Method::POST, "/suspend".to_owned(), Value::Null),
        (Method::POST, "/resume".to_owned(), Value::Null),
    ];
    for (used, (method, end, body)) in calls.iter().enumerate() {
        let path = format!("{path}{end}");
        let answer = api.write(method.clone(), &path, body).await.unwrap();
        assert!(answer.status.is_success(), "{end}: {answer:?}");
        let remaining = (9 - used).to_string();
        assert_eq!(left(&answer), ("10", remaining.as_str(), "60"), "{end}");
    }
    for _ in 0..4 {
        api.post(&format!("{path}/resume"), &Value::Null).await;
    }
    let headers = [("authorization", "Bearer rnd_other")];
    let refused = format!("/v1{path}/suspend");
    let refused = api.send(Method::POST, &refused, &headers, "").await;
    let refused = refused.unwrap();
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json(), json!({"error": "rate limit exceeded"}));
    assert_eq!(api.get(&path).await.json()["suspenders"], json!([]));
    let other = format!("/services/{other}/suspend");
    assert_eq!(
        left(&api.post(&other, &Value::Null).await),
        ("10", "9", "60")
    );
    let restart = api.post(&format!("{path}/restart"), &Value::Null).await;
    assert_eq!(left(&restart), ("30", "29", "60"));
    api.clock.advance(Duration::from_mins(1));
    let again = api.post(&format!("{path}/suspend"), &Value::Null).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    api.end().await;
}

#[tokio::test]
async fn a_refused_change_is_not_made() {
    let api = Api::start().await;
    let service = api.service("api");
    let none = Limit {
        calls: 0,
        window_seconds: 60,
    };
    api.control().set_limit(Bucket::Deploys, none).unwrap();
    let path = format!("/services/{service}/deploys");
    let refused = api.post(&path, &json!({})).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(api.control().mutations(), []);
    assert_eq!(api.control().deploys(&service).unwrap(), []);
    api.end().await;
}
