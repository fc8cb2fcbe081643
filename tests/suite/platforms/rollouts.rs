//! The rollouts of a service, in whatever order and state the platform lists them.

use std::time::Duration;

use plumbline::{
    platforms::{MalformedReply, Operations, Phase, PlatformError, Rollout},
    simulator::{DeployStatus, Effect, Route},
};
use serde_json::{Value, json};

use super::{
    render::{KEY, PATIENCE, Render, hub, target},
    stub::{Stub, answer},
};

const SERVICE: &str = "srv-00000000000000000001";

/// The identifiers of the deploys of `api`, newest first, as they are.
fn truth(render: &Render) -> Vec<String> {
    let deploys = render.control().deploys("api").unwrap();
    deploys.into_iter().map(|deploy| deploy.id).collect()
}

fn ids(rollouts: &[Rollout]) -> Vec<String> {
    rollouts.iter().map(|rollout| rollout.id.clone()).collect()
}

#[tokio::test]
async fn they_are_given_newest_first_and_once_however_they_are_listed() {
    for effect in [Effect::Reordered, Effect::Duplicated, Effect::NullArrays] {
        let render = Render::start().await;
        render.service("api");
        for _ in 0..4 {
            render.deploy("api");
        }
        render.fault(Route::ListDeploys, effect.clone());
        let rollouts = render.operator(&["api"]).rollouts("api").await.unwrap();
        assert_eq!(ids(&rollouts), truth(&render), "{effect:?}");
        assert_eq!(rollouts[0].phase, Phase::Live);
        assert!(
            rollouts[1..]
                .iter()
                .all(|rollout| rollout.phase == Phase::Replaced)
        );
        render.end().await;
    }
}

#[tokio::test]
async fn of_many_the_hundred_newest_are_given_after_one_call() {
    let render = Render::start().await;
    render.service("api");
    for _ in 0..120 {
        render.deploy("api");
    }
    let rollouts = render.operator(&["api"]).rollouts("api").await.unwrap();
    assert_eq!(ids(&rollouts), truth(&render)[..100]);
    assert_eq!(render.control().calls_of(Route::ListDeploys), 1);
    render.end().await;
}

/// A service with this many deploys, listed oldest first, page by page.
async fn oldest_first(count: usize) -> Stub {
    let page = move |first: usize| {
        let item = |number: usize| {
            let created = format!("2026-03-01T12:{:02}:{:02}Z", number / 60, number % 60);
            let id = format!("dep-{number}");
            let deploy = json!({"id": id, "status": "deactivated", "createdAt": created});
            json!({"deploy": deploy, "cursor": (number + 1).to_string()})
        };
        let items = (first..count).take(100).map(item);
        Value::Array(items.collect()).to_string()
    };
    Stub::start(move |_, uri| {
        if !uri.path().ends_with("/deploys") {
            return answer(json!({"id": SERVICE}).to_string());
        }
        let cursor = uri.query().unwrap().split_once("cursor=");
        answer(page(cursor.map_or(0, |(_, first)| first.parse().unwrap())))
    })
    .await
}

#[tokio::test]
async fn of_many_in_the_wrong_order_all_are_read_and_the_newest_given() {
    let stub = oldest_first(250).await;
    let (hub, _) = hub(stub.base(), PATIENCE);
    let operator = hub.operator(&target(KEY, None, &[SERVICE])).unwrap();
    let rollouts = operator.rollouts(SERVICE).await.unwrap();
    let expected: Vec<String> = (150..250).rev().map(|id| format!("dep-{id}")).collect();
    assert_eq!(ids(&rollouts), expected);
    assert_eq!(stub.calls(), 4);
}

#[tokio::test]
async fn more_than_are_read_in_the_wrong_order_are_no_answer() {
    let stub = oldest_first(600).await;
    let (hub, _) = hub(stub.base(), PATIENCE);
    let operator = hub.operator(&target(KEY, None, &[SERVICE])).unwrap();
    let error = operator.rollouts(SERVICE).await.unwrap_err();
    let unordered = matches!(
        error,
        PlatformError::Malformed {
            source: MalformedReply::Unordered,
            ..
        }
    );
    assert!(unordered, "{error:?}");
    assert_eq!(stub.calls(), 6);
}

#[tokio::test]
async fn every_status_has_its_phase_and_one_of_tomorrow_is_neither_an_end_nor_an_error() {
    let render = Render::start().await;
    let deploy = render.service("api");
    let operator = render.operator(&["api"]);
    for (status, phase) in [
        (DeployStatus::Created, Phase::Waiting),
        (DeployStatus::Queued, Phase::Waiting),
        (DeployStatus::BuildInProgress, Phase::InProgress),
        (DeployStatus::PreDeployInProgress, Phase::InProgress),
        (DeployStatus::UpdateInProgress, Phase::InProgress),
        (DeployStatus::Live, Phase::Live),
        (DeployStatus::Deactivated, Phase::Replaced),
        (DeployStatus::BuildFailed, Phase::Failed),
        (DeployStatus::PreDeployFailed, Phase::Failed),
        (DeployStatus::UpdateFailed, Phase::Failed),
        (DeployStatus::Canceled, Phase::Canceled),
    ] {
        render.control().set_deploy_status(&deploy, status).unwrap();
        let rollout = operator.rollout("api", &deploy).await.unwrap().unwrap();
        assert_eq!(rollout.phase, phase, "{status:?}");
        assert_eq!(operator.rollouts("api").await.unwrap()[0], rollout);
    }
    let status = "live_partially".to_owned();
    render.fault(Route::GetDeploy, Effect::UnknownStatus { status });
    let rollout = operator.rollout("api", &deploy).await.unwrap().unwrap();
    assert_eq!(rollout.phase, Phase::Unknown);
    assert!(!rollout.phase.is_over() && !rollout.phase.has_served());
    render.end().await;
}

#[tokio::test]
async fn one_that_is_not_there_is_none_and_one_that_cannot_be_is_not_asked_for() {
    let render = Render::start().await;
    render.service("api");
    let operator = render.operator(&["api"]);
    let missing = operator.rollout("api", "dep-00000000000000000000").await;
    assert_eq!(missing.unwrap(), None);
    assert_eq!(render.control().calls_of(Route::GetDeploy), 1);
    for id in [
        "",
        "dep-",
        "srv-1",
        "dep-1/../../owners",
        "dep-1?x=1",
        "dep-%2e",
        "dep-1\r\n",
    ] {
        assert_eq!(operator.rollout("api", id).await.unwrap(), None, "{id:?}");
    }
    assert_eq!(render.control().calls_of(Route::GetDeploy), 1);
    render.end().await;
}

#[tokio::test]
async fn one_that_was_created_a_moment_ago_may_not_be_there_yet() {
    let render = Render::start().await;
    let good = render.service("api");
    render.deploy("api");
    render.control().set_lag(Duration::from_mins(1)).unwrap();
    let operator = render.operator(&["api"]);
    let accepted = operator.roll_back("api", &good).await.unwrap();
    let id = accepted.rollout.unwrap().id;
    assert_eq!(operator.rollout("api", &id).await.unwrap(), None);
    render.control().set_lag(Duration::ZERO).unwrap();
    let rollout = operator.rollout("api", &id).await.unwrap();
    assert_eq!(rollout.unwrap().id, id);
    render.end().await;
}

#[tokio::test]
async fn another_one_than_the_one_asked_for_is_not_taken_for_it() {
    let stub = Stub::start(|_, uri| {
        let id = if uri.path().contains("/deploys/") {
            "dep-2"
        } else {
            SERVICE
        };
        answer(json!({"id": id, "status": "live"}).to_string())
    })
    .await;
    let (hub, _) = hub(stub.base(), PATIENCE);
    let operator = hub.operator(&target(KEY, None, &[SERVICE])).unwrap();
    let error = operator.rollout(SERVICE, "dep-1").await.unwrap_err();
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
async fn trouble_while_reading_one_is_not_that_it_is_not_there() {
    let render = Render::start_with_timeout(Duration::from_secs(1)).await;
    let deploy = render.service("api");
    let operator = render.operator(&["api"]);
    for effect in [
        Effect::status(401),
        Effect::status(500),
        Effect::Hang,
        Effect::Garbage,
        Effect::ErrorBody,
    ] {
        render.control().clear_faults();
        render.fault(Route::GetDeploy, effect.clone());
        let result = operator.rollout("api", &deploy).await;
        assert!(result.is_err(), "{effect:?}: {result:?}");
    }
    render.end().await;
}
