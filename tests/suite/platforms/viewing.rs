//! What checks may know of a service: how many instances run, how often they crash, and what they write.

use std::time::Duration;

use jiff::Timestamp;
use plumbline::{
    platforms::{LineQuery, PlatformError, PlatformView},
    simulator::{Bucket, Effect, Limit, NewCrash, NewLine, NewService, Route, Suspender},
};
use serde_json::json;

use super::{
    render::{KEY, PATIENCE, Render, hub, target},
    stub::{Stub, answer},
};

const SERVICE: &str = "srv-00000000000000000001";

#[tokio::test]
async fn instances_are_those_that_run() {
    let render = Render::start().await;
    let new = NewService {
        name: "api".to_owned(),
        instances: Some(3),
        ..NewService::default()
    };
    render.control().create_service(&new).unwrap();
    render.deploy("api");
    let view = render.observer(&["api"]);
    assert_eq!(PlatformView::services(&view), ["api"]);
    assert_eq!(view.instances("api").await.unwrap(), 3);
    render.control().suspend("api", Suspender::User).unwrap();
    assert_eq!(view.instances("api").await.unwrap(), 0);
    let astray = view.instances("worker").await.unwrap_err();
    assert!(matches!(astray, PlatformError::ServiceNotFound(_)));
    render.end().await;
}

#[tokio::test]
async fn crashes_are_counted_since_a_time_and_up_to_a_few_more_than_asked_for() {
    let render = Render::start().await;
    render.service("api");
    let began = Timestamp::now();
    let view = render.observer(&["api"]);
    assert!(view.crashes("api", began, 0).await.unwrap().is_empty());
    let crash = |memory_limit: Option<&str>| {
        let memory_limit = memory_limit.map(str::to_owned);
        render
            .control()
            .crash("api", &NewCrash { memory_limit })
            .unwrap();
    };
    crash(None);
    crash(Some("512Mi"));
    let crashes = view.crashes("api", began, 0).await.unwrap();
    assert_eq!(crashes.len(), 2);
    assert_eq!(crashes.iter().filter(|it| it.out_of_memory).count(), 1);
    let later = Timestamp::now() + Duration::from_secs(1);
    assert!(view.crashes("api", later, 0).await.unwrap().is_empty());
    for _ in 0..250 {
        crash(None);
    }
    let before = render.control().calls_of(Route::ListEvents);
    let crashes = view.crashes("api", began, 150).await.unwrap();
    assert_eq!(crashes.len(), 200);
    assert_eq!(render.control().calls_of(Route::ListEvents), before + 2);
    render.end().await;
}

#[tokio::test]
async fn a_platform_that_is_down_or_out_of_calls_is_an_error_and_never_an_empty_list() {
    for effect in [Effect::status(503), Effect::rate_limited("30")] {
        let render = Render::start().await;
        render.service("api");
        let view = render.observer(&["api"]);
        view.live("api").await.unwrap();
        render.fault(Route::ListEvents, effect.clone());
        let error = view.crashes("api", Timestamp::now(), 0).await.unwrap_err();
        let expected = matches!(
            error,
            PlatformError::Unavailable { .. } | PlatformError::RateLimited { .. }
        );
        assert!(expected, "{effect:?}: {error:?}");
        render.end().await;
    }
}

#[tokio::test]
async fn answers_that_no_sane_platform_gives_are_errors() {
    for body in ["{}", "[{\"createdAt\": null}]", "[", "17"] {
        let stub = Stub::start(move |_, uri| match uri.path() {
            "/v1/services" => answer(
                json!([{"service": {"id": SERVICE, "name": "api", "ownerId": "tea-1"}}])
                    .to_string(),
            ),
            _ => answer(body),
        })
        .await;
        let (hub, _) = hub(stub.base(), PATIENCE);
        let view = hub.observer(&target(KEY, None, &["api"])).unwrap();
        let error = view.instances("api").await.unwrap_err();
        assert!(
            matches!(error, PlatformError::Malformed { .. }),
            "{body}: {error:?}"
        );
    }
}

/// All that the newest lines of a service are asked for.
fn newest(pattern: Option<&str>, most_pages: usize) -> LineQuery {
    LineQuery {
        since: Timestamp::now() - Duration::from_mins(5),
        until: Timestamp::now(),
        pattern: pattern.map(str::to_owned),
        most_pages,
    }
}

#[tokio::test]
async fn lines_are_read_page_by_page_and_filtered_up_to_a_bound() {
    let render = Render::start().await;
    render.service("api");
    let line = |message: String, r#type: &str| NewLine {
        message,
        r#type: Some(r#type.to_owned()),
        ..NewLine::default()
    };
    let lines: Vec<NewLine> = (0..250)
        .map(|number| line(format!("line {number}"), "app"))
        .chain([line("line of a build".to_owned(), "build")])
        .collect();
    render.control().add_lines("api", &lines).unwrap();
    let view = render.observer(&["api"]);
    for (pattern, pages, count, is_whole) in [
        (None, 1, 100, false),
        (None, 2, 200, false),
        (None, 3, 250, true),
        (Some(r"line \d$"), 3, 10, true),
        (Some("line"), 2, 200, false),
    ] {
        let before = render.control().calls_of(Route::ListLogs);
        let read = view.lines("api", &newest(pattern, pages)).await.unwrap();
        let told = (read.lines.len(), read.is_whole);
        assert_eq!(told, (count, is_whole), "{pattern:?} {pages}");
        assert!(!format!("{read:?}").contains("line 1"));
        let calls = render.control().calls_of(Route::ListLogs) - before;
        assert!(calls <= u64::try_from(pages).unwrap());
    }
    let mut later = newest(None, 1);
    later.since = later.until;
    assert!(view.lines("api", &later).await.unwrap().lines.is_empty());
    render.end().await;
}

#[tokio::test]
async fn calls_for_logs_have_a_budget_of_their_own() {
    let render = Render::start_with_timeout(Duration::from_secs(2)).await;
    render.service("api");
    let view = render.observer(&["api"]);
    let limit = Limit {
        calls: 2,
        window_seconds: 60,
    };
    render.control().set_limit(Bucket::Logs, limit).unwrap();
    for _ in 0..2 {
        view.lines("api", &newest(None, 1)).await.unwrap();
    }
    let error = view.lines("api", &newest(None, 1)).await.unwrap_err();
    assert!(
        matches!(error, PlatformError::RateLimited { .. }),
        "{error:?}"
    );
    assert_eq!(render.control().calls_of(Route::ListLogs), 2);
    view.live("api").await.unwrap();
    render.end().await;
}
