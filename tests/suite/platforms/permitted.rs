//! Nothing is changed but the services of the target, as they are now.

use std::time::Duration;

use http::Method;
use plumbline::{
    platforms::{MutationError, Operations, PlatformError, Refusal, Revision},
    simulator::{Effect, NewService, NewWorkspace, Route},
};
use serde_json::json;

use super::{
    render::{KEY, PATIENCE, Render, hub, target},
    stub::{Stub, answer},
};

const GOAL: &str = "dep-00000000000000000000";

/// The errors of every change of a service.
async fn errors(operator: &impl Operations, service: &str) -> Vec<MutationError> {
    let revision = Revision::Commit("4f1c2d3".to_owned());
    vec![
        operator.stop_automatic_deploys(service).await.unwrap_err(),
        operator.roll_back(service, GOAL).await.unwrap_err(),
        operator.deploy(service, &revision).await.unwrap_err(),
    ]
}

fn changes(render: &Render) -> usize {
    let requests = render.control().requests();
    requests
        .iter()
        .filter(|request| request.method != "GET")
        .count()
}

#[tokio::test]
async fn a_service_of_another_workspace_is_never_changed() {
    let render = Render::start().await;
    render.service("api");
    let new = NewWorkspace {
        name: "Elsewhere".to_owned(),
        ..NewWorkspace::default()
    };
    let elsewhere = render.control().create_workspace(&new).unwrap();
    let id = render.control().service("api").unwrap().id;
    for (name, refusal) in [
        (id.as_str(), Refusal::ReferenceNotPermitted),
        // By name, it is looked for in that workspace only.
        ("api", Refusal::ReferenceNotFound),
    ] {
        let target = target(KEY, Some(&elsewhere.id), &[name]);
        let operator = render.hub().operator(&target).unwrap();
        for error in errors(&operator, name).await {
            let MutationError::NotSent(error) = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.refusal(), Some(refusal), "{error:?}");
        }
        assert!(operator.circumstances(name).await.is_err());
    }
    assert_eq!(changes(&render), 0);
    render.end().await;
}

#[tokio::test]
async fn a_service_that_the_target_does_not_name_is_never_asked_for() {
    let render = Render::start().await;
    render.service("api");
    render.service("worker");
    let operator = render.operator(&["api"]);
    for error in errors(&operator, "worker").await {
        let unknown = matches!(
            error,
            MutationError::NotSent(PlatformError::ServiceNotFound(_))
        );
        assert!(unknown, "{error:?}");
    }
    for error in [
        operator.rollouts("worker").await.unwrap_err(),
        operator.rollout("worker", GOAL).await.unwrap_err(),
        operator.circumstances("worker").await.unwrap_err(),
    ] {
        assert!(
            matches!(error, PlatformError::ServiceNotFound(_)),
            "{error:?}"
        );
    }
    assert_eq!(render.calls(), [0, 0, 0]);
    render.end().await;
}

#[tokio::test]
async fn a_name_that_was_given_to_another_service_is_looked_up_before_a_change() {
    let render = Render::start().await;
    render.service("api");
    let operator = render.operator(&["api"]);
    operator.circumstances("api").await.unwrap();
    render.control().delete_service("api").unwrap();
    let new = NewService {
        name: "api".to_owned(),
        ..NewService::default()
    };
    let service = render.control().create_service(&new).unwrap();
    operator.stop_automatic_deploys("api").await.unwrap();
    let requests = render.control().requests();
    let change = requests.last().unwrap();
    assert_eq!(change.path, format!("/v1/services/{}", service.id));
    assert_eq!(changes(&render), 1);
    render.end().await;
}

#[tokio::test]
async fn a_service_that_cannot_be_looked_up_is_not_changed() {
    let timeout = Duration::from_secs(1);
    for effect in [
        Effect::status(401),
        Effect::status(500),
        Effect::Hang,
        Effect::Garbage,
    ] {
        let render = Render::start_with_timeout(timeout).await;
        render.service("api");
        render.fault(Route::ListServices, effect);
        let operator = render.operator(&["api"]);
        for error in errors(&operator, "api").await {
            assert!(matches!(error, MutationError::NotSent(_)), "{error:?}");
        }
        assert_eq!(changes(&render), 0);
        render.end().await;
    }
}

#[tokio::test]
async fn a_key_that_can_be_none_changes_nothing() {
    let render = Render::start().await;
    render.service("api");
    for key in ["", "rnd_with\nnewline", "rnd_unknown"] {
        let operator = render.hub().operator(&target(key, None, &["api"])).unwrap();
        for error in errors(&operator, "api").await {
            let rejected = matches!(
                error,
                MutationError::NotSent(PlatformError::CredentialsRejected(_))
            );
            assert!(rejected, "{key}: {error:?}");
        }
    }
    assert_eq!(changes(&render), 0);
    render.end().await;
}

#[tokio::test]
async fn settings_that_were_changed_of_another_service_leave_open_what_was_done() {
    let stub = Stub::start(|method, _| {
        let id = if method == Method::GET {
            "srv-1"
        } else {
            "srv-2"
        };
        answer(json!({"id": id}).to_string())
    })
    .await;
    let (hub, _) = hub(stub.base(), PATIENCE);
    let operator = hub.operator(&target(KEY, None, &["srv-1"])).unwrap();
    let error = operator.stop_automatic_deploys("srv-1").await.unwrap_err();
    assert!(matches!(error, MutationError::Unknown(_)), "{error:?}");
    assert_eq!(stub.changes(), 1);
}
