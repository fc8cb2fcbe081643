//! From the rollout that came about to the proof that it serves, or to the word that it does not.

use super::{
    fleet::Fate,
    platform::{Answer, Platform},
    points::{Point, step},
    samples::seconds,
    world::{Process, SEND_WITHIN, Stop, World},
};
use crate::{
    api::{RollbackState, StepState},
    platforms::Cause,
    rollback::Again,
};

/// Runs an attempt to bring `api` back in a world that `prepare` has made, to its end.
async fn run(prepare: impl FnOnce(&World)) -> World {
    let world = World::new(&["api"]);
    prepare(&world);
    assert_eq!(world.run(&Process::first()).await, Stop::Ended);
    assert_eq!(world.fault(), None);
    world
}

fn assert_ended(world: &World, state: RollbackState, message: &str) {
    let status = world.records.status();
    assert_eq!(status.state, Some(state), "{status:?}");
    assert!(status.message.contains(message), "{}", status.message);
    assert!(status.finished_at.is_some() && status.issued_at.is_some());
    assert_eq!(world.calls("api"), 1);
}

fn deploy(world: &World) {
    let mut state = world.platform.now();
    state.fleet.deploy("api", Cause::Other, "v3", Fate::Live(0));
}

#[tokio::test(start_paused = true)]
async fn a_rollback_is_verified_only_once_the_checks_pass_on_what_it_brought_back() {
    let world = run(|_| ()).await;
    assert_ended(&world, RollbackState::Verified, "the checks pass");
    let status = world.records.status();
    let live_for = status.finished_at.unwrap() - status.live_at.unwrap();
    assert!(live_for.get_seconds() >= 10, "{live_for}");
    assert_eq!(status.result.unwrap().services[0].deploy_id, "api-4");
}

#[tokio::test(start_paused = true)]
async fn checks_that_fail_or_do_not_pass_in_time_fail_the_rollback() {
    let world = run(|world| *world.checks.pass.lock().unwrap() = false).await;
    let why = "health: status 503";
    assert_ended(&world, RollbackState::Failed, why);
    let world = run(|world| *world.checks.takes.lock().unwrap() = seconds(400)).await;
    let why = "the checks did not pass within 5m: not enough yet";
    assert_ended(&world, RollbackState::Failed, why);
}

#[tokio::test(start_paused = true)]
async fn a_newer_deploy_after_the_call_supersedes_and_is_not_undone() {
    for second in [5, 15, 25, 29] {
        let world = run(|world| world.after(second, deploy)).await;
        let status = world.records.status();
        let state = status.state;
        assert_eq!(state, Some(RollbackState::Superseded), "{second}");
        assert_eq!(world.calls("api"), 1, "{second}");
        let state = world.platform.now();
        assert_eq!(state.fleet.service("api").live(), Some("api-5"));
    }
}

#[tokio::test(start_paused = true)]
async fn checks_that_look_at_what_was_live_a_moment_ago_supersede_nothing() {
    let world = run(|world| {
        *world.checks.lags_until.lock().unwrap() = Some(seconds(40));
    })
    .await;
    assert_ended(&world, RollbackState::Verified, "the checks pass");
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_fails_or_that_a_person_cancels_fails_the_rollback() {
    let world = run(|world| world.platform.now().fates.push_back(Fate::Fails(20))).await;
    assert_ended(&world, RollbackState::Failed, "api-4 did not come to be");
    let world = run(|world| world.platform.now().fates.push_back(Fate::Canceled(20))).await;
    assert_ended(&world, RollbackState::Failed, "api-4 was canceled");
    assert_eq!(world.steps(), [StepState::Failed]);
}

#[tokio::test(start_paused = true)]
async fn a_newer_deploy_at_any_moment_is_never_taken_for_what_was_brought_back() {
    let points = run(|_| ()).await.points.count();
    for point in 1..points {
        let world = World::new(&["api"]);
        let stop = world.disturb(&Process::first(), point, deploy).await;
        assert_eq!((stop, world.fault()), (Stop::Ended, None), "{point}");
        // Just before the call it is too late to be seen, and is what was rolled back. Once the checks have passed it is none of
        // this attempt's business any more.
        let passed = !world.checks.passed_on.lock().unwrap().is_empty();
        let expected = if passed || world.platform.is_back("api") {
            RollbackState::Verified
        } else {
            RollbackState::Superseded
        };
        assert_eq!(world.state(), Some(expected), "{point}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_still_shows_what_was_live_before_is_waited_for() {
    let world = run(|world| world.platform.now().lag = seconds(50)).await;
    assert_ended(&world, RollbackState::Verified, "the checks pass");
    let world = run(|world| world.platform.now().live_lag = seconds(40)).await;
    assert_ended(&world, RollbackState::Verified, "the checks pass");
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_it_may_is_said_to_be_unknown_and_still_ends_once_the_platform_tells()
 {
    for fate in [Fate::Live(400), Fate::Fails(400)] {
        let world = World::new(&["api"]);
        world.platform.now().fates.push_back(fate);
        let first = Process::first();
        let mut said = Vec::new();
        while !world.has_ended() {
            let (attempt, again) = world.once(&first).await.unwrap();
            if attempt.status.state == Some(RollbackState::OutcomeUnknown) {
                assert_eq!(again, Again::After(seconds(30)));
                said.push(attempt.status.message);
            }
            world
                .elapse(world.rest(&Ok((world.records.now().unwrap(), again))))
                .await;
        }
        assert!(said[0].starts_with("not settled within 5m"), "{said:?}");
        let expected = match fate {
            Fate::Live(_) => RollbackState::Verified,
            _ => RollbackState::Failed,
        };
        assert_eq!((world.state(), world.fault()), (Some(expected), None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_settled_by_the_platform_and_never_made_again() {
    for (answer, state) in [
        (Answer::Lost, RollbackState::Verified),
        (Answer::Taken, RollbackState::Verified),
        (Answer::Late(50), RollbackState::Verified),
        (Answer::Unheard, RollbackState::NotIssued),
    ] {
        for process in [Process::first(), Process::second()] {
            let world = World::new(&["api"]);
            world.platform.now().answers.push_back(answer);
            let (attempt, _) = world.once(&Process::first()).await.unwrap();
            assert!(!attempt.status.state.unwrap().is_final(), "{answer:?}");
            assert_eq!(world.run(&process).await, Stop::Ended, "{answer:?}");
            let found = (world.state(), world.fault());
            assert_eq!(found, (Some(state), None), "{answer:?}");
            assert_eq!(world.calls("api"), 1, "{answer:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_successor_waits_for_a_call_that_was_made_and_shows_as_late_as_can_be() {
    let world = World::new(&["api"]);
    world.platform.now().answers.push_back(Answer::Late(60));
    let first = Process::first();
    let mut pass = world.pass(&first).unwrap();
    let mut until = async |point| {
        while world.points.last() != Some(point) {
            assert!(step(&mut pass).await.is_none());
        }
    };
    until(Point::AfterWrite).await;
    world.elapse(SEND_WITHIN).await;
    until(Point::BeforeChange).await;
    world.elapse(Platform::SENDS_WITHIN).await;
    until(Point::AfterChange).await;
    drop(pass);
    assert_eq!(world.run(&Process::second()).await, Stop::Ended);
    let found = (world.state(), world.fault());
    assert_eq!(found, (Some(RollbackState::Verified), None));
}
