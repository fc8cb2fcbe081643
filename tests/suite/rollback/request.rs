//! What a person asks for is done, once, and nothing else is.

use serde_json::{Value, json};

use super::support::{BAD, BETTER, GOOD, SETTINGS, World, message, request, said};
use crate::support::scenario::{Scenario, condition};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_goes_back_to_a_candidate_and_the_same_request_again_does_nothing() {
    let world = World::start().await;
    let first = world.good_release().await;
    let second = world.ship_good(BETTER).await;
    let wrong = world.ask(json!({"from": {"release": first}})).await;
    let wrong = world.until_state(&wrong, "Superseded").await;
    assert_eq!(said(&wrong, "Stalled"), "True Superseded");
    let unknown = json!({"from": {"release": second}, "to": {"release": "dep-nobody"}});
    let unknown = world.ask(unknown).await;
    world.until_state(&unknown, "Rejected").await;
    let foreign = json!({
        "from": {"release": second},
        "to": {"release": "pin", "services": [{"name": "api", "deployId": "dep-somebodyelses00000"}]},
    });
    let foreign = world.ask(foreign).await;
    world.until_state(&foreign, "Rejected").await;
    assert!(world.mutations().is_empty());

    world.bind("ops");
    let spec = json!({"from": {"release": second}, "reason": "customers report empty carts"});
    let create = ["create", "-o", "jsonpath={.metadata.name}", "-f", "-"];
    let made = world.kubectl_as("ops", &create, Some(&request(spec.clone())));
    let asked = world.until_state(&made.unwrap(), "Verified").await;
    assert_eq!(said(&asked, "Ready"), "True RollbackVerified");
    assert_eq!(said(&asked, "Succeeded"), "True RollbackVerified");
    let record = asked["status"]["record"].as_str().unwrap();
    let record = world.rollback(record).await;
    assert_eq!(record["spec"]["to"]["release"], json!(first));
    assert_eq!(record["spec"]["trigger"], "Manual");
    assert_eq!(record["spec"]["reason"], spec["reason"]);
    for type_ in ["Ready", "Succeeded", "Verified"] {
        assert_eq!(said(&record, type_), "True RollbackVerified", "{record}");
    }
    assert_eq!(said(&record, "Approved"), "True Approved");
    assert_eq!(said(&record, "Issued"), "True Issued");
    assert_eq!(world.live("api"), GOOD);
    // A person has taken back what had passed: that is no failure of it, and yet it is not what was shipped.
    world.until_rolled_back("True", "RollbackVerified").await;

    let again = world.ask(spec).await;
    world.until_state(&again, "Superseded").await;
    assert_eq!(world.rolled_back_to(), [first]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_name_a_candidate_or_pin_deploys_and_no_guard_is_in_the_way() {
    let world = World::start().await;
    let deploys = world.render().deploys("api").unwrap();
    let before_all = deploys.last().unwrap().id.clone();
    world
        .apply_policy(json!({
            "mode": "Manual",
            "guard": {
                "cooldown": "1h", "budget": {"max": 1, "per": "1h"},
                "freeze": [{"cron": "* * * * *", "duration": "1h"}],
            },
        }))
        .await;
    let first = world.good_release().await;
    world.ship_good(BETTER).await;
    let third = world.ship_good("c0ffee00").await;
    let candidate = json!({"from": {"release": third}, "to": {"release": first}});
    let candidate = world.ask(candidate).await;
    let candidate = world.until_state(&candidate, "Verified").await;
    let live = &candidate["status"]["result"]["release"];
    assert_eq!(world.live("api"), GOOD);

    let pin = json!({
        "from": {"release": live},
        "to": {"release": "as-before", "services": [{"name": "api", "deployId": before_all}]},
    });
    let pin = world.ask(pin).await;
    let pinned = world.until_state(&pin, "Verified").await;
    let record = pinned["status"]["record"].as_str().unwrap();
    let record = world.rollback(record).await;
    assert_eq!(record["spec"]["to"]["release"], "as-before");
    assert_eq!(world.rolled_back_to(), [first, before_all]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_refused_where_there_is_nothing_to_act_on() {
    let world = World::start_with(BAD).await;
    let object = world.until_rolled_back("False", "NoKnownGood").await;
    assert_eq!(said(&object, "Stalled"), "True NoKnownGood");
    let live = object["status"]["observedRelease"]["id"].clone();
    let from = json!({"from": {"release": live}});
    world
        .is_refused(from.clone(), "no release was validated")
        .await;
    let missing = json!({"from": {"release": live}, "policyRef": {"name": "lax"}});
    world.is_refused(missing, "policy lax does not exist").await;
    let missing = json!({"from": {"release": live}, "validationRef": {"name": "cart"}});
    world
        .is_refused(missing, "validation cart does not exist")
        .await;
    world.scenario.edit("shop", json!({"suspend": true})).await;
    world
        .scenario
        .until_ready("shop", "Unknown", "Suspended")
        .await;
    world.is_refused(from, "validation shop is suspended").await;
    assert!(
        world
            .records()
            .await
            .iter()
            .all(|it| it["spec"]["plan"].is_null())
    );
    assert!(world.mutations().is_empty());
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validation_without_a_policy_is_rolled_back_by_a_person_alone() {
    let scenario = Scenario::start_with(SETTINGS).await;
    let world = World::of(scenario, &[("api", GOOD)]).await;
    let mut spec = world.spec(&["api"]);
    spec.as_object_mut().unwrap().remove("rollbackPolicyRef");
    world.scenario.apply("shop", spec).await;
    let good = world.good_release().await;
    let bad = world.ship_bad("api");
    let object = world
        .until("the bad release to be failed", |object| {
            condition(object, "Ready")["reason"] == "ChecksFailed"
        })
        .await;
    assert_eq!(said(&object, "RolledBack"), "False RollbackDisabled");
    assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
    assert!(world.records().await.is_empty());
    let request = world.ask(json!({"from": {"release": bad}})).await;
    world.until_state(&request, "Verified").await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}

impl World {
    async fn is_refused(&self, spec: Value, told: &str) {
        let name = self.ask(spec).await;
        let request = self.until_state(&name, "Rejected").await;
        assert!(message(&request, "Ready").contains(told), "{request}");
        assert_eq!(said(&request, "Stalled"), "True RollbackRejected");
    }
}
