//! What holds a rollback up that would otherwise be made.

use super::{Decision, Inputs, words};
use crate::{
    api::{GoodRelease, Reason, RollbackPolicySpec, RollbackState},
    rollback::{
        incident::Attempt,
        schema::{SchemaVerdict, guard},
    },
};

/// Attempts for one failed release in which nothing was asked of the platform: they cost nothing, but something is wrong.
const MAX_NOT_ISSUED: usize = 10;

/// The highest number that an attempt can have.
const MAX_ATTEMPT: u8 = 100;

/// Much fails at once: it is not for each release to be blamed.
pub(super) fn brake_is_off(inputs: &Inputs<'_>) -> Result<(), Decision> {
    let engaged = inputs.brake.filter(|brake| brake.until > inputs.moment.now);
    let Some(brake) = engaged else { return Ok(()) };
    Err(words::wait(
        Some(brake.until),
        Reason::BrakeEngaged,
        &brake.to_string(),
    ))
}

/// What was refused for good is not asked for again: credentials, payment, a suspended service, a deploy that is gone. Another
/// goal, once this one is known to be gone, is another matter; and so is the same one once a person has set something right.
pub(super) fn was_not_refused(inputs: &Inputs<'_>, goal: &GoodRelease) -> Result<(), Decision> {
    let last = inputs.past.incident.attempts.last();
    let is_settled = |last: &&Attempt<'_>| {
        inputs
            .refusals_since
            .is_none_or(|since| last.ended_at() >= since)
    };
    let refused = last
        .filter(|last| last.state() == RollbackState::Rejected && last.to.release == goal.release)
        .filter(is_settled);
    match refused {
        Some(refused) => Err(words::nothing(
            Reason::RollbackRejected,
            &format!("Rollback {}: {}", refused.name, refused.status.message),
        )),
        None => Ok(()),
    }
}

/// Gives what a person has to decide on.
pub(super) fn schema_can_be_borne(
    inputs: &Inputs<'_>,
    policy: &RollbackPolicySpec,
    goal: &GoodRelease,
) -> Result<Option<String>, Decision> {
    let mut known = inputs.schemas.good.iter();
    let good = known.find(|(release, _)| *release == goal.release);
    let good = good.map(|(_, schema)| *schema);
    match guard(inputs.schemas.live, good, &policy.guard) {
        SchemaVerdict::Pass => Ok(None),
        SchemaVerdict::Ask(reason) => Ok(Some(reason)),
        SchemaVerdict::Refuse(reason) => Err(words::nothing(
            Reason::SchemaGuard,
            &format!("guard.schema bars the way to {}: {reason}", goal.release),
        )),
    }
}

/// Not so soon after the rollback, or the attempt, before.
pub(super) fn has_cooled_down(
    inputs: &Inputs<'_>,
    policy: &RollbackPolicySpec,
) -> Result<(), Decision> {
    cooldown_is_over(inputs, policy)?;
    delay_is_over(inputs, policy)
}

/// After a rollback of another failure has ended: one that worked, or the last attempt where none did.
fn cooldown_is_over(inputs: &Inputs<'_>, policy: &RollbackPolicySpec) -> Result<(), Decision> {
    let attempts = &inputs.past.attempts;
    let cooldown = policy.guard.cooldown;
    let is_last = |failed: &str, number: u8| {
        !attempts
            .iter()
            .any(|other| other.plan.attempt > number && other.plan.failed_release == failed)
    };
    let newest = attempts
        .iter()
        .filter(|attempt| attempt.plan.failed_release != inputs.past.incident.failed_release)
        .filter_map(|attempt| {
            let until = inputs.moment.until(attempt.ended_at(), cooldown.get())?;
            let ended = match attempt.state() {
                RollbackState::Verified => true,
                RollbackState::Failed => {
                    is_last(&attempt.plan.failed_release, attempt.plan.attempt)
                }
                _ => false,
            };
            ended.then_some((until, attempt.name))
        })
        .max();
    match newest {
        Some((until, name)) => Err(words::wait(
            Some(until),
            Reason::CoolingOff,
            &format!("guard.cooldown {cooldown} after Rollback {name} is over at {until}"),
        )),
        None => Ok(()),
    }
}

/// After the attempt before of the same failure.
fn delay_is_over(inputs: &Inputs<'_>, policy: &RollbackPolicySpec) -> Result<(), Decision> {
    let Some(before) = inputs.past.incident.attempts.last() else {
        return Ok(());
    };
    // Somebody else's deploy was on its way, and what has failed is live all the same: it is given time to come.
    let (reason, named, wait) = match before.state() {
        RollbackState::Superseded => (Reason::Superseded, "timeout", policy.timeout),
        _ => (Reason::CoolingOff, "delay", policy.delay),
    };
    match inputs.moment.until(before.ended_at(), wait.get()) {
        Some(until) => Err(words::wait(
            Some(until),
            reason,
            &format!(
                "attempt {} ended as {}: {named} {wait} after it is over at {until}",
                before.plan.attempt,
                before.state().as_str()
            ),
        )),
        None => Ok(()),
    }
}

/// Over all validations of the policy.
pub(super) fn budget_is_left(
    inputs: &Inputs<'_>,
    policy: &RollbackPolicySpec,
) -> Result<(), Decision> {
    let budget = &policy.guard.budget;
    let mut ends: Vec<_> = inputs
        .spent
        .iter()
        .filter_map(|spent| inputs.moment.until(*spent, budget.per.get()))
        .collect();
    ends.sort_unstable();
    let Some(place) = ends.len().checked_sub(budget.max.into()) else {
        return Ok(());
    };
    let Some(until) = ends.get(place) else {
        return Ok(());
    };
    let message = format!(
        "guard.budget is {} per {}, and {} attempts count: there is room again at {until}",
        budget.max,
        budget.per,
        ends.len()
    );
    Err(words::wait(Some(*until), Reason::BudgetSpent, &message))
}

/// Not at this time of the week.
pub(super) fn is_not_frozen(inputs: &Inputs<'_>) -> Result<(), Decision> {
    match inputs.frozen_until {
        Some(until) if until > inputs.moment.now => Err(words::wait(
            Some(until),
            Reason::CoolingOff,
            &format!("guard.freeze: nothing is rolled back before {until}"),
        )),
        _ => Ok(()),
    }
}

/// As often as the policy says.
pub(super) fn attempts_are_left(
    inputs: &Inputs<'_>,
    policy: &RollbackPolicySpec,
) -> Result<(), Decision> {
    let incident = &inputs.past.incident;
    let exhausted = |message: String| Err(words::nothing(Reason::AttemptsExhausted, &message));
    let failed = incident.failed_release;
    let (touched, not_issued) = (incident.touched(), incident.not_issued());
    if touched >= usize::from(policy.max_attempts) {
        return exhausted(format!(
            "{touched} attempts were made for {failed}, and maxAttempts is {}",
            policy.max_attempts
        ));
    }
    if not_issued >= MAX_NOT_ISSUED || incident.next_attempt > MAX_ATTEMPT {
        return exhausted(format!(
            "{not_issued} attempts for {failed} ended before the platform was asked, and at most {MAX_NOT_ISSUED} may"
        ));
    }
    Ok(())
}
