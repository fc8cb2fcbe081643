//! What follows for an attempt, by its record alone. Pure.

use std::time::Duration;

use super::{Moment, ledger::Attempt};
use crate::api::{RollbackPlan, RollbackState, StepState, StepStatus};

/// The process that looks at a record.
#[derive(Clone, Copy, Debug)]
pub struct Observer<'a> {
    /// Its name, as it writes it into records.
    pub claimant: &'a str,
    /// Whether it has tried to begin this attempt before.
    pub has_tried: bool,
    /// How long another process may take to begin what it has recorded.
    pub patience: Duration,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It has ended.
    Nothing,
    /// A person has to approve it first; it is noted so, if it is not yet.
    AwaitApproval {
        /// How long that may take.
        left: Duration,
    },
    /// It was not begun in time, and will not be.
    Lapse,
    /// The step at this position may begin.
    Begin(usize),
    /// Another process has recorded it a moment ago, and is about to begin.
    Leave {
        /// How much longer it may take for that.
        left: Duration,
    },
    /// Whether anything was asked of the platform is not on record: it is taken for asked until the platform tells.
    Doubt,
    /// The platform has to tell what became of the step at this position.
    Settle(usize),
    /// The platform took the step at this position, and it is on its way.
    Follow(usize),
    /// Every step has come about.
    Arrive,
    /// The checks have to pass.
    Verify,
}

/// What follows for `attempt`, whose plan is `plan`.
///
/// A record without a status is either one that nobody has begun, or one whose status was lost. Only the process that
/// recorded it, and has not tried before, knows which. A record with a status says what was asked: its next step may be begun
/// by whoever succeeds in writing the intent to. One that does not fit the plan says nothing.
#[must_use]
pub fn next(
    attempt: &Attempt,
    plan: &RollbackPlan,
    observer: Observer<'_>,
    moment: Moment,
) -> Next {
    let approved = attempt.spec.approved || !plan.approval_required;
    let lapsed = moment.now > plan.issue_before;
    let begin = |place: usize| {
        if lapsed {
            Next::Lapse
        } else if approved {
            Next::Begin(place)
        } else {
            let left = plan.issue_before.duration_since(moment.now);
            Next::AwaitApproval {
                left: Duration::try_from(left).unwrap_or_default(),
            }
        }
    };
    match attempt.status.state {
        None if plan.claimant == observer.claimant && !observer.has_tried => begin(0),
        None if plan.claimant != observer.claimant
            && moment.since(attempt.created) <= observer.patience =>
        {
            let left = observer
                .patience
                .saturating_sub(moment.since(attempt.created));
            Next::Leave {
                left: left + Duration::from_secs(1),
            }
        }
        None => Next::Doubt,
        Some(state) if state.is_final() => Next::Nothing,
        Some(RollbackState::Verifying) => Next::Verify,
        Some(_) if !fits(attempt, plan) => Next::Doubt,
        Some(_) => {
            let steps = &attempt.status.steps;
            let undone = steps.iter().position(|step| step.state != StepState::Done);
            match undone.map(|place| (place, steps[place].state)) {
                None => Next::Arrive,
                Some((place, StepState::Issued)) => Next::Settle(place),
                Some((place, StepState::Accepted)) => Next::Follow(place),
                Some((place, StepState::Pending)) => begin(place),
                Some(_) => Next::Doubt,
            }
        }
    }
}

/// Whether the steps on record are those of the plan.
fn fits(attempt: &Attempt, plan: &RollbackPlan) -> bool {
    let recorded = attempt.status.steps.iter().map(|step| &step.service);
    recorded.eq(plan.steps.iter().map(|step| &step.service))
}

/// The steps of a plan before anything was done.
#[must_use]
pub fn pending(plan: &RollbackPlan) -> Vec<StepStatus> {
    plan.steps
        .iter()
        .map(|step| StepStatus {
            service: step.service.clone(),
            state: StepState::Pending,
            claimant: None,
            newest_before: None,
            operation_id: None,
            started_at: None,
            finished_at: None,
            message: String::new(),
        })
        .collect()
}

/// Whether any step has asked something of the platform that it has carried out, or may have.
#[must_use]
pub fn has_touched(steps: &[StepStatus]) -> bool {
    steps.iter().any(|step| {
        matches!(
            step.state,
            StepState::Issued
                | StepState::Accepted
                | StepState::Done
                | StepState::Failed
                | StepState::Superseded
        )
    })
}
