//! What a policy's status says. Pure.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{
        BudgetStatus, ConditionStatus, ConditionType, LastRollback, Reason, RollbackPolicySpec,
        RollbackPolicyStatus, RollbackState, UsedBy,
    },
    kubernetes::conditions::Conditions,
    rollback::{Moment, budgeted_at, freeze, ledger::Attempt},
    telemetry::chain,
};

/// The most users that are named.
const MAX_NAMES: usize = 20;

/// What is known of a policy.
#[derive(Debug)]
pub struct Facts {
    /// Generation of the spec.
    pub generation: i64,
    /// Names of the validations that name it, sorted.
    pub users: Vec<String>,
    /// The attempts that were made by it, oldest first.
    pub records: Vec<Arc<Attempt>>,
    /// Now.
    pub moment: Moment,
}

/// Why a policy cannot be acted on; `None` when it can.
#[must_use]
pub fn problem(spec: &RollbackPolicySpec, moment: Moment) -> Option<String> {
    freeze::frozen_until(&spec.guard.freeze, moment)
        .err()
        .map(|error| chain(&error))
}

/// The status that follows `previous`, and when time alone will change it.
#[must_use]
pub fn compute(
    spec: &RollbackPolicySpec,
    previous: &RollbackPolicyStatus,
    facts: &Facts,
) -> (RollbackPolicyStatus, Option<Duration>) {
    use ConditionStatus::{False, True};
    let now = facts.moment.now;
    let mut conditions = Conditions::following(&previous.conditions, facts.generation, now);
    match problem(spec, facts.moment) {
        None => {
            let message = "the policy can be acted on";
            conditions.set(ConditionType::Ready, True, Reason::Accepted, message);
            conditions.set(ConditionType::Accepted, True, Reason::Accepted, message);
        }
        Some(message) => {
            conditions.set(ConditionType::Ready, False, Reason::InvalidSpec, &message);
            conditions.set(
                ConditionType::Accepted,
                False,
                Reason::InvalidSpec,
                &message,
            );
            conditions.set(ConditionType::Stalled, True, Reason::InvalidSpec, &message);
        }
    }
    let (budget, next) = budget(spec, facts);
    let status = RollbackPolicyStatus {
        observed_generation: facts.generation,
        conditions: conditions.finish(),
        used_by: Some(UsedBy {
            count: u32::try_from(facts.users.len()).unwrap_or(u32::MAX),
            names: facts.users.iter().take(MAX_NAMES).cloned().collect(),
        }),
        budget: Some(budget),
        last_rollback: facts.records.last().map(|record| LastRollback {
            name: record.name.name.clone(),
            outcome: record.status.state.unwrap_or(RollbackState::IntentRecorded),
        }),
    };
    (status, next)
}

fn budget(spec: &RollbackPolicySpec, facts: &Facts) -> (BudgetStatus, Option<Duration>) {
    let per = spec.guard.budget.per.get();
    let counting: Vec<(Timestamp, Duration)> = facts
        .records
        .iter()
        .filter_map(|record| budgeted_at(record))
        .map(|at| (at, facts.moment.since(at)))
        .filter(|(_, passed)| *passed < per)
        .collect();
    let oldest = counting.iter().max_by_key(|(_, passed)| *passed);
    let status = BudgetStatus {
        spent: u32::try_from(counting.len()).unwrap_or(u32::MAX),
        resets_at: oldest.and_then(|(at, _)| at.checked_add(per).ok()),
    };
    let next = oldest.map(|(_, passed)| per.saturating_sub(*passed) + Duration::from_secs(1));
    (status, next)
}
