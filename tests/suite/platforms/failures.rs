//! Each way in which the platform can fail gives its own error, in time, after the right number of calls.

use std::time::Duration;

use plumbline::{
    platforms::{MalformedReply, Outage, PlatformError, Refusal, Release},
    simulator::{Effect, Fault, Route},
};
use tokio::time::Instant;

use super::render::{KEY, PATIENCE, Render, target};

/// What comes of reading a live service whose list of deploys goes wrong in this way, and how often it was asked for.
async fn read_under(effect: Effect) -> (Result<Release, PlatformError>, u64) {
    let render = Render::start().await;
    render.service("api");
    render.fault(Route::ListDeploys, effect);
    let began = Instant::now();
    let result = render.observer(&["api"]).observe(began).await;
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    let calls = render.control().calls_of(Route::ListDeploys);
    render.end().await;
    (result, calls)
}

async fn error_under(effect: Effect) -> (PlatformError, u64) {
    let (result, calls) = read_under(effect).await;
    (result.unwrap_err(), calls)
}

#[tokio::test]
async fn what_a_person_has_to_set_right_is_not_tried_again() {
    for (status, refusal) in [
        (401, Refusal::CredentialsRejected),
        (402, Refusal::CredentialsRejected),
        (403, Refusal::CredentialsRejected),
        (404, Refusal::ReferenceNotFound),
        (410, Refusal::ReferenceNotFound),
    ] {
        let (error, calls) = error_under(Effect::status(status)).await;
        assert_eq!(error.refusal(), Some(refusal), "{status}: {error:?}");
        assert_eq!(calls, 1, "{status}");
    }
}

#[tokio::test]
async fn a_key_that_was_withdrawn_or_never_was_one_is_refused() {
    let render = Render::start().await;
    render.service("api");
    render.control().withdraw_key(KEY).unwrap();
    let error = render.observer(&["api"]).observe(Instant::now()).await;
    assert!(
        matches!(error, Err(PlatformError::CredentialsRejected(_))),
        "{error:?}"
    );
    assert_eq!(render.calls(), [1, 0, 0]);
    for key in ["", "rnd_with\nnewline"] {
        let observer = render.hub().observer(&target(key, None, &["api"])).unwrap();
        let error = observer.observe(Instant::now()).await;
        assert!(
            matches!(error, Err(PlatformError::CredentialsRejected(_))),
            "{error:?}"
        );
    }
    assert_eq!(render.calls(), [1, 0, 0]);
    render.end().await;
}

#[tokio::test]
async fn trouble_that_lasts_is_tried_three_times_and_then_no_verdict() {
    for status in [500, 503] {
        let (error, calls) = error_under(Effect::status(status)).await;
        let PlatformError::Unavailable {
            source: Outage::Status(seen),
            ..
        } = &error
        else {
            panic!("{status}: {error:?}");
        };
        assert_eq!(*seen, status);
        assert_eq!(error.refusal(), None);
        assert_eq!(calls, 3, "{status}");
    }
}

#[tokio::test]
async fn trouble_that_passes_is_not_noticed() {
    let render = Render::start().await;
    let deploy = render.service("api");
    let fault = Fault::get(Route::ListDeploys.path(), Effect::status(503)).times(2);
    render.control().add_fault(fault).unwrap();
    let release = render
        .observer(&["api"])
        .observe(Instant::now())
        .await
        .unwrap();
    assert_eq!(release.id, deploy);
    assert_eq!(render.calls(), [1, 0, 3]);
    let metrics = render.metrics();
    for (outcome, count) in [("server_error", 2), ("ok", 1)] {
        let line = format!(
            "platform_calls_total{{platform=\"render\",route=\"GET /services/{{serviceId}}/deploys\",outcome=\"{outcome}\"}} {count}"
        );
        assert!(metrics.contains(&line), "{metrics}");
    }
    render.end().await;
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_an_outage() {
    let (error, calls) = error_under(Effect::Truncated).await;
    let connection = |error: &PlatformError| {
        matches!(
            error,
            PlatformError::Unavailable {
                source: Outage::Connection(_),
                ..
            }
        )
    };
    assert!(connection(&error), "{error:?}");
    assert_eq!(calls, 3);
}

#[tokio::test]
async fn a_platform_that_hangs_is_given_up_in_time() {
    let timeout = Duration::from_secs(1);
    let render = Render::start_with_timeout(timeout).await;
    render.service("api");
    render.fault(Route::ListDeploys, Effect::Hang);
    let began = Instant::now();
    let error = render.observer(&["api"]).observe(began).await.unwrap_err();
    let took = began.elapsed();
    assert!(took >= timeout / 2 && took < timeout * 3 / 2, "{took:?}");
    let timed_out = matches!(
        error,
        PlatformError::Unavailable {
            source: Outage::TimedOut,
            ..
        }
    );
    assert!(timed_out, "{error:?}");
    assert!((1..=3).contains(&render.calls()[2]));
    render.end().await;
}

#[tokio::test]
async fn twenty_services_on_a_platform_that_hangs_take_no_longer_than_one() {
    let timeout = Duration::from_secs(1);
    let render = Render::start_with_timeout(timeout).await;
    render.fault(Route::ListServices, Effect::Hang);
    let names: Vec<String> = (0..20).map(|number| format!("service-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let began = Instant::now();
    let error = render.observer(&names).observe(began).await.unwrap_err();
    assert!(began.elapsed() < timeout * 3 / 2, "{:?}", began.elapsed());
    assert_eq!(error.refusal(), None, "{error:?}");
    let metrics = render.metrics();
    assert!(metrics.contains("crowded_out"), "{metrics}");
    render.end().await;
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_an_outage() {
    let render = Render::start().await;
    let observer = render.observer(&["api"]);
    render.end().await;
    let error = observer.observe(Instant::now()).await.unwrap_err();
    let gone = matches!(
        error,
        PlatformError::Unavailable {
            source: Outage::Connection(_),
            ..
        }
    );
    assert!(gone, "{error:?}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_verdict_and_not_tried_again() {
    let status = "live_partially".to_owned();
    for (effect, reply) in [
        (Effect::Garbage, None),
        (Effect::ErrorBody, None),
        (Effect::TwoLive, Some(MalformedReply::TwoLive)),
        (
            Effect::UnknownStatus { status },
            Some(MalformedReply::UnknownState),
        ),
        (Effect::status(204), Some(MalformedReply::Status(204))),
        (Effect::status(302), Some(MalformedReply::Status(302))),
        (Effect::status(400), Some(MalformedReply::Status(400))),
    ] {
        let (error, calls) = error_under(effect.clone()).await;
        let PlatformError::Malformed { source, .. } = &error else {
            panic!("{effect:?}: {error:?}");
        };
        match reply {
            Some(reply) => assert_eq!(*source, reply, "{effect:?}"),
            None => assert!(
                matches!(source, MalformedReply::Shape { .. }),
                "{effect:?}: {source:?}"
            ),
        }
        assert_eq!(error.refusal(), None);
        assert_eq!(calls, 1, "{effect:?}");
    }
}

#[tokio::test]
async fn a_list_that_omits_the_live_deploy_is_no_verdict() {
    let (error, calls) = error_under(Effect::WithoutLive).await;
    assert!(matches!(error, PlatformError::NoLiveDeploy(_)), "{error:?}");
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn what_only_looks_odd_is_read() {
    for effect in [
        Effect::NullArrays,
        Effect::Duplicated,
        Effect::Reordered,
        Effect::ContentType {
            value: "text/plain".to_owned(),
        },
    ] {
        let (result, calls) = read_under(effect.clone()).await;
        assert!(result.is_ok(), "{effect:?}: {result:?}");
        assert_eq!(calls, 1, "{effect:?}");
    }
}

#[tokio::test]
async fn a_missing_collection_says_nothing_of_a_service() {
    let render = Render::start().await;
    render.service("api");
    render.fault(Route::ListServices, Effect::status(404));
    let error = render
        .observer(&["api"])
        .observe(Instant::now())
        .await
        .unwrap_err();
    assert_eq!(error.refusal(), None, "{error:?}");
    render.end().await;
}
