//! The states of a `Rollback`, as the code that computes its conditions writes them.

use k8s_openapi::jiff::Timestamp;
use plumbline::{
    api::{Rollback, RollbackState, RollbackStatus, StepState, StepStatus},
    controllers::rollback::with_conditions,
    kubernetes::attempts::attempt_of,
};
use serde_json::{Value, json};

use super::{
    Expected::{self, Current, Failed, InProgress, Terminating},
    State, state,
};

/// The spec of the record of an attempt.
pub fn record() -> Value {
    json!({
        "validationRef": {"name": "shop", "uid": "uid-1"}, "policyRef": {"name": "shop"},
        "trigger": "Automatic", "from": {"release": "dep-2"}, "to": {"release": "dep-1"},
        "plan": {
            "attempt": 1, "failedRelease": "dep-2", "key": "0123456789ab", "claimant": "process-1",
            "generation": 1, "issueBefore": "2026-01-01T00:05:00Z", "timeout": "5m",
            "verificationTimeout": "5m",
            "steps": [{"service": "api", "from": "dep-2", "to": "dep-1"}],
        },
    })
}

/// The spec of a person's request.
fn request() -> Value {
    json!({"validationRef": {"name": "shop"}, "from": {"release": "dep-2"}})
}

fn object(spec: &Value) -> Value {
    json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
        "metadata": {"name": "shop-rb-0123456789ab", "generation": 1}, "spec": spec,
        "status": {"observedGeneration": -1},
    })
}

/// The object with the status of an attempt that stands so.
fn standing(spec: &Value, state: RollbackState, step: Option<StepState>) -> Value {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut object = object(spec);
    let read: Rollback = serde_json::from_value(object.clone()).unwrap();
    let status = RollbackStatus {
        state: Some(state),
        steps: step.into_iter().map(of_step).collect(),
        issued_at: matches!(step, Some(StepState::Issued | StepState::Done)).then_some(now),
        finished_at: state.is_final().then_some(now),
        ..RollbackStatus::default()
    };
    let status = with_conditions(&attempt_of(&read), status, now);
    object["status"] = serde_json::to_value(status).unwrap();
    object
}

fn of_step(state: StepState) -> StepStatus {
    let step = json!({"service": "api", "state": state});
    serde_json::from_value(step).unwrap()
}

pub fn states() -> Vec<State> {
    let recorded = |name, expected: Expected, at, step| {
        state(name, expected, standing(&record(), at, Some(step)))
    };
    let asked =
        |name, expected: Expected, at| state(name, expected, standing(&request(), at, None));
    let mut waits = record();
    waits["plan"]["approvalRequired"] = json!(true);
    let waits = standing(
        &waits,
        RollbackState::AwaitingApproval,
        Some(StepState::Pending),
    );
    let mut approved = waits.clone();
    approved["spec"]["approved"] = json!(true);
    approved["metadata"]["generation"] = json!(2);
    let mut deleting = standing(&record(), RollbackState::Verified, Some(StepState::Done));
    deleting["metadata"]["deletionTimestamp"] = json!("2026-01-01T01:00:00Z");
    vec![
        state("rollback-unseen", InProgress, object(&record())),
        state("rollback-awaiting-approval", Failed, waits),
        state("rollback-just-approved", InProgress, approved),
        recorded(
            "rollback-recorded",
            InProgress,
            RollbackState::IntentRecorded,
            StepState::Pending,
        ),
        recorded(
            "rollback-issued",
            InProgress,
            RollbackState::Issued,
            StepState::Issued,
        ),
        recorded(
            "rollback-verifying",
            InProgress,
            RollbackState::Verifying,
            StepState::Done,
        ),
        recorded(
            "rollback-outcome-unknown",
            Failed,
            RollbackState::OutcomeUnknown,
            StepState::Issued,
        ),
        recorded(
            "rollback-verified",
            Current,
            RollbackState::Verified,
            StepState::Done,
        ),
        recorded(
            "rollback-failed",
            Failed,
            RollbackState::Failed,
            StepState::Done,
        ),
        recorded(
            "rollback-rejected",
            Failed,
            RollbackState::Rejected,
            StepState::Refused,
        ),
        recorded(
            "rollback-not-issued",
            Failed,
            RollbackState::NotIssued,
            StepState::NotIssued,
        ),
        recorded(
            "rollback-superseded",
            Failed,
            RollbackState::Superseded,
            StepState::NotIssued,
        ),
        state("rollback-deleting", Terminating, deleting),
        state("request-unseen", InProgress, object(&request())),
        asked("request-in-progress", InProgress, RollbackState::InProgress),
        asked("request-verified", Current, RollbackState::Verified),
        asked("request-rejected", Failed, RollbackState::Rejected),
        asked("request-dry-run", Failed, RollbackState::DryRun),
    ]
}
