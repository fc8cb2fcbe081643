//! The decision: nothing, wait, or roll back. What it rests on comes in as values, so that the same facts give the same
//! answer, whoever asks and whenever.
//!
//! The rules stand in one order, and the first that has something against a rollback answers: [`calls_for_action`] and
//! [`propose`] are that order.

mod gates;
mod words;

use jiff::Timestamp;

use super::{
    attribution::{Evidence, attribute},
    brake::Engaged,
    incident::Past,
    known_good::{CheckStanding, Goods, deploys, goals},
    moment::Moment,
    plan::{Classes, Ground, Service, is_reached, resolve},
    schema::SchemaFingerprint,
};
use crate::{
    api::{
        Area, CheckState, FailureClass, GoodRelease, ObservedRelease, PlannedStep, Reason,
        ReleaseReference, RollbackMode, RollbackPolicySpec, RollbackState,
    },
    checks::board::Health,
};

/// All that a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// `spec.suspend` of the validation.
    pub suspended: bool,
    /// The policy that it names, accepted; `None` when it names none.
    pub policy: Option<&'a RollbackPolicySpec>,
    /// The verdict of the board.
    pub health: &'a Health,
    /// Whether the newest observation is too old for the board to say anything.
    pub stale: bool,
    /// The checks of the board.
    pub checks: &'a [CheckStanding<'a>],
    /// What is live.
    pub live: &'a ObservedRelease,
    /// The services of the spec.
    pub services: &'a [Service<'a>],
    /// The releases that were validated.
    pub goods: Goods<'a>,
    /// What is on record of the validation, read for `live`.
    pub past: &'a Past<'a>,
    /// When the attempts of all validations of the policy count against its budget: [`Attempt::spends`] of each.
    ///
    /// [`Attempt::spends`]: super::Attempt::spends
    pub spent: &'a [Timestamp],
    /// The brake, while it is engaged.
    pub brake: Option<&'a Engaged>,
    /// When the freeze window ends that is open now.
    pub frozen_until: Option<Timestamp>,
    /// The database's schema, now and then.
    pub schemas: Schemas<'a>,
    /// What was refused for good before this time may be asked for again: a person has set something right since.
    pub refusals_since: Option<Timestamp>,
    /// The time.
    pub moment: Moment,
}

/// The database's schema, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schemas<'a> {
    /// As it is.
    pub live: Option<&'a SchemaFingerprint>,
    /// As it was with each good release: id and schema.
    pub good: &'a [(&'a str, &'a SchemaFingerprint)],
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing, until something else changes.
    Nothing {
        /// Why: a reason of the condition `RolledBack`; or, while there is no verdict of failure, that of `Healthy`
        /// (Suspended, Running, Inconclusive, `ObservationStale`).
        reason: Reason,
        /// Why, for people; the same for the same facts, at most 512 bytes.
        message: String,
    },
    /// Nothing so far.
    Wait {
        /// When to decide anew though nothing has changed; `None` when only a change can end the wait.
        until: Option<Timestamp>,
        /// Why.
        reason: Reason,
        /// Why, for people; the same for the same facts, at most 512 bytes.
        message: String,
    },
    /// Record this attempt, and act on it.
    RollBack(Box<Proposal>),
}

/// An attempt to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What is live, and must still be when the platform is asked.
    pub from: ReleaseReference,
    /// What to go back to.
    pub goal: ReleaseReference,
    /// What kind of failure it is.
    pub class: FailureClass,
    /// What is done, in order; never empty.
    pub steps: Vec<PlannedStep>,
    /// The release that failed first.
    pub failed_release: String,
    /// The number of the attempt for it.
    pub attempt: u8,
    /// The critical checks that have failed.
    pub failed_checks: Vec<String>,
    /// Whether a person has to approve it.
    pub approval_required: bool,
    /// Why, for people; at most 512 bytes.
    pub reason: String,
}

/// What to do about what is live. Pure; what it takes is measured by `make bench BENCH=decision`.
#[must_use]
pub fn decide(inputs: &Inputs<'_>) -> Decision {
    let policy = match calls_for_action(inputs) {
        Ok(policy) => policy,
        Err(answer) => return answer,
    };
    let decision = match propose(inputs, policy) {
        Ok(proposal) => Decision::RollBack(Box::new(proposal)),
        Err(answer) => answer,
    };
    match policy.mode {
        RollbackMode::DryRun => words::rehearsed(decision),
        RollbackMode::Manual | RollbackMode::Automatic => decision,
    }
}

/// Whether there is anything to decide: somebody wants rollbacks, none is under way or has just worked, and it is certain
/// that the release fails.
fn calls_for_action<'a>(inputs: &Inputs<'a>) -> Result<&'a RollbackPolicySpec, Decision> {
    let policy = is_wanted(inputs)?;
    nothing_is_under_way(inputs)?;
    is_not_what_a_rollback_brought(inputs)?;
    has_failed(inputs)?;
    Ok(policy)
}

/// Whether to roll back what fails, and how.
fn propose(inputs: &Inputs<'_>, policy: &RollbackPolicySpec) -> Result<Proposal, Decision> {
    let goal = next_goal(inputs);
    attribute(&Evidence {
        trigger: &policy.trigger,
        checks: inputs.checks,
        live: inputs.live,
        goal,
        first_attempt: inputs.past.incident.touched() == 0,
        moment: inputs.moment,
    })
    .map_err(|fault| words::nothing(Reason::EnvironmentFault, &fault.0))?;
    gates::brake_is_off(inputs)?;
    let goal = goal.ok_or_else(|| words::no_goal(inputs))?;
    gates::was_not_refused(inputs, goal)?;
    let schema_asks = gates::schema_can_be_borne(inputs, policy, goal)?;
    gates::has_cooled_down(inputs, policy)?;
    gates::budget_is_left(inputs, policy)?;
    gates::is_not_frozen(inputs)?;
    gates::attempts_are_left(inputs, policy)?;
    let classes = classes(inputs, policy);
    let steps = plan(inputs, policy, goal, &classes)?;
    let manual = policy.mode == RollbackMode::Manual;
    let class_asks = classes.meet(&policy.approval.required);
    Ok(Proposal {
        from: ReleaseReference {
            release: inputs.live.id.clone(),
            services: deploys(inputs.live),
        },
        goal: ReleaseReference {
            release: goal.release.clone(),
            services: goal.services.clone(),
        },
        class: classes.class(),
        steps,
        failed_release: inputs.past.incident.failed_release.to_owned(),
        attempt: inputs.past.incident.next_attempt,
        failed_checks: failed(inputs)
            .map(|check| check.status.name.clone())
            .collect(),
        approval_required: manual || class_asks || schema_asks.is_some(),
        reason: words::why(inputs, goal, schema_asks.as_deref()),
    })
}

fn is_wanted<'a>(inputs: &Inputs<'a>) -> Result<&'a RollbackPolicySpec, Decision> {
    if inputs.suspended {
        return Err(words::nothing(
            Reason::Suspended,
            "spec.suspend is true: nothing is rolled back",
        ));
    }
    inputs.policy.ok_or_else(|| {
        words::nothing(
            Reason::RollbackDisabled,
            "spec.rollbackPolicyRef names no policy: nothing is rolled back",
        )
    })
}

/// There are never two open attempts, whatever failure they are about.
fn nothing_is_under_way(inputs: &Inputs<'_>) -> Result<(), Decision> {
    let Some(open) = inputs.past.attempts.open() else {
        return Ok(());
    };
    let state = open.state();
    let reason = match state {
        RollbackState::AwaitingApproval => Reason::AwaitingApproval,
        RollbackState::Verifying => Reason::Verifying,
        RollbackState::OutcomeUnknown => Reason::OutcomeUnknown,
        RollbackState::Issued => Reason::Issued,
        _ => Reason::IntentRecorded,
    };
    let message = format!(
        "attempt {} to get from {} back to {} is {}: Rollback {}",
        open.plan.attempt,
        open.plan.failed_release,
        open.to.release,
        state.as_str(),
        open.name
    );
    Err(words::wait(None, reason, &message))
}

/// No ping-pong: what a rollback brought back was seen to pass, and going from it to what failed would undo that.
fn is_not_what_a_rollback_brought(inputs: &Inputs<'_>) -> Result<(), Decision> {
    match &inputs.past.incident.result {
        Some(result) if result.state() == RollbackState::Verified => Err(words::nothing(
            Reason::RollbackVerified,
            &format!(
                "{} was brought back to {} by Rollback {}, and is not rolled back any further",
                inputs.past.incident.failed_release, result.to.release, result.name
            ),
        )),
        _ => Ok(()),
    }
}

/// What is not known is never a reason to roll back.
fn has_failed(inputs: &Inputs<'_>) -> Result<(), Decision> {
    let live = &inputs.live.id;
    if inputs.stale {
        return Err(words::nothing(
            Reason::ObservationStale,
            &format!("what is known of {live} is too old to roll it back"),
        ));
    }
    match inputs.health {
        Health::Failed => Ok(()),
        Health::Passing => Err(words::passing(inputs)),
        Health::Running => Err(words::nothing(
            Reason::Running,
            &format!("there is no verdict on {live} so far"),
        )),
        Health::Inconclusive => Err(words::nothing(
            Reason::Inconclusive,
            &format!("the checks could not tell how {live} is"),
        )),
    }
}

/// The newest good release that was not brought back in vain already.
fn next_goal<'a>(inputs: &Inputs<'a>) -> Option<&'a GoodRelease> {
    let Past {
        quarantine,
        incident,
        ..
    } = inputs.past;
    goals(inputs.goods, &inputs.live.id, quarantine)
        .find(|good| !incident.spoilt.contains(good.release.as_str()))
}

/// The critical checks that have failed.
fn failed<'a>(inputs: &Inputs<'a>) -> impl Iterator<Item = &'a CheckStanding<'a>> + use<'a> {
    let checks = inputs.checks.iter();
    checks.filter(|check| check.is_critical() && check.has_failed())
}

/// What an external service does says nothing of how to bring back ours, unless the policy says that it does.
fn classes(inputs: &Inputs<'_>, policy: &RollbackPolicySpec) -> Classes {
    let heeded = |area: &Area| *area != Area::External || policy.trigger.areas.contains(area);
    Classes::of(failed(inputs).map(|check| check.status.area).filter(heeded))
}

fn plan(
    inputs: &Inputs<'_>,
    policy: &RollbackPolicySpec,
    goal: &GoodRelease,
    classes: &Classes,
) -> Result<Vec<PlannedStep>, Decision> {
    let ground = Ground {
        services: inputs.services,
        live: inputs.live,
        goal,
        achieved: &inputs.past.incident.achieved,
    };
    let rejected = |message: &str| words::nothing(Reason::RollbackRejected, message);
    let steps = resolve(ground, &classes.steps(&policy.strategies))
        .map_err(|error| rejected(&error.to_string()))?;
    if !steps.is_empty() {
        return Ok(steps);
    }
    Err(if is_reached(ground) {
        let message = format!("every service is where it was with {}", goal.release);
        words::nothing(Reason::NotRequired, &message)
    } else {
        rejected(&format!(
            "strategies.{} names no service that differs from {}",
            classes.class().as_str(),
            goal.release
        ))
    })
}

#[cfg(test)]
mod tests;
