//! Puts an attempt on record, by what the API server says now and not what the watch has told.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt};
use tokio::time::{Instant, timeout};

use super::situation::Situation;
use crate::{
    api::{
        DeploymentValidation, PolicyReference, Reason, RollbackCause, RollbackPolicy,
        RollbackPolicySpec,
    },
    controllers::{
        context::Context,
        outcome::Retryable,
        rollback::{Opening, is_refused, open, site},
    },
    kubernetes::client::REQUEST_TIMEOUT,
    rollback::{
        Decision, Proposal,
        attribution::live_since,
        budgeted_at, is_proven,
        ledger::{Attempt, AttemptName, Attempts, Created, LedgerError},
    },
};

/// How long a person may take to approve where the age of a release is no matter.
const APPROVAL_TIME: Duration = Duration::from_hours(24);

/// Decides once more, by live reads and with nobody else recording an attempt by the same policy, and records the attempt.
/// Gives what was decided when that is no rollback any more; `None` once one is on record.
pub async fn issue(
    situation: &Situation<'_>,
    reference: &PolicyReference,
    context: &Context,
) -> Result<Option<Decision>, Retryable> {
    let object = situation.object;
    let namespace = object.namespace().unwrap_or_default();
    let uid = object.uid().unwrap_or_default();
    if let Some(gone) = has_given_way(situation, context).await {
        // The monitor's own look wakes this object again.
        context.monitor.refresh(&uid).await;
        return Ok(Some(gone));
    }
    let _lock = context.locks.of_policy(&namespace, &reference.name).await;
    let Some(policy) = still_wanted(object, reference, context).await? else {
        // The watch will tell what has changed.
        return Ok(Some(Decision::Wait {
            until: None,
            reason: Reason::IntentRecorded,
            message: "the validation or its policy is being changed".to_owned(),
        }));
    };
    match decided(situation, reference, &policy, context).await {
        Ok(decision) => Ok(decision),
        Err(LedgerError::Unreadable { name, .. }) => Ok(Some(unreadable(&name))),
        Err(source) => Err(retryable(object, source)),
    }
}

/// Decides by what is on record, and records the attempt where one follows.
async fn decided(
    situation: &Situation<'_>,
    reference: &PolicyReference,
    policy: &RollbackPolicySpec,
    context: &Context,
) -> Result<Option<Decision>, LedgerError> {
    let object = situation.object;
    let uid = object.uid().unwrap_or_default();
    let of_policy = Attempts::OfPolicy(&reference.name);
    let spent: Vec<Timestamp> = list(object, of_policy, context)
        .await?
        .iter()
        .filter(|record| is_proven(record))
        .filter_map(|record| budgeted_at(record))
        .collect();
    let records = list(object, Attempts::OfValidation(&uid), context).await?;
    let brake = situation.brake(&context.fleet);
    match situation.decide(Some(policy), &records, &spent, brake.as_ref()) {
        Decision::RollBack(proposal) => {
            let opening = opening(situation, *proposal, reference, policy);
            Ok(in_the_way(&open(opening, context).await?))
        }
        other => Ok(Some(other)),
    }
}

/// Without what one record says, it is not known what was done so far: nothing more is done.
fn unreadable(name: &AttemptName) -> Decision {
    Decision::Nothing {
        reason: Reason::RollbackRejected,
        message: format!(
            "Rollback {} does not fit its schema, so that it is not known what was done by it: repair it, or delete it",
            name.name
        ),
    }
}

/// An object that has the name of the record and is none. Once that is written to it, another name is taken, up to a bound.
fn in_the_way(created: &Created) -> Option<Decision> {
    let Created::Existing(found) = created else {
        return None;
    };
    let name = &found.name.name;
    if is_refused(found) {
        return Some(Decision::Nothing {
            reason: Reason::RollbackRejected,
            message: format!(
                "Rollback {name} and those before it have the names of the record that is to be made, and are not the controller's: delete them"
            ),
        });
    }
    (!is_proven(found)).then(|| Decision::Wait {
        until: None,
        reason: Reason::IntentRecorded,
        message: format!(
            "Rollback {name} has the name of the record that is to be made, and is not the controller's"
        ),
    })
}

fn opening<'a>(
    situation: &Situation<'a>,
    proposal: Proposal,
    reference: &'a PolicyReference,
    policy: &'a RollbackPolicySpec,
) -> Opening<'a> {
    let Proposal {
        from,
        goal,
        class: _,
        steps,
        failed_release,
        attempt,
        failed_checks,
        approval_required,
        reason,
    } = proposal;
    Opening {
        validation: situation.object,
        policy: (Some(reference), policy),
        trigger: RollbackCause::Automatic,
        reason,
        from,
        to: goal,
        steps,
        failed_release,
        failed_checks,
        attempt,
        approval_until: approval_required.then(|| approval_until(situation, policy)),
        requested_by: None,
    }
}

/// As long as the release may be rolled back.
fn approval_until(situation: &Situation<'_>, policy: &RollbackPolicySpec) -> Timestamp {
    let now = situation.moment.now;
    let (from, time) = match situation.live {
        Some(live) if policy.trigger.only_after_deploy => {
            let since = situation.moment.counted_from(live_since(live));
            (since, policy.trigger.window.get())
        }
        _ => (now, APPROVAL_TIME),
    };
    from.saturating_add(time).unwrap_or(Timestamp::MAX).max(now)
}

/// The policy as it is now; `None` when validation or policy are not what was decided on.
async fn still_wanted(
    object: &DeploymentValidation,
    reference: &PolicyReference,
    context: &Context,
) -> Result<Option<RollbackPolicySpec>, Retryable> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let failed = |source: Option<kube::Error>| Retryable::ReadStatus {
        namespace: namespace.clone(),
        name: name.clone(),
        source: source.map(Box::new),
    };
    let validations: Api<DeploymentValidation> =
        Api::namespaced(context.client.clone(), &namespace);
    let policies: Api<RollbackPolicy> = Api::namespaced(context.client.clone(), &namespace);
    let reads = async {
        tokio::try_join!(
            validations.get_opt(&name),
            policies.get_opt(&reference.name)
        )
    };
    let (validation, policy) = timeout(REQUEST_TIMEOUT, reads)
        .await
        .map_err(|_| failed(None))?
        .map_err(|error| failed(Some(error)))?;
    let same = validation.is_some_and(|live| {
        live.metadata.uid == object.metadata.uid
            && live.metadata.generation == object.metadata.generation
            && live.metadata.deletion_timestamp.is_none()
    });
    Ok(policy.filter(|_| same).map(|policy| policy.spec))
}

/// Whether something else is live by now than was decided on: after a restart, what is known of a release may be what a status
/// said of it long ago. While the platform does not tell, the attempt itself waits for it.
async fn has_given_way(situation: &Situation<'_>, context: &Context) -> Option<Decision> {
    let namespace = situation.object.namespace().unwrap_or_default();
    let operations = site::of_validation(situation.object, &namespace, context)
        .await
        .ok()?;
    let live = operations.release(Instant::now()).await.ok()?;
    let failed = situation.live.filter(|failed| failed.id != live.id)?;
    Some(Decision::Wait {
        until: None,
        reason: Reason::Superseded,
        message: format!("{} is live by now, not {}", live.id, failed.id),
    })
}

async fn list(
    object: &DeploymentValidation,
    which: Attempts<'_>,
    context: &Context,
) -> Result<Vec<Arc<Attempt>>, LedgerError> {
    let namespace = object.namespace().unwrap_or_default();
    let records = context.ledger.list(&namespace, which).await?;
    let mut heard = Vec::with_capacity(records.len());
    for record in records.into_iter().filter(|record| !is_refused(record)) {
        // One that nothing was written to so far may be anybody's: it holds this decision up, and tells nobody else anything.
        if record.status.state.is_some() {
            context.records.note(record.clone());
        }
        heard.push(Arc::new(record));
    }
    Ok(heard)
}

fn retryable(object: &DeploymentValidation, source: LedgerError) -> Retryable {
    Retryable::Record {
        name: AttemptName {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        },
        source: Box::new(source),
    }
}
