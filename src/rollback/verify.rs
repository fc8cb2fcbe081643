//! What the checks say of a release that a rollback has brought about. Pure.

use super::Evidence;
use crate::{
    api::{CheckState, Severity},
    checks::{board::Board, suite::Suite},
};

/// What `board` says of the checks of `suite` with these `names`, or of every critical one when there are none.
#[must_use]
pub fn evidence(suite: &Suite, board: &Board, names: &[String]) -> Evidence {
    let mut failed = Vec::new();
    let mut missing: Vec<String> = names
        .iter()
        .filter(|name| suite.checks().iter().all(|check| *check.name != ***name))
        .map(|name| format!("{name} does not exist"))
        .collect();
    let mut counted = 0;
    for (place, check) in suite.checks().iter().enumerate() {
        let wanted = if names.is_empty() {
            check.severity == Severity::Critical
        } else {
            names.iter().any(|name| **name == *check.name)
        };
        if !wanted {
            continue;
        }
        counted += 1;
        let status = &board.checks()[place];
        if status.state == CheckState::Failed {
            failed.push(format!("{}: {}", check.name, status.message));
        } else if !board.is_confirmed(suite, place) {
            missing.push(check.name.to_string());
        }
    }
    if !failed.is_empty() {
        Evidence::Failed(failed.join("; "))
    } else if !missing.is_empty() {
        Evidence::Pending(missing.join(", "))
    } else if counted == 0 {
        // Nothing that passes is no proof.
        Evidence::Pending("there is no critical check".to_owned())
    } else {
        Evidence::Passed
    }
}
