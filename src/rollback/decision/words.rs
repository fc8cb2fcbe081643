//! The words of a decision: values, operators and thresholds, absolute times; the same for the same facts.

use jiff::Timestamp;

use super::{CheckState, Decision, Inputs, Proposal, failed};
use crate::{
    api::{GoodRelease, Reason, RollbackState},
    checks::verdict::printable,
    rollback::attribution::listed,
};

/// The longest message, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;

pub(super) fn nothing(reason: Reason, message: &str) -> Decision {
    Decision::Nothing {
        reason,
        message: printable(message, MAX_MESSAGE_BYTES),
    }
}

pub(super) fn wait(until: Option<Timestamp>, reason: Reason, message: &str) -> Decision {
    Decision::Wait {
        until,
        reason,
        message: printable(message, MAX_MESSAGE_BYTES),
    }
}

/// Nothing has failed; something may be about to.
pub(super) fn passing(inputs: &Inputs<'_>) -> Decision {
    let failing = inputs.checks.iter().find(|check| {
        let state = check.status.state;
        check.is_critical() && state == CheckState::Failing
    });
    let live = &inputs.live.id;
    match failing {
        Some(check) => wait(
            None,
            Reason::NotRequired,
            &format!(
                "{} fails on {live}, and not as often as its failureThreshold asks for",
                check.status.name
            ),
        ),
        None => nothing(
            Reason::NotRequired,
            &format!("every critical check passes on {live}"),
        ),
    }
}

/// There is nothing to go back to.
pub(super) fn no_goal(inputs: &Inputs<'_>) -> Decision {
    let newest = inputs.past.incident.attempts.last();
    if let Some(refused) = newest.filter(|last| last.state() == RollbackState::Rejected) {
        return nothing(
            Reason::RollbackRejected,
            &format!(
                "no other good release is left; Rollback {}: {}",
                refused.name, refused.status.message
            ),
        );
    }
    let spoilt: Vec<_> = inputs.past.incident.spoilt.iter().copied().collect();
    if !spoilt.is_empty() {
        return nothing(
            Reason::RollbackFailed,
            &format!(
                "no good release is left: the checks failed on what was brought back of {}",
                spoilt.join(", ")
            ),
        );
    }
    let lost = inputs.goods.iter().find_map(|good| {
        let why = good.unavailable.as_deref()?;
        Some(format!("; {} cannot be gone back to: {why}", good.release))
    });
    nothing(
        Reason::NoKnownGood,
        &format!(
            "no release is known to be good that could be gone back to from {}{}",
            inputs.live.id,
            lost.unwrap_or_default()
        ),
    )
}

/// Why a rollback is made.
pub(super) fn why(inputs: &Inputs<'_>, goal: &GoodRelease, schema: Option<&str>) -> String {
    let failed: Vec<_> = failed(inputs).collect();
    let schema = schema.map(|schema| format!("; mind the schema: {schema}"));
    let text = format!(
        "{} failed, which was not so with {}{}: {}",
        inputs.live.id,
        goal.release,
        schema.unwrap_or_default(),
        listed(&failed)
    );
    printable(&text, MAX_MESSAGE_BYTES)
}

/// What would be done.
pub(super) fn rehearsed(decision: Decision) -> Decision {
    match decision {
        Decision::RollBack(proposal) => nothing(Reason::DryRun, &would(&proposal)),
        Decision::Nothing { reason, message } => {
            nothing(Reason::DryRun, &format!("would not: {reason}: {message}"))
        }
        Decision::Wait {
            until,
            reason,
            message,
        } => {
            let message = format!("would not: {reason}: {message}");
            wait(until, Reason::DryRun, &message)
        }
    }
}

fn would(proposal: &Proposal) -> String {
    let steps = proposal.steps.iter();
    let steps = steps.map(|step| format!("{} {} -> {}", step.service, step.from, step.to));
    let steps: Vec<_> = steps.collect();
    let approval = if proposal.approval_required {
        " once it is approved"
    } else {
        ""
    };
    format!(
        "would roll back {}{approval}: {}",
        steps.join(", "),
        proposal.reason
    )
}
