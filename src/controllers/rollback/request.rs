//! A person's request: an attempt is made of it, and it mirrors how that goes.

use std::time::Duration;

use kube::{ResourceExt, runtime::controller::Action};
use tokio::time::Instant;

use super::{
    Opening, jittered, open,
    site::{self, Unreachable},
};
use crate::{
    api::{
        DeploymentValidation, GoodRelease, PlatformStep, PolicyReference, ReleaseReference,
        RequestReference, RollbackCause, RollbackMode, RollbackPolicySpec, RollbackState,
        RollbackStatus,
    },
    controllers::{
        context::Context,
        validation::{as_records, observed_release, services},
    },
    monitor::SeenRelease,
    rollback::{
        Goods, Past, Quarantine, Validation,
        known_good::goals,
        ledger::{Attempt, Created, LedgerError},
        plan::{Ground, resolve},
        reference, schema,
    },
    telemetry::chain,
};

/// The pause before a request that cannot be answered yet is looked at again.
const RETRY: Duration = Duration::from_secs(5);

/// How a request ends, or why it does not yet.
enum Answer {
    /// It is over.
    End(RollbackState, String),
    /// Not yet; why.
    Later(String),
    /// An attempt is made of it.
    Attempt(Box<Attempt>),
}

/// Answers a request as far as that goes now.
pub async fn answer(request: Attempt, context: &Context) -> Result<Action, LedgerError> {
    if request.status.state.is_some_and(RollbackState::is_final) {
        return Ok(Action::await_change());
    }
    // Records that exist may not be known yet, and with them the attempt that was made of this request.
    context.records_listed.wait().await;
    let answer = match attempt_of(&request, context) {
        Some(attempt) => Answer::Attempt(Box::new(attempt)),
        None => make(&request, context).await?,
    };
    let (status, again) = match answer {
        Answer::End(state, message) => {
            let status = RollbackStatus {
                state: Some(state),
                message,
                finished_at: Some((context.clock)()),
                ..request.status.clone()
            };
            (status, Action::await_change())
        }
        Answer::Later(message) => {
            let status = RollbackStatus {
                state: Some(RollbackState::InProgress),
                message,
                ..request.status.clone()
            };
            (status, Action::requeue(jittered(RETRY)))
        }
        Answer::Attempt(attempt) => (mirrored(&request, &attempt), Action::await_change()),
    };
    if request.status != status {
        let written = context.ledger.advance(&request, status).await?;
        context.records.note(written);
    }
    Ok(again)
}

/// The attempt that was made of the request.
fn attempt_of(request: &Attempt, context: &Context) -> Option<Attempt> {
    let uid = validation(request, context)?.uid()?;
    let records = context.records.of_validation(&uid);
    let is_of_request = |record: &&std::sync::Arc<Attempt>| {
        let plan = record.spec.plan.as_ref();
        let by = plan.and_then(|plan| plan.requested_by.as_ref());
        by.is_some_and(|by| by.uid == request.uid)
    };
    records
        .iter()
        .rev()
        .find(is_of_request)
        .map(|record| (**record).clone())
}

/// The status of a request whose attempt stands so.
fn mirrored(request: &Attempt, attempt: &Attempt) -> RollbackStatus {
    let state = match attempt.status.state {
        Some(state) if state.is_final() => state,
        _ => RollbackState::InProgress,
    };
    RollbackStatus {
        state: Some(state),
        record: Some(attempt.name.name.clone()),
        message: if state == RollbackState::InProgress {
            format!("see Rollback {}", attempt.name.name)
        } else {
            attempt.status.message.clone()
        },
        result: attempt.status.result.clone(),
        issued_at: attempt.status.issued_at,
        live_at: attempt.status.live_at,
        finished_at: attempt.status.finished_at,
        steps: Vec::new(),
        conditions: request.status.conditions.clone(),
        observed_generation: request.status.observed_generation,
    }
}

fn validation(request: &Attempt, context: &Context) -> Option<DeploymentValidation> {
    let reference = &request.spec.validation_ref;
    let validation = context.validation(&request.name.namespace, &reference.name)?;
    let same = |uid: &String| validation.metadata.uid.as_ref() == Some(uid);
    reference
        .uid
        .as_ref()
        .is_none_or(same)
        .then_some(validation)
}

/// Makes an attempt of the request, unless something speaks against it.
async fn make(request: &Attempt, context: &Context) -> Result<Answer, LedgerError> {
    let rejected = |why: String| Ok(Answer::End(RollbackState::Rejected, why));
    let name = &request.spec.validation_ref.name;
    let Some(validation) = validation(request, context) else {
        return rejected(format!(
            "validation {name} does not exist in this namespace"
        ));
    };
    if validation.spec.suspend {
        return rejected(format!("validation {name} is suspended"));
    }
    let (policy_ref, policy) = match policy(request, &validation, context) {
        Ok(policy) => policy,
        Err(why) => return rejected(why),
    };
    let operations = match site::of_validation(&validation, &request.name.namespace, context).await
    {
        Ok(operations) => operations,
        Err(Unreachable::Gone) => return rejected(format!("validation {name} is gone")),
        Err(Unreachable::For(why)) => return Ok(Answer::Later(why)),
    };
    let live = match operations.release(Instant::now()).await {
        Ok(live) => live,
        Err(error) if error.refusal().is_some() => return rejected(chain(&error)),
        Err(error) => return Ok(Answer::Later(chain(&error))),
    };
    if live.id != request.spec.from.release {
        let why = format!("{} is live, not {}", live.id, request.spec.from.release);
        return Ok(Answer::End(RollbackState::Superseded, why));
    }
    let live_reference = reference(&live);
    let live = observed_release(&SeenRelease {
        release: live,
        since: (context.clock)(),
    });
    let records = context
        .records
        .of_validation(&validation.uid().unwrap_or_default());
    let (name, uid) = (validation.name_any(), validation.uid().unwrap_or_default());
    let named = Validation {
        name: &name,
        uid: &uid,
    };
    let Past {
        attempts,
        quarantine,
        incident,
    } = Past::of(named, as_records(&records), &live);
    if let Some(open) = attempts.open() {
        return Ok(Answer::Later(format!("attempt {} is under way", open.name)));
    }
    let status = validation.status.clone().unwrap_or_default();
    let goal = match goal(request, Goods::of(&status), &live.id, &quarantine) {
        Ok(goal) => goal,
        Err(why) => return rejected(why),
    };
    match schema::guard(None, None, &policy.guard) {
        schema::SchemaVerdict::Refuse(why) => return rejected(why),
        // The person who asks is the one to be asked.
        schema::SchemaVerdict::Pass | schema::SchemaVerdict::Ask(_) => {}
    }
    let services = services(&validation);
    let ground = Ground {
        services: &services,
        live: &live,
        goal: &goal,
        achieved: &incident.achieved,
    };
    let steps = match resolve(ground, &[PlatformStep::default()]) {
        Ok(steps) if steps.is_empty() => {
            return rejected(format!("every service runs {} already", goal.release));
        }
        Ok(steps) => steps,
        Err(error) => return rejected(chain(&error)),
    };
    if policy.mode == RollbackMode::DryRun {
        let told: Vec<String> = steps
            .iter()
            .map(|step| format!("{} {} -> {}", step.service, step.from, step.to))
            .collect();
        let why = format!("would roll back {}", told.join(", "));
        return Ok(Answer::End(RollbackState::DryRun, why));
    }
    let opening = Opening {
        validation: &validation,
        policy: (policy_ref.as_ref(), &policy),
        trigger: RollbackCause::Manual,
        reason: request.spec.reason.clone().unwrap_or_default(),
        from: live_reference,
        to: ReleaseReference {
            release: goal.release.clone(),
            services: goal.services.clone(),
        },
        steps,
        failed_release: incident.failed_release.to_owned(),
        failed_checks: Vec::new(),
        attempt: incident.next_attempt,
        approval_until: None,
        requested_by: Some(RequestReference {
            name: request.name.name.clone(),
            uid: request.uid.clone(),
        }),
    };
    match open(opening, context).await? {
        Created::New(attempt) => Ok(Answer::Attempt(Box::new(attempt))),
        Created::Existing(_) => Ok(Answer::Later(
            "another attempt is being recorded".to_owned(),
        )),
    }
}

/// The policy that the request is made by: the one that it names, the validation's own, or one with every default.
fn policy(
    request: &Attempt,
    validation: &DeploymentValidation,
    context: &Context,
) -> Result<(Option<PolicyReference>, RollbackPolicySpec), String> {
    let named = request
        .spec
        .policy_ref
        .as_ref()
        .or(validation.spec.rollback_policy_ref.as_ref());
    let Some(reference) = named else {
        // Every field but the mode has a default.
        let policy = serde_json::from_value(serde_json::json!({"mode": "Manual"}));
        return policy
            .map(|policy| (None, policy))
            .map_err(|error| error.to_string());
    };
    match context.policy(&request.name.namespace, &reference.name) {
        Some(policy) => Ok((Some(reference.clone()), policy.spec)),
        None => Err(format!("policy {} does not exist", reference.name)),
    }
}

/// What the request goes back to.
fn goal(
    request: &Attempt,
    goods: Goods<'_>,
    live: &str,
    quarantine: &Quarantine<'_>,
) -> Result<GoodRelease, String> {
    let mut goals = goals(goods, live, quarantine);
    let Some(wanted) = &request.spec.to else {
        return goals
            .next()
            .cloned()
            .ok_or_else(|| "no release was validated that could be gone back to".to_owned());
    };
    if let Some(good) = goals.find(|good| good.release == wanted.release) {
        return Ok(good.clone());
    }
    if quarantine.holds(&wanted.release) || wanted.release == live {
        return Err(format!("{} has failed, or is live", wanted.release));
    }
    if wanted.services.is_empty() {
        return Err(format!(
            "{} is not among lastKnownGood and candidates; name the deploy of each service in to.services",
            wanted.release
        ));
    }
    // An explicit pin: a person answers for it.
    Ok(GoodRelease {
        release: wanted.release.clone(),
        services: wanted.services.clone(),
        ..GoodRelease::default()
    })
}
