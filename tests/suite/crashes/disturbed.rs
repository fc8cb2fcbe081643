//! A world whose controllers reach the API server and Render through interceptors, under the eyes of the oracle.

use std::process::Command;

use plumbline::api::{Rollback, StepState};
use serde_json::Value;

use super::oracle::Oracle;
use crate::{
    rollback::support::{GOOD, World},
    support::{
        controller::{Controller, Options},
        eventually::eventually,
        intercept::{Action, Interceptor, Journal, Request, RequestRule},
        scenario::Scenario,
    },
};

/// A world with one good release.
pub struct Disturbed {
    pub world: World,
    pub journal: Journal,
    pub oracle: Oracle,
    /// Id of the good release.
    pub good: String,
}

impl Disturbed {
    /// With the quickest settings.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more settings of the controller, as YAML keys below `controller`.
    pub async fn start_with(controller: &str) -> Self {
        let journal = Journal::new();
        let quick = if controller.contains("sendWithin") {
            ""
        } else {
            "sendWithin: 1s"
        };
        let settings = format!("controller: {{{quick}{controller}}}");
        let scenario = Scenario::start_intercepted(&settings, &journal).await;
        let oracle = Oracle::watch(&scenario, &journal);
        let world = World::on(scenario, GOOD).await;
        let good = world.good_release().await;
        Self {
            world,
            journal,
            oracle,
            good,
        }
    }

    /// What stands before the API server.
    pub fn api(&self) -> &Interceptor {
        &self.world.scenario.intercepted.as_ref().unwrap().api
    }

    /// What stands before Render.
    pub fn render(&self) -> &Interceptor {
        &self.world.scenario.intercepted.as_ref().unwrap().render
    }

    /// Another controller with the same settings, behind the same interceptors.
    pub async fn another_controller(&self) -> Controller {
        Controller::start(self.world.scenario.plane, &self.options()).await
    }

    /// How a controller is started in this world.
    pub fn options(&self) -> Options<'_> {
        let scenario = &self.world.scenario;
        Options {
            namespace: &scenario.namespace,
            settings: scenario.settings.clone(),
            server: Some(self.api().url()),
            authority: Some(self.api().certificate_authority()),
        }
    }

    /// Waits until Render has begun so many rollbacks.
    pub async fn until_asked(&self, times: usize) {
        eventually("the platform to be asked", || async {
            let asked = self.world.rollbacks();
            if asked >= times { Ok(()) } else { Err(asked) }
        })
        .await;
    }

    /// Waits until what failed was brought back, and that was proven.
    pub async fn until_verified(&self) -> Value {
        self.world
            .until_rolled_back("True", "RollbackVerified")
            .await
    }

    /// The states of all attempts, by their numbers.
    pub async fn states(&self) -> Vec<String> {
        let records = self.world.records().await;
        let state = |record: &Value| record["status"]["state"].as_str().unwrap_or("").to_owned();
        records.iter().map(state).collect()
    }

    /// Empties the status of an object.
    pub fn wipe(&self, resource: &str, name: &str) {
        let patch = r#"[{"op": "replace", "path": "/status", "value": {}}]"#;
        let arguments = ["patch", resource, name, "--subresource=status"];
        self.kubectl(
            &[&arguments[..], &["--type=json", "-p", patch]].concat(),
            None,
        );
    }

    /// Runs kubectl as the administrator, in the namespace.
    pub fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> String {
        let namespace = ["-n", &self.world.scenario.namespace];
        let arguments = [&namespace[..], arguments].concat();
        let told = self.world.scenario.plane.kubectl(&arguments, input);
        told.unwrap_or_else(|problem| panic!("kubectl {arguments:?}: {problem}"))
    }

    /// Holds every rule against everything, once all is still.
    pub async fn finish(self) {
        self.world
            .scenario
            .until_still(std::time::Duration::from_secs(2))
            .await;
        self.oracle.hold();
        self.world.scenario.finish().await;
    }
}

/// Done to the writes of an intent.
pub fn intents(action: Action) -> RequestRule {
    RequestRule::new(action).when(holds_an_intent)
}

/// Whether the request writes the intent to ask for a step.
pub fn holds_an_intent(request: &Request) -> bool {
    let issued = serde_json::to_value(StepState::Issued).unwrap();
    let steps = request.body["status"]["steps"].as_array();
    let is_intent = |step: &Value| step["state"] == issued && step["claimant"].is_string();
    writes_a_record(request) && steps.is_some_and(|steps| steps.iter().any(is_intent))
}

/// Whether the request writes the status of a record.
pub fn writes_a_record(request: &Request) -> bool {
    request.path.ends_with("/status") && collection(request) == plural()
}

/// Done to the creation of records.
pub fn creations(action: Action) -> RequestRule {
    RequestRule::new(action)
        .methods(&["POST"])
        .path(|path| path.ends_with(&format!("/{}", plural())))
}

fn plural() -> String {
    <Rollback as kube::Resource>::plural(&()).into_owned()
}

fn collection(request: &Request) -> &str {
    request.path.rsplit('/').nth(2).unwrap_or_default()
}

/// Sends a signal to one process.
pub fn signal(pid: u32, name: &str) {
    let (signal, pid) = (format!("-{name}"), pid.to_string());
    let sent = Command::new("kill").args([&signal, &pid]).status().unwrap();
    assert!(sent.success(), "kill {signal} {pid}");
}
