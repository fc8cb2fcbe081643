//! Answers that no sane platform gives: caps hold, and nothing of them is trusted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use futures::stream;
use http::{StatusCode, header};
use plumbline::platforms::{MalformedReply, Outage, PlatformError, Refusal};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};

use super::{
    render::{KEY, PATIENCE, hub, target},
    stub::{Stub, answer},
};

const SERVICE: &str = "srv-00000000000000000001";

fn service(id: &str, name: &str) -> Value {
    json!({"service": {"id": id, "name": name, "ownerId": "tea-1"}, "cursor": "c"})
}

/// The error of a platform that finds the service and lists its deploys like this.
async fn malformed(deploys: impl Fn() -> Body + Clone + Send + Sync + 'static) -> MalformedReply {
    let stub = Stub::start(move |_, uri| match uri.path() {
        "/v1/services" => answer(json!([service(SERVICE, "api")]).to_string()),
        _ => answer(deploys()),
    })
    .await;
    match stub.read("api").await.unwrap_err() {
        PlatformError::Malformed { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_never_used() {
    let long = "a".repeat(10_000);
    for id in [
        "../owners",
        "srv-1/../../x",
        "srv-1\r\nHost: x",
        "srv-1?x=1",
        &long,
        "",
    ] {
        let list = json!([service(id, "api")]).to_string();
        let stub = Stub::start(move |_, _| answer(list.clone())).await;
        let error = stub.read("api").await.unwrap_err();
        let refused = matches!(
            error,
            PlatformError::Malformed {
                source: MalformedReply::Identifier,
                ..
            }
        );
        assert!(refused, "{error:?}");
        assert_eq!(stub.calls(), 1);
    }
    let deploys = || {
        json!([{"deploy": {"id": "dep-../x", "status": "live"}}])
            .to_string()
            .into()
    };
    assert_eq!(malformed(deploys).await, MalformedReply::Identifier);
}

#[tokio::test]
async fn another_service_than_the_one_asked_for_is_not_taken_for_it() {
    let other = service("srv-00000000000000000002", "api")["service"].to_string();
    let stub = Stub::start(move |_, _| answer(other.clone())).await;
    let error = stub.read(SERVICE).await.unwrap_err();
    assert!(
        matches!(error, PlatformError::Malformed { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_body_is_cut_at_its_cap_whether_its_length_is_told_or_not() {
    let told = || Body::from(vec![b' '; 2 * 1024 * 1024]);
    assert_eq!(malformed(told).await, MalformedReply::TooLong(1024 * 1024));
    let endless = || {
        let chunk = || Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]);
        Body::from_stream(stream::iter(std::iter::repeat_with(chunk)))
    };
    assert_eq!(
        malformed(endless).await,
        MalformedReply::TooLong(1024 * 1024)
    );
}

#[tokio::test]
async fn json_that_nests_without_end_is_refused() {
    let deep = || Body::from("[".repeat(100_000));
    assert!(matches!(
        malformed(deep).await,
        MalformedReply::Shape { .. }
    ));
}

#[tokio::test]
async fn a_list_without_end_is_left() {
    let page = || {
        let deploy = json!({"deploy": {"id": "dep-1", "status": "deactivated"}, "cursor": "same"});
        Body::from(Value::Array(vec![deploy; 20]).to_string())
    };
    assert_eq!(malformed(page).await, MalformedReply::Endless(5));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stub = Stub::start(|_, _| {
        let mut response = answer(Body::empty());
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        let elsewhere = header::HeaderValue::from_static("/elsewhere");
        response.headers_mut().insert(header::LOCATION, elsewhere);
        response
    })
    .await;
    let error = stub.read("api").await.unwrap_err();
    let refused = matches!(
        error,
        PlatformError::Malformed {
            source: MalformedReply::Status(307),
            ..
        }
    );
    assert!(refused, "{error:?}");
    assert_eq!(stub.calls(), 1);
}

#[tokio::test]
async fn of_names_that_resemble_each_other_only_the_same_one_counts() {
    let live = json!([{"deploy": {"id": "dep-1", "status": "live"}}]).to_string();
    let alike = json!([
        service("srv-2", "api-2"),
        service("srv-1", "api"),
        service("srv-3", "API")
    ]);
    let alike = alike.to_string();
    let stub = Stub::start(move |_, uri| match uri.path() {
        "/v1/services" => answer(alike.clone()),
        "/v1/services/srv-1/deploys" => answer(live.clone()),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(stub.read("api").await.unwrap().id, "dep-1");
}

#[tokio::test]
async fn a_name_that_two_services_have_is_for_a_person_to_set_right() {
    let twins = json!([service("srv-1", "api"), service("srv-2", "api")]).to_string();
    let stub = Stub::start(move |_, _| answer(twins.clone())).await;
    let error = stub.read("api").await.unwrap_err();
    assert!(
        matches!(error, PlatformError::ServiceAmbiguous(_)),
        "{error:?}"
    );
    assert_eq!(error.refusal(), Some(Refusal::ReferenceNotFound));
}

#[tokio::test]
async fn a_filter_by_workspace_that_the_platform_ignores_is_made_up_for() {
    let foreign = json!([service("srv-1", "api")]).to_string();
    let stub = Stub::start(move |_, _| answer(foreign.clone())).await;
    let error = stub.read_in(Some("tea-2"), "api").await.unwrap_err();
    assert!(
        matches!(error, PlatformError::WrongWorkspace(_)),
        "{error:?}"
    );
    let ownerless = json!([{"service": {"id": "srv-1", "name": "api"}}]).to_string();
    let stub = Stub::start(move |_, _| answer(ownerless.clone())).await;
    let error = stub.read_in(Some("tea-2"), "api").await.unwrap_err();
    assert!(
        matches!(error, PlatformError::Malformed { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn one_connection_makes_a_bounded_number_of_calls_at_a_time() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (Arc::clone(&now), Arc::clone(&most));
    let app = Router::new().fallback(move || {
        let (counted, peak) = (Arc::clone(&counted), Arc::clone(&peak));
        async move {
            peak.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            counted.fetch_sub(1, Ordering::SeqCst);
            "[]"
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let (hub, _) = hub(&base, PATIENCE);
    let names: Vec<String> = (0..20).map(|number| format!("service-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let observer = hub.observer(&target(KEY, None, &names)).unwrap();
    assert!(observer.observe(Instant::now()).await.is_err());
    assert_eq!(most.load(Ordering::SeqCst), 4);
    server.abort();
}

#[tokio::test]
async fn a_platform_that_drips_is_given_up_in_time() {
    let timeout = Duration::from_secs(1);
    let stub = Stub::start(|_, _| {
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        });
        answer(Body::from_stream(drip))
    })
    .await;
    let (hub, _) = hub(stub.base(), timeout);
    let observer = hub.observer(&target(KEY, None, &["api"])).unwrap();
    let began = Instant::now();
    let error = observer.observe(began).await.unwrap_err();
    assert!(began.elapsed() < timeout * 3 / 2, "{:?}", began.elapsed());
    let timed_out = matches!(
        error,
        PlatformError::Unavailable {
            source: Outage::TimedOut,
            ..
        }
    );
    assert!(timed_out, "{error:?}");
}
