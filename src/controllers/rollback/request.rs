//! A person's request: an attempt is made of it, and it mirrors how that goes.

use std::time::Duration;

use kube::{ResourceExt, runtime::controller::Action};
use tokio::time::Instant;

use super::{
    Opening, jittered, open, rest,
    site::{self, Unreachable},
};
use crate::{
    api::{
        DeploymentValidation, GoodRelease, ObservedRelease, PlannedStep, PlatformStep,
        PolicyReference, ReleaseReference, RequestReference, RollbackCause, RollbackMode,
        RollbackPolicySpec, RollbackState, RollbackStatus, ServiceDeploy, ValidationReference,
    },
    controllers::{
        context::Context,
        validation::{as_records, observed_release, services},
    },
    monitor::SeenRelease,
    platforms::Release,
    rollback::{
        Goods, Past, Quarantine, Validation,
        known_good::goals,
        ledger::{Attempt, Attempts, Created, LedgerError},
        plan::{Ground, Service, resolve},
        reference,
        schema::{SchemaVerdict, guard},
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
        return rest(&request, context).await;
    }
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
    let uid = validation(request, context).ok()?.uid()?;
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

/// The validation that the request is about; the error says why there is none.
fn validation(request: &Attempt, context: &Context) -> Result<DeploymentValidation, String> {
    let ValidationReference { name, uid } = &request.spec.validation_ref;
    let validation = context
        .validation(&request.name.namespace, name)
        .map_err(|missing| format!("validationRef: validation {name} {missing}"))?;
    if uid.is_some() && *uid != validation.metadata.uid {
        return Err(format!(
            "validationRef.uid: validation {name} is another one than that"
        ));
    }
    Ok(validation)
}

/// What an attempt is made on.
struct Grounds {
    validation: DeploymentValidation,
    policy_ref: Option<PolicyReference>,
    policy: RollbackPolicySpec,
    live: Release,
}

/// Makes an attempt of the request, unless something speaks against it.
async fn make(request: &Attempt, context: &Context) -> Result<Answer, LedgerError> {
    let grounds = match grounds(request, context).await {
        Ok(grounds) => grounds,
        Err(answer) => return Ok(answer),
    };
    let live = observed_release(&SeenRelease {
        release: grounds.live.clone(),
        since: (context.clock)(),
    });
    let (name, uid) = (
        grounds.validation.name_any(),
        grounds.validation.uid().unwrap_or_default(),
    );
    if let Some(why) = unreadable(request, &uid, context).await? {
        return Ok(Answer::Later(why));
    }
    let records = context.records.of_validation(&uid);
    let named = Validation {
        name: &name,
        uid: &uid,
    };
    let past = Past::of(named, as_records(&records), &live);
    if let Some(open) = past.attempts.open() {
        return Ok(Answer::Later(format!("attempt {} is under way", open.name)));
    }
    let (goal, steps) = match planned(request, &grounds, &live, &past) {
        Ok(planned) => planned,
        Err(why) => return Ok(Answer::End(RollbackState::Rejected, why)),
    };
    if grounds.policy.mode == RollbackMode::DryRun {
        let told: Vec<String> = steps
            .iter()
            .map(|step| format!("{} {} -> {}", step.service, step.from, step.to))
            .collect();
        let why = format!("would roll back {}", told.join(", "));
        return Ok(Answer::End(RollbackState::DryRun, why));
    }
    let opening = Opening {
        validation: &grounds.validation,
        policy: (grounds.policy_ref.as_ref(), &grounds.policy),
        trigger: RollbackCause::Manual,
        reason: request.spec.reason.clone().unwrap_or_default(),
        from: reference(&grounds.live),
        to: ReleaseReference {
            release: goal.release,
            services: goal.services,
        },
        steps,
        failed_release: past.incident.failed_release.to_owned(),
        failed_checks: Vec::new(),
        attempt: past.incident.next_attempt,
        approval_until: None,
        requested_by: Some(RequestReference {
            name: request.name.name.clone(),
            uid: request.uid.clone(),
        }),
    };
    Ok(match open(opening, context).await? {
        Created::New(attempt) => Answer::Attempt(Box::new(attempt)),
        Created::Existing(_) => Answer::Later("another attempt is being recorded".to_owned()),
    })
}

/// Why it is not known what was done for the validation so far, where a record of it does not decode.
async fn unreadable(
    request: &Attempt,
    uid: &str,
    context: &Context,
) -> Result<Option<String>, LedgerError> {
    let records = Attempts::OfValidation(uid);
    match context.ledger.list(&request.name.namespace, records).await {
        Ok(_) => Ok(None),
        Err(LedgerError::Unreadable { name, .. }) => Ok(Some(format!(
            "Rollback {} does not fit its schema, so that it is not known what was done by it: repair it, or delete it",
            name.name
        ))),
        Err(error) => Err(error),
    }
}

/// What the request is about, read anew.
async fn grounds(request: &Attempt, context: &Context) -> Result<Grounds, Answer> {
    let rejected = |why: String| Answer::End(RollbackState::Rejected, why);
    let name = &request.spec.validation_ref.name;
    let validation = validation(request, context).map_err(rejected)?;
    if validation.spec.suspend {
        return Err(rejected(format!("validation {name} is suspended")));
    }
    if let Some(rival) = context.claims.rival(&validation.uid().unwrap_or_default()) {
        return Err(rejected(rival.message(&request.name.namespace)));
    }
    let (policy_ref, policy) = policy(request, &validation, context).map_err(rejected)?;
    let operations = site::of_validation(&validation, &request.name.namespace, context)
        .await
        .map_err(|unreachable| match unreachable {
            Unreachable::Gone => rejected(format!("validation {name} is gone")),
            Unreachable::For(why) => Answer::Later(why),
        })?;
    let live = operations
        .release(Instant::now())
        .await
        .map_err(|error| match error.refusal() {
            Some(_) => rejected(chain(&error)),
            None => Answer::Later(chain(&error)),
        })?;
    if live.id != request.spec.from.release {
        let why = format!(
            "from.release: {} is live, not {}",
            live.id, request.spec.from.release
        );
        return Err(Answer::End(RollbackState::Superseded, why));
    }
    Ok(Grounds {
        validation,
        policy_ref,
        policy,
        live,
    })
}

/// What to go back to, and how; the error says why that cannot be.
fn planned(
    request: &Attempt,
    grounds: &Grounds,
    live: &ObservedRelease,
    past: &Past<'_>,
) -> Result<(GoodRelease, Vec<PlannedStep>), String> {
    let status = grounds.validation.status.clone().unwrap_or_default();
    let services = services(&grounds.validation);
    let goods = Goods::of(&status);
    let goal = goal(request, &services, goods, &live.id, &past.quarantine)?;
    if let SchemaVerdict::Refuse(why) = guard(None, None, &grounds.policy.guard) {
        // One that asks is answered by the person who asks.
        return Err(why);
    }
    let ground = Ground {
        services: &services,
        live,
        goal: &goal,
        achieved: &past.incident.achieved,
    };
    let steps = resolve(ground, &[PlatformStep::default()]).map_err(|error| chain(&error))?;
    if steps.is_empty() {
        return Err(format!("every service runs {} already", goal.release));
    }
    Ok((goal, steps))
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
    let policy = context
        .policy(&request.name.namespace, &reference.name)
        .map_err(|missing| {
            let field = match request.spec.policy_ref {
                Some(_) => "policyRef".to_owned(),
                None => format!("rollbackPolicyRef of validation {}", validation.name_any()),
            };
            format!("{field}: policy {} {missing}", reference.name)
        })?;
    Ok((Some(reference.clone()), policy.spec))
}

/// What the request goes back to.
fn goal(
    request: &Attempt,
    services: &[Service<'_>],
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
    let release = &wanted.release;
    if quarantine.holds(release) || release == live {
        return Err(format!("to.release: {release} has failed, or is live"));
    }
    if wanted.services.is_empty() {
        return Err(format!(
            "to.release: {release} is not among lastKnownGood and candidates; name the deploy of each service in to.services"
        ));
    }
    let unknown = wanted
        .services
        .iter()
        .find(|deploy| services.iter().all(|service| service.name != deploy.name));
    if let Some(ServiceDeploy { name, .. }) = unknown {
        let validation = &request.spec.validation_ref.name;
        return Err(format!(
            "to.services: validation {validation} has no service {name}"
        ));
    }
    // An explicit pin: a person answers for it.
    Ok(GoodRelease {
        release: wanted.release.clone(),
        services: wanted.services.clone(),
        ..GoodRelease::default()
    })
}
