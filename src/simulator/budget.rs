//! How often a key may call.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys::KeyDigest;

/// Calls that are counted together, for each key by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bucket {
    /// Every GET.
    Reads,
    /// Everything else.
    Writes,
}

impl Bucket {
    /// Its name in the ledger.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
        }
    }
}

/// How many calls fit into a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limit {
    /// Calls.
    pub calls: u32,
    /// Length of the window in seconds.
    pub window_seconds: u32,
}

/// What is left for a key, after the call that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) allowed: bool,
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Whole seconds until the window ends, rounded up.
    pub(super) reset_seconds: i64,
}

#[derive(Debug)]
struct Window {
    ends: Timestamp,
    used: u32,
}

/// The limits and what was used of them.
#[derive(Debug)]
pub(super) struct Budgets {
    limits: BTreeMap<Bucket, Limit>,
    windows: HashMap<(KeyDigest, Bucket), Window>,
}

impl Default for Budgets {
    fn default() -> Self {
        let a_minute = |calls| Limit {
            calls,
            window_seconds: 60,
        };
        Self {
            limits: BTreeMap::from([
                (Bucket::Reads, a_minute(400)),
                (Bucket::Writes, a_minute(30)),
            ]),
            windows: HashMap::new(),
        }
    }
}

impl Budgets {
    pub(super) fn limits(&self) -> &BTreeMap<Bucket, Limit> {
        &self.limits
    }

    /// Sets a limit and starts all its windows anew.
    pub(super) fn set(&mut self, bucket: Bucket, limit: Limit) {
        self.limits.insert(bucket, limit);
        self.windows.retain(|(_, of), _| *of != bucket);
    }

    /// Forgets what a key has used.
    pub(super) fn forget(&mut self, key: &KeyDigest) {
        self.windows.retain(|(of, _), _| of != key);
    }

    /// Counts one call, unless the window is used up.
    pub(super) fn take(&mut self, key: &KeyDigest, bucket: Bucket, now: Timestamp) -> Allowance {
        let limit = self.limits.get(&bucket).copied().unwrap_or(Limit {
            calls: u32::MAX,
            window_seconds: 60,
        });
        let ends = now + SignedDuration::from_secs(i64::from(limit.window_seconds));
        let window = self
            .windows
            .entry((key.clone(), bucket))
            .or_insert(Window { ends, used: 0 });
        if window.ends <= now {
            *window = Window { ends, used: 0 };
        }
        let allowed = window.used < limit.calls;
        if allowed {
            window.used += 1;
        }
        let left = window.ends.duration_since(now);
        Allowance {
            allowed,
            limit: limit.calls,
            remaining: limit.calls - window.used,
            reset_seconds: left.as_secs() + i64::from(left.subsec_nanos() > 0),
        }
    }
}
