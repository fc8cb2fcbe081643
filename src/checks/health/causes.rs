//! Root causes: bad checks that nothing they depend on explains.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{count, is_bad, state};
use crate::{
    api::{CheckState, RootCause},
    checks::{board::Board, suite::Suite},
};

/// The root causes, each with the checks that it explains: bad or skipped ones that depend on it, be it through others. One
/// that passes was measured, and hands nothing on. A check that depends on two root causes is explained by both, since mending
/// one of them is not enough.
pub(super) fn root_causes(suite: &Suite, board: &Board) -> Vec<RootCause> {
    let mut explained: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for (place, causes) in causes(suite, board).iter().enumerate() {
        let status = &board.checks()[place];
        if causes.contains(&place) {
            explained.entry(place).or_default();
        } else if is_bad(status) || status.state == CheckState::Skipped {
            for cause in causes {
                let checks = explained.entry(*cause).or_default();
                checks.insert(status.name.as_str());
            }
        }
    }
    let cause = |(place, explains): (usize, BTreeSet<&str>)| {
        let status = &board.checks()[place];
        RootCause {
            check: status.name.clone(),
            area: status.area,
            severity: suite.checks()[place].severity,
            state: state(status),
            reason: status.reason.clone(),
            explained: count(explains.len()),
            explains: explains.into_iter().map(str::to_owned).collect(),
        }
    };
    let mut list: Vec<RootCause> = explained.into_iter().map(cause).collect();
    list.sort_by(|one, other| rank(one).cmp(&rank(other)));
    list
}

fn rank(cause: &RootCause) -> (impl Ord + use<>, Reverse<u8>, &str) {
    (cause.severity, Reverse(cause.explained), &cause.check)
}

/// The positions of the root causes behind each check: its own alone when it is one. A check stands behind all that it depends
/// on, so that one pass is enough.
pub(super) fn causes(suite: &Suite, board: &Board) -> Vec<BTreeSet<usize>> {
    let mut behind: Vec<BTreeSet<usize>> = Vec::with_capacity(suite.checks().len());
    for (place, (check, status)) in suite.checks().iter().zip(board.checks()).enumerate() {
        let mut causes = BTreeSet::new();
        if status.state != CheckState::Passing {
            let dependencies = check.depends_on.iter();
            causes.extend(dependencies.flat_map(|&dependency| behind[dependency].iter().copied()));
            if causes.is_empty() && is_bad(status) {
                causes.insert(place);
            }
        }
        behind.push(causes);
    }
    behind
}
