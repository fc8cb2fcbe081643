//! The board: what is known of each check of a suite, across runs. Pure: findings in, states out.

use k8s_openapi::jiff::Timestamp;

use super::{
    suite::{Check, Suite},
    verdict::{Finding, FindingReason, Verdict},
};
use crate::api::{Area, CheckState, CheckStatus, Severity};

/// What one run says of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It ran.
    Measured(Finding),
    /// It did not run, since the named check does not pass.
    Skipped {
        /// The check that does not pass.
        cause: String,
    },
}

/// The state of every check of one suite, in the suite's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    checks: Vec<CheckStatus>,
    /// Passing runs in a row of each, up to its success threshold. Not in status, and so counted anew after a restart.
    passes: Vec<u8>,
}

/// The verdict over a set of checks; only those of severity critical decide it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Every critical check passes.
    Passing,
    /// At least one critical check has failed.
    Failed,
    /// No critical check has failed, and at least one has yet to reach its first verdict.
    Running,
    /// No critical check has failed, and at least one could not be told.
    Inconclusive,
}

impl Board {
    /// A board on which nothing is known yet.
    #[must_use]
    pub fn new(suite: &Suite, now: Timestamp) -> Self {
        let blank = |check: &Check| blank(check, now);
        Self::of(suite.checks().iter().map(blank).collect())
    }

    /// A board that goes on where `known` ends, check by check; for a check that it does not name nothing is known.
    #[must_use]
    pub fn restore(suite: &Suite, known: &[CheckStatus], now: Timestamp) -> Self {
        let restored = |check: &Check| match known.iter().find(|status| *status.name == *check.name)
        {
            Some(status) => CheckStatus {
                area: check.area,
                stage: check.stage,
                failures: status.failures.min(check.failure_threshold),
                inconclusive: status.inconclusive.min(check.failure_threshold),
                ..status.clone()
            },
            None => blank(check, now),
        };
        Self::of(suite.checks().iter().map(restored).collect())
    }

    fn of(checks: Vec<CheckStatus>) -> Self {
        let passes = vec![0; checks.len()];
        Self { checks, passes }
    }

    /// The states, in the suite's order.
    #[must_use]
    pub fn checks(&self) -> &[CheckStatus] {
        &self.checks
    }

    /// Takes in what a run says, `None` for a check that was not due.
    pub fn record(&mut self, suite: &Suite, outcomes: &[Option<Outcome>], now: Timestamp) {
        for (place, check) in suite.checks().iter().enumerate() {
            let Some(Some(outcome)) = outcomes.get(place) else {
                continue;
            };
            let passed =
                matches!(outcome, Outcome::Measured(finding) if finding.verdict == Verdict::Pass);
            self.passes[place] = if passed {
                (self.passes[place].saturating_add(1)).min(check.success_threshold)
            } else {
                0
            };
            let next = match outcome {
                Outcome::Measured(finding) => measured(check, &self.checks[place], finding),
                Outcome::Skipped { cause } => self.skipped(check, place, cause),
            };
            let previous = &mut self.checks[place];
            let since = if next.state == previous.state {
                previous.since
            } else {
                now
            };
            *previous = CheckStatus { since, ..next };
        }
    }

    /// A check is shown as skipped once its cause has a verdict; while that only begins to fail, it keeps what it has.
    fn skipped(&self, check: &Check, place: usize, cause: &str) -> CheckStatus {
        let current = &self.checks[place];
        let cause_holds = check.depends_on.iter().any(|&dependency| {
            matches!(
                self.checks[dependency].state,
                CheckState::Failed | CheckState::Unknown | CheckState::Skipped
            )
        });
        if !cause_holds {
            return current.clone();
        }
        CheckStatus {
            state: CheckState::Skipped,
            failures: 0,
            successes: 0,
            inconclusive: 0,
            reason: FindingReason::DependencyFailed.to_string(),
            message: format!("{cause} does not pass"),
            ..current.clone()
        }
    }

    /// Whether a check is known to pass, so that what depends on it may run.
    #[must_use]
    pub fn passes(&self, place: usize) -> bool {
        self.checks
            .get(place)
            .is_some_and(|check| matches!(check.state, CheckState::Passing | CheckState::Failing))
    }

    /// Whether a check passes, and has done so in as many runs in a row as its success threshold asks for.
    #[must_use]
    pub fn is_confirmed(&self, suite: &Suite, place: usize) -> bool {
        let passing = |check: &CheckStatus| check.state == CheckState::Passing;
        let enough = |check: &Check| self.passes[place] >= check.success_threshold;
        self.checks.get(place).is_some_and(passing) && suite.checks().get(place).is_some_and(enough)
    }

    /// Passing checks of all, such as `17/18`.
    #[must_use]
    pub fn summary(&self) -> String {
        let passing = |check: &&CheckStatus| check.state == CheckState::Passing;
        format!(
            "{}/{}",
            self.checks.iter().filter(passing).count(),
            self.checks.len()
        )
    }

    /// The verdict over the checks of `area`, or over all of them.
    #[must_use]
    pub fn health(&self, suite: &Suite, area: Option<Area>) -> Health {
        let mut health = Health::Passing;
        for (check, status) in suite.checks().iter().zip(&self.checks) {
            if check.severity != Severity::Critical || area.is_some_and(|area| area != check.area) {
                continue;
            }
            match status.state {
                CheckState::Passing | CheckState::Failing => {}
                CheckState::Failed => return Health::Failed,
                CheckState::Unknown if is_under_way(check, status) => health = Health::Running,
                CheckState::Unknown | CheckState::Skipped if health == Health::Running => {}
                CheckState::Unknown | CheckState::Skipped => health = Health::Inconclusive,
            }
        }
        health
    }

    /// The newest moment at which a critical check came to pass: since then all of them do, where they all do.
    #[must_use]
    pub fn passing_since(&self, suite: &Suite) -> Option<Timestamp> {
        suite
            .checks()
            .iter()
            .zip(&self.checks)
            .filter(|(check, _)| check.severity == Severity::Critical)
            .map(|(_, status)| (status.state == CheckState::Passing).then_some(status.since))
            .try_fold(None, |newest: Option<Timestamp>, since| {
                since.map(|since| Some(newest.map_or(since, |newest| newest.max(since))))
            })
            .flatten()
    }
}

fn blank(check: &Check, now: Timestamp) -> CheckStatus {
    CheckStatus {
        name: check.name.to_string(),
        area: check.area,
        stage: check.stage,
        state: CheckState::Unknown,
        failures: 0,
        successes: 0,
        inconclusive: 0,
        reason: FindingReason::Pending.to_string(),
        message: String::new(),
        since: now,
    }
}

/// Whether a check of unknown state is still on its way to its first verdict.
pub(super) fn is_under_way(check: &Check, status: &CheckStatus) -> bool {
    let failing = status.failures > 0 && status.failures < check.failure_threshold;
    let untold = status.inconclusive > 0 && status.inconclusive < check.failure_threshold;
    failing || untold || status.reason == FindingReason::Pending.as_str()
}

fn measured(check: &Check, current: &CheckStatus, finding: &Finding) -> CheckStatus {
    match finding.verdict {
        Verdict::Pass => passed(check, current, finding),
        Verdict::Fail => failed(check, current, finding),
        Verdict::Unknown => untold(check, current, finding),
    }
}

fn passed(check: &Check, current: &CheckStatus, finding: &Finding) -> CheckStatus {
    let successes = current.successes.saturating_add(1);
    if current.state == CheckState::Failed && successes < check.success_threshold {
        return CheckStatus {
            successes,
            inconclusive: 0,
            ..current.clone()
        };
    }
    // The finding's message holds measured values, which move with every run: a status that shows them would be
    // written with every run.
    CheckStatus {
        state: CheckState::Passing,
        failures: 0,
        successes: 0,
        inconclusive: 0,
        reason: finding.reason.to_string(),
        message: String::new(),
        ..current.clone()
    }
}

fn failed(check: &Check, current: &CheckStatus, finding: &Finding) -> CheckStatus {
    let failures = current
        .failures
        .saturating_add(1)
        .min(check.failure_threshold);
    let state = if failures >= check.failure_threshold {
        CheckState::Failed
    } else {
        match current.state {
            CheckState::Passing | CheckState::Failing => CheckState::Failing,
            CheckState::Failed => CheckState::Failed,
            CheckState::Unknown | CheckState::Skipped => CheckState::Unknown,
        }
    };
    let told = CheckStatus {
        state,
        failures,
        successes: 0,
        inconclusive: 0,
        ..current.clone()
    };
    worded(told, current, finding)
}

/// Unknown is no failure and no pass: what was known stays until as many runs in a row could not tell as the failure
/// threshold asks for. A denied address is known at once, since no further run will differ.
fn untold(check: &Check, current: &CheckStatus, finding: &Finding) -> CheckStatus {
    let inconclusive = current
        .inconclusive
        .saturating_add(1)
        .min(check.failure_threshold);
    let counted = CheckStatus {
        inconclusive,
        successes: 0,
        ..current.clone()
    };
    let lost = inconclusive >= check.failure_threshold
        || finding.reason == FindingReason::TargetNotAllowed
        || matches!(current.state, CheckState::Unknown | CheckState::Skipped);
    if !lost {
        return counted;
    }
    let failures = if current.state == CheckState::Failed {
        0
    } else {
        current.failures
    };
    let told = CheckStatus {
        state: CheckState::Unknown,
        failures,
        ..counted
    };
    worded(told, current, finding)
}

/// Gives `told` the finding's words, unless nothing but measured values would change: an unchanged status is not written.
fn worded(told: CheckStatus, current: &CheckStatus, finding: &Finding) -> CheckStatus {
    let reason = finding.reason.to_string();
    let unchanged = told.state == current.state
        && told.failures == current.failures
        && told.inconclusive == current.inconclusive
        && reason == current.reason;
    let message = if unchanged {
        current.message.clone()
    } else {
        finding.message.clone()
    };
    CheckStatus {
        reason,
        message,
        ..told
    }
}

#[cfg(test)]
mod tests;
