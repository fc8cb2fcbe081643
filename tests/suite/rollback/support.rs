//! One validation with a policy, over services on the simulated Render whose health follows from the deploy that is live.

use std::time::Duration;

use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use plumbline::{
    api::{Rollback, RollbackPolicy},
    simulator::{Control, LedgerEntry},
};
use serde_json::{Value, json};

use crate::support::{
    app::App,
    eventually::{LIMIT, within},
    scenario::{Scenario, condition, http_check},
};

/// The commit of every bad release.
pub const BAD: &str = "bad0bad0bad0bad0bad0bad0bad0bad0bad0bad0";

/// The commit of every good release.
pub const GOOD: &str = "600d600d600d600d600d600d600d600d600d600d";

/// One validation, `shop`, and all that it needs.
pub struct World {
    pub scenario: Scenario,
    pub app: App,
}

impl World {
    /// With the one service `api`.
    pub async fn start() -> Self {
        Self::start_with(GOOD).await
    }

    /// The same, with this commit live at first.
    pub async fn start_with(commit: &str) -> Self {
        Self::on(
            Scenario::start_with("controller: {sendWithin: 1s}").await,
            commit,
        )
        .await
    }

    /// The same in this scenario.
    pub async fn on(scenario: Scenario, commit: &str) -> Self {
        let app = App::start(scenario.render()).await;
        app.breaks(BAD);
        app.ship("api", commit);
        let world = Self { scenario, app };
        world.apply_policy(json!({})).await;
        world.apply(&["api"]).await;
        world
    }

    /// The simulated Render.
    pub fn render(&self) -> Control {
        self.scenario.render()
    }

    /// Applies the policy `shop`: automatic, quick, with changes.
    pub async fn apply_policy(&self, changes: Value) {
        let mut spec = json!({
            "mode": "Automatic", "timeout": "30s", "delay": "0s",
            "verification": {"timeout": "30s"},
            "guard": {"cooldown": "0s", "budget": {"max": 100, "per": "1h"}},
        });
        merge(&mut spec, changes);
        let object = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "RollbackPolicy",
            "metadata": {"name": "shop"}, "spec": spec,
        });
        self.objects::<RollbackPolicy>()
            .patch(
                "shop",
                &PatchParams::apply("test-user").force(),
                &Patch::Apply(&object),
            )
            .await
            .unwrap_or_else(|error| panic!("the policy was refused: {error}"));
    }

    /// Applies the validation `shop` of these services.
    pub async fn apply(&self, services: &[&str]) {
        let named: Vec<Value> = services.iter().map(|name| json!({"name": name})).collect();
        let checks: Vec<Value> = services
            .iter()
            .map(|name| {
                let mut check = http_check(&format!("{name}-health"), &self.app.url(name));
                check["failureThreshold"] = json!(1);
                check
            })
            .collect();
        let spec = json!({
            "interval": "5s", "retryInterval": "5s", "soak": "1s",
            "target": {"render": {
                "apiKeySecretRef": {"name": "render", "key": "apiKey"}, "services": named,
            }},
            "checks": checks,
            "rollbackPolicyRef": {"name": "shop"},
        });
        self.scenario.apply("shop", spec).await;
    }

    /// Waits until what is live is the last known good release; its id.
    pub async fn good_release(&self) -> String {
        let what = "the live release to be the last known good one";
        let object = self
            .until(what, |object| {
                let live = &object["status"]["observedRelease"]["id"];
                live.is_string() && *live == object["status"]["lastKnownGood"]["release"]
            })
            .await;
        let id = object["status"]["observedRelease"]["id"].as_str();
        id.unwrap().to_owned()
    }

    /// A bad deploy of a service, live at once; its id.
    pub fn ship_bad(&self, service: &str) -> String {
        self.app.ship(service, BAD)
    }

    /// Waits until `RolledBack` says so.
    pub async fn until_rolled_back(&self, status: &str, reason: &str) -> Value {
        let what = format!("shop to be RolledBack={status} {reason}");
        self.until(&what, |object| {
            let condition = condition(object, "RolledBack");
            condition["status"] == status && condition["reason"] == reason
        })
        .await
    }

    /// Waits until the validation is as `holds` says.
    pub async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        within(LIMIT, what, || async {
            let object = self.scenario.get("shop").await;
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            if current && holds(&object) {
                Ok(object)
            } else {
                let records = self.records().await;
                let log = self.scenario.controller.log();
                let tail: Vec<_> = log.lines().rev().take(30).map(str::to_owned).collect();
                Err((object["status"].clone(), records, tail))
            }
        })
        .await
    }

    /// Objects of a kind in the namespace, untyped.
    pub fn objects<K: kube::Resource<DynamicType = ()>>(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<K>(&());
        Api::namespaced_with(
            self.scenario.client.clone(),
            &self.scenario.namespace,
            &resource,
        )
    }

    /// Every Rollback, oldest first.
    pub async fn records(&self) -> Vec<Value> {
        let list = self
            .objects::<Rollback>()
            .list(&kube::api::ListParams::default())
            .await
            .unwrap();
        let mut records: Vec<Value> = list
            .items
            .into_iter()
            .map(|object| serde_json::to_value(object).unwrap())
            .collect();
        records.sort_by_key(|record| record["spec"]["plan"]["attempt"].as_u64());
        records
    }

    /// The only Rollback.
    pub async fn record(&self) -> Value {
        let records = self.records().await;
        assert_eq!(records.len(), 1, "{records:#?}");
        records.into_iter().next().unwrap()
    }

    /// What the controller has changed on the platform.
    pub fn mutations(&self) -> Vec<LedgerEntry> {
        self.render().mutations()
    }

    /// Waits until nothing has been written for a while, and holds every rule against everything.
    pub async fn finish(self) {
        self.scenario.until_still(Duration::from_secs(2)).await;
        self.scenario.finish().await;
    }
}

/// The platform was asked once to go back from `bad` to `good`, after automatic deploys were turned off.
pub fn bad_then_back(world: &World, good: &str, bad: &str) {
    let mutations = world.mutations();
    let rollbacks: Vec<_> = mutations
        .iter()
        .filter(|entry| entry.action == "roll back")
        .collect();
    assert_eq!(rollbacks.len(), 1, "from {bad}: {mutations:#?}");
    assert_eq!(rollbacks[0].body, Some(json!({"deployId": good})));
    assert!(!world.render().service("api").unwrap().auto_deploy);
}

fn merge(target: &mut Value, changes: Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (key, value) in changes {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, changes) => *target = changes,
    }
}
