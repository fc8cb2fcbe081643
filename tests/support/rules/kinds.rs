//! What the status of one kind says that the others' does not.

use serde_json::Value;

use super::{Held, Seen};

/// A kind, as its rules go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Validation,
    Policy,
    Rollback,
}

impl Kind {
    pub fn of(object: &Value) -> Self {
        match object["kind"].as_str() {
            Some("DeploymentValidation") => Self::Validation,
            Some("RollbackPolicy") => Self::Policy,
            Some("Rollback") => Self::Rollback,
            other => panic!("{other:?} is none of ours"),
        }
    }

    /// Reasons of Stalled: nothing follows without a change by a person, or a recovery of the target.
    pub fn finals(self) -> &'static [&'static str] {
        match self {
            Self::Validation => &[
                "InvalidSpec",
                "SecretNotFound",
                "SecretKeyMissing",
                "ReferenceNotFound",
                "ReferenceNotPermitted",
                "TargetNotAllowed",
                "TargetConflict",
                "CredentialsRejected",
                "ChecksFailed",
                "RolledBack",
                "NoKnownGood",
                "AttemptsExhausted",
                "OutcomeUnknown",
                "BrakeEngaged",
            ],
            Self::Policy => &["InvalidSpec"],
            Self::Rollback => &[
                "InvalidSpec",
                "AwaitingApproval",
                "OutcomeUnknown",
                "RollbackFailed",
                "RollbackRejected",
                "NotIssued",
                "NotPermitted",
                "Superseded",
                "DryRun",
            ],
        }
    }

    /// The rules that only this kind has.
    pub fn rules(self, seen: &Seen<'_>) -> Vec<Held> {
        match self {
            Self::Validation => validation(seen),
            Self::Policy => policy(seen),
            Self::Rollback => rollback(seen),
        }
    }
}

fn validation(seen: &Seen<'_>) -> Vec<Held> {
    /// Reasons of Ready that tell of a failure.
    const FAILED: [&str; 4] = [
        "ChecksFailed",
        "RolledBack",
        "RollbackFailed",
        "OutcomeUnknown",
    ];
    let (ready, why) = (seen.status("Ready"), seen.reason("Ready"));
    let stalled = seen.condition("Stalled").is_some();
    let reconciling = seen.condition("Reconciling").is_some();
    let suspended = seen.object["spec"]["suspend"] == true && seen.current();
    let checks = seen.object["status"]["checks"].as_array();
    let has_failed_check = checks
        .into_iter()
        .flatten()
        .any(|check| check["state"] == "Failed");
    let under_way = ["IntentRecorded", "Issued", "Verifying"].contains(&seen.reason("RolledBack"));
    let standing = ["Ready", "Accepted", "Healthy", "RolledBack"];
    vec![
        (
            2,
            "every standing condition is in the first status write",
            !seen.looked_at() || standing.iter().all(|type_| !seen.status(type_).is_empty()),
        ),
        (
            6,
            "failed checks are Stalled only when one has failed",
            seen.reason("Stalled") != "ChecksFailed" || has_failed_check,
        ),
        (
            7,
            "a final failure is Stalled, and one that a rollback follows is Reconciling",
            !FAILED.contains(&why) || stalled || reconciling,
        ),
        (
            7,
            "what was rolled back is a final failure",
            seen.status("RolledBack") != "True"
                || seen.status("Accepted") != "True"
                || (why == "RolledBack" && stalled),
        ),
        (
            10,
            "a first verdict being reached is Unknown and Reconciling",
            why != "Running" || (ready == "Unknown" && reconciling),
        ),
        (
            10,
            "a rollback under way is Reconciling, and never Ready",
            !under_way || seen.status("Accepted") != "True" || (reconciling && ready != "True"),
        ),
        (
            13,
            "suspended is Ready Unknown",
            !suspended || (ready == "Unknown" && why == "Suspended"),
        ),
    ]
}

fn policy(seen: &Seen<'_>) -> Vec<Held> {
    let ready = seen.status("Ready");
    let stalled = seen.condition("Stalled").is_some();
    vec![
        (
            7,
            "a policy is Ready, or Stalled",
            !seen.looked_at() || (ready == "True") != stalled,
        ),
        (
            10,
            "nothing of a policy is ever under way",
            seen.condition("Reconciling").is_none() && ready != "Unknown",
        ),
        (
            4,
            "Accepted says the same as Ready",
            seen.status("Accepted") == ready && seen.reason("Accepted") == seen.reason("Ready"),
        ),
    ]
}

fn rollback(seen: &Seen<'_>) -> Vec<Held> {
    let ready = seen.status("Ready");
    let succeeded = seen.status("Succeeded");
    let stalled = seen.condition("Stalled").is_some();
    let standing = ["Succeeded", "Approved", "Issued", "Verified"];
    vec![
        (
            2,
            "every standing condition is in the first status write",
            !seen.looked_at() || standing.iter().all(|type_| !seen.status(type_).is_empty()),
        ),
        (
            4,
            "Ready mirrors Succeeded, and is False where a person is wanted",
            seen.reason("Ready") == seen.reason("Succeeded")
                && (ready == succeeded || (stalled && ready == "False" && succeeded == "Unknown")),
        ),
        (
            7,
            "an attempt that has not ended well, or waits for a person, is Stalled",
            (ready == "False") == stalled,
        ),
        (
            10,
            "an attempt under way is Unknown and Reconciling",
            (ready == "Unknown") == seen.condition("Reconciling").is_some(),
        ),
    ]
}
