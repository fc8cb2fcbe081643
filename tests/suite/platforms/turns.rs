//! Changes wait for their turn in the bucket that they are counted with, and in no other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::response::Response;
use http::{Method, StatusCode, Uri};
use plumbline::{
    platforms::{
        Hub, MutationError, Operations, Operator, PlatformError, RefusedBecause, Revision,
    },
    simulator::{Bucket, Limit, Route},
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    render::{KEY, Render, hub, target},
    stub::{Stub, answer},
};

const API: &str = "srv-00000000000000000001";
const WORKER: &str = "srv-00000000000000000002";
const GOAL: &str = "dep-00000000000000000000";
const TIMEOUT: Duration = Duration::from_secs(2);

/// Takes everything.
fn obliging(method: &Method, uri: &Uri) -> Response {
    if method == Method::GET || method == Method::PATCH {
        let id = uri.path().split('/').nth(3).unwrap();
        return answer(json!({"id": id, "type": "web_service"}).to_string());
    }
    answer(json!({"id": "dep-1", "status": "created"}).to_string())
}

fn with_headers(mut response: Response, headers: &[(&'static str, &str)]) -> Response {
    for (name, value) in headers {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    response
}

fn operator(hub: &Hub, key: &str) -> Operator {
    hub.operator(&target(key, None, &[API, WORKER])).unwrap()
}

async fn deploy(operator: &Operator, service: &str) -> Result<(), MutationError> {
    let revision = Revision::Commit("4f1c2d3".to_owned());
    operator.deploy(service, &revision).await.map(|_| ())
}

async fn roll_back(operator: &Operator, service: &str) -> Result<(), MutationError> {
    operator.roll_back(service, GOAL).await.map(|_| ())
}

fn held_back(result: &Result<(), MutationError>) -> Option<Instant> {
    match result {
        Err(MutationError::NotSent(PlatformError::RateLimited { until, .. })) => Some(*until),
        _ => None,
    }
}

#[tokio::test]
async fn a_service_is_changed_and_deployed_ten_times_a_minute_and_no_more() {
    let stub = Stub::start(obliging).await;
    let (hub, metrics) = hub(stub.base(), TIMEOUT);
    let operator = operator(&hub, KEY);
    for _ in 0..5 {
        operator.stop_automatic_deploys(API).await.unwrap();
        deploy(&operator, API).await.unwrap();
    }
    assert_eq!(stub.changes(), 10);
    let asked = Instant::now();
    let result = deploy(&operator, API).await;
    let until = held_back(&result).unwrap_or_else(|| panic!("{result:?}"));
    assert!(until > asked + Duration::from_secs(40) && until < asked + Duration::from_secs(61));
    assert!(held_back(&operator.stop_automatic_deploys(API).await).is_some());
    assert_eq!(stub.changes(), 10);
    let mut shown = String::new();
    prometheus_client::encoding::text::encode(&mut shown, &metrics).unwrap();
    assert!(shown.contains("outcome=\"held_back\"} 1"), "{shown}");

    // Neither the other service, nor a rollback, nor a reading waits for it.
    deploy(&operator, WORKER).await.unwrap();
    roll_back(&operator, API).await.unwrap();
    operator.circumstances(API).await.unwrap();
}

#[tokio::test]
async fn rollbacks_are_counted_with_the_key_thirty_a_minute() {
    let stub = Stub::start(obliging).await;
    let (hub, _) = hub(stub.base(), TIMEOUT);
    let one = operator(&hub, KEY);
    for number in 0..30 {
        let service = if number % 2 == 0 { API } else { WORKER };
        roll_back(&one, service).await.unwrap();
    }
    assert!(held_back(&roll_back(&one, API).await).is_some());
    assert!(held_back(&roll_back(&operator(&hub, KEY), WORKER).await).is_some());
    assert_eq!(stub.changes(), 30);
    deploy(&one, API).await.unwrap();
    // Another key has turns of its own.
    roll_back(&operator(&hub, "rnd_another"), API)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_answers_tell_goes_before_what_is_assumed() {
    let left = Arc::new(AtomicUsize::new(3));
    let stub = Stub::start(move |method, uri| {
        let response = obliging(method, uri);
        if method == Method::GET {
            return response;
        }
        let left = left.fetch_sub(1, Ordering::SeqCst) - 1;
        let left = left.to_string();
        // The other bucket that the call was counted in comes first, in one line with it.
        with_headers(
            response,
            &[
                ("ratelimit-limit", "400, 3"),
                ("ratelimit-remaining", &format!("399, {left}")),
                ("ratelimit-reset", "7, 50"),
            ],
        )
    })
    .await;
    let (hub, _) = hub(stub.base(), TIMEOUT);
    let operator = operator(&hub, KEY);
    for _ in 0..3 {
        roll_back(&operator, API).await.unwrap();
    }
    let asked = Instant::now();
    let until = held_back(&roll_back(&operator, API).await).unwrap();
    assert!(
        until > asked + Duration::from_secs(45),
        "{:?}",
        until - asked
    );
    assert_eq!(stub.changes(), 3);
}

#[tokio::test]
async fn a_refusal_for_too_many_holds_its_own_bucket_back() {
    let stub = Stub::start(|method, uri| {
        if method == Method::POST && uri.path().ends_with("/rollback") {
            let mut response = answer(r#"{"error": "rate limit exceeded"}"#);
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            return with_headers(response, &[("retry-after", "30")]);
        }
        obliging(method, uri)
    })
    .await;
    let (hub, _) = hub(stub.base(), TIMEOUT);
    let one = operator(&hub, KEY);
    let refused = roll_back(&one, API).await.unwrap_err();
    let limited = matches!(
        refused,
        MutationError::Refused {
            refused: RefusedBecause::RateLimited { wait },
            source: PlatformError::RateLimited { .. },
        } if wait == Duration::from_secs(30)
    );
    assert!(limited, "{refused:?}");
    assert_eq!(stub.changes(), 1);
    assert!(held_back(&roll_back(&one, WORKER).await).is_some());
    assert_eq!(stub.changes(), 1);
    deploy(&one, API).await.unwrap();
    one.circumstances(API).await.unwrap();
    let other = roll_back(&operator(&hub, "rnd_another"), API).await;
    assert!(held_back(&other).is_none(), "{other:?}");
    assert_eq!(stub.changes(), 3);
}

#[tokio::test]
async fn a_turn_that_comes_in_time_is_waited_for() {
    let calls = Arc::new(AtomicUsize::new(0));
    let stub = Stub::start(move |method, uri| {
        let response = obliging(method, uri);
        if method == Method::GET || calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return response;
        }
        let used_up = [
            ("ratelimit-limit", "1"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "0"),
        ];
        with_headers(response, &used_up)
    })
    .await;
    let (hub, _) = hub(stub.base(), Duration::from_secs(4));
    let operator = operator(&hub, KEY);
    roll_back(&operator, API).await.unwrap();
    let asked = Instant::now();
    roll_back(&operator, API).await.unwrap();
    assert!(
        asked.elapsed() > Duration::from_millis(500),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn once_the_limit_is_known_it_is_never_run_into() {
    let render = Render::start_with_timeout(TIMEOUT).await;
    let good = render.service("api");
    render.deploy("api");
    let limit = Limit {
        calls: 4,
        window_seconds: 60,
    };
    render.control().set_limit(Bucket::Deploys, limit).unwrap();
    let operator = render.operator(&["api"]);
    for _ in 0..4 {
        operator.roll_back("api", &good).await.unwrap();
    }
    let result = operator.roll_back("api", &good).await.map(|_| ());
    assert!(held_back(&result).is_some(), "{result:?}");
    assert_eq!(render.control().calls_of(Route::RollBack), 4);
    render.end().await;
}
