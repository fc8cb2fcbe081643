//! Puts an attempt on record: whoever succeeds owns it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::is_refused;
use crate::{
    api::{
        DeploymentValidation, PlannedStep, PolicyReference, ReleaseReference, RequestReference,
        RollbackCause, RollbackPlan, RollbackPolicySpec, RollbackSpec, ValidationReference,
    },
    controllers::context::Context,
    rollback::{
        ledger::{AttemptName, Created, LedgerError},
        naming,
    },
};

/// The longest time from the record to the first call, where no person has to approve it first.
const LONGEST_UNTIL_ISSUE: Duration = Duration::from_mins(5);

/// Numbers of refused records that are passed over at one time.
const MOST_PASSED_OVER: usize = 10;

/// An attempt that was decided for.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    /// The validation whose release is rolled back.
    pub validation: &'a DeploymentValidation,
    /// The policy by which, with its name.
    pub policy: (Option<&'a PolicyReference>, &'a RollbackPolicySpec),
    /// Who started it.
    pub trigger: RollbackCause,
    /// Why, for people.
    pub reason: String,
    /// What is live.
    pub from: ReleaseReference,
    /// What it goes back to.
    pub to: ReleaseReference,
    /// What is done.
    pub steps: Vec<PlannedStep>,
    /// The release that failed first.
    pub failed_release: String,
    /// Names of the checks that failed.
    pub failed_checks: Vec<String>,
    /// Which attempt it is.
    pub attempt: u8,
    /// Until when a person may approve it; `None` when none has to.
    pub approval_until: Option<Timestamp>,
    /// The request that it is made for.
    pub requested_by: Option<RequestReference>,
}

/// Records it. A number that a record has which is not the controller's own, and was refused, is passed over.
pub async fn open(opening: Opening<'_>, context: &Context) -> Result<Created, LedgerError> {
    let mut opening = opening;
    for _ in 0..MOST_PASSED_OVER {
        match create(&opening, context).await? {
            Created::Existing(attempt) if is_refused(&attempt) => {
                opening.attempt = opening.attempt.saturating_add(1);
            }
            created => return Ok(created),
        }
    }
    create(&opening, context).await
}

async fn create(opening: &Opening<'_>, context: &Context) -> Result<Created, LedgerError> {
    let now = (context.clock)();
    let (name, spec) = recorded(opening, context.executor.claimant(), now);
    context.opened.note(&name, &spec);
    let created = context.ledger.create(&name, &spec).await?;
    if let Created::New(attempt) = &created {
        context.records.note(attempt.clone());
        tracing::info!(
            rollback = %attempt.name,
            from = attempt.spec.from.release,
            to = attempt.spec.to.as_ref().map(|to| to.release.as_str()),
            reason = attempt.spec.reason,
            "an attempt to roll back is on record"
        );
    }
    Ok(created)
}

fn recorded(opening: &Opening<'_>, claimant: &str, now: Timestamp) -> (AttemptName, RollbackSpec) {
    let Opening {
        validation,
        policy: (policy_ref, policy),
        trigger,
        reason,
        from,
        to,
        steps,
        failed_release,
        failed_checks,
        attempt,
        approval_until,
        requested_by,
    } = opening.clone();
    let uid = validation.uid().unwrap_or_default();
    let key = naming::key(&uid, &failed_release, attempt);
    let until_issue = policy.timeout.get().min(LONGEST_UNTIL_ISSUE);
    let soon = now.saturating_add(until_issue).unwrap_or(Timestamp::MAX);
    let name = AttemptName {
        namespace: validation.namespace().unwrap_or_default(),
        name: naming::name(&validation.name_any(), &key),
    };
    let spec = RollbackSpec {
        validation_ref: ValidationReference {
            name: validation.name_any(),
            uid: Some(uid),
        },
        policy_ref: policy_ref.cloned(),
        trigger,
        reason: Some(reason).filter(|reason| !reason.is_empty()),
        from,
        to: Some(to),
        approved: false,
        plan: Some(RollbackPlan {
            attempt,
            failed_release,
            failed_checks,
            key,
            generation: validation.metadata.generation.unwrap_or_default(),
            claimant: claimant.to_owned(),
            issue_before: approval_until.unwrap_or(soon),
            timeout: policy.timeout,
            verification_checks: policy.verification.checks.clone(),
            verification_timeout: policy.verification.timeout,
            approval_required: approval_until.is_some(),
            requested_by,
            steps,
        }),
    };
    (name, spec)
}
