//! One validation with a policy, over services on the simulated Render whose health follows from the deploy that is live.

mod person;
mod seen;

use std::time::Duration;

use kube::{
    Api, Resource,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use plumbline::{
    api::{Rollback, RollbackPolicy},
    simulator::{Control, DeployStatus, LedgerEntry, NewDeploy, NewService, Phase},
};
use serde_json::{Value, json};

pub use self::{
    person::request,
    seen::{message, moments, said, time},
};
use super::{
    app::App,
    eventually::{LIMIT, within},
    scenario::{Scenario, condition, http_check},
};

/// Settings under which a call that was cut off is settled soon.
pub const SETTINGS: &str = "controller: {sendWithin: 1s}";

/// The commit of every bad release.
pub const BAD: &str = "bad0bad0bad0bad0bad0bad0bad0bad0bad0bad0";

/// The commit of every good release.
pub const GOOD: &str = "600d600d600d600d600d600d600d600d600d600d";

/// The commit of a good release that comes after it.
pub const BETTER: &str = "be77e7000be77e7000be77e7000be77e7000be77";

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
        Self::on(Scenario::start_with(SETTINGS).await, commit).await
    }

    /// The same in this scenario.
    pub async fn on(scenario: Scenario, commit: &str) -> Self {
        let world = Self::of(scenario, &[("api", commit)]).await;
        world.apply_policy(json!({})).await;
        world.apply(&["api"]).await;
        world
    }

    /// With these services, each with a commit that is live, and nothing applied so far.
    pub async fn of(scenario: Scenario, services: &[(&str, &str)]) -> Self {
        let app = App::start(scenario.render()).await;
        app.breaks(BAD);
        for (service, commit) in services {
            if scenario.render().service(service).is_err() {
                let new = NewService {
                    name: (*service).to_owned(),
                    ..NewService::default()
                };
                scenario.render().create_service(&new).unwrap();
            }
            app.ship(service, commit);
        }
        Self { scenario, app }
    }

    /// The simulated Render.
    pub fn render(&self) -> Control {
        self.scenario.render()
    }

    /// Applies the policy `shop`: automatic, quick, with changes.
    pub async fn apply_policy(&self, changes: Value) {
        self.apply_policy_named("shop", changes).await;
    }

    /// The same under another name.
    pub async fn apply_policy_named(&self, name: &str, changes: Value) {
        let mut spec = json!({
            "mode": "Automatic", "timeout": "30s", "delay": "0s",
            "verification": {"timeout": "30s"},
            "guard": {"cooldown": "0s", "budget": {"max": 100, "per": "1h"}},
        });
        merge(&mut spec, changes);
        let object = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "RollbackPolicy",
            "metadata": {"name": name}, "spec": spec,
        });
        self.objects::<RollbackPolicy>()
            .patch(
                name,
                &PatchParams::apply("test-user").force(),
                &Patch::Apply(&object),
            )
            .await
            .unwrap_or_else(|error| panic!("the policy was refused: {error}"));
    }

    /// The policy as it is now.
    pub async fn policy(&self) -> Value {
        let object = self.objects::<RollbackPolicy>().get("shop").await.unwrap();
        serde_json::to_value(object).unwrap()
    }

    /// Applies the validation `shop` of these services.
    pub async fn apply(&self, services: &[&str]) {
        self.apply_with(services, json!({})).await;
    }

    /// The same with changes.
    pub async fn apply_with(&self, services: &[&str], changes: Value) {
        let mut spec = self.spec(services);
        merge(&mut spec, changes);
        self.scenario.apply("shop", spec).await;
    }

    /// The spec of a validation of these services: the health page of each is checked.
    pub fn spec(&self, services: &[&str]) -> Value {
        let named: Vec<Value> = services.iter().map(|name| json!({"name": name})).collect();
        let check = |name: &&str| self.check(name, "health");
        let checks: Vec<Value> = services.iter().map(check).collect();
        json!({
            "interval": "5s", "retryInterval": "5s", "soak": "1s",
            "target": {"render": {
                "apiKeySecretRef": {"name": "render", "key": "apiKey"}, "services": named,
            }},
            "checks": checks,
            "rollbackPolicyRef": {"name": "shop"},
        })
    }

    /// The check `api-health` of the page `health` of the service `api`. One failure is a verdict.
    pub fn check(&self, service: &str, page: &str) -> Value {
        let url = self.app.page(service, page);
        let mut check = http_check(&format!("{service}-{page}"), &url);
        check["failureThreshold"] = json!(1);
        check
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

    /// Ships `commit` for the service `api`, and waits until it is the last known good release; its id.
    pub async fn ship_good(&self, commit: &str) -> String {
        let deploy = self.app.ship("api", commit);
        self.until("the new release to be good", |object| {
            object["status"]["lastKnownGood"]["release"] == json!(deploy)
        })
        .await;
        deploy
    }

    /// A bad deploy of a service, live at once; its id.
    pub fn ship_bad(&self, service: &str) -> String {
        self.app.ship(service, BAD)
    }

    /// Starts a deploy of `commit` for a service that goes through these phases; its id.
    pub fn start_deploy(
        &self,
        service: &str,
        commit: &str,
        phases: &[(DeployStatus, f64)],
    ) -> String {
        let deploy = NewDeploy {
            commit: Some(commit.to_owned()),
            phases: timed(phases),
            ..NewDeploy::default()
        };
        self.render().start_deploy(service, &deploy).unwrap().id
    }

    /// What the next deploy of the service `api` through the API goes through.
    pub fn next(&self, phases: &[(DeployStatus, f64)]) {
        self.next_of("api", phases);
    }

    /// The same of any service.
    pub fn next_of(&self, service: &str, phases: &[(DeployStatus, f64)]) {
        let render = self.render();
        render.next_deploy_phases(service, &timed(phases)).unwrap();
    }

    /// The commit that is live.
    pub fn live(&self, service: &str) -> String {
        let deploys = self.render().deploys(service).unwrap();
        let live = deploys
            .into_iter()
            .find(|deploy| deploy.status == DeployStatus::Live);
        live.unwrap().commit.unwrap().id
    }

    /// Waits until `RolledBack` says so.
    pub async fn until_rolled_back(&self, status: &str, reason: &str) -> Value {
        self.until_rolled_back_of("shop", status, reason).await
    }

    /// The same of another validation.
    pub async fn until_rolled_back_of(&self, name: &str, status: &str, reason: &str) -> Value {
        let what = format!("{name} to be RolledBack={status} {reason}");
        self.until_of(name, &what, |object| {
            let condition = condition(object, "RolledBack");
            condition["status"] == status && condition["reason"] == reason
        })
        .await
    }

    /// Waits until this many attempts are on record and the newest is verified.
    pub async fn until_verified(&self, attempts: usize) -> Value {
        let what = format!("attempt {attempts} to be verified");
        let verified = |object: &Value| said(object, "RolledBack") == "True RollbackVerified";
        loop {
            let object = self.until(&what, verified).await;
            let records = self.records().await;
            let planned = records.iter().filter(|it| it["spec"]["plan"].is_object());
            if planned.count() == attempts {
                return object;
            }
            // That of the attempt before still stands there.
            let version = object["metadata"]["resourceVersion"].clone();
            self.until(&what, |object| {
                object["metadata"]["resourceVersion"] != version
            })
            .await;
        }
    }

    /// Waits until the validation is as `holds` says.
    pub async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.until_of("shop", what, holds).await
    }

    /// The same of another validation.
    pub async fn until_of(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        within(LIMIT, what, || async {
            let object = self.scenario.get(name).await;
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
    pub fn objects<K: Resource<DynamicType = ()>>(&self) -> Api<DynamicObject> {
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
            .list(&ListParams::default())
            .await
            .unwrap();
        let mut records: Vec<Value> = list
            .items
            .into_iter()
            .map(|object| serde_json::to_value(object).unwrap())
            .collect();
        records.sort_by_key(|record| {
            let created = record["metadata"]["creationTimestamp"].to_string();
            (created, record["spec"]["plan"]["attempt"].as_u64())
        });
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

    /// How many rollbacks the platform has begun.
    pub fn rollbacks(&self) -> usize {
        self.rolled_back_to().len()
    }

    /// The deploys that the platform was made to go back to, in that order.
    pub fn rolled_back_to(&self) -> Vec<String> {
        let mutations = self.mutations();
        let rollbacks = mutations.iter().filter(|entry| entry.action == "roll back");
        let goal = |entry: &LedgerEntry| entry.body.as_ref().unwrap()["deployId"].clone();
        rollbacks
            .map(|entry| goal(entry).as_str().unwrap().to_owned())
            .collect()
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

fn timed(phases: &[(DeployStatus, f64)]) -> Vec<Phase> {
    let phase = |(status, seconds): &(DeployStatus, f64)| Phase {
        status: *status,
        seconds: *seconds,
    };
    phases.iter().map(phase).collect()
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
