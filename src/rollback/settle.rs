//! What a platform's list of rollouts says about a call whose answer is not on record. Pure: only this settles an attempt
//! after a crash, a time-out, a reset or a server error.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Moment;
use crate::{
    api::{PlannedStep, StepStatus},
    platforms::{Cause, Phase, Rollout},
};

/// Times of records are whole seconds.
const WHOLE_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What the list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The call was carried out: this is what it brought about.
    Adopted(Rollout),
    /// The call was not carried out, and something else is live.
    Superseded(Rollout),
    /// The call was not carried out.
    Absent,
    /// It cannot be told yet; look again after this time at the latest.
    Open(Duration),
    /// The list cannot be the whole truth.
    Contradictory(&'static str),
}

/// What became of `step`, whose intent stands in `status`, by the `rollouts` of its service, newest first, read since. A call
/// shows within `shown_within` of its intent.
#[must_use]
pub fn settle(
    step: &PlannedStep,
    status: &StepStatus,
    created: Timestamp,
    rollouts: &[Rollout],
    shown_within: Duration,
    moment: Moment,
) -> Settlement {
    let baseline = status.newest_before.as_deref().unwrap_or(&step.from);
    let (Some(newer), Some(_)) = (
        newer_than(rollouts, baseline),
        newer_than(rollouts, &step.from),
    ) else {
        return Settlement::Contradictory("the list of deploys lacks one that was there before");
    };
    // Without the newest one on record, an earlier attempt's deploy may be among the newer ones: what has ended is this attempt's
    // only if it is certain to have begun after its record.
    let earliest = created.checked_add(WHOLE_SECOND).unwrap_or(created);
    let is_recent = |rollout: &&Rollout| {
        status.newest_before.is_some()
            || !rollout.phase.is_over()
            || rollout.created_at.is_some_and(|at| at >= earliest)
    };
    let ours = newer
        .iter()
        .filter(|rollout| leads_back(step, rollout))
        .rfind(is_recent);
    if let Some(ours) = ours {
        return Settlement::Adopted(ours.clone());
    }
    let passed = moment.since(status.started_at.unwrap_or(created));
    if passed <= shown_within {
        // Times are whole seconds, and so may have passed a second less than it seems.
        let left = shown_within.saturating_sub(passed) + Duration::from_secs(1);
        return Settlement::Open(left);
    }
    match newer.iter().find(|rollout| rollout.phase == Phase::Live) {
        Some(live) => Settlement::Superseded(live.clone()),
        None => Settlement::Absent,
    }
}

/// What stands between now and the call that `step` plans, by the `rollouts` of its service, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Nothing. The newest rollout has this id.
    None {
        /// Its id.
        newest: String,
    },
    /// A rollout that does what the step is to do is under way.
    UnderWay(Rollout),
    /// A rollout of something else is under way.
    Other(Rollout),
    /// The list cannot be the whole truth.
    Contradictory(&'static str),
}

/// Whether the call that `step` plans may be made.
#[must_use]
pub fn obstacle(step: &PlannedStep, rollouts: &[Rollout]) -> Obstacle {
    let Some(newer) = newer_than(rollouts, &step.from) else {
        return Obstacle::Contradictory("the list of deploys lacks the one that is live");
    };
    let under_way = |rollout: &&Rollout| !rollout.phase.is_over() && rollout.phase != Phase::Live;
    if let Some(same) = newer
        .iter()
        .filter(under_way)
        .rfind(|rollout| leads_back(step, rollout))
    {
        return Obstacle::UnderWay(same.clone());
    }
    if let Some(other) = newer.iter().find(under_way) {
        return Obstacle::Other(other.clone());
    }
    Obstacle::None {
        newest: rollouts
            .first()
            .map_or_else(|| step.from.clone(), |newest| newest.id.clone()),
    }
}

/// Whether `rollout` is a return to what the step goes back to. A platform may not tell which rollout was returned to, but
/// what it was built from is the same.
#[must_use]
fn leads_back(step: &PlannedStep, rollout: &Rollout) -> bool {
    rollout.cause == Cause::Rollback && may_be_goal(step, rollout)
}

/// Whether `rollout` is built from what the step goes back to, as far as both tell.
#[must_use]
pub fn may_be_goal(step: &PlannedStep, rollout: &Rollout) -> bool {
    match (&step.version, &rollout.version) {
        (Some(wanted), Some(told)) => wanted == told,
        (None, _) | (_, None) => true,
    }
}

/// The rollouts before the one with this id; `None` when it is not among them.
fn newer_than<'a>(rollouts: &'a [Rollout], id: &str) -> Option<&'a [Rollout]> {
    let place = rollouts.iter().position(|rollout| rollout.id == id)?;
    Some(&rollouts[..place])
}
