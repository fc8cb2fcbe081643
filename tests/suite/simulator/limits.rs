//! How often a key may call.

use std::time::Duration;

use http::{Method, StatusCode};
use plumbline::simulator::{Bucket, Limit, NewKey};
use serde_json::json;

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
