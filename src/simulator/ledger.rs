//! What was changed, by whom: the list that a test holds a controller's writes against.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// The newest entries that are kept.
const CAPACITY: usize = 10_000;

/// One change of the platform's state. What the platform does by itself, such as a build that ends, is not a change in
/// this sense: it is an event of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// Counts up from 1, without gaps.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who asked for it: `control` is the simulator's own routes and handle.
    pub actor: String,
    /// What was asked for, such as `start deploy`.
    pub action: &'static str,
    /// The identifier of what was changed.
    pub subject: String,
    /// How it was; null if it did not exist.
    pub before: Value,
    /// How it is; null if it no longer exists.
    pub after: Value,
}

/// The list of changes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: VecDeque<LedgerEntry>,
    written: u64,
}

impl Ledger {
    /// Adds an entry and drops the oldest one above the capacity.
    pub(super) fn record(
        &mut self,
        at: Timestamp,
        action: &'static str,
        subject: &str,
        before: Value,
        after: Value,
    ) {
        self.written += 1;
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(LedgerEntry {
            sequence: self.written,
            at,
            actor: "control".to_owned(),
            action,
            subject: subject.to_owned(),
            before,
            after,
        });
    }

    /// The entries, oldest first.
    pub(super) fn entries(&self) -> Vec<LedgerEntry> {
        self.entries.iter().cloned().collect()
    }
}
