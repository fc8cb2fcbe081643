//! Every kind of check against the real service: the sample of the kind ends `Validated`, its broken twin `ChecksFailed`.

mod dns;
mod external;
mod grpc;
mod http;
mod logs;
mod metrics;
mod performance;
mod platform;
mod prometheus;
mod redis;
mod security;
mod storage;

use std::fs;

use serde_json::Value;

use crate::support::scenario::Scenario;

/// The sample of one kind, `manifests/samples/external-KIND.yaml`, with real addresses in place of its own.
pub struct Sample {
    text: String,
}

impl Sample {
    /// As it is in the repository.
    pub fn of(kind: &str) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let samples = format!("{root}/manifests/samples");
        let read = |target| fs::read_to_string(format!("{samples}/{target}-{kind}.yaml"));
        // Some kinds ask the platform, and so have no external target.
        let text = read("external").or_else(|_| read("render"));
        Self {
            text: text.unwrap_or_else(|error| panic!("{kind} has no sample: {error}")),
        }
    }

    /// With `real` in the place of every `written`, which must be there.
    pub fn with(mut self, written: &str, real: &str) -> Self {
        assert!(self.text.contains(written), "no {written} in {}", self.text);
        self.text = self.text.replace(written, real);
        self
    }

    /// The spec of its validation, which looks every second and makes up its mind at the first run.
    pub fn spec(&self) -> Value {
        let documents = serde_yaml::Deserializer::from_str(&self.text);
        let validation = documents
            .map(|document| serde::Deserialize::deserialize(document).unwrap())
            .find(|document: &Value| document["kind"] == "DeploymentValidation");
        let mut spec = validation.expect("a sample has a validation")["spec"].take();
        for check in spec["checks"].as_array_mut().unwrap() {
            check["failureThreshold"] = 1.into();
            check["successThreshold"] = 1.into();
            check.as_object_mut().unwrap().remove("interval");
        }
        spec["interval"] = "5s".into();
        spec["retryInterval"] = "5s".into();
        spec
    }
}

/// The sample ends `Validated`.
pub async fn validates(scenario: &Scenario, name: &str, spec: Value) {
    scenario.apply(name, spec).await;
    scenario.until_ready(name, "True", "Validated").await;
}

/// The twin ends `ChecksFailed`, and the check `check` says `reason`.
pub async fn fails(scenario: &Scenario, name: &str, spec: Value, check: &str, reason: &str) {
    scenario.apply(name, spec).await;
    let object = scenario.until_ready(name, "False", "ChecksFailed").await;
    let checks = object["status"]["checks"].as_array().unwrap();
    let said = checks.iter().find(|it| it["name"] == check).unwrap();
    assert_eq!(said["reason"], reason, "{said}");
}

mod sql;
mod tls;
mod worker;

mod tcp {
    use serde_json::json;

    use super::{Sample, fails, validates};
    use crate::support::{
        scenario::Scenario,
        services::{Service, free_port},
    };

    #[tokio::test(flavor = "multi_thread")]
    async fn the_sample_is_validated_and_its_broken_twin_fails() {
        let start = |_: &std::path::Path, port: u16| {
            vec![
                "--port".to_owned(),
                port.to_string(),
                "--save".to_owned(),
                String::new(),
            ]
        };
        let Some(redis) = Service::start("redis-server", start) else {
            return;
        };
        let scenario = Scenario::start().await;
        let sample = Sample::of("tcp")
            .with("database.example.com", "127.0.0.1")
            .with("5432", &redis.port().to_string());
        let mut twin = sample.spec();
        validates(&scenario, "tcp", sample.spec()).await;
        twin["checks"][0]["tcp"]["port"] = json!(free_port());
        let check = twin["checks"][0]["name"].as_str().unwrap().to_owned();
        fails(&scenario, "twin", twin, &check, "ConnectionRefused").await;
        scenario.finish().await;
    }
}
