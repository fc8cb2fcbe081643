//! The controller ends at any time: killed again and again, or told to stop in the middle of a call.

use std::time::{Duration, Instant};

use plumbline::simulator::{Effect, Fault, Route};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use tokio::time::timeout;

use super::disturbed::{Disturbed, writes_a_record};
use crate::support::{
    eventually::eventually,
    intercept::{Action, RequestRule},
};

/// What the times of the kills are drawn by.
const SEED: u64 = 50;

/// How long it is killed again and again.
const KILLING: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_killed_again_and_again_rolls_back_once() {
    let mut disturbed = Disturbed::start().await;
    disturbed
        .world
        .apply_policy(json!({"maxAttempts": 10}))
        .await;
    let namespace = disturbed.world.scenario.namespace.clone();
    let mut random = StdRng::seed_from_u64(SEED);
    disturbed.world.ship_bad("api");
    let (begun, mut kills) = (Instant::now(), 0);
    while begun.elapsed() < KILLING {
        // At its next mutations, or in the middle of anything else.
        let (more, longest) = (random.random_range(1..6), random.random_range(300..2000));
        let wanted = disturbed.journal.count() + more;
        let mutations = eventually("more mutations", || async {
            let count = disturbed.journal.count();
            if count >= wanted { Ok(()) } else { Err(count) }
        });
        let _ = timeout(Duration::from_millis(longest), mutations).await;
        disturbed.world.scenario.controller.relaunch(&namespace);
        kills += 1;
    }
    eprintln!("{kills} kills");
    disturbed.world.scenario.controller.until_ready().await;
    disturbed.until_verified().await;
    let states = disturbed.states().await;
    assert_eq!(disturbed.world.rollbacks(), 1, "{states:?}");
    assert_eq!(states.last().map(String::as_str), Some("Verified"));
    disturbed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_told_to_stop_in_the_middle_of_a_call_leaves_it_to_the_next_one() {
    let mut disturbed = Disturbed::start().await;
    let fault = Fault::of(Route::RollBack, Effect::CommitThenHang).times(1);
    disturbed.world.render().add_fault(fault).unwrap();
    disturbed.world.ship_bad("api");
    disturbed.until_asked(1).await;
    // What it has to say of the call cannot be written either, so that the end comes in the middle of that.
    let silent = RequestRule::new(Action::HangBefore).when(writes_a_record);
    disturbed.api().rule(silent);
    let (took, status) = disturbed.world.scenario.controller.terminate().await;
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(status.success(), "{status}");
    disturbed.api().clear();
    let namespace = disturbed.world.scenario.namespace.clone();
    disturbed
        .world
        .scenario
        .controller
        .restart(&namespace)
        .await;
    disturbed.until_verified().await;
    assert_eq!(disturbed.states().await, ["Verified"]);
    assert_eq!(disturbed.world.rollbacks(), 1);
    disturbed.finish().await;
}
