//! What a policy says is what is done, and one that cannot be acted on does nothing.

use serde_json::{Value, json};

use super::support::{World, message, said};
use crate::support::{eventually::eventually, scenario::Scenario};

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_exactly_what_would_be_done_and_does_nothing() {
    let world = World::start().await;
    world.apply_policy(json!({"mode": "DryRun"})).await;
    let good = world.good_release().await;
    let bad = world.ship_bad("api");
    let object = world.until_rolled_back("False", "DryRun").await;
    let told = message(&object, "RolledBack");
    assert!(
        told.starts_with(&format!("would roll back api {bad} -> {good}: ")),
        "{told}"
    );
    assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
    assert!(world.records().await.is_empty());
    assert!(world.mutations().is_empty());

    let request = world.ask(json!({"from": {"release": bad}})).await;
    let request = world.until_state(&request, "DryRun").await;
    let told = message(&request, "Ready");
    assert_eq!(told, format!("would roll back api {bad} -> {good}"));
    assert!(world.mutations().is_empty());

    // What was told is what is done, once somebody trusts it.
    world.apply_policy(json!({})).await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_cannot_be_acted_on_holds_every_rollback_until_it_is_set_right() {
    let settings = "controller: {sendWithin: 1s, referenceGrace: 4s}";
    let scenario = Scenario::start_with(settings).await;
    let world = World::of(scenario, &[("api", super::support::GOOD)]).await;
    world.apply(&["api"]).await;
    let missing = "rollbackPolicyRef: RollbackPolicy shop does not exist";
    let object = world.until_rejected("ReferenceNotFound", missing).await;
    // It may come with the same sync.
    assert_eq!(said(&object, "Reconciling"), "True ProgressingWithRetry");
    let told = message(&object, "RolledBack");
    assert!(told.contains("shop does not exist"), "{told}");
    world.until_stalled("ReferenceNotFound").await;
    world.checks_go_on().await;

    world.apply_policy(json!({})).await;
    world.good_release().await;
    let object = world.until_ready_again().await;
    assert_eq!(said(&object, "Accepted"), "True Accepted");

    let freeze = json!({"guard": {"freeze": [{"cron": "61 * * * *", "duration": "1h"}]}});
    world.apply_policy(freeze).await;
    let policy = world.until_policy("False InvalidSpec").await;
    assert_eq!(said(&policy, "Accepted"), "False InvalidSpec");
    assert_eq!(said(&policy, "Stalled"), "True InvalidSpec");
    let place = "guard.freeze[0].cron";
    world.until_rejected("InvalidSpec", place).await;
    world.ship_bad("api");
    world.checks_go_on().await;
    world.until_stalled("InvalidSpec").await;

    let unknown = json!({"verification": {"checks": ["api-health", "checkout"]}});
    world.apply_policy(unknown).await;
    let policy = world.until_policy("True Accepted").await;
    assert_eq!(
        policy["status"]["usedBy"],
        json!({"count": 1, "names": ["shop"]})
    );
    world
        .until_rejected("InvalidSpec", "there is no check checkout")
        .await;
    assert!(world.records().await.is_empty());
    assert!(world.mutations().is_empty());

    world
        .apply_policy(json!({"verification": {"checks": ["api-health"]}}))
        .await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

impl World {
    async fn until_rejected(&self, reason: &str, told: &str) -> Value {
        let what = format!("shop not to be accepted: {told}");
        let rejected = format!("False {reason}");
        let object = self
            .until(&what, |object| {
                said(object, "Accepted") == rejected && message(object, "Accepted").contains(told)
            })
            .await;
        assert_eq!(said(&object, "Ready"), rejected);
        object
    }

    async fn until_stalled(&self, reason: &str) {
        let stalled = format!("True {reason}");
        self.until("shop to be stalled", |object| {
            said(object, "Stalled") == stalled
        })
        .await;
    }

    async fn until_policy(&self, ready: &str) -> Value {
        eventually("the policy to be judged", || async {
            let policy = self.policy().await;
            let current =
                policy["status"]["observedGeneration"] == policy["metadata"]["generation"];
            if current && said(&policy, "Ready") == ready {
                Ok(policy)
            } else {
                Err(policy)
            }
        })
        .await
    }

    /// The page is looked at, whatever becomes of the policy.
    async fn checks_go_on(&self) {
        let live = self.live("api");
        let before = self.app.requests("health", &live);
        eventually("the checks to go on", || async {
            let requests = self.app.requests("health", &live);
            if requests > before {
                Ok(())
            } else {
                Err(requests)
            }
        })
        .await;
    }
}
