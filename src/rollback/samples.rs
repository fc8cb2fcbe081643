//! For tests: values of the resources' own types, from YAML that says no more than the test is about.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    incident::{AttemptRecord, Validation},
    known_good::{CheckDigests, CheckStanding},
    moment::Moment,
    naming,
};
use crate::{
    api::{
        Check, CheckStatus, GoodRelease, ObservedRelease, ObservedService, RollbackSpec,
        RollbackStatus, ServiceDeploy,
    },
    platforms::{LiveDeploy, Release},
};

/// The validation that everything belongs to.
pub const VALIDATION: Validation<'static> = Validation {
    name: "accessa",
    uid: "0b5f",
};

/// A time of one and the same day: `12:00`, or `12:00:30`.
pub fn at(time: &str) -> Timestamp {
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("2026-03-05T{time}{seconds}Z").parse().unwrap()
}

/// That time, in a process that began at midnight.
pub fn moment(time: &str) -> Moment {
    Moment {
        now: at(time),
        started: at("00:00"),
    }
}

/// A value of one of the resources' types.
pub fn read<T: DeserializeOwned>(yaml: &str) -> T {
    serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"))
}

/// A list of such values, whose items have what `defaults` says where they say nothing. Times are those of [`at`].
pub fn list<T: DeserializeOwned>(yaml: &str, defaults: &Value) -> Vec<T> {
    let items: Vec<Value> = read(yaml);
    let complete = |mut item: Value| {
        for (name, value) in defaults.as_object().unwrap() {
            let members = item.as_object_mut().unwrap();
            members.entry(name).or_insert_with(|| value.clone());
        }
        dated(&mut item);
        serde_json::from_value(item.clone()).unwrap_or_else(|error| panic!("{error}: {item}"))
    };
    items.into_iter().map(complete).collect()
}

/// Spells times out.
fn dated(item: &mut Value) {
    for name in [
        "since",
        "validatedAt",
        "issuedAt",
        "liveAt",
        "finishedAt",
        "created",
    ] {
        if let Some(time) = item.get_mut(name).filter(|time| time.is_string()) {
            *time = json!(at(time.as_str().unwrap()));
        }
    }
}

/// Deploys, as `api=dep-1 worker=dep-2`.
pub fn deploys(text: &str) -> Vec<ServiceDeploy> {
    let deploy = |pair: &str| {
        let (name, deploy_id) = pair.split_once('=').unwrap();
        ServiceDeploy {
            name: name.to_owned(),
            deploy_id: deploy_id.to_owned(),
            version: None,
        }
    };
    text.split_whitespace().map(deploy).collect()
}

/// The release that these deploys make up.
pub fn release_id(services: &str) -> String {
    let deploys = deploys(services).into_iter().map(|deploy| LiveDeploy {
        name: deploy.name,
        service_id: None,
        deploy_id: deploy.deploy_id,
        version: None,
        live_since: None,
    });
    Release::of(deploys.collect()).id
}

/// A release that went live, and was seen, at this time.
pub fn live(services: &str, since: &str) -> ObservedRelease {
    let service = |deploy: ServiceDeploy| ObservedService {
        name: deploy.name,
        service_id: None,
        deploy_id: deploy.deploy_id,
        version: None,
        since: Some(at(since)),
    };
    ObservedRelease {
        id: release_id(services),
        services: deploys(services).into_iter().map(service).collect(),
        since: at(since),
    }
}

/// A release that was validated.
pub fn good(services: &str, validated_at: &str, checks: &[String]) -> GoodRelease {
    GoodRelease {
        release: release_id(services),
        validated_at: at(validated_at),
        services: deploys(services),
        checks: checks.to_vec(),
        unavailable: None,
        schema: None,
    }
}

/// The checks of a spec, and a board of them.
pub struct Checks {
    digests: CheckDigests,
    board: Vec<CheckStatus>,
}

impl Checks {
    /// Each item has what a check of the spec and its status say.
    pub fn new(yaml: &str) -> Self {
        let defaults = json!({
            "tcp": {"host": "example.com", "port": 1}, "area": "api", "stage": "application",
            "state": "Passing", "reason": "Passed", "since": "12:00",
        });
        Self {
            digests: CheckDigests::of(&list::<Check>(yaml, &defaults)),
            board: list(yaml, &defaults),
        }
    }

    pub fn standing(&self) -> Vec<CheckStanding<'_>> {
        self.digests.standing(&self.board)
    }

    /// Digests of all of them.
    pub fn digests(&self) -> Vec<String> {
        let digests = self.standing();
        digests
            .iter()
            .map(|check| check.digest.to_owned())
            .collect()
    }
}

/// A `Rollback` as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub name: String,
    pub created: Timestamp,
    pub spec: RollbackSpec,
    pub status: RollbackStatus,
}

impl Stored {
    /// The record of an attempt for `failed`, by its number, from some deploys to others. `status` may say `created` too.
    pub fn new(failed: &str, attempt: u8, from: &str, to: &str, status: &str) -> Self {
        let key = naming::key(VALIDATION.uid, failed, attempt);
        let mut status: Value = read(status);
        dated(&mut status);
        let created = status.get("created").cloned();
        let steps: Vec<Value> = deploys(from)
            .iter()
            .zip(deploys(to))
            .filter(|(from, to)| from.deploy_id != to.deploy_id)
            .map(|(from, to)| {
                json!({"service": from.name, "from": from.deploy_id, "to": to.deploy_id})
            })
            .collect();
        let spec = json!({
            "validationRef": {"name": VALIDATION.name, "uid": VALIDATION.uid},
            "trigger": "Automatic",
            "from": {"release": release_id(from), "services": deploys(from)},
            "to": {"release": release_id(to), "services": deploys(to)},
            "plan": {
                "attempt": attempt, "failedRelease": failed, "key": key, "claimant": "one",
                "issueBefore": at("23:00"), "timeout": "5m", "verificationTimeout": "5m",
                "steps": steps,
            },
        });
        Self {
            name: naming::name(VALIDATION.name, &key),
            created: serde_json::from_value(created.unwrap_or_else(|| json!(at("12:00")))).unwrap(),
            spec: serde_json::from_value(spec).unwrap(),
            status: serde_json::from_value(status).unwrap(),
        }
    }

    pub fn record(&self) -> AttemptRecord<'_> {
        AttemptRecord {
            name: &self.name,
            created: self.created,
            spec: &self.spec,
            status: &self.status,
        }
    }
}
