//! A person approves, thinks better of it, or is too late.

use super::{
    fleet::Fate,
    samples::seconds,
    world::{Process, Stop, World},
};
use crate::{
    api::{RollbackState, StepState},
    platforms::Cause,
    rollback::{Again, samples::at},
};

/// An attempt for these services that a person has to approve by 12:15.
fn world(services: &[&'static str]) -> World {
    World::of(services, |spec| {
        spec.plan.as_mut().unwrap().approval_required = true;
    })
}

/// It has ended without a call, and nothing counts against a budget.
fn assert_untouched(world: &World, state: RollbackState, message: &str) {
    let status = world.records.status();
    assert_eq!(status.state, Some(state), "{status:?}");
    assert!(status.message.starts_with(message), "{}", status.message);
    assert_eq!((world.calls("api"), status.issued_at), (0, None));
    assert_eq!(world.fault(), None);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_waits_for_a_person_says_so_once_and_is_looked_at_now_and_then() {
    let world = world(&["api"]);
    for _ in 0..3 {
        let (attempt, again) = world.once(&Process::first()).await.unwrap();
        assert_eq!(again, Again::After(seconds(31)));
        assert_eq!(attempt.status.state, Some(RollbackState::AwaitingApproval));
        assert_eq!(attempt.status.issued_at, None);
        assert!(attempt.status.message.contains("spec.approved"));
        world.elapse(seconds(31)).await;
    }
    assert_eq!((world.records.writes(), world.calls("api")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_followed_by_one_call_whichever_process_finds_it() {
    for process in [Process::first(), Process::second()] {
        let world = world(&["api"]);
        world.once(&Process::first()).await.unwrap();
        world.records.approve(true);
        assert_eq!(world.run(&process).await, Stop::Ended);
        assert_eq!(world.state(), Some(RollbackState::Verified));
        assert_eq!((world.calls("api"), world.fault()), (1, None));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_approved_in_time_lapses() {
    let world = world(&["api"]);
    assert_eq!(world.run(&Process::first()).await, Stop::Ended);
    let why = "it was not approved in time";
    assert_untouched(&world, RollbackState::NotIssued, why);
    assert!(world.records.status().finished_at.unwrap() > at("12:15"));
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_comes_after_the_time_for_it_changes_nothing() {
    let world = world(&["api"]);
    world.once(&Process::first()).await.unwrap();
    world.elapse(seconds(901)).await;
    world.records.approve(true);
    assert_eq!(world.run(&Process::second()).await, Stop::Ended);
    let why = "it was not approved in time";
    assert_untouched(&world, RollbackState::NotIssued, why);
}

#[tokio::test(start_paused = true)]
async fn a_newer_deploy_ends_the_wait_for_a_person() {
    let world = world(&["api", "worker"]);
    world.after(100, |world| {
        let mut state = world.platform.now();
        let fleet = &mut state.fleet;
        fleet.deploy("worker", Cause::Other, "v3", Fate::Live(0));
    });
    assert_eq!(world.run(&Process::first()).await, Stop::Ended);
    let why = "worker: deploy worker-4 is live, not worker-3";
    assert_untouched(&world, RollbackState::Superseded, why);
    assert!(world.records.status().finished_at.unwrap() < at("12:03"));
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_is_taken_back_before_the_intent_is_recorded_keeps_the_call_from_being_made()
 {
    for point in 1.. {
        let world = world(&["api"]);
        world.records.approve(true);
        let stop = world
            .disturb(&Process::first(), point, |world| {
                world.records.approve(false);
            })
            .await;
        assert_eq!((stop, world.fault()), (Stop::Ended, None), "{point}");
        if world.calls("api") > 0 {
            // The record of the intent is conditional on the approval, and is the fifth point of a pass.
            assert!(point > 5, "{point}");
            return;
        }
        assert_untouched(&world, RollbackState::NotIssued, "");
    }
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_is_taken_back_leaves_what_was_asked_for_to_its_end() {
    let world = world(&["api", "worker"]);
    world.records.approve(true);
    world.after(10, |world| world.records.approve(false));
    assert_eq!(world.run(&Process::first()).await, Stop::Ended);
    assert_eq!(world.fault(), None);
    // One service is back, and the other was not approved any more.
    assert_eq!(world.state(), Some(RollbackState::Failed));
    assert_eq!(world.steps(), [StepState::Done, StepState::NotIssued]);
    assert_eq!((world.calls("api"), world.calls("worker")), (1, 0));
}
