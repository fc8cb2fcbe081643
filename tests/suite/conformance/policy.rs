//! The states of a `RollbackPolicy`, as the code that computes its status writes them.

use k8s_openapi::jiff::Timestamp;
use plumbline::{
    api::{RollbackPolicySpec, RollbackPolicyStatus},
    controllers::policy::{Facts, compute},
    rollback::Moment,
};
use serde_json::{Value, json};

use super::{
    Expected::{Current, Failed, InProgress, Terminating},
    State, state,
};

fn spec(cron: &str) -> Value {
    json!({"mode": "Automatic", "guard": {"freeze": [{"cron": cron, "duration": "10h"}]}})
}

/// A policy as it is after its first look.
fn looked_at(spec: &Value) -> Value {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let facts = Facts {
        generation: 1,
        users: vec!["shop".to_owned()],
        records: Vec::new(),
        moment: Moment { now, started: now },
    };
    let read: RollbackPolicySpec = serde_json::from_value(spec.clone()).unwrap();
    let (status, _) = compute(&read, &RollbackPolicyStatus::default(), &facts);
    json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "RollbackPolicy",
        "metadata": {"name": "shop", "generation": 1}, "spec": spec, "status": status,
    })
}

pub fn states() -> Vec<State> {
    let accepted = looked_at(&spec("0 22 * * 5"));
    let mut unseen = accepted.clone();
    unseen["status"] = json!({"observedGeneration": -1});
    let mut stale_generation = accepted.clone();
    stale_generation["metadata"]["generation"] = json!(2);
    let mut deleting = accepted.clone();
    deleting["metadata"]["deletionTimestamp"] = json!("2026-01-01T01:00:00Z");
    vec![
        state("policy-unseen", InProgress, unseen),
        state("policy-accepted", Current, accepted),
        state("policy-bad", Failed, looked_at(&spec("0 22 31 2 *"))),
        state("policy-stale-generation", InProgress, stale_generation),
        state("policy-deleting", Terminating, deleting),
    ]
}
