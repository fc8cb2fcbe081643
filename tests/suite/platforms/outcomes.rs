//! How each change can end: in what words, after one request, and never in words that promise too much.

use std::time::Duration;

use plumbline::{
    platforms::{
        Accepted, MutationError, Operations, Operator, PlatformError, RefusedBecause, Revision,
    },
    simulator::{Effect, Fault, Route},
};
use tokio::time::Instant;

use super::render::Render;

/// How a change ended, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    WithRollout,
    WithoutRollout,
    Refused(RefusedBecause),
    Unknown,
}

impl Ended {
    fn of(result: &Result<Accepted, MutationError>) -> Self {
        match result {
            Ok(accepted) if accepted.rollout.is_some() => Self::WithRollout,
            Ok(_) => Self::WithoutRollout,
            Err(MutationError::Refused { refused, .. }) => Self::Refused(*refused),
            Err(MutationError::Unknown(_)) => Self::Unknown,
            Err(MutationError::NotSent(error)) => panic!("{error:?}"),
        }
    }
}

/// Makes one change under a fault. How it ended, how often its route was called, and how often something was changed.
async fn change(route: Route, effect: &Effect) -> (Ended, u64, usize) {
    let timeout = Duration::from_millis(1500);
    let render = Render::start_with_timeout(timeout).await;
    let good = render.service("api");
    render.deploy("api");
    let fault = Fault::of(route, effect.clone());
    render.control().add_fault(fault).unwrap();
    let operator = render.operator(&["api"]);
    let began = Instant::now();
    let result = make(&operator, route, &good).await;
    assert!(began.elapsed() < operator.sends_within(), "{effect:?}");
    let calls = render.control().calls_of(route);
    let mutations = render.control().mutations().len();
    render.end().await;
    (Ended::of(&result), calls, mutations)
}

async fn make(operator: &Operator, route: Route, goal: &str) -> Result<Accepted, MutationError> {
    let revision = Revision::Commit("4f1c2d3".to_owned());
    match route {
        Route::RollBack => operator.roll_back("api", goal).await,
        Route::StartDeploy => operator.deploy("api", &revision).await,
        Route::PatchService => {
            let stopped = operator.stop_automatic_deploys("api").await;
            stopped.map(|()| Accepted { rollout: None })
        }
        other => panic!("{other:?}"),
    }
}

const CHANGES: [Route; 3] = [Route::RollBack, Route::StartDeploy, Route::PatchService];

/// Of each change under each fault: it ends so, after one request, with so many changes.
async fn ends(route: Route, effects: &[Effect], expected: Ended, changes: usize) {
    for effect in effects {
        let (ended, calls, mutations) = change(route, effect).await;
        assert_eq!(ended, expected, "{route:?} {effect:?}");
        assert_eq!(calls, 1, "{route:?} {effect:?}");
        assert_eq!(mutations, changes, "{route:?} {effect:?}");
    }
}

#[tokio::test]
async fn an_answer_that_refuses_is_a_refusal_with_its_reason() {
    for route in CHANGES {
        for (status, refused) in [
            (400, RefusedBecause::Invalid),
            (401, RefusedBecause::Credentials),
            (402, RefusedBecause::Payment),
            (403, RefusedBecause::Credentials),
            (404, RefusedBecause::Gone),
            (406, RefusedBecause::Invalid),
            (409, RefusedBecause::Busy),
            (410, RefusedBecause::Gone),
            (422, RefusedBecause::Invalid),
        ] {
            let effects = [Effect::rejected(status, "a deploy is in progress")];
            ends(route, &effects, Ended::Refused(refused), 0).await;
        }
    }
}

#[tokio::test]
async fn too_many_changes_are_a_refusal_with_a_bounded_wait() {
    let a_minute = Duration::from_mins(1);
    for (retry_after, wait) in [
        ("30", Duration::from_secs(30)),
        ("0", Duration::from_secs(1)),
        ("1000000000", a_minute * 5),
        ("soon", a_minute),
        ("-5", a_minute),
    ] {
        let refused = RefusedBecause::RateLimited { wait };
        let effects = [Effect::rate_limited(retry_after)];
        ends(Route::RollBack, &effects, Ended::Refused(refused), 0).await;
    }
}

#[tokio::test]
async fn what_came_to_no_answer_is_not_known_though_nothing_was_done() {
    let effects = [
        Effect::status(500),
        Effect::status(503),
        Effect::status(408),
        Effect::status(302),
        Effect::ErrorBody,
        Effect::Garbage,
        Effect::Hang,
    ];
    for route in CHANGES {
        ends(route, &effects, Ended::Unknown, 0).await;
    }
}

#[tokio::test]
async fn what_came_to_no_answer_is_not_known_though_it_was_done() {
    let effects = [
        Effect::CommitThenHang,
        Effect::CommitThenReset,
        Effect::commit_then_status(500),
        Effect::commit_then_status(503),
        Effect::Truncated,
    ];
    for route in CHANGES {
        ends(route, &effects, Ended::Unknown, 1).await;
    }
}

#[tokio::test]
async fn what_was_taken_without_an_id_is_taken_without_an_id() {
    for route in CHANGES {
        ends(route, &[Effect::WithoutId], Ended::WithoutRollout, 1).await;
    }
}

#[tokio::test]
async fn an_answer_about_another_deploy_is_told_as_it_is() {
    for route in [Route::RollBack, Route::StartDeploy] {
        ends(route, &[Effect::WrongDeploy], Ended::WithRollout, 1).await;
    }
}

#[tokio::test]
async fn a_status_of_tomorrow_does_not_hide_that_it_was_taken() {
    let status = "live_partially".to_owned();
    let effects = [Effect::UnknownStatus { status }];
    ends(Route::RollBack, &effects, Ended::WithRollout, 1).await;
}

#[tokio::test]
async fn a_caller_that_leaves_sends_nothing_more() {
    let render = Render::start().await;
    let good = render.service("api");
    render.deploy("api");
    let fault = Fault::of(Route::RollBack, Effect::HoldBefore);
    render.control().add_fault(fault).unwrap();
    let operator = render.operator(&["api"]);
    {
        let rollback = operator.roll_back("api", &good);
        tokio::select! {
            result = rollback => panic!("{result:?}"),
            _ = render.control().until_held() => {}
        }
    }
    let seen = operator.rollouts("api").await.unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(render.control().calls_of(Route::RollBack), 1);
    render.end().await;
}

#[tokio::test]
async fn a_message_says_what_was_attempted_and_on_what() {
    let render = Render::start().await;
    let good = render.service("api");
    let fault = Fault::of(Route::RollBack, Effect::rejected(409, "rnd_secret"));
    render.control().add_fault(fault).unwrap();
    let error = render
        .operator(&["api"])
        .roll_back("api", &good)
        .await
        .unwrap_err();
    let MutationError::Refused { source, .. } = &error else {
        panic!("{error:?}");
    };
    let id = render.control().service("api").unwrap().id;
    assert_eq!(
        source.to_string(),
        format!(
            "POST /services/{{serviceId}}/rollback for service api ({id}): the platform answered with status 409"
        )
    );
    assert!(matches!(
        source,
        PlatformError::Declined { status: 409, .. }
    ));
    assert!(!format!("{error:?}").contains("rnd_secret"));
    render.end().await;
}
