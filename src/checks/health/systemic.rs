//! Whether it looks systemic: many unrelated targets bad at once have one environment in common, and rarely one release.
//!
//! A *target* is a host with all its checks; hosts between whose checks there is a dependency are one target, since that
//! explains why they fall together. It is told when, within [`WINDOW`], at least [`LEAST`] targets and more than half of them
//! all turned bad, counting only checks that have reached their threshold.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::jiff::Timestamp;

use super::{causes::causes, count, host};
use crate::{
    api::Systemic,
    checks::{
        board::{self, Board},
        suite::Suite,
    },
};

/// Fewer targets than this are a coincidence.
const LEAST: usize = 3;

/// Targets turned bad at one time when it was within this: some checks take longer to reach their thresholds than others.
const WINDOW: Duration = Duration::from_mins(5);

/// What is told when many unrelated targets turned bad at once.
pub(super) fn systemic(suite: &Suite, board: &Board) -> Option<Systemic> {
    let targets = targets(suite);
    let all = targets.iter().copied().max().map_or(0, |last| last + 1);
    let failing = most_within_the_window(turned_bad(suite, board, &targets));
    if failing < LEAST || failing * 2 <= all {
        return None;
    }
    let minutes = WINDOW.as_secs() / 60;
    Some(Systemic {
        failing: count(failing),
        targets: count(all),
        message: format!(
            "{failing} of {all} independent targets turned bad within {minutes}m, {LEAST} and more than half are enough: an \
             environment fault is likelier than the release"
        ),
    })
}

/// The number of the target of each check, from 0 without a gap.
fn targets(suite: &Suite) -> Vec<usize> {
    let checks = suite.checks();
    // Each host points to itself or to one that it is joined to.
    let mut joined: Vec<usize> = Vec::new();
    let mut hosts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut of_check = Vec::with_capacity(checks.len());
    for check in checks {
        let number = *hosts.entry(host(check)).or_insert_with(|| {
            joined.push(joined.len());
            joined.len() - 1
        });
        of_check.push(number);
        for &dependency in &check.depends_on {
            let (one, other) = (first(&joined, number), first(&joined, of_check[dependency]));
            joined[one.max(other)] = one.min(other);
        }
    }
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    of_check
        .into_iter()
        .map(|host| {
            let next = numbers.len();
            *numbers.entry(first(&joined, host)).or_insert(next)
        })
        .collect()
}

/// The host at the end of the chain: each points to itself or to a lower one, so that there is an end.
fn first(joined: &[usize], mut host: usize) -> usize {
    while joined[host] != host {
        host = joined[host];
    }
    host
}

/// When each bad target turned bad: when the first of its root causes did.
fn turned_bad(suite: &Suite, board: &Board, targets: &[usize]) -> Vec<Timestamp> {
    let mut since: BTreeMap<usize, Timestamp> = BTreeMap::new();
    for (place, causes) in causes(suite, board).iter().enumerate() {
        let (check, status) = (&suite.checks()[place], &board.checks()[place]);
        if causes.contains(&place) && !board::is_under_way(check, status) {
            let earliest = since.entry(targets[place]).or_insert(status.since);
            *earliest = status.since.min(*earliest);
        }
    }
    since.into_values().collect()
}

fn most_within_the_window(mut times: Vec<Timestamp>) -> usize {
    times.sort_unstable();
    let within = |begin: &Timestamp| {
        let is_near = |time: &&Timestamp| {
            let later = time.duration_since(*begin);
            !later.is_negative() && later.unsigned_abs() <= WINDOW
        };
        times.iter().filter(is_near).count()
    };
    times.iter().map(within).max().unwrap_or_default()
}
