//! Policies and records that were stored under another schema and no longer decode: each hurts itself alone, says so, and is the
//! cause of no rollback.

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{
    row::Kind,
    schema::{loosen, tighten},
};
use crate::{
    rollback::support::{GOOD, SETTINGS, World, message, said},
    support::{
        control_plane::ControlPlane, eventually::eventually, recorder::Recorder, scenario::Scenario,
    },
};

/// `shop` with the service `api` and the policy `shop`, and its neighbour `cart` with a policy of its own; both good.
async fn neighbours(mode: &str) -> World {
    let plane = Box::leak(Box::new(ControlPlane::start()));
    let scenario = Scenario::start_on(plane, SETTINGS, None).await;
    let world = World::of(scenario, &[("api", GOOD), ("cart", GOOD)]).await;
    world.apply_policy(json!({"mode": mode})).await;
    world.apply_policy_named("cart", json!({})).await;
    world.apply(&["api"]).await;
    let mut spec = world.spec(&["cart"]);
    spec["rollbackPolicyRef"]["name"] = json!("cart");
    world.scenario.apply("cart", spec).await;
    world.good_release().await;
    world.scenario.until_known_good("cart").await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_no_longer_decodes_rolls_nothing_back_until_it_is_repaired() {
    let mut world = neighbours("Automatic").await;
    let good = world.good_release().await;
    world
        .store(Kind::Policy, async |world| {
            let wrong = [
                ("shop", json!({"maxAttempts": 300})),
                (
                    "overflow",
                    json!({"mode": "Automatic", "guard": {"cooldown": "99999999999h"}}),
                ),
                ("enum", json!({"mode": "Sometimes"})),
                (
                    "null",
                    json!({"mode": "Manual", "trigger": {"areas": null}}),
                ),
                ("text", json!({"mode": 5})),
            ];
            for (name, spec) in wrong {
                world.put(Kind::Policy, name, &spec).await;
            }
        })
        .await;
    for (name, saying) in [
        ("shop", "`300`"),
        ("overflow", "99999999999h"),
        ("enum", "Sometimes"),
    ] {
        let policy = world.until_undecodable(Kind::Policy, name).await;
        assert_eq!(said(&policy, "Accepted"), "False InvalidSpec");
        let told = message(&policy, "Ready");
        assert!(told.contains(saying), "{name}: {told}");
    }
    world.until_logged("text").await;

    let why = "RollbackPolicy shop does not fit its schema";
    world
        .until("shop not to be accepted", |object| {
            said(object, "Accepted") == "False InvalidSpec"
                && message(object, "Accepted").contains(why)
        })
        .await;
    let bad = world.ship_bad("api");
    world.ship_bad("cart");
    world
        .until_rolled_back_of("cart", "True", "RollbackVerified")
        .await;
    let object = world
        .until("shop to be failed", |object| {
            said(object, "ApiHealthy") == "False ChecksFailed"
        })
        .await;
    assert_eq!(said(&object, "Ready"), "False InvalidSpec");
    assert!(message(&object, "RolledBack").contains(why), "{object}");
    let request = world.ask(json!({"from": {"release": bad}})).await;
    let request = world.until_state(&request, "Rejected").await;
    let told = message(&request, "Ready");
    assert!(
        told.contains("policy shop does not fit its schema"),
        "{told}"
    );
    assert_eq!(world.rollbacks(), 1);

    world.apply_policy(json!({"maxAttempts": 3})).await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to()[1], good);
    let policy = world.policy().await;
    assert_eq!(said(&policy, "Ready"), "True Accepted");
    assert_eq!(said(&policy, "Stalled"), "");
    let repairs = [
        ("overflow", json!({"guard": {"cooldown": "1m"}})),
        ("enum", json!({"mode": "DryRun"})),
        ("null", json!({"trigger": {"areas": ["api"]}})),
        ("text", json!({"mode": "Manual"})),
    ];
    for (name, spec) in repairs {
        world.put(Kind::Policy, name, &spec).await;
        world.until_said(Kind::Policy, name, "True Accepted").await;
    }
    world.ends_soundly().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_no_longer_decodes_is_kept_and_nothing_is_begun_beside_it() {
    let mut world = neighbours("Manual").await;
    let bad = world.ship_bad("api");
    world.until_rolled_back("False", "AwaitingApproval").await;
    let record = world.record().await;
    let name = record["metadata"]["name"].as_str().unwrap();
    world
        .store(Kind::Rollback, async |world| {
            world
                .change(name, json!({"spec": {"plan": {"attempt": 300}}}))
                .await;
            let from = json!({"release": bad});
            let wrong = [
                (
                    "robot",
                    json!({"validationRef": {"name": "shop"}, "from": from, "trigger": "Robot"}),
                ),
                (
                    "text",
                    json!({"validationRef": {"name": "shop"}, "from": bad}),
                ),
                ("nothing", json!({})),
            ];
            for (name, spec) in wrong {
                world.put(Kind::Rollback, name, &spec).await;
            }
        })
        .await;
    let told = world.until_undecodable(Kind::Rollback, name).await;
    assert_eq!(told["status"]["state"], "AwaitingApproval");
    assert_eq!(told["status"]["steps"], record["status"]["steps"]);
    assert_eq!(said(&told, "Approved"), "False AwaitingApproval");
    world.until_undecodable(Kind::Rollback, "robot").await;
    world.until_logged("text").await;

    // Nobody can tell whether that attempt was carried out: no other takes its place, and the neighbour's goes on.
    world.apply_policy(json!({})).await;
    let why = format!("Rollback {name} does not fit its schema");
    let object = world.until_rolled_back("False", "RollbackRejected").await;
    assert!(message(&object, "RolledBack").contains(&why), "{object}");
    world.ship_bad("cart");
    world
        .until_rolled_back_of("cart", "True", "RollbackVerified")
        .await;
    let request = world.ask(json!({"from": {"release": bad}})).await;
    let request = world.until_state(&request, "InProgress").await;
    assert!(message(&request, "Ready").contains(&why), "{request}");
    assert_eq!(world.rollbacks(), 1);

    world
        .store(Kind::Rollback, async |world| {
            let repair = json!({"spec": {"plan": {"attempt": 1}}});
            world.change(name, repair).await;
        })
        .await;
    let healed = world
        .until_rollback(name, "the record to be read again", |record| {
            said(record, "Stalled") == "True AwaitingApproval"
        })
        .await;
    assert_eq!(healed["status"]["steps"], record["status"]["steps"]);
    world.approve(name, true).await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 2);
    world.ends_soundly().await;
}

impl World {
    /// What `put` stores is stored while no controller looks, and under a schema that takes everything.
    async fn store(&mut self, kind: Kind, put: impl AsyncFnOnce(&Self)) {
        self.scenario.controller.kill();
        loosen(&self.scenario, kind).await;
        put(self).await;
        tighten(&self.scenario, kind).await;
        self.record_anew();
        let namespace = self.scenario.namespace.clone();
        self.scenario.controller.restart(&namespace).await;
    }

    /// What was seen so far was in part the work of an older version.
    fn record_anew(&mut self) {
        let (client, namespace) = (&self.scenario.client, &self.scenario.namespace);
        self.scenario.recorder = Recorder::start(client, namespace);
    }

    /// Creates an object, or changes its spec.
    async fn put(&self, kind: Kind, name: &str, spec: &Value) {
        let objects = kind.objects(&self.scenario);
        let object = kind.object(name, spec);
        if objects.get_opt(name).await.unwrap().is_some() {
            let patch = Patch::Merge(json!({"spec": spec}));
            objects
                .patch(name, &PatchParams::default(), &patch)
                .await
                .unwrap();
        } else {
            let object = serde_json::from_value(object).unwrap();
            objects
                .create(&PostParams::default(), &object)
                .await
                .unwrap();
        }
    }

    /// Changes a Rollback in whatever way its schema allows.
    async fn change(&self, name: &str, change: Value) {
        let objects = Kind::Rollback.objects(&self.scenario);
        let patch = Patch::Merge(change);
        objects
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Waits until an object says that it does not decode.
    async fn until_undecodable(&self, kind: Kind, name: &str) -> Value {
        let object = self.until_said(kind, name, "False InvalidSpec").await;
        assert_eq!(said(&object, "Stalled"), "True InvalidSpec");
        let told = message(&object, "Ready");
        assert!(
            told.starts_with("the object does not fit its schema; apply it anew: "),
            "{told}"
        );
        object
    }

    /// Waits until Ready of an object says so, and speaks of its spec as it is.
    async fn until_said(&self, kind: Kind, name: &str, ready: &str) -> Value {
        eventually(&format!("{name} to be {ready}"), || async {
            let object = kind.objects(&self.scenario).get(name).await.unwrap();
            let object = serde_json::to_value(object).unwrap();
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if current && said(&object, "Ready") == ready {
                Ok(object)
            } else {
                Err(object)
            }
        })
        .await
    }

    /// Waits until the log tells of an object that does not fit its schema.
    async fn until_logged(&self, name: &str) {
        eventually("the log to tell of it", || async {
            let log = self.scenario.controller.log();
            let told = |line: &str| line.contains("does not fit its schema") && line.contains(name);
            if log.lines().any(told) {
                Ok(())
            } else {
                Err(log)
            }
        })
        .await;
    }

    /// The controller is alive, and whatever decodes obeys every rule.
    async fn ends_soundly(mut self) {
        assert!(self.scenario.controller.is_running());
        let log = self.scenario.controller.log();
        assert!(!log.contains("panicked"), "{log}");
        self.finish().await;
    }
}
