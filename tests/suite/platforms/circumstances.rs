//! What decides whether a service can be brought back, read from its settings.

use axum::body::Body;
use plumbline::{
    platforms::{Circumstances, MalformedReply, Operations, PlatformError},
    simulator::{Effect, NewService, Route, ServiceType, Suspender},
};
use serde_json::{Value, json};

use super::{
    render::{KEY, PATIENCE, Render, hub, target},
    stub::{Stub, answer},
};

const SERVICE: &str = "srv-00000000000000000001";

/// The circumstances of a service with these settings.
async fn of(mut settings: Value) -> Result<Circumstances, PlatformError> {
    settings["id"] = settings.get("id").cloned().unwrap_or(SERVICE.into());
    let found = json!([{"service": {"id": SERVICE, "name": "api", "ownerId": "tea-1"}}]);
    let stub = Stub::start(move |_, uri| match uri.path() {
        "/v1/services" => answer(found.to_string()),
        _ => answer(Body::from(settings.to_string())),
    })
    .await;
    let (hub, _) = hub(stub.base(), PATIENCE);
    let operator = hub.operator(&target(KEY, Some("tea-1"), &["api"])).unwrap();
    let circumstances = operator.circumstances("api").await;
    assert_eq!(stub.changes(), 0);
    circumstances
}

/// Whether a caveat has this word.
fn warns(circumstances: &Circumstances, word: &str) -> bool {
    let caveats = &circumstances.caveats;
    caveats.iter().any(|caveat| caveat.contains(word))
}

#[tokio::test]
async fn a_suspension_and_who_asked_for_it_show() {
    let render = Render::start().await;
    render.service("api");
    let operator = render.operator(&["api"]);
    let before = operator.circumstances("api").await.unwrap();
    assert_eq!(before.suspended, None);
    render.control().suspend("api", Suspender::Billing).unwrap();
    let after = operator.circumstances("api").await.unwrap();
    assert_eq!(after.suspended.as_deref(), Some("billing"));
    render.end().await;
}

#[tokio::test]
async fn each_type_of_service_can_be_asked_for_and_has_its_caveat() {
    let render = Render::start().await;
    for (r#type, word) in [
        (ServiceType::WebService, "stored settings"),
        (ServiceType::PrivateService, "stored settings"),
        (ServiceType::BackgroundWorker, "stored settings"),
        (ServiceType::CronJob, "cron job"),
        (ServiceType::StaticSite, "static site"),
    ] {
        let name = format!("{type:?}");
        let new = NewService {
            name: name.clone(),
            r#type,
            instances: Some(2),
            ..NewService::default()
        };
        render.control().create_service(&new).unwrap();
        let operator = render.operator(&[&name]);
        let circumstances = operator.circumstances(&name).await.unwrap();
        assert!(warns(&circumstances, word), "{name}: {circumstances:?}");
        let scaled = !matches!(r#type, ServiceType::CronJob | ServiceType::StaticSite);
        assert_eq!(warns(&circumstances, "scaled"), scaled, "{name}");
        assert_eq!(circumstances.automatic_deploys, Some(true));
    }
    render.end().await;
}

#[tokio::test]
async fn an_image_is_pulled_again_and_no_push_deploys_it() {
    let render = Render::start().await;
    let new = NewService {
        name: "api".to_owned(),
        image: Some("docker.io/library/nginx:1.28".to_owned()),
        ..NewService::default()
    };
    render.control().create_service(&new).unwrap();
    let circumstances = render
        .operator(&["api"])
        .circumstances("api")
        .await
        .unwrap();
    assert_eq!(circumstances.automatic_deploys, Some(false));
    assert!(warns(&circumstances, "tag"), "{circumstances:?}");
    render.end().await;
}

#[tokio::test]
async fn what_a_rollback_leaves_as_it_is_is_said_before_it_is_needed() {
    let settings = json!({
        "type": "web_service",
        "repo": "https://example.com/api",
        "autoDeploy": "no",
        "serviceDetails": {
            "plan": "free",
            "disk": {"id": "dsk-1", "name": "data", "sizeGB": 1, "mountPath": "/data"},
            "envSpecificDetails": {"preDeployCommand": "migrate"},
        },
    });
    let circumstances = of(settings).await.unwrap();
    for word in ["pre-deploy", "disk", "free plan", "stored settings"] {
        assert!(warns(&circumstances, word), "{word}: {circumstances:?}");
    }
    assert_eq!(circumstances.caveats.len(), 4);
    assert_eq!(circumstances.automatic_deploys, Some(false));
}

#[tokio::test]
async fn settings_that_say_little_are_read_as_far_as_they_go() {
    for settings in [
        json!({}),
        json!({"autoDeploy": 1, "suspenders": null, "serviceDetails": null, "type": null}),
    ] {
        let circumstances = of(settings).await.unwrap();
        assert_eq!(circumstances.suspended, None);
        assert_eq!(circumstances.automatic_deploys, None);
    }
}

#[tokio::test]
async fn the_settings_of_another_service_are_not_taken_for_them() {
    let error = of(json!({"id": "srv-00000000000000000002"}))
        .await
        .unwrap_err();
    let refused = matches!(
        error,
        PlatformError::Malformed {
            source: MalformedReply::Identifier,
            ..
        }
    );
    assert!(refused, "{error:?}");
}

#[tokio::test]
async fn a_reading_may_be_tried_again_and_a_service_that_is_gone_is_not_found() {
    let render = Render::start().await;
    render.service("api");
    let fault = plumbline::simulator::Fault::of(Route::GetService, Effect::status(503));
    render.control().add_fault(fault.times(2)).unwrap();
    let operator = render.operator(&["api"]);
    assert!(operator.circumstances("api").await.is_ok());
    assert_eq!(render.control().calls_of(Route::GetService), 3);
    render.control().delete_service("api").unwrap();
    let error = operator.circumstances("api").await.unwrap_err();
    assert!(
        matches!(error, PlatformError::ServiceNotFound(_)),
        "{error:?}"
    );
    render.end().await;
}
