//! Changes whose outcome the caller does not learn: done or not, answered or not.

use std::time::Duration;

use http::{Method, StatusCode};
use plumbline::simulator::{Effect, Fault, HeldAt, Route};
use serde_json::{Value, json};

use super::calls::{Answer, Api, LIMIT};

/// A service with two deploys that were live, and what goes wrong with its rollback.
struct Scene {
    api: Api,
    service: String,
    former: String,
    path: String,
    body: Value,
}

impl Scene {
    async fn under(effect: Effect) -> Self {
        let api = Api::start().await;
        let service = api.service("api");
        let former = api.live(&service);
        api.live(&service);
        let fault = Fault::of(Route::RollBack, effect).times(1);
        api.control().add_fault(fault).unwrap();
        Self {
            path: format!("/services/{service}/rollback"),
            body: json!({ "deployId": former }),
            api,
            service,
            former,
        }
    }

    async fn roll_back(&self) -> Result<Answer, String> {
        self.api.write(Method::POST, &self.path, &self.body).await
    }

    /// Sends the rollback and goes away before there is an answer, as a process does that is killed.
    async fn roll_back_and_vanish(&self, seen: impl Future<Output = ()>) {
        tokio::select! {
            answer = self.roll_back() => panic!("answered: {answer:?}"),
            () = seen => {}
            () = tokio::time::sleep(LIMIT) => panic!("the call did not arrive"),
        }
    }

    fn deploys(&self) -> usize {
        self.api.control().deploys(&self.service).unwrap().len()
    }
}

#[tokio::test]
async fn nothing_is_done_when_the_answer_takes_the_place_of_the_effect() {
    for effect in [
        Effect::status(500),
        Effect::rejected(409, "a deploy is in progress"),
        Effect::rejected(402, "payment required"),
        Effect::rate_limited("1"),
        Effect::ErrorBody,
        Effect::Garbage,
    ] {
        let scene = Scene::under(effect.clone()).await;
        scene.roll_back().await.unwrap();
        assert_eq!(scene.deploys(), 2, "{effect:?}");
        assert_eq!(scene.api.control().mutations(), [], "{effect:?}");
        scene.api.end().await;
    }
}

#[tokio::test]
async fn a_hung_call_is_not_done_even_when_the_simulator_stops() {
    let scene = Scene::under(Effect::Hang).await;
    let control = scene.api.control().clone();
    let arrived = async {
        while control.calls_of(Route::RollBack) == 0 {
            tokio::task::yield_now().await;
        }
    };
    scene.roll_back_and_vanish(arrived).await;
    assert_eq!(control.mutations(), []);
    scene.api.end().await;
    assert_eq!(control.mutations(), []);
}

#[tokio::test]
async fn an_effect_can_come_with_another_status() {
    for (effect, status, body) in [
        (
            Effect::commit_then_status(502),
            502,
            json!({"message": "bad gateway"}),
        ),
        (
            Effect::CommitThenStatus {
                status: 200,
                body: Some(json!({"message": "internal server error"})),
                text: None,
            },
            200,
            json!({"message": "internal server error"}),
        ),
    ] {
        let scene = Scene::under(effect).await;
        let answer = scene.roll_back().await.unwrap();
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.json(), body);
        assert_eq!(scene.deploys(), 3);
        assert_eq!(scene.api.control().mutations().len(), 1);
        scene.api.end().await;
    }
}

#[tokio::test]
async fn an_effect_can_come_with_a_closed_connection_and_no_answer() {
    let scene = Scene::under(Effect::CommitThenReset).await;
    let error = scene.roll_back().await.unwrap_err();
    assert!(
        error.contains("IncompleteMessage") || error.contains("ConnectionReset"),
        "{error}"
    );
    assert_eq!(scene.deploys(), 3);
    assert_eq!(scene.roll_back().await.unwrap().status, StatusCode::CREATED);
    scene.api.end().await;
}

#[tokio::test]
async fn an_effect_can_come_with_no_answer_at_all() {
    let scene = Scene::under(Effect::CommitThenHang).await;
    let control = scene.api.control();
    let done = async {
        while control.mutations().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    scene.roll_back_and_vanish(done).await;
    assert_eq!(scene.deploys(), 3);
    scene.api.end().await;
}

#[tokio::test]
async fn an_effect_can_come_with_a_spoilt_answer() {
    let unknown = Effect::UnknownStatus {
        status: "reticulating".to_owned(),
    };
    let scene = Scene::under(unknown).await;
    let answer = scene.roll_back().await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.json()["status"], "reticulating");
    assert_eq!(scene.deploys(), 3);
    scene.api.end().await;
    let scene = Scene::under(Effect::Truncated).await;
    scene.roll_back().await.unwrap_err();
    assert_eq!(scene.deploys(), 3);
    scene.api.end().await;
}

#[tokio::test]
async fn an_effect_can_come_without_an_identifier() {
    let scene = Scene::under(Effect::WithoutId).await;
    let answer = scene.roll_back().await.unwrap();
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "")
    );
    assert_eq!(scene.deploys(), 3);
    scene.api.end().await;
}

#[tokio::test]
async fn an_effect_can_come_with_somebody_else_s_deploy() {
    let scene = Scene::under(Effect::WrongDeploy).await;
    let invented = scene.roll_back().await.unwrap();
    assert_eq!(invented.status, StatusCode::CREATED);
    let own = scene.api.control().deploys(&scene.service).unwrap();
    assert_eq!(own.len(), 3);
    for deploy in &own {
        assert_ne!(invented.json()["id"], json!(deploy.id));
        let commit = &deploy.commit.as_ref().unwrap().id;
        assert_ne!(invented.json()["commit"]["id"], json!(commit));
    }
    let other = scene.api.service("other");
    let foreign = scene.api.live(&other);
    let fault = Fault::of(Route::RollBack, Effect::WrongDeploy);
    scene.api.control().add_fault(fault).unwrap();
    let wrong = scene.roll_back().await.unwrap().json();
    assert_eq!(wrong["id"], json!(foreign));
    scene.api.end().await;
}

#[tokio::test]
async fn a_call_that_is_held_before_its_effect_is_done_when_it_is_released() {
    let scene = Scene::under(Effect::HoldBefore).await;
    let control = scene.api.control();
    let release = async {
        let held = control.until_held().await;
        assert_eq!(held.at, HeldAt::BeforeEffect);
        assert_eq!(held.method, "POST");
        assert_eq!(held.path, format!("/v1{}", scene.path));
        assert_eq!(control.held(), std::slice::from_ref(&held));
        assert_eq!(control.mutations(), []);
        control.release(held.id).unwrap();
        assert_eq!(control.mutations().len(), 1);
        assert_eq!(control.held(), []);
    };
    let (answer, ()) = tokio::join!(scene.roll_back(), release);
    assert_eq!(answer.unwrap().status, StatusCode::CREATED);
    scene.api.end().await;
}

#[tokio::test]
async fn a_call_that_is_held_after_its_effect_is_answered_when_it_is_released() {
    let scene = Scene::under(Effect::HoldAfter).await;
    let control = scene.api.control();
    let release = async {
        let held = control.until_held().await;
        assert_eq!(held.at, HeldAt::AfterEffect);
        assert_eq!(control.mutations().len(), 1);
        control.release(held.id).unwrap();
    };
    let (answer, ()) = tokio::join!(scene.roll_back(), release);
    let newest = &control.deploys(&scene.service).unwrap()[0].id;
    assert_eq!(answer.unwrap().json()["id"], json!(newest));
    assert_eq!(control.mutations().len(), 1);
    scene.api.end().await;
}

#[tokio::test]
async fn a_held_call_outlives_its_caller_and_takes_effect_late_or_never() {
    for late in [true, false] {
        let scene = Scene::under(Effect::HoldBefore).await;
        let control = scene.api.control();
        let held = async {
            control.until_held().await;
        };
        scene.roll_back_and_vanish(held).await;
        let held = control.held()[0].id;
        assert_eq!(scene.deploys(), 2);
        scene.api.clock.advance(Duration::from_mins(5));
        if late {
            control.release(held).unwrap();
        } else {
            control.discard(held).unwrap();
        }
        assert_eq!(scene.deploys(), if late { 3 } else { 2 });
        control.release(held).unwrap_err();
        scene.api.end().await;
    }
}

#[tokio::test]
async fn a_held_call_that_is_discarded_is_closed_without_an_answer() {
    for (effect, deploys) in [(Effect::HoldBefore, 2), (Effect::HoldAfter, 3)] {
        let scene = Scene::under(effect).await;
        let control = scene.api.control();
        let discard = async {
            let held = control.until_held().await;
            control.discard(held.id).unwrap();
        };
        let (answer, ()) = tokio::join!(scene.roll_back(), discard);
        answer.unwrap_err();
        assert_eq!(scene.deploys(), deploys);
        scene.api.end().await;
    }
}

#[tokio::test]
async fn reads_that_are_behind_show_a_change_only_after_their_time() {
    let scene = Scene::under(Effect::Hang).await;
    let control = scene.api.control();
    control.clear_faults();
    control.set_lag(Duration::from_mins(1)).unwrap();
    let created = scene.roll_back().await.unwrap().json();
    let id = created["id"].as_str().unwrap();
    let one = format!("/services/{}/deploys/{id}", scene.service);
    let events = format!("/services/{}/events?type=deploy_started", scene.service);
    let seen = async || {
        (
            scene.api.statuses(&scene.service).await,
            scene.api.get(&one).await.status.as_u16(),
            scene.api.get(&events).await.ids("event").len(),
        )
    };
    let before = ["live", "deactivated"].map(str::to_owned).to_vec();
    assert_eq!(seen().await, (before.clone(), 404, 2));
    // The rollback is live by now, and nobody sees it.
    scene.api.clock.advance(Duration::from_secs(59));
    assert_eq!(seen().await, (before, 404, 2));
    let serving = control.deploys(&scene.service).unwrap();
    assert_eq!(serving[0].id, id);
    scene.api.clock.advance(Duration::from_secs(1));
    let begun = ["update_in_progress", "live", "deactivated"];
    assert_eq!(seen().await, (begun.map(str::to_owned).to_vec(), 200, 3));
    scene.api.clock.advance(Duration::from_secs(10));
    let live = ["live", "deactivated", "deactivated"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(seen().await.0, live);
    control.set_lag(Duration::ZERO).unwrap();
    scene.roll_back().await.unwrap();
    assert_eq!(seen().await.0[0], "update_in_progress");
    control.set_lag(Duration::from_hours(25)).unwrap_err();
    scene.api.end().await;
}

#[tokio::test]
async fn a_list_can_leave_out_its_newest_deploy() {
    let scene = Scene::under(Effect::Omit).await;
    scene.api.control().clear_faults();
    let fault = Fault::of(Route::ListDeploys, Effect::Omit);
    scene.api.control().add_fault(fault).unwrap();
    let path = format!("/services/{}/deploys", scene.service);
    assert_eq!(scene.api.get(&path).await.ids("deploy"), [scene.former]);
    scene.api.end().await;
}

#[tokio::test]
async fn requests_are_recorded_as_they_came_and_without_the_key() {
    let scene = Scene::under(Effect::status(500)).await;
    let control = scene.api.control();
    scene.roll_back().await.unwrap();
    scene.api.get("/services?limit=3&name=api").await;
    let requests = control.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].path, format!("/v1{}", scene.path));
    assert_eq!(requests[0].body, Some(scene.body.clone()));
    assert_eq!(requests[1].query, "limit=3&name=api");
    assert_eq!(requests[1].body, None);
    let written = serde_json::to_string(&requests).unwrap();
    assert!(!written.contains(super::calls::KEY));
    control.forget_calls();
    assert_eq!(control.requests(), []);
    scene.api.end().await;
}
