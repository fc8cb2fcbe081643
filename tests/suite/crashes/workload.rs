//! What a user does while the controller is killed, and what must be so in the end.

use std::time::{Duration, Instant};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use plumbline::{
    api::{DeploymentValidation, Rollback, RollbackPolicy},
    simulator::{Behaviour, Control, DeployStatus, NewDeploy, NewService, Phase},
};
use serde_json::{Value, json};

use crate::support::{
    eventually::within,
    scenario::{condition, http_check},
};

/// Longest time until a workload has come to where it waits, crashes included.
const LIMIT: Duration = Duration::from_secs(100);

const GOOD: &str = "600d600d";
const BETTER: &str = "be77e700";
const BAD: &str = "bad0bad0";

/// A story that is told to its end however often the controller dies in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// The first release passes and becomes the last known good one.
    Passes,
    /// A bad release is rolled back.
    RollsBack,
    /// The first attempt fails on the platform, the second one succeeds.
    FailsThenSucceeds,
    /// Somebody ships another release while the rollback is on its way.
    SupersededAfterTheCall,
    /// Somebody ships another release while the rollback waits for its approval.
    SupersededBeforeTheCall,
    /// A person approves the rollback.
    Approved,
    /// Of two services the first goes back, the second fails, and the next attempt does what is missing.
    SecondServiceFails,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Passes,
        Self::RollsBack,
        Self::FailsThenSucceeds,
        Self::SupersededAfterTheCall,
        Self::SupersededBeforeTheCall,
        Self::Approved,
        Self::SecondServiceFails,
    ];

    fn services(self) -> &'static [&'static str] {
        match self {
            Self::SecondServiceFails => &["api", "worker"],
            _ => &["api"],
        }
    }

    fn waits_for_approval(self) -> bool {
        matches!(self, Self::Approved | Self::SupersededBeforeTheCall)
    }
}

/// What a user works with: nothing of it passes the interceptors.
pub struct User {
    pub client: Client,
    pub namespace: String,
    pub render: Control,
    /// Where the simulated services serve.
    pub app: String,
}

impl User {
    /// Does the whole of `workload`, and waits for its end.
    pub async fn run(&self, workload: Workload) {
        self.prepare(workload).await;
        self.until("the first release to be good", |object| {
            object["status"]["lastKnownGood"]["release"].is_string()
        })
        .await;
        if workload == Workload::Passes {
            return;
        }
        if matches!(workload, Workload::FailsThenSucceeds) {
            self.fails_next("api");
        }
        if workload == Workload::SecondServiceFails {
            self.fails_next("worker");
        }
        if workload == Workload::SupersededAfterTheCall {
            self.next(
                "api",
                &[
                    (DeployStatus::UpdateInProgress, 20.0),
                    (DeployStatus::Live, 0.0),
                ],
            );
        }
        for service in workload.services() {
            self.ship(service, BAD);
        }
        match workload {
            Workload::SupersededAfterTheCall => {
                self.wait("the platform to be asked", async || self.asked() > 0)
                    .await;
                self.ship("api", BETTER);
                self.until_validated(BETTER).await;
            }
            Workload::SupersededBeforeTheCall => {
                let waiting = async || !self.in_state("AwaitingApproval").await.is_empty();
                self.wait("an attempt to wait", waiting).await;
                self.ship("api", BETTER);
                self.until_validated(BETTER).await;
                let ended = async || self.in_state("AwaitingApproval").await.is_empty();
                self.wait("the attempt to give way", ended).await;
            }
            Workload::Approved => {
                let verified = async || {
                    self.approve_what_waits().await;
                    self.is_rolled_back().await
                };
                self.wait("the approved rollback", verified).await;
            }
            _ => {
                self.wait("the rollback", async || self.is_rolled_back().await)
                    .await;
            }
        }
    }

    /// What has come of it: what has to be the same however it came about. Without times and ids, and without attempts that were cut
    /// short: a process that dies between the intent and the call leaves one that has proven not to have asked for its step, and
    /// the next attempt, with the next number, asks for it. What all of them have asked for is told together.
    pub async fn outcome(&self, workload: Workload) -> Value {
        let object = self.validation().await;
        let status = &object["status"];
        let said: Vec<Value> = status["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| json!([it["type"], it["status"], it["reason"]]))
            .collect();
        let records = self.rollbacks().await;
        let asked: Vec<Value> = records
            .iter()
            .flat_map(steps)
            .filter(|step| step["operationId"].is_string())
            .map(|step| json!([step["service"], step["state"]]))
            .collect();
        let mut failures: Vec<&Value> = Vec::new();
        let mut attempts = Vec::new();
        for record in &records {
            let failed = &record["spec"]["plan"]["failedRelease"];
            if failures.last() != Some(&failed) {
                failures.push(failed);
            }
            // What it goes back from is no matter: where one was cut short, a service may be back already.
            if !is_cut_short(record) {
                let to = versions(&record["spec"]["to"]);
                let state = &record["status"]["state"];
                attempts.push(json!({"failure": failures.len(), "state": state, "to": to}));
            }
        }
        let history: Vec<Value> = status["history"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| json!([it["verdict"], it["count"]]))
            .collect();
        let platform: Vec<Value> = workload
            .services()
            .iter()
            .map(|service| {
                let live = self.live(service);
                let automatic = self.render.service(service).unwrap().auto_deploy;
                json!({"service": service, "live": live, "automaticDeploys": automatic})
            })
            .collect();
        json!({
            "conditions": said,
            "live": versions(&status["observedRelease"]),
            "good": versions(&status["lastKnownGood"]),
            "checks": status["checks"].as_array().unwrap().iter().map(|it| json!([it["name"], it["state"]])).collect::<Vec<_>>(),
            "history": history,
            "attempts": attempts,
            "asked": asked,
            "rollbacksOnThePlatform": self.asked(),
            "platform": platform,
        })
    }

    /// Waits until there is a verdict on what is live.
    pub async fn until_judged(&self) {
        self.until("a verdict", |object| {
            condition(object, "Healthy")["status"] != "Unknown"
        })
        .await;
    }

    /// What has come of it, once it is what is `expected`; whatever it is after `limit`.
    pub async fn until_outcome(
        &self,
        workload: Workload,
        expected: Option<&Value>,
        limit: Duration,
    ) -> Value {
        let mut looks = tokio::time::interval(Duration::from_millis(250));
        let begun = Instant::now();
        loop {
            looks.tick().await;
            let outcome = self.outcome(workload).await;
            if expected.is_none_or(|expected| *expected == outcome) || begun.elapsed() > limit {
                return outcome;
            }
        }
    }

    /// How many attempts were cut short.
    pub async fn cut_short(&self) -> usize {
        let records = self.rollbacks().await;
        records.iter().filter(|record| is_cut_short(record)).count()
    }

    /// How often the platform has begun a rollback.
    pub fn asked(&self) -> usize {
        let mutations = self.render.mutations();
        mutations
            .iter()
            .filter(|entry| entry.action == "roll back")
            .count()
    }

    /// Every Rollback, by the number of its attempt.
    pub async fn rollbacks(&self) -> Vec<Value> {
        let list = self
            .objects::<Rollback>()
            .list(&ListParams::default())
            .await;
        let items = list.unwrap().items.into_iter();
        let mut records: Vec<Value> = items.map(|it| serde_json::to_value(it).unwrap()).collect();
        records.sort_by_key(|record| record["spec"]["plan"]["attempt"].as_u64());
        records
    }

    async fn prepare(&self, workload: Workload) {
        let broken = Behaviour {
            status: 503,
            ..Behaviour::default()
        };
        self.render.behave(BAD, broken).unwrap();
        for service in workload.services() {
            if self.render.service(service).is_err() {
                let new = NewService {
                    name: (*service).to_owned(),
                    ..NewService::default()
                };
                self.render.create_service(&new).unwrap();
            }
            self.ship(service, GOOD);
        }
        let mode = if workload.waits_for_approval() {
            "Manual"
        } else {
            "Automatic"
        };
        self.apply::<RollbackPolicy>(json!({
            "mode": mode, "timeout": "60s", "delay": "0s", "verification": {"timeout": "60s"},
            "guard": {"cooldown": "0s", "budget": {"max": 100, "per": "1h"}},
        }))
        .await;
        let named: Vec<Value> = workload
            .services()
            .iter()
            .map(|it| json!({"name": it}))
            .collect();
        let checks: Vec<Value> = workload
            .services()
            .iter()
            .map(|service| {
                let url = format!("{}/{service}/health", self.app);
                let mut check = http_check(&format!("{service}-health"), &url);
                check["failureThreshold"] = json!(1);
                check
            })
            .collect();
        self.apply::<DeploymentValidation>(json!({
            "interval": "5s", "retryInterval": "5s", "soak": "1s",
            "target": {"render": {
                "apiKeySecretRef": {"name": "render", "key": "apiKey"}, "services": named,
            }},
            "checks": checks, "rollbackPolicyRef": {"name": "shop"},
        }))
        .await;
    }

    async fn apply<K: kube::Resource<DynamicType = ()>>(&self, spec: Value) {
        let object = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": K::kind(&()),
            "metadata": {"name": "shop"}, "spec": spec,
        });
        let parameters = PatchParams::apply("test-user").force();
        let objects = self.objects::<K>();
        let patch = Patch::Apply(&object);
        objects.patch("shop", &parameters, &patch).await.unwrap();
    }

    async fn approve_what_waits(&self) {
        for name in self.in_state("AwaitingApproval").await {
            let patch = Patch::Merge(json!({"spec": {"approved": true}}));
            let records = self.objects::<Rollback>();
            // It may have ended meanwhile, which the next look shows.
            let _ = records.patch(&name, &PatchParams::default(), &patch).await;
        }
    }

    /// Names of the Rollbacks in this state that nobody has approved.
    async fn in_state(&self, state: &str) -> Vec<String> {
        let records = self.rollbacks().await;
        let names = records
            .iter()
            .filter(|it| it["status"]["state"] == state && it["spec"]["approved"] != true);
        names
            .map(|it| it["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn is_rolled_back(&self) -> bool {
        let object = self.validation().await;
        condition(&object, "RolledBack")["reason"] == "RollbackVerified"
    }

    async fn until_validated(&self, commit: &str) {
        self.until(&format!("{commit} to be validated and good"), |object| {
            let live = &object["status"]["observedRelease"];
            live["services"][0]["version"] == commit
                && condition(object, "Ready")["reason"] == "Validated"
                && live["id"] == object["status"]["lastKnownGood"]["release"]
        })
        .await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        within(LIMIT, what, || async {
            let object = self.validation().await;
            if holds(&object) {
                Ok(())
            } else {
                Err((object["status"].clone(), self.rollbacks().await))
            }
        })
        .await;
    }

    async fn wait(&self, what: &str, holds: impl AsyncFn() -> bool) {
        within(LIMIT, what, || async {
            if holds().await {
                return Ok(());
            }
            Err((
                self.validation().await["status"].clone(),
                self.rollbacks().await,
            ))
        })
        .await;
    }

    async fn validation(&self) -> Value {
        let object = self.objects::<DeploymentValidation>().get("shop").await;
        serde_json::to_value(object.unwrap()).unwrap()
    }

    fn objects<K: kube::Resource<DynamicType = ()>>(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<K>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    fn ship(&self, service: &str, commit: &str) {
        let deploy = NewDeploy {
            commit: Some(commit.to_owned()),
            immediately: true,
            ..NewDeploy::default()
        };
        self.render.start_deploy(service, &deploy).unwrap();
    }

    fn live(&self, service: &str) -> Option<String> {
        let deploys = self.render.deploys(service).unwrap();
        let live = deploys
            .into_iter()
            .find(|it| it.status == DeployStatus::Live)?;
        live.commit.map(|commit| commit.id)
    }

    fn fails_next(&self, service: &str) {
        let update = (DeployStatus::UpdateInProgress, 0.5);
        self.next(service, &[update, (DeployStatus::UpdateFailed, 0.0)]);
    }

    fn next(&self, service: &str, phases: &[(DeployStatus, f64)]) {
        let phases: Vec<Phase> = phases
            .iter()
            .map(|(status, seconds)| Phase {
                status: *status,
                seconds: *seconds,
            })
            .collect();
        self.render.next_deploy_phases(service, &phases).unwrap();
    }
}

fn versions(release: &Value) -> Vec<Value> {
    let services = release["services"].as_array().into_iter().flatten();
    services
        .map(|it| json!([it["name"], it["version"]]))
        .collect()
}

fn steps(record: &Value) -> impl Iterator<Item = &Value> {
    record["status"]["steps"].as_array().into_iter().flatten()
}

/// Whether the attempt has ended at a step that it has not asked for, although nothing newer was live.
fn is_cut_short(record: &Value) -> bool {
    let state = &record["status"]["state"];
    (state == "NotIssued" || state == "Failed")
        && steps(record).any(|step| step["state"] == "NotIssued")
}
