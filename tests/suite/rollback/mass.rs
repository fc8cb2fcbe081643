//! Two hundred validations on one key: brake and budgets hold, and the platform's limits are kept.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use kube::api::ListParams;
use plumbline::simulator::{Bucket, Limit};
use serde_json::{Value, json};

use super::support::{GOOD, World, message, said};
use crate::support::{eventually::within, scenario::Scenario};

const FLEET: usize = 200;

/// Policies that the validations share.
const POLICIES: usize = 5;

/// Rollbacks that each policy allows.
const BUDGET: usize = 3;

/// Validations of each policy that fail at once: a tenth of all, so that the brake stays off.
const FAILING: usize = 4;

/// A minute of the platform takes ten seconds here, as everything else is six times as fast.
const WINDOW: u32 = 10;

const SETTINGS: &str = "controller: {sendWithin: 5s}\n\
     platforms: {render: {url: RENDER, timeout: 5s, pollInterval: 20s, consistencyWindow: 5s}}";

const LIMIT: Duration = Duration::from_mins(3);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_on_one_key_those_that_fail_are_rolled_back_within_every_limit() {
    let world = fleet().await;
    until_all(&world, "all to be good", 0..FLEET, |object| {
        object["status"]["lastKnownGood"].is_object()
    })
    .await;

    let failing = POLICIES * FAILING;
    for number in 0..failing {
        world.ship_bad(&name(number));
    }
    until_all(
        &world,
        "all that fail to be done with",
        0..failing,
        |object| {
            let told = said(object, "RolledBack");
            told == "True RollbackVerified" || told == "False BudgetSpent"
        },
    )
    .await;
    let records = world.records().await;
    let mut by_policy: BTreeMap<String, usize> = BTreeMap::new();
    for record in &records {
        assert_eq!(record["status"]["state"], "Verified", "{record}");
        let policy = record["spec"]["policyRef"]["name"].to_string();
        *by_policy.entry(policy).or_default() += 1;
    }
    assert_eq!(by_policy.len(), POLICIES);
    assert!(
        by_policy.values().all(|spent| *spent == BUDGET),
        "{by_policy:?}"
    );
    assert_eq!(world.rollbacks(), POLICIES * BUDGET);

    // Then so many that it is more likely that something has happened to all of them.
    let more = failing..failing + FLEET / 5;
    for number in more.clone() {
        world.ship_bad(&name(number));
    }
    for policy in 0..POLICIES {
        apply_policy(&world, policy, 100).await;
    }
    until_all(&world, "the brake to be engaged", more, |object| {
        said(object, "RolledBack") == "False BrakeEngaged"
            && message(object, "RolledBack").contains("of 200 validations turned bad")
    })
    .await;
    assert_eq!(world.rollbacks(), POLICIES * BUDGET);

    let (_, metrics) = world.scenario.controller.get("/metrics").await.unwrap();
    let refused = metrics.lines().find(|line| line.contains("rate_limited"));
    assert_eq!(refused, None, "Render had to say that it was too much");
    world.finish().await;
}

fn name(number: usize) -> String {
    format!("shop-{number}")
}

async fn apply_policy(world: &World, number: usize, max: usize) {
    let budget = json!({"guard": {"budget": {"max": max, "per": "1h"}}, "timeout": "2m"});
    world.apply_policy_named(&name(number), budget).await;
}

/// Every validation has a service and a check of its own.
async fn fleet() -> World {
    let names: Vec<String> = (0..FLEET).map(name).collect();
    let services: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), GOOD)).collect();
    let scenario = Scenario::start_with(SETTINGS).await;
    for (bucket, calls) in [
        (Bucket::Reads, 400),
        (Bucket::Deploys, 10),
        (Bucket::Writes, 30),
    ] {
        let limit = Limit {
            calls,
            window_seconds: WINDOW,
        };
        scenario.render().set_limit(bucket, limit).unwrap();
    }
    let world = World::of(scenario, &services).await;
    for policy in 0..POLICIES {
        apply_policy(&world, policy, BUDGET).await;
    }
    let apply = async |(number, name): (usize, &String)| {
        let mut spec = world.spec(&[name]);
        spec["interval"] = json!("10s");
        spec["checks"][0]["failureThreshold"] = json!(2);
        spec["rollbackPolicyRef"]["name"] = json!(self::name(number % POLICIES));
        world.scenario.apply(name, spec).await;
    };
    stream::iter(names.iter().enumerate())
        .for_each_concurrent(8, apply)
        .await;
    world
}

async fn until_all(
    world: &World,
    what: &str,
    numbers: std::ops::Range<usize>,
    holds: impl Fn(&Value) -> bool,
) {
    let names: Vec<String> = numbers.map(name).collect();
    within(LIMIT, what, async || {
        let (objects, all) = (world.scenario.objects(), ListParams::default());
        let listed = objects.list(&all).await.unwrap();
        let objects = serde_json::to_value(listed.items).unwrap();
        let objects = objects.as_array().unwrap().iter();
        let left: Vec<String> = objects
            .filter(|object| {
                names
                    .iter()
                    .any(|name| object["metadata"]["name"] == **name)
            })
            .filter(|object| !holds(object))
            .map(|object| {
                format!(
                    "{} {}",
                    object["metadata"]["name"], object["status"]["conditions"]
                )
            })
            .collect();
        if left.is_empty() {
            Ok(())
        } else {
            let shown: Vec<String> = left.iter().take(3).cloned().collect();
            Err((left.len(), shown))
        }
    })
    .await;
}
