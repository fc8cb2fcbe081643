//! Error patterns: what is wrong, by reason.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{count, host, is_bad};
use crate::{
    api::{Area, ErrorPattern},
    checks::{board::Board, suite::Suite},
};

#[derive(Default)]
struct Seen<'a> {
    checks: usize,
    hosts: BTreeSet<&'a str>,
    areas: BTreeSet<Area>,
}

/// The bad checks by reason, the most frequent first. Skipped ones are not among them: they have no error of their own.
pub(super) fn patterns(suite: &Suite, board: &Board) -> Vec<ErrorPattern> {
    let mut reasons: BTreeMap<&str, Seen<'_>> = BTreeMap::new();
    for (check, status) in suite.checks().iter().zip(board.checks()) {
        if is_bad(status) {
            let seen = reasons.entry(&status.reason).or_default();
            seen.checks += 1;
            seen.hosts.insert(host(check));
            seen.areas.insert(status.area);
        }
    }
    let pattern = |(reason, seen): (&str, Seen<'_>)| ErrorPattern {
        reason: reason.to_owned(),
        checks: count(seen.checks),
        hosts: count(seen.hosts.len()),
        areas: seen.areas.into_iter().collect(),
    };
    let mut list: Vec<ErrorPattern> = reasons.into_iter().map(pattern).collect();
    // Stable: of two that are as frequent, the first by name stays first.
    list.sort_by_key(|pattern| Reverse(pattern.checks));
    list
}
