//! For the tables: rollouts, plans and records from a few words.

use std::time::Duration;

use super::world::attempt;
use crate::{
    api::{PlannedStep, RollbackPlan, StepState, StepStatus},
    platforms::{Cause, Phase, Rollout},
    rollback::{ledger::Attempt, progress::pending, samples::at},
};

/// Rollouts, newest first, as `4 return v1 live 12:05, 3 deploy v2 replaced 11:50`; `-` for what is not told.
pub fn rollouts(text: &str) -> Vec<Rollout> {
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items.map(rollout).collect()
}

fn rollout(text: &str) -> Rollout {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [id, cause, version, phase, time] = words[..] else {
        panic!("five words, not {text:?}");
    };
    Rollout {
        id: format!("api-{id}"),
        cause: match cause {
            "return" => Cause::Rollback,
            "deploy" => Cause::Other,
            other => panic!("{other:?}"),
        },
        version: (version != "-").then(|| version.to_owned()),
        phase: phase_of(phase),
        created_at: (time != "-").then(|| at(time)),
        finished_at: None,
    }
}

fn phase_of(text: &str) -> Phase {
    match text {
        "waiting" => Phase::Waiting,
        "going" => Phase::InProgress,
        "live" => Phase::Live,
        "replaced" => Phase::Replaced,
        "failed" => Phase::Failed,
        "canceled" => Phase::Canceled,
        "unknown" => Phase::Unknown,
        other => panic!("{other:?}"),
    }
}

/// The step that brings `api` back from `api-3`, which was built from `v2`, to `api-1`, which was built from `v1`.
pub fn step() -> PlannedStep {
    plan(&attempt(&["api"])).steps.remove(0)
}

/// The plan of an attempt.
pub fn plan(attempt: &Attempt) -> RollbackPlan {
    attempt.spec.plan.clone().expect("a plan")
}

/// What a step says whose intent was recorded when `newest_before` was the newest rollout.
pub fn issued(newest_before: Option<&str>) -> StepStatus {
    let mut status = pending(&plan(&attempt(&["api"]))).remove(0);
    status.state = StepState::Issued;
    status.newest_before = newest_before.map(str::to_owned);
    status
}

/// The record of an attempt to bring `api`, `worker` and so on back, with steps in these states.
pub fn record(states: &[StepState]) -> Attempt {
    let mut attempt = attempt(&["api", "worker", "jobs"][..states.len()]);
    let plan = plan(&attempt);
    attempt.status.steps = pending(&plan);
    for (step, state) in attempt.status.steps.iter_mut().zip(states) {
        step.state = *state;
        if matches!(state, StepState::Accepted | StepState::Done) {
            step.operation_id = Some(format!("{}-4", step.service));
        }
    }
    attempt
}

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
