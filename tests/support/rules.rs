//! How `GitOps` tools read a status, as rules that every version of every object must keep. After every scenario they are
//! held against all that the recorder saw, and against what the tools' own code makes of it.

use serde_json::{Value, json};

use super::readers::{Reading, read};

/// Reasons for which nothing will be tried again without a change by a person, or a recovery of the target.
const FINAL: [&str; 14] = [
    "InvalidSpec",
    "SecretNotFound",
    "SecretKeyMissing",
    "ReferenceNotFound",
    "ReferenceNotPermitted",
    "TargetNotAllowed",
    "CredentialsRejected",
    "TargetConflict",
    "ChecksFailed",
    "RolledBack",
    "NoKnownGood",
    "AttemptsExhausted",
    "OutcomeUnknown",
    "BrakeEngaged",
];

/// The same of a `Rollback`, which never is about anything else.
const FINAL_OF_ROLLBACK: [&str; 8] = [
    "AwaitingApproval",
    "DryRun",
    "NotIssued",
    "NotPermitted",
    "OutcomeUnknown",
    "RollbackFailed",
    "RollbackRejected",
    "Superseded",
];

/// Reasons of Ready that tell of a failure.
const FAILED: [&str; 3] = ["ChecksFailed", "RolledBack", "RollbackFailed"];

/// Panics with every rule that any of `versions`, all versions of the objects of one namespace, breaks.
pub fn hold(versions: &[Value]) {
    assert!(!versions.is_empty(), "the recorder saw nothing");
    let readings = read(versions);
    assert_eq!(
        readings.len(),
        versions.len(),
        "the readers answered for every version"
    );
    let mut broken = Vec::new();
    for (version, reading) in versions.iter().zip(&readings) {
        let seen = Seen::new(version);
        for (number, rule, held) in said(&seen).into_iter().chain(read_as(&seen, reading)) {
            if !held {
                broken.push(format!(
                    "rule {number} ({rule}) is broken by {version}, read as {reading:?}"
                ));
            }
        }
    }
    broken.extend(moves(versions));
    assert!(
        broken.is_empty(),
        "{} broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

/// One version of one object, taken apart.
struct Seen<'a> {
    object: &'a Value,
    observed: Option<i64>,
    conditions: Vec<&'a Value>,
}

impl<'a> Seen<'a> {
    fn new(object: &'a Value) -> Self {
        let conditions = object["status"]["conditions"].as_array();
        Self {
            object,
            observed: object["status"]["observedGeneration"].as_i64(),
            conditions: conditions.into_iter().flatten().collect(),
        }
    }

    fn current(&self) -> bool {
        self.observed == self.object["metadata"]["generation"].as_i64()
    }

    fn looked_at(&self) -> bool {
        self.observed.is_some_and(|observed| observed > 0)
    }

    fn has_failed_check(&self) -> bool {
        let checks = self.object["status"]["checks"].as_array();
        checks.is_some_and(|checks| checks.iter().any(|check| check["state"] == "Failed"))
    }

    /// `has(status.conditions) && status.conditions.exists(e, e.type == type_ && e.status == 'True')`
    fn exists(&self, type_: &str) -> bool {
        self.conditions
            .iter()
            .any(|condition| condition["type"] == type_ && condition["status"] == "True")
    }

    fn condition(&self, type_: &str) -> Option<&'a Value> {
        self.conditions
            .iter()
            .find(|condition| condition["type"] == type_)
            .copied()
    }

    fn status(&self, type_: &str) -> &'a str {
        self.condition(type_)
            .and_then(|condition| condition["status"].as_str())
            .unwrap_or("")
    }

    fn reason(&self, type_: &str) -> &'a str {
        self.condition(type_)
            .and_then(|condition| condition["reason"].as_str())
            .unwrap_or("")
    }

    /// What kstatus must make of it.
    fn expected(&self) -> &'static str {
        if !self.object["metadata"]["deletionTimestamp"].is_null() {
            "Terminating"
        } else if !self.current() {
            "InProgress"
        } else if self.status("Stalled") == "True" {
            "Failed"
        } else if self.status("Ready") == "True" {
            "Current"
        } else {
            "InProgress"
        }
    }
}

/// One rule: its number, its words, and whether it holds.
type Held = (u8, &'static str, bool);

/// Rules about what a status says.
fn said(seen: &Seen<'_>) -> Vec<Held> {
    let looked_at = seen.looked_at();
    let (ready, why) = (seen.status("Ready"), seen.reason("Ready"));
    let stalled = seen.condition("Stalled").is_some();
    let reconciling = seen.condition("Reconciling").is_some();
    let only_true = |type_| ["", "True"].contains(&seen.status(type_));
    let carries_generation =
        |condition: &&Value| condition["observedGeneration"].as_i64() == seen.observed;
    let reasons = match seen.object["kind"].as_str() {
        Some("Rollback") => &FINAL_OF_ROLLBACK[..],
        _ => &FINAL[..],
    };
    let is_final = reasons.contains(&seen.reason("Stalled"))
        && (seen.reason("Stalled") != "ChecksFailed" || seen.has_failed_check());
    let suspended = seen.object["spec"]["suspend"] == true && seen.current();
    vec![
        (
            2,
            "Ready is in the first status write",
            !looked_at || !ready.is_empty(),
        ),
        (
            3,
            "observedGeneration is an integer, always there",
            seen.observed.is_some(),
        ),
        (
            4,
            "Ready is there on every kind",
            !looked_at || !ready.is_empty(),
        ),
        (6, "Stalled only for what is final", !stalled || is_final),
        (
            7,
            "a final failure is Stalled, and one that a rollback follows is Reconciling",
            !FAILED.contains(&why) || stalled || reconciling,
        ),
        (
            8,
            "Stalled goes with Ready False",
            !stalled || ready == "False",
        ),
        (
            9,
            "Reconciling and Stalled are never both there",
            !(stalled && reconciling),
        ),
        (
            9,
            "Reconciling and Stalled are True or absent",
            only_true("Stalled") && only_true("Reconciling"),
        ),
        (
            10,
            "Ready True excludes Reconciling",
            !(ready == "True" && reconciling),
        ),
        (
            10,
            "a first verdict being reached is Unknown and Reconciling",
            why != "Running" || reconciling,
        ),
        (
            11,
            "nothing bad is True beside Ready True",
            ready != "True" || seen.status("Drifted") != "True",
        ),
        (
            12,
            "every condition carries observedGeneration",
            seen.conditions
                .iter()
                .copied()
                .all(|it| carries_generation(&it)),
        ),
        (
            13,
            "suspended is Ready Unknown",
            !suspended || (ready == "Unknown" && why == "Suspended"),
        ),
        (
            14,
            "has(status) holds, and conditions are there once looked at",
            seen.object["status"].is_object() && (!looked_at || !seen.conditions.is_empty()),
        ),
        (
            14,
            "exists() finds Ready",
            seen.exists("Ready") == (looked_at && ready == "True"),
        ),
        (
            14,
            "exists() finds Stalled",
            seen.exists("Stalled") == stalled,
        ),
    ]
}

/// Rules about what the tools make of a status.
fn read_as(seen: &Seen<'_>, reading: &Reading) -> Vec<Held> {
    let expected = seen.expected();
    let argocd = match expected {
        _ if seen.object["spec"]["suspend"] == true => "Suspended",
        "Current" => "Healthy",
        "Failed" => "Degraded",
        _ => "Progressing",
    };
    let agree = matches!(
        (reading.kstatus(), reading.argocd()),
        ("Current", "Healthy")
            | ("Failed", "Degraded")
            | ("InProgress", "Progressing" | "Suspended")
            | ("Terminating", _)
    );
    let settled = matches!(expected, "Current" | "Failed");
    let under_way = seen.reason("Ready") == "Running" && seen.current();
    vec![
        (
            1,
            "no status reads as done",
            seen.looked_at() || (seen.observed == Some(-1) && reading.kstatus() == "InProgress"),
        ),
        (
            5,
            "kstatus reads what is meant",
            reading.kstatus() == expected,
        ),
        (
            8,
            "Flux's checker accepts a settled object",
            !settled || reading.flux_accepts("settled"),
        ),
        (
            10,
            "Flux's checker accepts an object under way",
            !under_way || reading.flux_accepts("inProgress"),
        ),
        (
            15,
            "Argo CD's script reads what is meant",
            expected == "Terminating" || reading.argocd() == argocd,
        ),
        (16, "kstatus and Argo CD agree where they can", agree),
    ]
}

/// Rules over two versions that follow each other: `observedGeneration` never falls, unless somebody wiped the status,
/// `lastTransitionTime` moves with
/// `status` and only then, and no version says the same as the one before.
fn moves(versions: &[Value]) -> Vec<String> {
    let mut broken = Vec::new();
    for (place, version) in versions.iter().enumerate() {
        let uid = &version["metadata"]["uid"];
        let Some(before) = versions[..place]
            .iter()
            .rev()
            .find(|earlier| earlier["metadata"]["uid"] == *uid)
        else {
            continue;
        };
        let (old, new) = (Seen::new(before), Seen::new(version));
        let wiped = version["status"] == json!({"observedGeneration": -1});
        if new.observed < old.observed && !wiped {
            broken.push(format!(
                "rule 3 (observedGeneration never falls) is broken by {version} after {before}"
            ));
        }
        for condition in &new.conditions {
            let type_ = condition["type"].as_str().unwrap();
            let Some(earlier) = old.condition(type_) else {
                continue;
            };
            let moved = earlier["lastTransitionTime"] != condition["lastTransitionTime"];
            let changed = earlier["status"] != condition["status"];
            if moved != changed && !(changed && same_second(earlier, condition)) {
                broken.push(format!(
                    "lastTransitionTime of {type_} must move with status: {version} after {before}"
                ));
            }
        }
        let written =
            before["metadata"]["resourceVersion"] != version["metadata"]["resourceVersion"];
        if written
            && before["status"] == version["status"]
            && before["metadata"]["generation"] == version["metadata"]["generation"]
            && before["metadata"]["annotations"] == version["metadata"]["annotations"]
            && before["metadata"]["deletionTimestamp"] == version["metadata"]["deletionTimestamp"]
        {
            broken.push(format!("an equal status was written: {version}"));
        }
    }
    broken
}

fn same_second(earlier: &Value, later: &Value) -> bool {
    earlier["lastTransitionTime"] == later["lastTransitionTime"]
}
