//! Two hundred validations on one API key, each with a service and a check of its own, some of which are made to fail.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use futures::{StreamExt, stream};
use kube::api::ListParams;
use plumbline::{
    api::RollbackPolicy,
    simulator::{Bucket, Limit},
};
use serde_json::{Value, json};

use super::{
    eventually::within,
    scenario::Scenario,
    world::{GOOD, World, said},
};

/// How many there are.
pub const SIZE: usize = 200;

/// Policies that they share.
pub const POLICIES: usize = 5;

/// Rollbacks that each policy allows.
pub const BUDGET: usize = 3;

/// Those that fail at once, the same number of each policy: a tenth of all, so that the brake stays off.
pub const FAILING: Range<usize> = 0..20;

/// Those that fail after that: so many that it is more likely that something has happened to all of them.
pub const FAILING_MORE: Range<usize> = FAILING.end..FAILING.end + SIZE / 5;

/// How fast everything goes.
#[derive(Clone, Copy, Debug)]
pub struct Tempo {
    /// The controller's settings, as YAML with `RENDER` for Render's address.
    pub settings: &'static str,
    /// Time between two runs of a validation.
    pub interval: &'static str,
    /// The same of one that fails.
    pub retry_interval: &'static str,
    /// What Render counts calls by, in seconds; a minute in reality.
    pub window: u32,
    /// Longest time until all of them are somewhere.
    pub patience: Duration,
}

/// The crowd, with its world.
pub struct Crowd {
    pub world: World,
    patience: Duration,
}

impl Crowd {
    /// All of them, none of which has been checked so far. Render allows what it does in reality in each window.
    pub async fn start(tempo: Tempo) -> Self {
        let names: Vec<String> = (0..SIZE).map(name).collect();
        let services: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), GOOD)).collect();
        let scenario = Scenario::start_with(tempo.settings).await;
        for (bucket, calls) in [
            (Bucket::Reads, 400),
            (Bucket::Deploys, 10),
            (Bucket::Writes, 30),
        ] {
            let window_seconds = tempo.window;
            let limit = Limit {
                calls,
                window_seconds,
            };
            scenario.render().set_limit(bucket, limit).unwrap();
        }
        let crowd = Self {
            world: World::of(scenario, &services).await,
            patience: tempo.patience,
        };
        crowd.allow(BUDGET).await;
        let apply = async |(number, name): (usize, &String)| {
            let mut spec = crowd.world.spec(&[name]);
            spec["interval"] = json!(tempo.interval);
            spec["retryInterval"] = json!(tempo.retry_interval);
            spec["checks"][0]["failureThreshold"] = json!(2);
            spec["rollbackPolicyRef"]["name"] = json!(self::name(number % POLICIES));
            crowd.world.scenario.apply(name, spec).await;
        };
        stream::iter(names.iter().enumerate())
            .for_each_concurrent(8, apply)
            .await;
        crowd
    }

    /// Every policy allows so many rollbacks. Waits until the controller knows.
    pub async fn allow(&self, rollbacks: usize) {
        let policies = self.world.objects::<RollbackPolicy>();
        for number in 0..POLICIES {
            let budget =
                json!({"guard": {"budget": {"max": rollbacks, "per": "1h"}}, "timeout": "2m"});
            self.world.apply_policy_named(&name(number), budget).await;
            within(self.patience, "the policy to be known", async || {
                let policy = policies.get(&name(number)).await.unwrap();
                let known = policy.data["status"]["observedGeneration"].as_i64();
                if known == policy.metadata.generation {
                    Ok(())
                } else {
                    Err(policy)
                }
            })
            .await;
        }
    }

    /// Waits until the release that is live of each is its last known good one.
    pub async fn until_good(&self) {
        self.until("all to be good", 0..SIZE, |object| {
            object["status"]["lastKnownGood"].is_object()
        })
        .await;
    }

    /// A bad deploy of each of these.
    pub fn ship_bad(&self, numbers: Range<usize>) {
        for number in numbers {
            self.world.ship_bad(&name(number));
        }
    }

    /// Waits until each of these is rolled back and verified, or is not because its policy allows no more.
    pub async fn until_decided(&self, numbers: Range<usize>) {
        self.until("all that fail to be done with", numbers, |object| {
            let told = said(object, "RolledBack");
            told == "True RollbackVerified" || told == "False BudgetSpent"
        })
        .await;
    }

    /// Waits until the brake holds each of these.
    pub async fn until_braked(&self, numbers: Range<usize>) {
        self.until("the brake to be engaged", numbers, |object| {
            said(object, "RolledBack") == "False BrakeEngaged"
        })
        .await;
    }

    /// How many rollbacks each policy has on record, all of which must be verified.
    pub async fn verified(&self) -> BTreeMap<String, usize> {
        let mut by_policy: BTreeMap<String, usize> = BTreeMap::new();
        for record in &self.world.records().await {
            assert_eq!(record["status"]["state"], "Verified", "{record}");
            let policy = record["spec"]["policyRef"]["name"].to_string();
            *by_policy.entry(policy).or_default() += 1;
        }
        by_policy
    }

    /// One of them as it is now.
    pub async fn get(&self, number: usize) -> Value {
        self.world.scenario.get(&name(number)).await
    }

    async fn until(&self, what: &str, numbers: Range<usize>, holds: impl Fn(&Value) -> bool) {
        let names: Vec<String> = numbers.map(name).collect();
        within(self.patience, what, async || {
            let (objects, all) = (self.world.scenario.objects(), ListParams::default());
            let listed = objects.list(&all).await.unwrap();
            let objects = serde_json::to_value(listed.items).unwrap();
            let objects = objects.as_array().unwrap().iter();
            let is_meant = |object: &&Value| {
                let own = &object["metadata"]["name"];
                names.iter().any(|name| own == name)
            };
            let left: Vec<String> = objects
                .filter(is_meant)
                .filter(|object| !holds(object))
                .map(|object| {
                    let (own, status) = (&object["metadata"]["name"], &object["status"]);
                    format!("{own} {}", status["conditions"])
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
}

fn name(number: usize) -> String {
    format!("shop-{number}")
}
