//! How `GitOps` tools read a status, as rules that every version of every object must keep. After every scenario they are
//! held against all that the recorder saw, and against what the tools' own code makes of it.

use serde_json::Value;

use super::readers::{Reading, read};

mod kinds;
mod moves;

use kinds::Kind;

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
    broken.extend(moves::broken(versions));
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
    kind: Kind,
    observed: Option<i64>,
    conditions: Vec<&'a Value>,
}

impl<'a> Seen<'a> {
    fn new(object: &'a Value) -> Self {
        let conditions = object["status"]["conditions"].as_array();
        Self {
            object,
            kind: Kind::of(object),
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
    let ready = seen.status("Ready");
    let stalled = seen.condition("Stalled").is_some();
    let reconciling = seen.condition("Reconciling").is_some();
    let only_true = |type_| ["", "True"].contains(&seen.status(type_));
    let carries_generation =
        |condition: &&Value| condition["observedGeneration"].as_i64() == seen.observed;
    let mut rules = vec![
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
            6,
            "Stalled only for what is final",
            !stalled || seen.kind.finals().contains(&seen.reason("Stalled")),
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
    ];
    rules.extend(seen.kind.rules(seen));
    rules
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
    let under_way = seen.condition("Reconciling").is_some() && seen.current();
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
