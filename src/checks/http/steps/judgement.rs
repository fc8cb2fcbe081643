//! What a chain says, from what came of its steps: pure.

use crate::checks::verdict::{Finding, FindingReason, MAX_MESSAGE_BYTES, Verdict, printable};

/// How much of one step's message is told when another has something to say too, in bytes.
const LONGEST_PART: usize = 240;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was tried.
    Found(Finding),
    /// It was not, since one before has failed, or there was nothing to tidy up.
    NotReached,
    /// There may be something to tidy up, and the value that would say what was not captured.
    Lacking(String),
}

/// The judgement on a chain of steps, each with its name and whether it tidies up. The worst verdict counts, with the reason
/// of the first step that has it; the message names each step that does not pass.
pub(super) fn judge(steps: &[(&str, bool, Outcome)]) -> Finding {
    let mut worst: Option<&Finding> = None;
    let mut parts = Vec::new();
    for (name, cleanup, outcome) in steps {
        match outcome {
            Outcome::NotReached => {}
            Outcome::Found(finding) if finding.verdict == Verdict::Pass => {}
            Outcome::Found(finding) => {
                let decides = worst.is_none_or(|worst| {
                    worst.verdict == Verdict::Unknown && finding.verdict == Verdict::Fail
                });
                if decides {
                    worst = Some(finding);
                }
                let message = &finding.message;
                parts.push(if *cleanup {
                    format!("something may be left behind, since cleanup {name}: {message}")
                } else {
                    format!("step {name}: {message}")
                });
            }
            Outcome::Lacking(value) => parts.push(format!(
                "something may be left behind, since cleanup {name} cannot be sent without {value}"
            )),
        }
    }
    let Some(worst) = worst else {
        return Finding::pass(format!("{} steps", steps.len()));
    };
    let longest = if parts.len() > 1 {
        LONGEST_PART
    } else {
        MAX_MESSAGE_BYTES
    };
    let parts: Vec<_> = parts.iter().map(|part| printable(part, longest)).collect();
    Finding {
        verdict: worst.verdict,
        reason: worst.reason,
        message: printable(&parts.join("; "), MAX_MESSAGE_BYTES),
    }
}

/// Whether a request with this outcome may have reached the target.
pub(super) const fn may_have_been_sent(finding: &Finding) -> bool {
    !matches!(
        finding.reason,
        FindingReason::ConnectionRefused
            | FindingReason::Unreachable
            | FindingReason::NameNotFound
            | FindingReason::ResolverFailed
            | FindingReason::TargetNotAllowed
    )
}
