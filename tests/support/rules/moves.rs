//! Rules over two versions of one object that follow each other.

use serde_json::{Value, json};

use super::{Seen, kinds::Kind};

/// Every rule that two versions break which follow each other.
pub fn broken(versions: &[Value]) -> Vec<String> {
    let mut broken = Vec::new();
    for (place, version) in versions.iter().enumerate() {
        let uid = &version["metadata"]["uid"];
        let mut earlier = versions[..place].iter().rev();
        let Some(before) = earlier.find(|earlier| earlier["metadata"]["uid"] == *uid) else {
            continue;
        };
        let (old, new) = (Seen::new(before), Seen::new(version));
        let rules = [
            ("observedGeneration never falls", generation(&old, &new)),
            (
                "lastTransitionTime moves with status, and only then",
                transitions(&old, &new),
            ),
            ("an equal status is not written", written(&old, &new)),
            ("what has succeeded or failed stays so", ended(&old, &new)),
            (
                "no True of an old release stands beside a new one",
                renamed(&old, &new),
            ),
        ];
        let rules = rules.into_iter().filter(|(_, held)| !held);
        broken.extend(rules.map(|(rule, _)| {
            format!("the rule that {rule} is broken by {version} after {before}")
        }));
    }
    broken
}

/// Unless somebody wiped the status.
fn generation(old: &Seen<'_>, new: &Seen<'_>) -> bool {
    let wiped = new.object["status"] == json!({"observedGeneration": -1});
    wiped || new.observed >= old.observed
}

fn transitions(old: &Seen<'_>, new: &Seen<'_>) -> bool {
    new.conditions.iter().all(|condition| {
        let type_ = condition["type"].as_str().unwrap();
        let Some(earlier) = old.condition(type_) else {
            return true;
        };
        let moved = earlier["lastTransitionTime"] != condition["lastTransitionTime"];
        // Two changes can fall into one second.
        moved == (earlier["status"] != condition["status"]) || !moved
    })
}

/// A version with the status of the one before has something else of its own.
fn written(old: &Seen<'_>, new: &Seen<'_>) -> bool {
    let (old, new) = (old.object, new.object);
    old["metadata"]["resourceVersion"] == new["metadata"]["resourceVersion"]
        || old["status"] != new["status"]
        || [
            "generation",
            "annotations",
            "labels",
            "ownerReferences",
            "finalizers",
            "deletionTimestamp",
        ]
        .iter()
        .any(|member| old["metadata"][member] != new["metadata"][member])
}

fn ended(old: &Seen<'_>, new: &Seen<'_>) -> bool {
    let said = |seen: &Seen<'_>| {
        let condition = seen.condition("Succeeded");
        condition.map(|condition| (condition["status"].clone(), condition["reason"].clone()))
    };
    match said(old) {
        Some((status, _)) if status == "Unknown" => true,
        Some(ended) => said(new).is_none_or(|said| said == ended),
        None => true,
    }
}

fn renamed(old: &Seen<'_>, new: &Seen<'_>) -> bool {
    let release = |seen: &Seen<'_>| seen.object["status"]["observedRelease"]["id"].clone();
    new.kind != Kind::Validation
        || !new.looked_at()
        || release(old) == release(new)
        || (new.status("Ready") != "True" && new.status("Healthy") == "Unknown")
}
