//! The states of a `DeploymentValidation`, as the code that computes its status writes them.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use plumbline::{
    api::{DeploymentValidationStatus, Reason, RollbackSpec, RollbackState, RollbackStatus},
    checks::verdict::{Finding, FindingReason},
    controllers::{
        outcome::{Rejection, Remedy},
        validation::{Facts, Latest},
    },
    platforms::{Attempt as Attempted, PlatformError},
    rollback::{
        Decision,
        ledger::{Attempt, AttemptName},
    },
};
use serde_json::{Value, json};

use super::{
    Expected, State,
    life::{Life, Moment, down, nothing, spec, wait},
    state,
};

/// The attempt to get from `dep-2` back to `dep-1`.
fn attempt(state: RollbackState) -> Attempt {
    let spec: RollbackSpec = serde_json::from_value(super::rollback::record()).unwrap();
    Attempt {
        name: AttemptName {
            namespace: "default".to_owned(),
            name: "shop-rb-0123456789ab".to_owned(),
        },
        uid: "uid-2".to_owned(),
        version: "1".to_owned(),
        generation: 1,
        created: Timestamp::UNIX_EPOCH,
        spec,
        status: RollbackStatus {
            state: Some(state),
            ..RollbackStatus::default()
        },
    }
}

/// A failed release with an attempt in this state.
fn with_attempt(state: RollbackState, decision: Decision) -> DeploymentValidationStatus {
    let attempt = attempt(state);
    Life::failed().write(Moment {
        decision: Some(decision),
        latest: Latest {
            attempt: Some(&attempt),
            is_current: true,
            ..Latest::default()
        },
        ..Moment::default()
    })
}

fn rejected(reason: Reason, remedy: Remedy, waited: i64) -> DeploymentValidationStatus {
    let mut life = Life::new();
    let facts = Facts::Rejected(Rejection {
        reason,
        message: "as was found".to_owned(),
        remedy,
    });
    life.write_facts(&facts);
    life.now += SignedDuration::from_secs(waited);
    life.write_facts(&facts)
}

fn of(name: &'static str, expected: Expected, status: &DeploymentValidationStatus) -> State {
    state(name, expected, object(&spec(), status))
}

fn object(spec: &Value, status: &DeploymentValidationStatus) -> Value {
    json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
        "metadata": {"name": "shop", "generation": 1}, "spec": spec, "status": status,
    })
}

pub fn states() -> Vec<State> {
    let mut states = verdicts();
    states.extend(rejections());
    states.extend(rollbacks());
    states
}

fn verdicts() -> Vec<State> {
    use Expected::{Current, Failed, InProgress, Terminating};
    let mut unseen = object(&spec(), &DeploymentValidationStatus::default());
    unseen["status"] = json!({"observedGeneration": -1});
    let validated = Life::validated().status;
    let mut stale_generation = object(&spec(), &validated);
    stale_generation["metadata"]["generation"] = json!(2);
    let mut deleting = object(&spec(), &validated);
    deleting["metadata"]["deletionTimestamp"] = json!("2026-01-01T01:00:00Z");
    let mut suspended = object(&spec(), &Life::validated().write_facts(&Facts::Suspended));
    suspended["spec"]["suspend"] = json!(true);
    let untold = Finding::unknown(FindingReason::ResolverFailed, "the resolver gave no answer");
    let trouble =
        PlatformError::NoLiveDeploy(Attempted::new("GET /services/{serviceId}/deploys", "api"));
    vec![
        state("validation-unseen", InProgress, unseen),
        of(
            "validation-first-verdict",
            InProgress,
            &Life::new().write(Moment::default()),
        ),
        of(
            "validation-first-verdict-in-trouble",
            InProgress,
            &Life::new().write(Moment {
                trouble: Some(trouble),
                ..Moment::default()
            }),
        ),
        of("validation-validated", Current, &validated),
        of(
            "validation-failing-below-its-threshold",
            Current,
            &Life::validated().run(&down()).write(Moment {
                decision: Some(wait(Reason::NotRequired)),
                ..Moment::default()
            }),
        ),
        of(
            "validation-failed-without-a-policy",
            Failed,
            &Life::failed().write(Moment {
                decision: Some(nothing(Reason::RollbackDisabled)),
                ..Moment::default()
            }),
        ),
        of("validation-could-not-tell", InProgress, &{
            let mut life = Life::new();
            life.write(Moment::default());
            life.run(&untold)
                .run(&untold)
                .run(&untold)
                .write(Moment::default())
        }),
        of(
            "validation-observation-stale",
            InProgress,
            &Life::validated().write(Moment {
                stale: true,
                ..Moment::default()
            }),
        ),
        of(
            "validation-new-release",
            InProgress,
            &Life::validated().ship("dep-2").write(Moment::default()),
        ),
        of(
            "validation-pending-while-the-process-ends",
            InProgress,
            &Life::validated().write_facts(&Facts::Ending),
        ),
        state("validation-suspended", InProgress, suspended),
        state("validation-stale-generation", InProgress, stale_generation),
        state("validation-deleting", Terminating, deleting),
    ]
}

fn rejections() -> Vec<State> {
    use Expected::{Failed, InProgress};
    vec![
        of(
            "validation-invalid-spec",
            Failed,
            &rejected(Reason::InvalidSpec, Remedy::SpecChange, 0),
        ),
        of(
            "validation-secret-missing",
            InProgress,
            &rejected(Reason::SecretNotFound, Remedy::Arrival, 30),
        ),
        of(
            "validation-secret-missing-for-long",
            Failed,
            &rejected(Reason::SecretNotFound, Remedy::Arrival, 300),
        ),
        of(
            "validation-policy-missing",
            InProgress,
            &rejected(Reason::ReferenceNotFound, Remedy::Arrival, 0),
        ),
    ]
}

fn rollbacks() -> Vec<State> {
    use Expected::{Failed, InProgress};
    let decided = |name, expected, decision| {
        of(
            name,
            expected,
            &Life::failed().write(Moment {
                decision: Some(decision),
                ..Moment::default()
            }),
        )
    };
    let open = |reason| wait(reason);
    let in_state =
        |name, expected, state, decision| of(name, expected, &with_attempt(state, decision));
    let verified = attempt(RollbackState::Verified);
    let mut back = Life::failed();
    back.write(Moment::default());
    back.ship("dep-3").write(Moment::default());
    let rolled_back = back.run(&Finding::pass("connected")).write(Moment {
        decision: Some(nothing(Reason::RollbackVerified)),
        latest: Latest {
            attempt: Some(&verified),
            is_live: true,
            is_current: true,
            superseded: None,
        },
        ..Moment::default()
    });
    vec![
        decided("validation-dry-run", Failed, nothing(Reason::DryRun)),
        decided(
            "validation-environment-fault",
            Failed,
            nothing(Reason::EnvironmentFault),
        ),
        decided(
            "validation-no-known-good",
            Failed,
            nothing(Reason::NoKnownGood),
        ),
        decided(
            "validation-schema-guard",
            Failed,
            nothing(Reason::SchemaGuard),
        ),
        decided("validation-brake", Failed, wait(Reason::BrakeEngaged)),
        decided(
            "validation-cooling-off",
            InProgress,
            wait(Reason::CoolingOff),
        ),
        in_state(
            "validation-awaiting-approval",
            Failed,
            RollbackState::AwaitingApproval,
            open(Reason::AwaitingApproval),
        ),
        in_state(
            "validation-rolling-back",
            InProgress,
            RollbackState::Issued,
            open(Reason::Issued),
        ),
        in_state(
            "validation-verifying",
            InProgress,
            RollbackState::Verifying,
            open(Reason::Verifying),
        ),
        in_state(
            "validation-outcome-unknown",
            Failed,
            RollbackState::OutcomeUnknown,
            open(Reason::OutcomeUnknown),
        ),
        in_state(
            "validation-rollback-failed",
            Failed,
            RollbackState::Failed,
            nothing(Reason::AttemptsExhausted),
        ),
        of("validation-rolled-back", Failed, &rolled_back),
    ]
}
