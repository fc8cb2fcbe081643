//! Calls keep within what the platform allows, and wait as long as it says.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use plumbline::{
    platforms::PlatformError,
    simulator::{Bucket, Effect, Fault, Limit, NewKey, Route},
};
use tokio::time::Instant;

use super::render::{Render, target};

#[tokio::test]
async fn once_the_limit_is_known_it_is_never_run_into() {
    let render = Render::start().await;
    render.service("api");
    let limit = Limit {
        calls: 4,
        window_seconds: 1,
    };
    render.control().set_limit(Bucket::Reads, limit).unwrap();
    let observer = render.observer(&["api"]);
    for _ in 0..9 {
        observer.observe(Instant::now()).await.unwrap();
    }
    let metrics = render.metrics();
    assert_eq!(render.calls(), [1, 0, 9]);
    assert!(!metrics.contains("rate_limited"), "{metrics}");
    assert!(
        metrics.contains("platform_budget_remaining_ratio_count{platform=\"render\"} 10"),
        "{metrics}"
    );
    render.end().await;
}

#[tokio::test]
async fn a_pause_that_does_not_fit_is_refused_at_once_and_held_for_everyone_with_the_key() {
    let date = Timestamp::now() + Duration::from_mins(1);
    let date = rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&date)
        .unwrap();
    for retry_after in ["30", "1000000000", &date] {
        let render = Render::start().await;
        render.service("api");
        render.service("worker");
        let observer = render.observer(&["api"]);
        let fault = Fault::get(Route::ListDeploys.path(), Effect::rate_limited(retry_after));
        render.control().add_fault(fault.times(1)).unwrap();
        let asked = Instant::now();
        let error = observer.observe(asked).await.unwrap_err();
        assert!(
            asked.elapsed() < Duration::from_secs(3),
            "{:?}",
            asked.elapsed()
        );
        let PlatformError::RateLimited { until, .. } = error else {
            panic!("{retry_after}: {error:?}");
        };
        assert!(until > asked + Duration::from_secs(20), "{retry_after}");
        assert!(until < asked + Duration::from_secs(302), "{retry_after}");
        assert_eq!(error.refusal(), None);
        let held_back = render.observer(&["worker"]).observe(Instant::now()).await;
        assert!(
            matches!(held_back, Err(PlatformError::RateLimited { .. })),
            "{held_back:?}"
        );
        assert_eq!(render.calls(), [1, 0, 1], "{retry_after}");

        let key = NewKey {
            key: "rnd_another".to_owned(),
            workspaces: None,
        };
        render.control().accept_key(&key).unwrap();
        let other = target("rnd_another", None, &["worker"]);
        let other = render.hub().observer(&other).unwrap();
        assert!(other.observe(Instant::now()).await.is_ok());
        render.end().await;
    }
}

#[tokio::test]
async fn a_pause_that_fits_is_kept() {
    let date = Timestamp::now();
    let date = rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&date)
        .unwrap();
    for retry_after in ["1", "0", "-5", "soon", "1e9", &date] {
        let render = Render::start().await;
        render.service("api");
        let fault = Fault::get(Route::ListDeploys.path(), Effect::rate_limited(retry_after));
        render.control().add_fault(fault.times(1)).unwrap();
        let asked = Instant::now();
        render.observer(&["api"]).observe(asked).await.unwrap();
        assert!(asked.elapsed() >= Duration::from_secs(1), "{retry_after}");
        assert_eq!(render.calls(), [1, 0, 2], "{retry_after}");
        render.end().await;
    }
}

#[tokio::test]
async fn a_platform_that_keeps_refusing_is_asked_three_times() {
    let render = Render::start().await;
    render.service("api");
    let limited = Effect::Status {
        status: 429,
        body: None,
        text: Some("slow down".to_owned()),
        retry_after: None,
        ratelimit_reset: None,
    };
    render.fault(Route::ListDeploys, limited);
    let error = render
        .observer(&["api"])
        .observe(Instant::now())
        .await
        .unwrap_err();
    assert!(
        matches!(error, PlatformError::RateLimited { .. }),
        "{error:?}"
    );
    assert_eq!(render.calls(), [1, 0, 3]);
    render.end().await;
}
