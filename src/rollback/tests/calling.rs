//! When the platform is asked, and when it is not.

use super::{
    fleet::{Fate, Service},
    platform::Answer,
    points::Point,
    samples::seconds,
    world::{Process, Stop, World},
};
use crate::{
    api::{RollbackState, StepState},
    platforms::{Attempt, Cause, PlatformError, RefusedBecause},
    rollback::{Again, Permission, samples::at},
};

/// Runs an attempt to bring `api` back in a world that `prepare` has made, to its end.
async fn run(prepare: impl FnOnce(&World)) -> World {
    let world = World::new(&["api"]);
    prepare(&world);
    assert_eq!(world.run(&Process::first()).await, Stop::Ended);
    assert_eq!(world.fault(), None);
    world
}

/// It has ended in this state, without a call, and nothing counts against a budget.
fn assert_untouched(world: &World, state: RollbackState, message: &str) {
    let status = world.records.status();
    assert_eq!(status.state, Some(state), "{status:?}");
    assert!(status.message.contains(message), "{}", status.message);
    assert_eq!(
        (world.calls("api"), status.issued_at),
        (0, None),
        "{status:?}"
    );
}

fn deploy(world: &World, fate: Fate) {
    let mut state = world.platform.now();
    state.fleet.deploy("api", Cause::Other, "v3", fate);
}

/// What the first look, and the last one, hear from the gate.
fn gate(world: &World, says: impl IntoIterator<Item = Option<Permission>>) {
    world.gate.next.lock().unwrap().extend(says);
}

fn denied() -> Permission {
    Permission::Denied("it is suspended".to_owned())
}

fn withheld() -> Permission {
    Permission::Withheld("the brake is on".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_denies_ends_the_attempt_before_the_call() {
    let world = run(|world| gate(world, [Some(denied())])).await;
    assert_untouched(&world, RollbackState::NotIssued, "it is suspended");
    assert_eq!(world.records.writes(), 1, "no intent is recorded");
    let world = run(|world| gate(world, [Some(Permission::Granted), Some(denied())])).await;
    assert_untouched(&world, RollbackState::NotIssued, "it is suspended");
    assert_eq!(world.records.writes(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_withholds_or_does_not_answer_takes_the_intent_back() {
    for last in [Some(withheld()), None] {
        let world = World::new(&["api"]);
        gate(&world, [Some(Permission::Granted), last]);
        let (attempt, again) = world.once(&Process::first()).await.unwrap();
        assert_eq!(again, Again::After(seconds(5)));
        assert_eq!(attempt.status.state, Some(RollbackState::IntentRecorded));
        assert_eq!(attempt.status.steps[0].state, StepState::Pending);
        assert_eq!((attempt.status.issued_at, world.calls("api")), (None, 0));
        assert!(!attempt.status.message.is_empty());
        assert_eq!(world.run(&Process::second()).await, Stop::Ended);
        assert_eq!(world.state(), Some(RollbackState::Verified));
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_stays_shut_has_nothing_written_again_and_again() {
    let world = World::new(&["api"]);
    *world.gate.lasting.lock().unwrap() = withheld();
    let first = Process::first();
    for _ in 0..10 {
        world.once(&first).await.unwrap();
        world.elapse(seconds(5)).await;
    }
    assert_eq!(world.records.writes(), 1);
    assert_eq!(world.run(&first).await, Stop::Ended);
    let why = "it was not begun in time: the brake is on";
    assert_untouched(&world, RollbackState::NotIssued, why);
}

/// What somebody does to a service.
type Change = fn(&mut Service);

#[tokio::test(start_paused = true)]
async fn a_service_or_goal_that_cannot_be_brought_back_is_not_asked_for() {
    let goal =
        |change: Change| move |world: &World| world.platform.now().fleet.change("api", change);
    let cases: [(Change, &str); 4] = [
        (
            |api| api.suspended = Some("billing".to_owned()),
            "api is suspended: billing",
        ),
        (
            |api| api.rollouts.truncate(2),
            "api-1 is not there any more",
        ),
        (
            |api| api.rollouts[2].rollout.phase = crate::platforms::Phase::Failed,
            "api-1 has never served",
        ),
        (
            |api| api.rollouts[2].rollout.version = Some("v0".to_owned()),
            "api-1 is not built from what was validated",
        ),
    ];
    for (change, why) in cases {
        let world = run(goal(change)).await;
        assert_untouched(&world, RollbackState::Rejected, why);
    }
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_refuses_to_be_read_ends_the_attempt_and_one_that_fails_does_not() {
    let world = run(|world| {
        let rejected = PlatformError::CredentialsRejected(Attempt::new("GET /services", "api"));
        world.platform.now().refusal = Some(rejected);
    })
    .await;
    assert_untouched(&world, RollbackState::Rejected, "refused the credentials");
    for reads in 1..12 {
        let world = run(|world| world.platform.now().failing_reads = reads).await;
        assert_eq!(world.state(), Some(RollbackState::Verified), "{reads}");
        assert_eq!(world.calls("api"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_waited_for() {
    let world = run(|world| deploy(world, Fate::Fails(60))).await;
    assert_eq!(world.state(), Some(RollbackState::Verified));
    assert!(world.platform.now().calls[0].at >= at("12:01"));
    let world = run(|world| deploy(world, Fate::Live(60))).await;
    assert_untouched(&world, RollbackState::Superseded, "api-4 is live");
    let world = run(|world| deploy(world, Fate::Never)).await;
    assert_untouched(&world, RollbackState::NotIssued, "api-4 is under way");
}

#[tokio::test(start_paused = true)]
async fn a_return_to_the_goal_that_is_under_way_is_taken_for_the_attempts_own() {
    let world = World::new(&["api"]);
    {
        let mut state = world.platform.now();
        let fleet = &mut state.fleet;
        fleet.deploy("api", Cause::Rollback, "v1", Fate::Live(60));
    }
    assert_eq!(world.run(&Process::first()).await, Stop::Ended);
    assert_eq!(world.state(), Some(RollbackState::Verified));
    assert_eq!(world.calls("api"), 0);
    let step = &world.records.status().steps[0];
    assert_eq!(step.operation_id.as_deref(), Some("api-4"));
}

/// The points of a run that nothing disturbs, up to its call.
async fn before_the_call() -> Vec<Point> {
    let world = run(|_| ()).await;
    let mut points = world.points.reached();
    points.truncate(world.platform.now().calls[0].point);
    points
}

#[tokio::test(start_paused = true)]
async fn a_deploy_that_is_begun_at_any_point_before_the_last_look_keeps_the_call_from_being_made() {
    let points = before_the_call().await;
    let list = points.iter().position(|point| *point == Point::BeforeWrite);
    // The last look reads the gate, what is live, and whether pushes deploy.
    let live = points.len() - 1;
    assert_eq!(points[live - 2..], [Point::Read; 3]);
    for point in 1..=points.len() {
        for (fate, seen_until) in [(Fate::Live(60), list.unwrap()), (Fate::Live(0), live)] {
            let world = World::new(&["api"]);
            let first = Process::first();
            let stop = world
                .disturb(&first, point, |world| deploy(world, fate))
                .await;
            assert_eq!(
                (stop, world.fault()),
                (Stop::Ended, None),
                "{point} {fate:?}"
            );
            let called = world.calls("api") > 0;
            assert_eq!(called, point > seen_until, "{point} {fate:?}");
            if !called {
                assert_untouched(&world, RollbackState::Superseded, "api-4 is live");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_held_up_after_its_intent_does_not_call() {
    let points = before_the_call().await;
    let intent = points.iter().position(|point| *point == Point::AfterWrite);
    let intent = intent.unwrap() + 1;
    for point in 1..=points.len() + 1 {
        let world = World::new(&["api"]);
        let stop = world.stall(&Process::first(), point, seconds(31)).await;
        assert_eq!((stop, world.fault()), (Stop::Ended, None), "{point}");
        let status = world.records.status();
        if let Some(call) = world.platform.now().calls.first() {
            let recorded_at = status.steps[0].started_at.unwrap();
            let waited = call.at.duration_since(recorded_at).as_secs();
            assert!(waited <= 30, "{point}: {waited} s");
        }
        assert_eq!(status.state, Some(RollbackState::Verified), "{point}");
        assert_eq!(world.calls("api"), 1, "{point}");
        let taken_back = world
            .records
            .history()
            .iter()
            .flatten()
            .any(|status| status.state == Some(RollbackState::IntentRecorded));
        assert_eq!(taken_back, point >= intent - 1, "{point}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_after_its_time_however_far_the_process_had_come() {
    let points = before_the_call().await;
    for point in 1..=points.len() {
        let world = World::of(&["api"], |spec| {
            spec.plan.as_mut().unwrap().issue_before = at("12:00:10");
        });
        let stop = world.stall(&Process::first(), point, seconds(11)).await;
        assert_eq!((stop, world.fault()), (Stop::Ended, None), "{point}");
        assert_untouched(&world, RollbackState::NotIssued, "not begun in time");
    }
}

#[tokio::test(start_paused = true)]
async fn each_answer_ends_the_call_as_it_should() {
    use RollbackState::{NotIssued, Rejected, Verified};
    let refused = Answer::Refused;
    let wait = seconds(30);
    for (answer, state, step) in [
        (Answer::Told, Verified, StepState::Done),
        (Answer::Taken, Verified, StepState::Done),
        (Answer::Lost, Verified, StepState::Done),
        (Answer::Late(75), Verified, StepState::Done),
        (Answer::Unheard, NotIssued, StepState::NotIssued),
        // Nothing has left the process, so that it may try again.
        (Answer::NotSent, Verified, StepState::Done),
        (refused(RefusedBecause::Busy), NotIssued, StepState::Refused),
        (
            refused(RefusedBecause::RateLimited { wait }),
            NotIssued,
            StepState::Refused,
        ),
        (
            refused(RefusedBecause::Credentials),
            Rejected,
            StepState::Refused,
        ),
        (
            refused(RefusedBecause::Payment),
            Rejected,
            StepState::Refused,
        ),
        (
            refused(RefusedBecause::Gone),
            Rejected,
            StepState::Unavailable,
        ),
        (
            refused(RefusedBecause::Invalid),
            Rejected,
            StepState::Unavailable,
        ),
    ] {
        let world = run(|world| world.platform.now().answers.push_back(answer)).await;
        let found = (world.state(), world.steps());
        assert_eq!(found, (Some(state), vec![step]), "{answer:?}");
        let touched = world.records.status().issued_at.is_some();
        assert_eq!(touched, world.effects() > 0, "{answer:?}");
        assert_eq!(world.calls("api"), 1, "{answer:?}");
    }
}
