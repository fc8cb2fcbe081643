//! What no run may do, however it was disturbed: call without an intent on record, call twice for one attempt, take back what a
//! record has said.

use std::collections::BTreeMap;

use http::Method;
use plumbline::simulator::{Control, LedgerEntry};
use serde_json::{Value, json};

use crate::support::{
    intercept::{Journal, Mutation},
    recorder::Recorder,
    scenario::{Scenario, condition},
};

/// Watches one scenario from its beginning.
pub struct Oracle {
    journal: Journal,
    render: Control,
    records: Recorder,
}

impl Oracle {
    /// Watches `scenario`, whose mutations `journal` numbers.
    pub fn watch(scenario: &Scenario, journal: &Journal) -> Self {
        Self {
            journal: journal.clone(),
            render: scenario.render(),
            records: Recorder::start(&scenario.client, &scenario.namespace),
        }
    }

    /// Everything that was done and may not be; `deaths` are the numbers of the last mutations of each process that was killed.
    pub fn misdeeds(&self, deaths: &[usize]) -> Vec<String> {
        let id_of = |service: &str| Some(self.render.service(service).ok()?.id);
        let calls = calls(&self.journal.mutations(), deaths, &id_of);
        let mut versions = self.records.versions();
        versions.retain(|object| object["kind"] == "Rollback");
        let mut misdeeds = unrecorded(&calls);
        misdeeds.extend(repeated(&calls));
        misdeeds.extend(effects(&self.render.mutations(), &calls));
        misdeeds.extend(taken_back(&versions));
        misdeeds
    }

    /// Panics with all of it, where nothing was killed.
    pub fn hold(&self) {
        let misdeeds = self.misdeeds(&[]);
        let summary = self.journal.summary();
        assert!(
            misdeeds.is_empty(),
            "{}\namong {summary:#?}",
            misdeeds.join("\n")
        );
    }
}

/// A rollback that was asked of the platform.
#[derive(Debug)]
struct Call {
    number: usize,
    /// Id of the service.
    service: String,
    /// The record that held the intent to make it, and that was answered before.
    record: Option<String>,
}

/// The intent to make one call, as a record holds it.
struct Intent {
    service: String,
    record: String,
    claimant: String,
    spent: bool,
}

/// The calls that were forwarded, each with the newest intent of the same life for its service that no call before it has spent.
fn calls(
    mutations: &[Mutation],
    deaths: &[usize],
    id_of: &dyn Fn(&str) -> Option<String>,
) -> Vec<Call> {
    let mut intents: Vec<Intent> = Vec::new();
    let mut calls = Vec::new();
    for mutation in mutations {
        if deaths.contains(&(mutation.number - 1)) {
            // Whoever comes after a death knows of its intents by the record alone, and must not act on them.
            intents.clear();
        }
        if let Some(record) = record_of(mutation) {
            note_intents(&mut intents, record, mutation, id_of);
        } else if let Some(service) = rolled_back(mutation) {
            let fits = |intent: &&mut Intent| !intent.spent && intent.service == service;
            let intent = intents.iter_mut().rev().find(fits);
            let record = intent.map(|intent| {
                intent.spent = true;
                intent.record.clone()
            });
            calls.push(Call {
                number: mutation.number,
                service: service.to_owned(),
                record,
            });
        }
    }
    calls
}

/// The record whose status the mutation has written.
fn record_of(mutation: &Mutation) -> Option<&str> {
    let path = mutation.path.strip_suffix("/status")?;
    let (collection, name) = path.rsplit_once('/')?;
    (mutation.status == Some(200) && collection.ends_with("/rollbacks")).then_some(name)
}

/// The service that the mutation has asked to roll back.
fn rolled_back(mutation: &Mutation) -> Option<&str> {
    let path = mutation.path.strip_suffix("/rollback")?;
    let (_, service) = path.rsplit_once('/')?;
    (mutation.method == Method::POST && mutation.forwarded > 0).then_some(service)
}

/// A step that is issued by a claimant is an intent; written again, it is the same one.
fn note_intents(
    intents: &mut Vec<Intent>,
    record: &str,
    mutation: &Mutation,
    id_of: &dyn Fn(&str) -> Option<String>,
) {
    let steps = mutation.body["status"]["steps"].as_array();
    for step in steps.into_iter().flatten() {
        let Some(service) = step["service"].as_str().and_then(id_of) else {
            continue;
        };
        let is_it = |intent: &Intent| intent.record == record && intent.service == service;
        match step["claimant"].as_str() {
            Some(claimant) if step["state"] == "Issued" => {
                let known = |intent: &Intent| is_it(intent) && intent.claimant == claimant;
                if !intents.iter().any(known) {
                    intents.push(Intent {
                        service,
                        record: record.to_owned(),
                        claimant: claimant.to_owned(),
                        spent: false,
                    });
                }
            }
            // Withdrawn or ended: whoever calls has to record it anew.
            _ => intents.retain(|intent| intent.spent || !is_it(intent)),
        }
    }
}

fn unrecorded(calls: &[Call]) -> Vec<String> {
    let unrecorded = calls.iter().filter(|call| call.record.is_none());
    unrecorded
        .map(|call| {
            format!(
                "mutation {} calls, and no intent of its own was on record",
                call.number
            )
        })
        .collect()
}

fn repeated(calls: &[Call]) -> Vec<String> {
    let mut numbers: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for call in calls {
        let record = call.record.as_deref().unwrap_or_default();
        let key = (record, call.service.as_str());
        numbers.entry(key).or_default().push(call.number);
    }
    let repeated = numbers.iter().filter(|(_, numbers)| numbers.len() > 1);
    repeated
        .map(|((record, service), numbers)| {
            format!("{record} calls more than once for {service}: mutations {numbers:?}")
        })
        .collect()
}

/// The platform has carried out no more than it was asked for.
fn effects(ledger: &[LedgerEntry], calls: &[Call]) -> Vec<String> {
    let effects = ledger
        .iter()
        .filter(|entry| entry.action == "roll back")
        .count();
    let problem = format!("{effects} effects of {} calls", calls.len());
    if effects > calls.len() {
        vec![problem]
    } else {
        Vec::new()
    }
}

/// What follows only forward, from one version of a record to the next.
fn taken_back(versions: &[Value]) -> Vec<String> {
    let mut problems = Vec::new();
    for (place, version) in versions.iter().enumerate() {
        let uid = &version["metadata"]["uid"];
        let before = versions[..place].iter().rev();
        let before = before
            .clone()
            .find(|earlier| earlier["metadata"]["uid"] == *uid);
        problems.extend(contradictions(version));
        if let Some(before) = before {
            problems.extend(reversals(before, version));
        }
    }
    problems
}

/// What one version may not say.
fn contradictions(version: &Value) -> Vec<String> {
    let is_there = |type_| !condition(version, type_).is_null();
    let looked_at = version["status"]["observedGeneration"]
        .as_i64()
        .unwrap_or(-1)
        > 0;
    let rules = [
        (
            "it is Reconciling and Stalled at once",
            is_there("Reconciling") && is_there("Stalled"),
        ),
        ("it has no Ready", looked_at && !is_there("Ready")),
        (
            "it is Stalled and not Ready=False",
            is_there("Stalled") && condition(version, "Ready")["status"] != "False",
        ),
        (
            "it has state and no generation",
            version["status"]["state"].is_string() && !looked_at,
        ),
    ];
    let broken = rules.iter().filter(|(_, broken)| *broken);
    broken
        .map(|(rule, _)| format!("{rule}: {version}"))
        .collect()
}

/// What `after` may not say where `before` has said it.
fn reversals(before: &Value, after: &Value) -> Vec<String> {
    let (old, new) = (&before["status"], &after["status"]);
    // Somebody has wiped it: nothing can be held against what follows.
    if *new == json!({"observedGeneration": -1}) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut broken = |rule: &str| problems.push(format!("{rule}: {after} after {before}"));
    let is_final = |status: &Value| {
        let state = status["state"].as_str().unwrap_or_default();
        [
            "Verified",
            "Failed",
            "Rejected",
            "NotIssued",
            "Superseded",
            "DryRun",
        ]
        .contains(&state)
    };
    if is_final(old) && old["state"] != new["state"] {
        broken("an attempt that has ended goes on");
    }
    if is_final(old) && old["finishedAt"] != new["finishedAt"] {
        broken("an attempt ends twice");
    }
    let succeeded = |object| condition(object, "Succeeded")["status"].clone();
    let decided = [json!("True"), json!("False")];
    if decided.contains(&succeeded(before)) && succeeded(before) != succeeded(after) {
        broken("Succeeded is taken back");
    }
    let steps = |status: &Value| status["steps"].as_array().cloned().unwrap_or_default();
    for (old, new) in steps(old).iter().zip(&steps(new)) {
        if old["operationId"].is_string() && old["operationId"] != new["operationId"] {
            broken("a step has brought about something else");
        }
        let settled = ["Accepted", "Done", "Failed", "Superseded", "Refused"];
        let goes_back = ["Pending", "Issued", "NotIssued"];
        let says = |step: &Value, words: &[&str]| words.iter().any(|word| step["state"] == *word);
        if says(old, &settled) && says(new, &goes_back) {
            broken("a step is taken back");
        }
    }
    problems
}
