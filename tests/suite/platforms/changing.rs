//! What a change does, and what is told of it.

use plumbline::{
    platforms::{
        Accepted, Cause, MutationError, Operations, Phase, PlatformError, RefusedBecause, Revision,
        Target,
    },
    simulator::{NewDeploy, NewService, Route, ServiceType},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::render::Render;
use crate::support::requests::validate_request;

/// The requests that changed something, as method, path and body; each is one that Render describes.
fn changes(render: &Render) -> Vec<(String, String, Value)> {
    let requests = render.control().requests().into_iter();
    requests
        .inspect(|request| {
            validate_request(
                &request.method,
                &request.path,
                &request.query,
                request.body.as_ref(),
            )
            .unwrap();
        })
        .filter(|request| request.method != "GET")
        .map(|request| {
            (
                request.method,
                request.path,
                request.body.unwrap_or_default(),
            )
        })
        .collect()
}

fn commit() -> Revision {
    Revision::Commit("4f1c2d34f1c2d34f1c2d34f1c2d34f1c2d34f1c2".to_owned())
}

#[tokio::test]
async fn a_rollback_is_one_request_and_gives_the_new_rollout() {
    let render = Render::start().await;
    let good = render.service("api");
    let bad = render.deploy("api");
    let operator = render.operator(&["api"]);
    let accepted = operator.roll_back("api", &good).await.unwrap();
    let rollout = accepted.rollout.unwrap();
    assert_eq!(rollout.cause, Cause::Rollback);
    assert!(rollout.id != good && rollout.id != bad);
    let seen = operator.rollout("api", &rollout.id).await.unwrap().unwrap();
    let goal = operator.rollout("api", &good).await.unwrap().unwrap();
    assert_eq!((seen.cause, seen.version), (Cause::Rollback, goal.version));
    let service = render.control().service("api").unwrap().id;
    let path = format!("/v1/services/{service}/rollback");
    let expected = ("POST".to_owned(), path, json!({"deployId": good}));
    assert_eq!(changes(&render), [expected]);
    assert_eq!(render.control().mutations().len(), 1);
    let metrics = render.metrics();
    let line = "platform_calls_total{platform=\"render\",route=\"POST /services/{serviceId}/rollback\",outcome=\"ok\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    render.end().await;
}

#[tokio::test]
async fn automatic_deploys_are_stopped_by_one_request_and_it_shows() {
    let render = Render::start().await;
    render.service("api");
    let operator = render.operator(&["api"]);
    let before = operator.circumstances("api").await.unwrap();
    assert_eq!(before.automatic_deploys, Some(true));
    operator.stop_automatic_deploys("api").await.unwrap();
    let after = operator.circumstances("api").await.unwrap();
    assert_eq!(after.automatic_deploys, Some(false));
    let service = render.control().service("api").unwrap().id;
    let path = format!("/v1/services/{service}");
    let expected = ("PATCH".to_owned(), path, json!({"autoDeploy": "no"}));
    assert_eq!(changes(&render), [expected]);
    render.end().await;
}

#[tokio::test]
async fn a_deploy_of_a_commit_is_one_request_and_gives_the_new_rollout() {
    let render = Render::start().await;
    render.service("api");
    let operator = render.operator(&["api"]);
    let accepted = operator.deploy("api", &commit()).await.unwrap();
    let rollout = accepted.rollout.unwrap();
    let Revision::Commit(commit) = commit() else {
        unreachable!()
    };
    assert_eq!(rollout.version.as_ref(), Some(&commit));
    assert_eq!(rollout.cause, Cause::Other);
    let service = render.control().service("api").unwrap().id;
    let path = format!("/v1/services/{service}/deploys");
    let expected = ("POST".to_owned(), path, json!({"commitId": commit}));
    assert_eq!(changes(&render), [expected]);
    render.end().await;
}

#[tokio::test]
async fn a_deploy_of_an_image_is_one_request_and_gives_the_new_rollout() {
    let render = Render::start().await;
    let new = NewService {
        name: "api".to_owned(),
        image: Some("docker.io/library/nginx:1.28".to_owned()),
        ..NewService::default()
    };
    render.control().create_service(&new).unwrap();
    let operator = render.operator(&["api"]);
    let image = Revision::Image("docker.io/library/nginx:1.29".to_owned());
    let accepted = operator.deploy("api", &image).await.unwrap();
    assert!(accepted.rollout.is_some());
    let sent = changes(&render);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        sent[0].2,
        json!({"imageUrl": "docker.io/library/nginx:1.29"})
    );
    render.end().await;
}

#[tokio::test]
async fn what_waits_behind_another_is_taken_without_an_id_and_shows_in_the_list() {
    let render = Render::start().await;
    render.service("api");
    let running = render
        .control()
        .start_deploy("api", &NewDeploy::default())
        .unwrap();
    let operator = render.operator(&["api"]);
    let accepted = operator.deploy("api", &commit()).await.unwrap();
    assert_eq!(accepted, Accepted { rollout: None });
    let rollouts = operator.rollouts("api").await.unwrap();
    assert_eq!(rollouts[0].phase, Phase::Waiting);
    assert_eq!(rollouts[1].id, running.id);
    render.end().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_without_a_request() {
    let render = Render::start().await;
    render.service("api");
    let cron_job = NewService {
        name: "nightly".to_owned(),
        r#type: ServiceType::CronJob,
        ..NewService::default()
    };
    render.control().create_service(&cron_job).unwrap();
    let operator = render.operator(&["api", "nightly"]);
    let image = Revision::Image("docker.io/library/nginx:1.29".to_owned());
    let branch = Revision::Commit("main".to_owned());
    for result in [
        operator.deploy("api", &image).await,
        operator.deploy("api", &branch).await,
        operator.deploy("nightly", &commit()).await,
        operator.roll_back("api", "srv-1").await,
        operator.roll_back("api", "dep-../../owners").await,
        operator.roll_back("api", "").await,
    ] {
        let error = result.unwrap_err();
        let refused = matches!(
            error,
            MutationError::Refused {
                refused: RefusedBecause::Invalid,
                source: PlatformError::Impossible { .. },
            }
        );
        assert!(refused, "{error:?}");
    }
    assert_eq!(changes(&render), []);
    render.end().await;
}

#[tokio::test]
async fn a_goal_that_cannot_be_returned_to_any_more_is_a_refusal() {
    let render = Render::start().await;
    let good = render.service("api");
    render.deploy("api");
    render.control().expire_artifact(&good).unwrap();
    let operator = render.operator(&["api"]);
    let error = operator.roll_back("api", &good).await.unwrap_err();
    assert!(matches!(error, MutationError::Refused { .. }), "{error:?}");
    let error = operator.roll_back("api", "dep-00000000000000000000").await;
    let gone = matches!(
        error,
        Err(MutationError::Refused {
            refused: RefusedBecause::Gone,
            ..
        })
    );
    assert!(gone, "{error:?}");
    assert_eq!(render.control().calls_of(Route::RollBack), 2);
    assert_eq!(render.control().mutations().len(), 0);
    render.end().await;
}

#[tokio::test]
async fn an_operator_shares_what_was_read_with_the_observers() {
    let render = Render::start().await;
    render.service("api");
    let observer = render.observer(&["api"]);
    let asked = Instant::now();
    let release = observer.observe(asked).await.unwrap();
    let operator = render.operator(&["api"]);
    assert_eq!(operator.release(asked).await.unwrap(), release);
    assert_eq!(render.calls(), [1, 0, 1]);
    operator.rollouts("api").await.unwrap();
    operator.circumstances("api").await.unwrap();
    assert_eq!(render.calls(), [1, 1, 2]);
    render.end().await;
}

#[tokio::test]
async fn a_target_without_a_platform_has_no_operator() {
    let render = Render::start().await;
    assert!(render.hub().operator(&Target::External).is_none());
    render.end().await;
}
