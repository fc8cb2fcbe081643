//! Bad policies, bad requests and forged records: refused by the API server, or told in their own status. Nothing is asked of the
//! platform for any of them.

use kube::api::PostParams;
use serde_json::{Value, json};

use super::{
    corpus::{policies, rollbacks},
    row::{Kind, hold},
};
use crate::{
    rollback::support::{BETTER, GOOD, SETTINGS, World, message, said},
    support::scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_policy_is_refused_or_told_and_its_neighbours_go_on() {
    let world = World::start().await;
    let good = world.good_release().await;
    hold(
        &world.scenario,
        Kind::Policy,
        &policies::good_spec(),
        &policies::rows(),
    )
    .await;
    assert!(world.mutations().is_empty());
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    nothing_broke(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_refused_or_rejected_and_nothing_is_asked_of_the_platform() {
    let scenario = Scenario::start_with(SETTINGS).await;
    let world = World::of(scenario, &[("api", GOOD), ("cart", GOOD)]).await;
    world.apply_policy(json!({})).await;
    world.apply(&["api"]).await;
    let good = world.good_release().await;
    let live = world.ship_good(BETTER).await;
    let foreign = world.render().deploys("cart").unwrap()[0].id.clone();
    let ground = rollbacks::Ground {
        live: &live,
        good: &good,
        foreign: &foreign,
    };
    let (spec, rows) = (rollbacks::good_spec(&ground), rollbacks::requests(&ground));
    hold(&world.scenario, Kind::Rollback, &spec, &rows).await;
    let records = rollbacks::records();
    hold(
        &world.scenario,
        Kind::Rollback,
        &rollbacks::record_spec(),
        &records,
    )
    .await;
    assert!(world.mutations().is_empty(), "{:#?}", world.mutations());

    // The same request without any of this is carried out.
    let request = world.ask(spec).await;
    world.until_state(&request, "Verified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    nothing_broke(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_approval_of_a_request_changes_and_that_starts_nothing() {
    let world = World::start().await;
    let live = world.good_release().await;
    let asked = json!({
        "from": {"release": "dep-not-live"},
        "reason": "line one\nlevel=ERROR msg=\"line two\"\u{1b}[2J\u{202e}\u{0}\r💥",
    });
    let name = world.ask(asked).await;
    let told = world.until_state(&name, "Superseded").await;
    let expected = format!("from.release: {live} is live, not dep-not-live");
    assert_eq!(message(&told, "Ready"), expected);
    for change in [
        json!({"from": {"release": live}}),
        json!({"to": {"release": "dep-another"}}),
        json!({"reason": "another"}),
        json!({"reason": null}),
        json!({"trigger": "Automatic"}),
        json!({"policyRef": {"name": "shop"}}),
        json!({"validationRef": {"name": "cart"}}),
        json!({"validationRef": {"uid": "u"}}),
    ] {
        let refused = world.patch(&name, &change).await.unwrap_err();
        assert!(
            refused.contains("nothing but approved can be changed"),
            "{change}: {refused}"
        );
    }
    for approved in [true, false, true] {
        world.approve(&name, approved).await;
        let told = world.until_state(&name, "Superseded").await;
        assert_eq!(said(&told, "Succeeded"), "False Superseded");
    }
    assert!(world.mutations().is_empty());
    nothing_broke(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_names_are_rolled_back() {
    let scenario = Scenario::start_with(SETTINGS).await;
    let world = World::of(scenario, &[("api", GOOD)]).await;
    let [validation, policy, request] = ["v", "p", "r"].map(|letter| letter.repeat(253));
    world.apply_policy_named(&policy, json!({})).await;
    let mut spec = world.spec(&["api"]);
    spec["rollbackPolicyRef"]["name"] = json!(policy);
    world.scenario.apply(&validation, spec).await;
    let good = world.scenario.until_known_good(&validation).await;
    let good = good["status"]["lastKnownGood"]["release"].clone();
    world.ship_bad("api");
    world
        .until_rolled_back_of(&validation, "True", "RollbackVerified")
        .await;
    let better = world.app.ship("api", BETTER);
    world
        .until_of(&validation, "the better release to be good", |object| {
            object["status"]["lastKnownGood"]["release"] == json!(better)
        })
        .await;
    let spec = json!({
        "validationRef": {"name": validation}, "policyRef": {"name": policy},
        "from": {"release": better}, "to": {"release": good},
    });
    create(&world, Kind::Rollback, &request, &spec).await;
    let told = world.until_state(&request, "Verified").await;
    let record = told["status"]["record"].as_str().unwrap();
    assert_eq!(record.len(), 253);
    assert_eq!(world.rollbacks(), 2);
    nothing_broke(world).await;
}

async fn create(world: &World, kind: Kind, name: &str, spec: &Value) {
    let object = serde_json::from_value(kind.object(name, spec)).unwrap();
    let objects = kind.objects(&world.scenario);
    let parameters = PostParams::default();
    objects.create(&parameters, &object).await.unwrap();
}

/// The controller goes on, and every line of its log is one that it has written.
async fn nothing_broke(mut world: World) {
    assert!(world.scenario.controller.is_running());
    let log = world.scenario.controller.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(!log.contains("\nlevel=ERROR msg="), "{log}");
    assert!(
        !log.contains('\u{1b}') && !log.contains('\u{202e}'),
        "{log}"
    );
    world.finish().await;
}
