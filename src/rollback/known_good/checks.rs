//! A check as it stands, and what makes it the check that it is.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    api::{Area, Check, CheckKind, CheckState, CheckStatus, Severity},
    rollback::digest,
};

/// Hexadecimal digits of a check's digest.
const DIGITS: usize = 16;

/// What the board says of a check, and what the spec does.
#[derive(Clone, Copy, Debug)]
pub struct CheckStanding<'a> {
    /// What is known of it.
    pub status: &'a CheckStatus,
    /// Whether it decides the verdict.
    pub severity: Severity,
    /// What it measures and expects, as [`check_digest`] gives it.
    pub digest: &'a str,
}

impl CheckStanding<'_> {
    /// Whether it decides the verdict.
    #[must_use]
    pub fn is_critical(&self) -> bool {
        self.severity == Severity::Critical
    }

    /// Whether it failed as often as its threshold asks for.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.status.state == CheckState::Failed
    }

    /// Whether it passes, and every run of late could tell.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.status.state == CheckState::Passing && self.status.inconclusive == 0
    }
}

/// Severity and digest of each check of a spec, by name. To be made once for a generation: a digest costs microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckDigests(BTreeMap<String, (Severity, String)>);

impl CheckDigests {
    /// Those of the checks of a spec.
    #[must_use]
    pub fn of(checks: &[Check]) -> Self {
        let entry = |check: &Check| (check.name.clone(), (check.severity, check_digest(check)));
        Self(checks.iter().map(entry).collect())
    }

    /// The checks of a board with what the spec says of them. One that the spec does not name counts as critical and as
    /// never having passed anywhere: it makes no release good, and none bad.
    #[must_use]
    pub fn standing<'a>(&'a self, board: &'a [CheckStatus]) -> Vec<CheckStanding<'a>> {
        let standing = |status: &'a CheckStatus| {
            let (severity, digest) = match self.0.get(&status.name) {
                Some((severity, digest)) => (*severity, digest.as_str()),
                None => (Severity::Critical, ""),
            };
            CheckStanding {
                status,
                severity,
                digest,
            }
        };
        board.iter().map(standing).collect()
    }
}

/// What makes a check the one that passed or failed: when it changes, the check never passed anywhere.
#[derive(Serialize)]
struct Identity<'a> {
    name: &'a str,
    area: Area,
    #[serde(flatten)]
    kind: Option<CheckKind<'a>>,
}

/// 16 hexadecimal digits over the check's name, its area, what it measures and what it expects. How often and how
/// patiently it runs, and what its verdict leads to, is left out.
#[must_use]
pub fn check_digest(check: &Check) -> String {
    let identity = Identity {
        name: &check.name,
        area: check.area,
        kind: check.kind(),
    };
    digest::of_json(&identity, DIGITS)
}
