//! Automatic deploys are off before the call, or there is no call.

use super::{
    fleet::Service,
    platform::Answer,
    world::{Process, Stop, World},
};
use crate::{
    api::{RollbackState, StepState},
    platforms::RefusedBecause,
    rollback::Permission,
};

/// An attempt for a service that pushes deploy by themselves.
fn world(automatic_deploys: Option<bool>) -> World {
    let world = World::new(&["api"]);
    let on = |service: &mut Service| service.automatic_deploys = automatic_deploys;
    world.platform.now().fleet.change("api", on);
    world
}

/// Runs it, and gives how often the platform was asked to stop automatic deploys and to roll back.
async fn run(world: &World) -> (usize, usize) {
    assert_eq!(world.run(&Process::first()).await, Stop::Ended);
    assert_eq!(world.fault(), None);
    let stops = world.platform.now().stopped.len();
    (stops, world.calls("api"))
}

#[tokio::test(start_paused = true)]
async fn automatic_deploys_are_turned_off_and_seen_to_be_off_before_the_call() {
    for answer in [Answer::Told, Answer::Lost] {
        let world = world(Some(true));
        world.platform.now().stops.push_back(answer);
        assert_eq!(run(&world).await, (1, 1), "{answer:?}");
        assert_eq!(world.state(), Some(RollbackState::Verified));
        let state = world.platform.now();
        assert_eq!(state.fleet.service("api").automatic_deploys, Some(false));
    }
}

#[tokio::test(start_paused = true)]
async fn automatic_deploys_that_are_not_on_or_not_planned_to_be_off_are_left_alone() {
    for automatic_deploys in [Some(false), None] {
        let world = world(automatic_deploys);
        assert_eq!(run(&world).await, (0, 1), "{automatic_deploys:?}");
    }
    let world = World::of(&["api"], |spec| {
        spec.plan.as_mut().unwrap().steps[0].disable_auto_deploy = false;
    });
    let on = |service: &mut Service| service.automatic_deploys = Some(true);
    world.platform.now().fleet.change("api", on);
    assert_eq!(run(&world).await, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn without_automatic_deploys_off_there_is_no_call() {
    use RollbackState::{NotIssued, Rejected};
    for (answer, state, step) in [
        (Answer::Unheard, NotIssued, StepState::NotIssued),
        (Answer::Taken, NotIssued, StepState::NotIssued),
        (
            Answer::Refused(RefusedBecause::Busy),
            NotIssued,
            StepState::Refused,
        ),
        (
            Answer::Refused(RefusedBecause::Credentials),
            Rejected,
            StepState::Refused,
        ),
    ] {
        let world = world(Some(true));
        world.platform.now().stops.push_back(answer);
        assert_eq!(run(&world).await, (1, 0), "{answer:?}");
        let status = world.records.status();
        assert_eq!(
            (status.state, world.steps()),
            (Some(state), vec![step]),
            "{answer:?}"
        );
        assert_eq!(status.issued_at, None);
        let what = "api: automatic deploys could not be turned off";
        assert!(status.message.starts_with(what), "{}", status.message);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_turns_automatic_deploys_off_for_a_rollback_that_is_not_wanted() {
    let world = world(Some(true));
    let says = [
        Some(Permission::Granted),
        Some(Permission::Denied("no".to_owned())),
    ];
    world.gate.next.lock().unwrap().extend(says);
    assert_eq!(run(&world).await, (0, 0));
    assert_eq!(world.state(), Some(RollbackState::NotIssued));
}

#[tokio::test(start_paused = true)]
async fn a_request_to_turn_automatic_deploys_off_that_has_not_left_is_made_again() {
    let world = world(Some(true));
    world.platform.now().stops.push_back(Answer::NotSent);
    assert_eq!(run(&world).await, (2, 1));
    assert_eq!(world.state(), Some(RollbackState::Verified));
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_asked_again_after_automatic_deploys_are_off() {
    let world = world(Some(true));
    let granted = || Some(Permission::Granted);
    let says = [
        granted(),
        granted(),
        Some(Permission::Denied("no".to_owned())),
    ];
    world.gate.next.lock().unwrap().extend(says);
    assert_eq!(run(&world).await, (1, 0));
    assert_eq!(world.state(), Some(RollbackState::NotIssued));
}
