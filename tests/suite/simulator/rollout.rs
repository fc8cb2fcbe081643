//! How deploys move.

use std::time::Duration;

use plumbline::simulator::{
    DeployStatus::{self, *},
    NewDeploy, NewService, NewWorkspace, Options, Overlap, Pace, Phase, Simulator, Suspender,
    Trigger,
};
use serde_json::{Value, json};

use super::calls::Api;

fn phases(phases: &[(DeployStatus, f64)]) -> NewDeploy {
    NewDeploy {
        phases: phases
            .iter()
            .map(|&(status, seconds)| Phase { status, seconds })
            .collect(),
        ..NewDeploy::default()
    }
}

#[tokio::test]
async fn a_deploy_builds_then_starts_and_then_replaces_the_live_one() {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    let start = |seconds| api.clock.advance(Duration::from_secs(seconds));
    let new = NewDeploy::default();
    let id = api.control().start_deploy(&service, &new).unwrap().id;
    let path = format!("/services/{service}/deploys/{id}");
    let early = api.get(&path).await.json();
    assert_eq!(early["finishedAt"], Value::Null);
    assert_eq!(early["startedAt"], early["createdAt"]);
    assert_eq!(api.statuses(&service).await, ["build_in_progress", "live"]);
    start(19);
    assert_eq!(api.statuses(&service).await, ["build_in_progress", "live"]);
    start(1);
    assert_eq!(api.statuses(&service).await, ["update_in_progress", "live"]);
    start(9);
    assert_eq!(api.statuses(&service).await, ["update_in_progress", "live"]);
    start(1);
    assert_eq!(api.statuses(&service).await, ["live", "deactivated"]);
    assert_eq!(
        api.get(&path).await.json()["finishedAt"],
        "2026-01-01T00:00:30Z"
    );
    api.end().await;
}

#[tokio::test]
async fn what_happened_while_nobody_looked_happened_at_its_own_time() {
    let api = Api::start().await;
    let service = api.service("api");
    let failing = phases(&[(BuildInProgress, 5.0), (BuildFailed, 0.0)]);
    api.control().start_deploy(&service, &failing).unwrap();
    let waiting = NewDeploy::default();
    api.control().start_deploy(&service, &waiting).unwrap();
    api.clock.advance(Duration::from_mins(50));
    let deploys = api.control().deploys(&service).unwrap();
    let ended: Vec<_> = deploys
        .iter()
        .map(|deploy| (deploy.status, deploy.finished_at.unwrap().to_string()))
        .collect();
    let expected = [
        (Live, "2026-01-01T00:00:35Z".to_owned()),
        (BuildFailed, "2026-01-01T00:00:05Z".to_owned()),
    ];
    assert_eq!(ended, expected);
    api.end().await;
}

#[tokio::test]
async fn a_deploy_that_fails_leaves_the_live_one_alone() {
    for failure in [BuildFailed, PreDeployFailed, UpdateFailed] {
        let api = Api::start().await;
        let service = api.service("api");
        let live = api.live(&service);
        let failing = phases(&[(BuildInProgress, 1.0), (failure, 0.0)]);
        api.control().start_deploy(&service, &failing).unwrap();
        api.clock.advance(Duration::from_secs(1));
        let found = api
            .get(&format!("/services/{service}/deploys?status=live"))
            .await;
        assert_eq!(found.ids("deploy"), [live], "{failure:?}");
        api.end().await;
    }
}

#[tokio::test]
async fn the_newest_waiting_deploy_runs_next_and_those_between_are_canceled() {
    let api = Api::start().await;
    let service = api.service("api");
    let start = || {
        api.control()
            .start_deploy(&service, &NewDeploy::default())
            .unwrap()
    };
    let (running, between, newest) = (start(), start(), start());
    assert_eq!(
        [running.status, between.status, newest.status],
        [BuildInProgress, Queued, Queued]
    );
    api.clock.advance(Duration::from_secs(30));
    let deploys = api.control().deploys(&service).unwrap();
    let statuses: Vec<_> = deploys.iter().map(|deploy| deploy.status).collect();
    assert_eq!(statuses, [BuildInProgress, Canceled, Live]);
    assert_eq!(deploys[1].superseded_by.as_ref(), Some(&newest.id));
    assert_eq!(deploys[1].started_at, None);
    api.end().await;
}

#[tokio::test]
async fn a_workspace_that_overrides_cancels_what_runs() {
    let api = Api::start().await;
    let workspace = NewWorkspace {
        name: "Hasty".to_owned(),
        overlap: Overlap::Override,
    };
    api.control().create_workspace(&workspace).unwrap();
    let service = NewService {
        name: "api".to_owned(),
        owner: Some("Hasty".to_owned()),
        ..NewService::default()
    };
    let service = api.control().create_service(&service).unwrap().id;
    for _ in 0..3 {
        let new = NewDeploy::default();
        api.control().start_deploy(&service, &new).unwrap();
    }
    let expected = ["build_in_progress", "canceled", "canceled"];
    assert_eq!(api.statuses(&service).await, expected);
    api.end().await;
}

#[tokio::test]
async fn a_deploy_that_is_live_at_once_takes_the_place_of_all_others() {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    for _ in 0..2 {
        let new = NewDeploy::default();
        api.control().start_deploy(&service, &new).unwrap();
    }
    api.live(&service);
    api.clock.advance(Duration::from_mins(10));
    let expected = ["live", "canceled", "canceled", "deactivated"];
    assert_eq!(api.statuses(&service).await, expected);
    api.end().await;
}

#[tokio::test]
async fn a_status_that_was_set_by_hand_stays_and_holds_up_the_queue() {
    let api = Api::start().await;
    let service = api.service("api");
    let start = || {
        api.control()
            .start_deploy(&service, &NewDeploy::default())
            .unwrap()
    };
    let (stuck, _) = (start(), start());
    let set = |status| api.control().set_deploy_status(&stuck.id, status).unwrap();
    set(PreDeployInProgress);
    api.clock.advance(Duration::from_hours(3));
    assert_eq!(
        api.statuses(&service).await,
        ["queued", "pre_deploy_in_progress"]
    );
    set(Canceled);
    assert_eq!(
        api.statuses(&service).await,
        ["build_in_progress", "canceled"]
    );
    api.end().await;
}

#[tokio::test]
async fn a_rollback_does_not_build() {
    let api = Api::start().await;
    let service = api.service("api");
    let rollback = NewDeploy {
        trigger: Trigger::Rollback,
        ..NewDeploy::default()
    };
    api.control().start_deploy(&service, &rollback).unwrap();
    assert_eq!(api.statuses(&service).await, ["update_in_progress"]);
    api.clock.advance(Duration::from_secs(10));
    assert_eq!(api.statuses(&service).await, ["live"]);
    api.end().await;
}

#[tokio::test]
async fn speed_shortens_usual_and_given_phases() {
    let clock = Api::start().await.clock.clone();
    let options = Options {
        clock: clock.clone(),
        pace: Pace {
            speed: 10.0,
            ..Pace::default()
        },
        ..Options::default()
    };
    let running = Simulator::start(options).await.unwrap();
    let control = running.control();
    for (name, new) in [
        ("usual", NewDeploy::default()),
        ("given", phases(&[(BuildInProgress, 30.0), (Live, 0.0)])),
    ] {
        let service = NewService {
            name: name.to_owned(),
            ..NewService::default()
        };
        control.create_service(&service).unwrap();
        control.start_deploy(name, &new).unwrap();
        clock.advance(Duration::from_millis(2_999));
        assert_ne!(control.deploys(name).unwrap()[0].status, Live, "{name}");
        clock.advance(Duration::from_millis(1));
        assert_eq!(control.deploys(name).unwrap()[0].status, Live, "{name}");
    }
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_suspended_service_has_no_instances_and_a_resumed_one_deploys_what_was_live() {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    let commit = api.control().deploys(&service).unwrap()[0].commit.clone();
    let instances = format!("/services/{service}/instances");
    assert_eq!(
        api.get(&instances).await.json().as_array().unwrap().len(),
        1
    );
    api.control().suspend(&service, Suspender::Billing).unwrap();
    assert_eq!(api.get(&instances).await.json(), json!([]));
    let suspended = api.get(&format!("/services/{service}")).await.json();
    assert_eq!(suspended["suspended"], "suspended");
    assert_eq!(suspended["suspenders"], json!(["billing"]));
    let resumed = api.control().resume(&service).unwrap();
    assert_eq!(resumed.trigger, Trigger::ServiceResumed);
    assert_eq!(resumed.commit.unwrap().id, commit.unwrap().id);
    assert_eq!(
        api.get(&instances).await.json().as_array().unwrap().len(),
        1
    );
    api.end().await;
}

#[tokio::test]
async fn events_tell_what_happened_newest_first_within_the_last_hour() {
    let api = Api::start().await;
    let service = api.service("api");
    let failing = phases(&[
        (BuildInProgress, 1.0),
        (PreDeployInProgress, 1.0),
        (PreDeployFailed, 0.0),
    ]);
    let deploy = api.control().start_deploy(&service, &failing).unwrap().id;
    api.clock.advance(Duration::from_secs(2));
    let path = format!("/services/{service}/events");
    let list = api.get(&path).await.json();
    let types: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["event"]["type"].as_str().unwrap())
        .collect();
    let expected = [
        "deploy_ended",
        "pre_deploy_ended",
        "pre_deploy_started",
        "build_ended",
        "build_started",
        "deploy_started",
    ];
    assert_eq!(types, expected);
    let details = &list[0]["event"]["details"];
    assert_eq!(details["deployId"], json!(deploy));
    assert_eq!(details["deployStatus"], "failed");
    let ended = api.get(&format!("{path}?type=deploy_ended")).await;
    assert_eq!(ended.ids("event").len(), 1);
    api.clock.advance(Duration::from_mins(61));
    assert_eq!(api.get(&path).await.json(), json!([]));
    let all = api
        .get(&format!("{path}?startTime=2026-01-01T00:00:00Z"))
        .await;
    assert_eq!(all.ids("event").len(), expected.len());
    api.end().await;
}

#[tokio::test]
async fn events_of_several_services_keep_their_own_times() {
    let api = Api::start().await;
    let started = [("slow", 9.0), ("fast", 4.0)].map(|(name, seconds)| {
        let service = api.service(name);
        let new = phases(&[(BuildInProgress, seconds), (Live, 0.0)]);
        api.control().start_deploy(&service, &new).unwrap();
        (service, seconds)
    });
    api.clock.advance(Duration::from_mins(1));
    for (service, seconds) in started {
        let path = format!("/services/{service}/events?type=build_ended");
        let list = api.get(&path).await.json();
        let expected = format!("2026-01-01T00:00:0{seconds}Z");
        assert_eq!(list[0]["event"]["timestamp"], json!(expected));
    }
    api.end().await;
}
