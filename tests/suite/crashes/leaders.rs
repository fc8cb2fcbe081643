//! Two controllers that both believe they lead, and one that is frozen while another takes over.

use plumbline::simulator::{DeployStatus, Effect, Fault, Route};
use serde_json::json;

use super::disturbed::{Disturbed, creations, intents, signal};
use crate::{
    rollback::support::GOOD,
    support::{eventually::eventually, intercept::Action, scenario::condition},
};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_controllers_that_record_the_same_attempt_one_owns_it_and_carries_it_out() {
    // The owner is left the time that it needs, however slow the machine is.
    let disturbed = Disturbed::start_with("sendWithin: 20s").await;
    let _second = disturbed.another_controller().await;
    for round in 1..=3 {
        disturbed.api().clear();
        disturbed.api().rule(creations(Action::HoldBefore).times(2));
        disturbed.world.ship_bad("api");
        // Both have decided before either has recorded anything.
        for held in [disturbed.api().held().await, disturbed.api().held().await] {
            held.release();
        }
        let object = disturbed.until_verified().await;
        assert_eq!(condition(&object, "Ready")["reason"], "RolledBack");
        assert_eq!(disturbed.world.rollbacks(), round);
        // The loser keeps out of it, so that the owner's attempt is the only one.
        assert_eq!(disturbed.states().await, vec!["Verified"; round]);
        disturbed.world.app.ship("api", GOOD);
        disturbed.world.good_release().await;
    }
    disturbed.finish().await;
}

/// Freezes the controller once its intent is on record, and has another one take over; gives that one.
async fn freeze_after_the_intent(disturbed: &Disturbed) -> crate::support::controller::Controller {
    disturbed.api().rule(intents(Action::HoldAfter).nth(1));
    disturbed.world.ship_bad("api");
    let held = disturbed.api().held().await;
    signal(disturbed.world.scenario.controller.pid(), "STOP");
    held.release();
    disturbed.another_controller().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_was_frozen_after_its_intent_calls_no_more_once_another_has_acted() {
    let disturbed = Disturbed::start().await;
    let _second = freeze_after_the_intent(&disturbed).await;
    disturbed.until_verified().await;
    signal(disturbed.world.scenario.controller.pid(), "CONT");
    until_awake(&disturbed).await;
    assert_eq!(disturbed.states().await, ["NotIssued", "Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.oracle.hold();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_was_frozen_after_its_intent_calls_no_more_while_another_rolls_back() {
    let disturbed = Disturbed::start().await;
    // What has failed is still live when it wakes up: only the time that has passed keeps it from its call.
    disturbed.world.next(&[
        (DeployStatus::UpdateInProgress, 8.0),
        (DeployStatus::Live, 0.0),
    ]);
    let _second = freeze_after_the_intent(&disturbed).await;
    disturbed.until_asked(1).await;
    signal(disturbed.world.scenario.controller.pid(), "CONT");
    disturbed.until_verified().await;
    until_awake(&disturbed).await;
    assert_eq!(disturbed.states().await, ["NotIssued", "Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.oracle.hold();
}

/// Waits until the first controller is at work again, and has done what it has to.
async fn until_awake(disturbed: &Disturbed) {
    let controller = &disturbed.world.scenario.controller;
    eventually("the frozen controller to answer", || controller.ready()).await;
    disturbed
        .world
        .scenario
        .until_still(std::time::Duration::from_secs(3))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_on_its_way_when_its_controller_dies_is_adopted_by_the_next_one() {
    let mut disturbed = Disturbed::start().await;
    hold_the_call(&disturbed);
    disturbed.world.ship_bad("api");
    let held = disturbed.world.render().until_held().await;
    disturbed.world.scenario.controller.kill();
    let namespace = disturbed.world.scenario.namespace.clone();
    disturbed
        .world
        .scenario
        .controller
        .restart(&namespace)
        .await;
    // It comes late, and within the time that a call may take.
    disturbed.world.render().release(held.id).unwrap();
    disturbed.until_verified().await;
    assert_eq!(disturbed.states().await, ["Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.finish().await;
}

/// The platform keeps the first call to itself, also when its sender is gone.
fn hold_the_call(disturbed: &Disturbed) {
    let fault = Fault::of(Route::RollBack, Effect::HoldBefore).times(1);
    disturbed.world.render().add_fault(fault).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_two_controllers_see_the_checks_differently_they_do_not_write_without_a_pause() {
    let disturbed = Disturbed::start().await;
    let _second = disturbed.another_controller().await;
    // The release stays as it is and fails from now on, which each of them sees with its own next run.
    disturbed
        .world
        .apply_policy(json!({"mode": "DryRun"}))
        .await;
    let before = disturbed.journal.count();
    let begun = std::time::Instant::now();
    disturbed.world.app.breaks(GOOD);
    disturbed
        .world
        .until("the failure to be told", |object| {
            condition(object, "Healthy")["status"] == "False"
        })
        .await;
    disturbed
        .world
        .scenario
        .until_still(std::time::Duration::from_secs(8))
        .await;
    let (writes, seconds) = (
        disturbed.journal.count() - before,
        begun.elapsed().as_secs(),
    );
    eprintln!("{writes} writes in {seconds} s");
    assert!(
        writes <= 20,
        "{writes} writes in {seconds} s: {:#?}",
        disturbed.journal.summary()
    );
}
