//! The conditions of a `Rollback`: what its state makes of each. Pure.

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{ConditionStatus, ConditionType, Reason, RollbackState, RollbackStatus, StepState},
    kubernetes::conditions::{Conditions, find},
    rollback::ledger::Attempt,
};

/// `status` with the conditions and the observed generation that belong to it.
#[must_use]
pub fn with_conditions(
    attempt: &Attempt,
    mut status: RollbackStatus,
    now: Timestamp,
) -> RollbackStatus {
    use ConditionStatus::{False, True, Unknown};
    let previous = &attempt.status.conditions;
    let mut conditions = Conditions::following(previous, attempt.generation, now);
    let Some(state) = status.state else {
        return status;
    };
    let (succeeded, reason) = match said(state) {
        // Nothing of it was begun, not even written down.
        (succeeded, Reason::RollbackRejected) if is_refused(attempt, &status) => {
            (succeeded, Reason::NotPermitted)
        }
        said => said,
    };
    let message = if status.message.is_empty() {
        words(state)
    } else {
        &status.message
    };
    // What has succeeded or failed once stays so, whatever a later writer thinks.
    let settled = find(previous, ConditionType::Succeeded)
        .filter(|condition| condition.status != Unknown)
        .cloned();
    let (succeeded, reason, message) = match &settled {
        Some(condition) => (
            condition.status,
            condition.reason,
            condition.message.as_str(),
        ),
        None => (succeeded, reason, message),
    };
    // A settled object that waits, or is done for, is Ready False: Unknown is for what is under way.
    let ready = if state == RollbackState::OutcomeUnknown || is_stalled(state) {
        if succeeded == True { True } else { False }
    } else {
        succeeded
    };
    conditions.set(ConditionType::Ready, ready, reason, message);
    conditions.set(ConditionType::Succeeded, succeeded, reason, message);
    approval(&mut conditions, attempt, &status, message);
    issue(&mut conditions, &status);
    verification(&mut conditions, state, message);
    if is_stalled(state) {
        conditions.set(ConditionType::Stalled, True, reason, message);
    } else if !state.is_final() {
        let reason = match state {
            RollbackState::Verifying => Reason::Verifying,
            _ => Reason::Progressing,
        };
        conditions.set(ConditionType::Reconciling, True, reason, message);
    }
    status.conditions = conditions.finish();
    status.observed_generation = attempt.generation;
    status
}

/// Whether it is a record that the controller has not made.
fn is_refused(attempt: &Attempt, status: &RollbackStatus) -> bool {
    attempt.spec.plan.is_some() && status.steps.is_empty()
}

/// Whether nothing follows without a person, and it has not ended well.
fn is_stalled(state: RollbackState) -> bool {
    match state {
        RollbackState::AwaitingApproval
        | RollbackState::OutcomeUnknown
        | RollbackState::Failed
        | RollbackState::Rejected
        | RollbackState::NotIssued
        | RollbackState::Superseded
        | RollbackState::DryRun => true,
        RollbackState::IntentRecorded
        | RollbackState::Issued
        | RollbackState::Verifying
        | RollbackState::InProgress
        | RollbackState::Verified => false,
    }
}

fn said(state: RollbackState) -> (ConditionStatus, Reason) {
    use ConditionStatus::{False, True, Unknown};
    match state {
        RollbackState::AwaitingApproval => (Unknown, Reason::AwaitingApproval),
        RollbackState::IntentRecorded => (Unknown, Reason::IntentRecorded),
        RollbackState::Issued => (Unknown, Reason::Issued),
        RollbackState::InProgress => (Unknown, Reason::Progressing),
        RollbackState::Verifying => (Unknown, Reason::Verifying),
        RollbackState::OutcomeUnknown => (Unknown, Reason::OutcomeUnknown),
        RollbackState::Verified => (True, Reason::RollbackVerified),
        RollbackState::Failed => (False, Reason::RollbackFailed),
        RollbackState::Rejected => (False, Reason::RollbackRejected),
        RollbackState::NotIssued => (False, Reason::NotIssued),
        RollbackState::Superseded => (False, Reason::Superseded),
        RollbackState::DryRun => (False, Reason::DryRun),
    }
}

fn words(state: RollbackState) -> &'static str {
    match state {
        RollbackState::AwaitingApproval => "a person has to approve it",
        RollbackState::IntentRecorded => "on record; nothing was asked of the platform",
        RollbackState::Issued => "the platform was asked",
        RollbackState::InProgress => "an attempt is made of it",
        RollbackState::Verifying => "everything is live; the checks have yet to pass",
        RollbackState::OutcomeUnknown => "it cannot be told how it ended on the platform",
        RollbackState::Verified => "the checks pass on what was brought back",
        RollbackState::Failed => "it did not come about",
        RollbackState::Rejected => "it is not allowed",
        RollbackState::NotIssued => "nothing was asked of the platform",
        RollbackState::Superseded => "something newer is live",
        RollbackState::DryRun => "the policy's mode is DryRun",
    }
}

fn approval(
    conditions: &mut Conditions<'_>,
    attempt: &Attempt,
    status: &RollbackStatus,
    message: &str,
) {
    let required = attempt
        .spec
        .plan
        .as_ref()
        .is_some_and(|plan| plan.approval_required);
    let (holds, reason, message) = if !required {
        (
            ConditionStatus::True,
            Reason::Approved,
            "no approval is asked for",
        )
    } else if attempt.spec.approved {
        (
            ConditionStatus::True,
            Reason::Approved,
            "a person has approved it",
        )
    } else if status.state == Some(RollbackState::AwaitingApproval) {
        (ConditionStatus::False, Reason::AwaitingApproval, message)
    } else {
        (
            ConditionStatus::False,
            Reason::AwaitingApproval,
            "nobody has approved it",
        )
    };
    conditions.set(ConditionType::Approved, holds, reason, message);
}

fn issue(conditions: &mut Conditions<'_>, status: &RollbackStatus) {
    use ConditionStatus::{False, True, Unknown};
    let any = |state: StepState| status.steps.iter().any(|step| step.state == state);
    // A request has no steps of its own; the record of its attempt has.
    let is_request = status.steps.is_empty() && status.issued_at.is_some();
    let has_ended = status.state.is_some_and(RollbackState::is_final);
    let (holds, reason, message) = if any(StepState::Issued) || (is_request && !has_ended) {
        (
            Unknown,
            Reason::Issued,
            "the platform was asked, or is about to be",
        )
    } else if is_request
        || any(StepState::Accepted)
        || any(StepState::Done)
        || any(StepState::Failed)
        || any(StepState::Superseded)
    {
        (True, Reason::Issued, "the platform took it")
    } else {
        (
            False,
            Reason::NotIssued,
            "nothing was asked of the platform that it took",
        )
    };
    conditions.set(ConditionType::Issued, holds, reason, message);
}

fn verification(conditions: &mut Conditions<'_>, state: RollbackState, message: &str) {
    use ConditionStatus::{False, True, Unknown};
    let (holds, reason, message) = match state {
        RollbackState::Verified => (True, Reason::RollbackVerified, message),
        RollbackState::Failed => (False, Reason::RollbackFailed, message),
        RollbackState::Verifying => (Unknown, Reason::Verifying, "the checks have yet to pass"),
        _ => (Unknown, Reason::Pending, "nothing was brought back so far"),
    };
    conditions.set(ConditionType::Verified, holds, reason, message);
}
