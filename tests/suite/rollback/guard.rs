//! What holds a rollback up, how long, and what is never gone back to.

use plumbline::simulator::DeployStatus;
use serde_json::{Value, json};

use super::support::{BAD, BETTER, GOOD, SETTINGS, World, message, said, time};
use crate::support::{eventually::eventually, scenario::Scenario};

#[tokio::test(flavor = "multi_thread")]
async fn freeze_windows_the_cooldown_and_the_budget_of_all_validations_hold_a_rollback_up() {
    let scenario = Scenario::start_with(SETTINGS).await;
    let world = World::of(scenario, &[("api", GOOD), ("cart", GOOD)]).await;
    let guard = |freeze: Value| json!({"guard": {"cooldown": "8s", "budget": {"max": 2, "per": "1h"}, "freeze": freeze}});
    let always = json!([{"cron": "* * * * *", "duration": "1h"}]);
    world.apply_policy(guard(always)).await;
    world.apply(&["api"]).await;
    let cart = world.spec(&["cart"]);
    world.scenario.apply("cart", cart).await;
    world.good_release().await;
    world
        .until_of("cart", "the cart to be good", |object| {
            object["status"]["lastKnownGood"].is_object()
        })
        .await;

    world.ship_bad("api");
    world
        .until_held_up("shop", "CoolingOff", "guard.freeze")
        .await;
    world.apply_policy(guard(json!([]))).await;
    world.until_rolled_back("True", "RollbackVerified").await;
    let first = &world.records().await[0];
    let ended = time(first, "/status/finishedAt");

    world.ship_bad("api");
    world
        .until_held_up("shop", "CoolingOff", "guard.cooldown 8s")
        .await;
    world.until_verified(2).await;
    let second = &world.records().await[1];
    let waited = time(second, "/metadata/creationTimestamp").duration_since(ended);
    assert!(waited.as_secs() >= 8, "{waited:#}");

    world.ship_bad("cart");
    world
        .until_held_up("cart", "BudgetSpent", "guard.budget is 2 per 1h")
        .await;
    eventually("the policy to say so", || async {
        let status = world.policy().await["status"].take();
        let told = status["budget"]["spent"] == 2
            && status["usedBy"] == json!({"count": 2, "names": ["cart", "shop"]})
            && status["lastRollback"]["outcome"] == "Verified";
        if told { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(world.rollbacks(), 2);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_come_one_delay_apart_and_no_more_than_the_policy_allows() {
    let world = World::start().await;
    world
        .apply_policy(json!({"maxAttempts": 2, "delay": "3s"}))
        .await;
    let good = world.good_release().await;
    for _ in 0..2 {
        world.next(&[
            (DeployStatus::UpdateInProgress, 0.3),
            (DeployStatus::UpdateFailed, 0.0),
        ]);
    }
    world.ship_bad("api");
    let object = world.until_rolled_back("False", "AttemptsExhausted").await;
    assert!(message(&object, "RolledBack").contains("maxAttempts is 2"));
    assert_eq!(said(&object, "Ready"), "False RollbackFailed");
    assert_eq!(said(&object, "Stalled"), "True AttemptsExhausted");
    let records = world.records().await;
    let states: Vec<&Value> = records.iter().map(|it| &it["status"]["state"]).collect();
    assert_eq!(states, ["Failed", "Failed"]);
    let ended = time(&records[0], "/status/finishedAt");
    let waited = time(&records[1], "/metadata/creationTimestamp").duration_since(ended);
    assert!(waited.as_secs() >= 3, "{waited:#}");
    assert_eq!(world.rolled_back_to(), [good.clone(), good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_brought_back_is_never_taken_back_to_what_failed_and_what_failed_is_no_goal_again()
{
    let world = World::start().await;
    let good = world.good_release().await;
    let better = world.ship_good(BETTER).await;
    let bad = world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    // What was brought back fails as well, long after it was seen to pass: it is good by then.
    world.good_release().await;
    world.app.breaks(BETTER);
    let object = world
        .until("what was brought back to fail", |object| {
            said(object, "Healthy") == "False ChecksFailed"
        })
        .await;
    assert_eq!(said(&object, "Ready"), "False RolledBack");
    assert_eq!(said(&object, "Stalled"), "True RolledBack");
    world
        .scenario
        .until_still(std::time::Duration::from_secs(6))
        .await;
    assert_eq!(world.rolled_back_to(), std::slice::from_ref(&better));

    // The bad release is mended, and still is no goal: of the candidates, only the first one is well.
    world.app.mends(BAD);
    world.app.breaks("deadbeef");
    world.app.ship("api", "deadbeef");
    let object = world.until_verified(4).await;
    let kept =
        object["status"]["candidates"].to_string() + &object["status"]["lastKnownGood"].to_string();
    assert!(!kept.contains(&bad), "{kept}");
    assert!(kept.contains(&good), "{kept}");
    // What was brought back the first time and what it was made of, in vain; and then the first one.
    let goals = world.rolled_back_to();
    assert!(!goals.contains(&bad), "{goals:?}");
    assert_eq!(goals[2..], [better, good]);
    assert_eq!(world.live("api"), GOOD);
    world.finish().await;
}

impl World {
    /// Waits until a validation waits for a rollback for this reason.
    async fn until_held_up(&self, name: &str, reason: &str, told: &str) {
        let what = format!("{name} to wait: {told}");
        let object = self
            .until_of(name, &what, |object| {
                said(object, "RolledBack") == format!("False {reason}")
                    && message(object, "RolledBack").contains(told)
            })
            .await;
        assert_eq!(said(&object, "Ready"), "False ChecksFailed");
        // It goes on by itself.
        assert_eq!(said(&object, "Reconciling"), "True ProgressingWithRetry");
        assert_eq!(said(&object, "Stalled"), "");
    }
}

/// Validations in the test of the brake.
const FLEET: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn two_of_ten_are_rolled_back_and_five_more_at_once_are_not() {
    let names: Vec<String> = (0..FLEET).map(|number| format!("shop-{number}")).collect();
    let services: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), GOOD)).collect();
    let scenario = Scenario::start_with(SETTINGS).await;
    let world = World::of(scenario, &services).await;
    world.apply_policy(json!({})).await;
    for name in &names {
        let mut spec = world.spec(&[name]);
        // As usual, one failure is no verdict: by the time of the second one, all are known to begin to fail.
        spec["checks"][0]["failureThreshold"] = json!(2);
        world.scenario.apply(name, spec).await;
    }
    for name in &names {
        world
            .until_of(name, &format!("{name} to be good"), |object| {
                object["status"]["lastKnownGood"].is_object()
            })
            .await;
    }
    for name in &names[..2] {
        world.ship_bad(name);
    }
    for name in &names[..2] {
        world
            .until_rolled_back_of(name, "True", "RollbackVerified")
            .await;
    }
    assert_eq!(world.rollbacks(), 2);

    for name in &names[2..7] {
        world.ship_bad(name);
    }
    for name in &names[2..7] {
        let object = world
            .until_rolled_back_of(name, "False", "BrakeEngaged")
            .await;
        assert!(message(&object, "RolledBack").contains("5 of 10 validations turned bad"));
        assert_eq!(said(&object, "Stalled"), "True BrakeEngaged");
    }
    assert_eq!(world.rollbacks(), 2);
    assert_eq!(world.records().await.len(), 2);

    // A person is not held up.
    let object = world.scenario.get(&names[2]).await;
    let live = object["status"]["observedRelease"]["id"].clone();
    let spec = json!({"validationRef": {"name": names[2]}, "from": {"release": live}});
    let request = world.ask(spec).await;
    world.until_state(&request, "Verified").await;
    // With four that fail it is off again.
    eventually("the brake to be off", || async {
        let rollbacks = world.rollbacks();
        if rollbacks == 7 {
            Ok(())
        } else {
            Err(rollbacks)
        }
    })
    .await;
    world.finish().await;
}
