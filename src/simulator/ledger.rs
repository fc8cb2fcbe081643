//! What was changed, by whom: the list that a test holds a controller's writes against.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::keys::KeyDigest;

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
    /// Who asked for it: `control` is the simulator's own routes and handle, `key sha256:…` a caller of Render's API.
    pub actor: String,
    /// What was asked for, such as `start deploy`.
    pub action: &'static str,
    /// The identifier of what was changed.
    pub subject: String,
    /// How it was; null if it did not exist.
    pub before: Value,
    /// How it is; null if it no longer exists. The same as before if what was asked for was so already.
    pub after: Value,
    /// The method of the call of Render's API; none for what `control` did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path of that call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The body of that call, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// A call of Render's API, in whose name entries are written.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) key: KeyDigest,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// The list of changes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: VecDeque<LedgerEntry>,
    written: u64,
    caller: Option<Caller>,
}

impl Ledger {
    /// Writes in the name of this call from now on, or again in that of `control`.
    pub(super) fn write_for(&mut self, caller: Option<Caller>) {
        self.caller = caller;
    }

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
        let caller = self.caller.as_ref();
        self.entries.push_back(LedgerEntry {
            sequence: self.written,
            at,
            actor: caller.map_or_else(
                || "control".to_owned(),
                |caller| format!("key {}", caller.key),
            ),
            action,
            subject: subject.to_owned(),
            before,
            after,
            method: caller.map(|caller| caller.method.clone()),
            path: caller.map(|caller| caller.path.clone()),
            body: caller.and_then(|caller| caller.body.clone()),
        });
    }

    /// The entries, oldest first.
    pub(super) fn entries(&self) -> Vec<LedgerEntry> {
        self.entries.iter().cloned().collect()
    }
}
