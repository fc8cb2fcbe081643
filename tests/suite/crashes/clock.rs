//! The wall clock is set: while the controller runs, no wait gets shorter or longer by it, and between two processes none becomes
//! endless.

use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use plumbline::simulator::DeployStatus;
use serde_json::json;

use super::disturbed::Disturbed;
use crate::{
    rollback::support::{said, time},
    support::wall_clock::WallClock,
};

/// How far the clock is set.
const STEPS: [&str; 3] = ["+1h", "-1h", "+10y"];

const COOLDOWN: Duration = Duration::from_secs(10);

/// How much later than the cool-down is over its attempt is on record, at the most.
const SLACK: Duration = Duration::from_secs(15);

/// A world whose controller goes by `clock`, which is right so far.
async fn by(clock: &WallClock) -> Disturbed {
    let mut disturbed = Disturbed::start().await;
    let scenario = &mut disturbed.world.scenario;
    scenario.controller.set_environment(clock.environment());
    scenario.controller.restart(&scenario.namespace).await;
    disturbed
}

/// Something was told an hour or more from now, so that the clock was set indeed.
fn tells_another_time(disturbed: &Disturbed) {
    let now = Timestamp::now();
    let events = disturbed.world.scenario.events();
    let times: Vec<Timestamp> = events
        .iter()
        .map(|event| time(event, "/eventTime"))
        .collect();
    let is_far = |time: &Timestamp| now.duration_since(*time).abs().as_mins() >= 50;
    assert!(times.iter().any(is_far), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_in_the_middle_of_an_attempt_changes_nothing_of_it() {
    stream::iter(STEPS)
        .for_each_concurrent(None, |step| async move {
            let Some(clock) = WallClock::new() else {
                return;
            };
            let disturbed = by(&clock).await;
            disturbed.world.next(&[
                (DeployStatus::UpdateInProgress, 4.0),
                (DeployStatus::Live, 0.0),
            ]);
            disturbed.world.ship_bad("api");
            disturbed.until_asked(1).await;
            clock.set(step);
            disturbed.until_verified().await;
            assert_eq!(disturbed.states().await, ["Verified"], "{step}");
            tells_another_time(&disturbed);
            let still = Duration::from_secs(3);
            disturbed.world.scenario.until_still(still).await;
            assert_eq!(disturbed.world.rollbacks(), 1, "{step}");
            disturbed.finish().await;
        })
        .await;
}

/// A release is brought back, and the next one fails as well and waits for the end of the cool-down; when that begins.
async fn cooling_off(disturbed: &Disturbed) -> Timestamp {
    let guard = json!({"guard": {"cooldown": format!("{}s", COOLDOWN.as_secs())}});
    disturbed.world.apply_policy(guard).await;
    disturbed.world.ship_bad("api");
    disturbed.until_verified().await;
    disturbed.world.ship_bad("api");
    disturbed
        .world
        .until("the cool-down to be told", |object| {
            said(object, "RolledBack") == "False CoolingOff"
        })
        .await;
    time(&disturbed.world.record().await, "/status/finishedAt")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_during_the_cooldown_makes_it_neither_shorter_nor_longer() {
    stream::iter(STEPS)
        .for_each_concurrent(None, |step| async move {
            let Some(clock) = WallClock::new() else {
                return;
            };
            let disturbed = by(&clock).await;
            let ended = cooling_off(&disturbed).await;
            clock.set(step);
            disturbed.world.until_verified(2).await;
            let second = &disturbed.world.records().await[1];
            // By the clock of the API server.
            let waited = time(second, "/metadata/creationTimestamp").duration_since(ended);
            let waited = Duration::try_from(waited).unwrap_or_default();
            assert!(waited >= COOLDOWN, "{step}: {waited:?}");
            assert!(waited <= COOLDOWN + SLACK, "{step}: {waited:?}");
            assert_eq!(disturbed.world.rollbacks(), 2, "{step}");
            tells_another_time(&disturbed);
            disturbed.finish().await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_before_a_restart_makes_no_wait_endless() {
    let Some(clock) = WallClock::new() else {
        return;
    };
    let mut disturbed = by(&clock).await;
    let ended = cooling_off(&disturbed).await;
    clock.set("-1h");
    let scenario = &mut disturbed.world.scenario;
    scenario.controller.restart(&scenario.namespace).await;
    disturbed.world.until_verified(2).await;
    let second = &disturbed.world.records().await[1];
    let waited = time(second, "/metadata/creationTimestamp").duration_since(ended);
    let waited = Duration::try_from(waited).unwrap_or_default();
    // When it was set cannot be told: the wait begins anew with the process.
    assert!(waited >= COOLDOWN, "{waited:?}");
    assert!(waited <= COOLDOWN * 2 + SLACK, "{waited:?}");
    assert_eq!(disturbed.world.rollbacks(), 2);
    disturbed.finish().await;
}
