//! Whether a failure is the release's fault.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    known_good::CheckStanding,
    moment::{Moment, after},
};
use crate::api::{Area, CheckStatus, GoodRelease, ObservedRelease, RollbackTrigger};

/// What a release is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What the policy holds for a reason to roll back.
    pub trigger: &'a RollbackTrigger,
    /// The checks.
    pub checks: &'a [CheckStanding<'a>],
    /// The release.
    pub live: &'a ObservedRelease,
    /// What would be gone back to; without it nothing is held against it.
    pub goal: Option<&'a GoodRelease>,
    /// Whether nothing was asked of the platform so far: a later attempt is not held up by the age of the release.
    pub first_attempt: bool,
    /// The time.
    pub moment: Moment,
}

/// The failure is not the release's fault, or not known to be: why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentFault(pub String);

/// The failed critical checks by which the release is to blame. Never empty.
pub fn attribute<'a>(
    evidence: &Evidence<'a>,
) -> Result<Vec<&'a CheckStanding<'a>>, EnvironmentFault> {
    let failed = in_areas(evidence)?;
    let passed_on_goal = |check: &&'a CheckStanding<'a>| match evidence.goal {
        Some(goal) => passed_on(goal, check),
        None => true,
    };
    let triggering: Vec<_> = failed.iter().copied().filter(passed_on_goal).collect();
    let telling = if triggering.is_empty() {
        &failed
    } else {
        &triggering
    };
    let begun = telling.iter().map(|check| check.status.since).min();
    let begun = begun.unwrap_or(evidence.moment.now);
    is_newer_than_the_goal(evidence)?;
    went_live_within_the_window(evidence, begun)?;
    nothing_external_failed_first(evidence, begun)?;
    match evidence.goal {
        Some(goal) if triggering.is_empty() => Err(EnvironmentFault(format!(
            "nothing that fails on {} is known to have passed on {}: {}",
            evidence.live.id,
            goal.release,
            listed(&failed)
        ))),
        _ => Ok(triggering),
    }
}

fn passed_on(goal: &GoodRelease, check: &CheckStanding<'_>) -> bool {
    goal.checks.iter().any(|digest| digest == check.digest)
}

/// The failed critical checks of the areas that may trigger.
fn in_areas<'a>(evidence: &Evidence<'a>) -> Result<Vec<&'a CheckStanding<'a>>, EnvironmentFault> {
    let failed = evidence
        .checks
        .iter()
        .filter(|check| check.is_critical() && check.has_failed());
    let (inside, outside): (Vec<_>, Vec<_>) =
        failed.partition(|check| evidence.trigger.areas.contains(&check.status.area));
    if inside.is_empty() {
        let areas: Vec<_> = evidence.trigger.areas.iter().map(|a| a.as_str()).collect();
        return Err(EnvironmentFault(format!(
            "no critical check of trigger.areas [{}] has failed; others have: {}",
            areas.join(", "),
            listed(&outside)
        )));
    }
    Ok(inside)
}

/// Both times are by our own clock: the platform's may differ, and the last run that passed may have been a moment after
/// the next release went live.
fn is_newer_than_the_goal(evidence: &Evidence<'_>) -> Result<(), EnvironmentFault> {
    let Evidence {
        live, goal, moment, ..
    } = evidence;
    let Some(goal) = goal else { return Ok(()) };
    // A time that lies in the future cannot be compared: the clock was set back since.
    if goal.validated_at > moment.now || live.since >= goal.validated_at {
        return Ok(());
    }
    Err(EnvironmentFault(format!(
        "{} is live since {}, and {} was validated after that, at {}: it is not what has changed",
        live.id, live.since, goal.release, goal.validated_at
    )))
}

fn went_live_within_the_window(
    evidence: &Evidence<'_>,
    begun: Timestamp,
) -> Result<(), EnvironmentFault> {
    let Evidence {
        trigger,
        live,
        moment,
        ..
    } = evidence;
    if !trigger.only_after_deploy {
        return Ok(());
    }
    let since = live_since(live);
    let window = trigger.window.get();
    let later = Duration::try_from(begun.duration_since(since)).unwrap_or_default();
    if later > window {
        return Err(EnvironmentFault(format!(
            "the failure began at {begun}, more than trigger.window {} after {} went live at {since}",
            trigger.window, live.id
        )));
    }
    if evidence.first_attempt && moment.since(since) > window {
        return Err(EnvironmentFault(format!(
            "{} went live at {since}, and trigger.window {} was over at {}",
            live.id,
            trigger.window,
            after(moment.counted_from(since), window)
        )));
    }
    Ok(())
}

/// When the release went live: when the last of its services did, as far as the platform tells. It was live at the latest
/// when it was seen, whatever the platform's clock says.
#[must_use]
pub fn live_since(live: &ObservedRelease) -> Timestamp {
    let told = live.services.iter().filter_map(|service| service.since);
    told.max().map_or(live.since, |told| told.min(live.since))
}

fn nothing_external_failed_first(
    evidence: &Evidence<'_>,
    begun: Timestamp,
) -> Result<(), EnvironmentFault> {
    if evidence.trigger.areas.contains(&Area::External) {
        return Ok(());
    }
    // One of severity warning may be failing for good: it says something only if it passed before.
    let says_something = |check: &CheckStanding<'_>| {
        check.is_critical() || evidence.goal.is_some_and(|goal| passed_on(goal, check))
    };
    let first = evidence.checks.iter().find(|check| {
        check.status.area == Area::External
            && check.has_failed()
            && check.status.since <= begun
            && says_something(check)
    });
    match first {
        Some(check) => Err(EnvironmentFault(format!(
            "an external service failed first, at {}: {}",
            check.status.since,
            told(check.status)
        ))),
        None => Ok(()),
    }
}

/// Checks with what was found, on one line.
#[must_use]
pub(super) fn listed(checks: &[&CheckStanding<'_>]) -> String {
    let told: Vec<_> = checks.iter().map(|check| told(check.status)).collect();
    told.join("; ")
}

fn told(check: &CheckStatus) -> String {
    let found = if check.message.is_empty() {
        &check.reason
    } else {
        &check.message
    };
    format!("{} ({found})", check.name)
}

#[cfg(test)]
mod tests;
