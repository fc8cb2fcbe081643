//! How often a key may call.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys::KeyDigest;

/// The most windows that are kept.
const CAPACITY: usize = 10_000;

/// Calls that are counted together: those of each service by themselves for [`Bucket::Deploys`], of each key otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bucket {
    /// Every GET but those of logs.
    Reads,
    /// What deploys or sets a service: its PATCH, deploys, rollbacks, suspend, resume and scale.
    Deploys,
    /// What creates a service or a database.
    Creations,
    /// The logs.
    Logs,
    /// Everything else.
    Writes,
}

impl Bucket {
    /// Its name in the ledger.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Deploys => "deploys",
            Self::Creations => "creations",
            Self::Logs => "logs",
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

/// Whose calls are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    Key(KeyDigest),
    Service(String),
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
    windows: HashMap<(Counted, Bucket), Window>,
    refused: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        let within = |window_seconds, calls| Limit {
            calls,
            window_seconds,
        };
        Self {
            limits: BTreeMap::from([
                (Bucket::Reads, within(60, 400)),
                (Bucket::Deploys, within(60, 10)),
                (Bucket::Creations, within(3_600, 20)),
                (Bucket::Logs, within(60, 30)),
                (Bucket::Writes, within(60, 30)),
            ]),
            windows: HashMap::new(),
            refused: 0,
        }
    }
}

impl Budgets {
    pub(super) fn limits(&self) -> &BTreeMap<Bucket, Limit> {
        &self.limits
    }

    /// How many calls found their window used up.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Sets a limit and starts all its windows anew.
    pub(super) fn set(&mut self, bucket: Bucket, limit: Limit) {
        self.limits.insert(bucket, limit);
        self.windows.retain(|(_, of), _| *of != bucket);
    }

    /// Forgets what a key has used.
    pub(super) fn forget(&mut self, key: &KeyDigest) {
        self.windows
            .retain(|(of, _), _| !matches!(of, Counted::Key(of) if of == key));
    }

    /// Counts one call, unless the window is used up.
    pub(super) fn take(&mut self, of: Counted, bucket: Bucket, now: Timestamp) -> Allowance {
        if self.windows.len() >= CAPACITY {
            self.windows.retain(|_, window| window.ends > now);
        }
        let limit = self.limits.get(&bucket).copied().unwrap_or(Limit {
            calls: u32::MAX,
            window_seconds: 60,
        });
        let ends = now + SignedDuration::from_secs(i64::from(limit.window_seconds));
        let window = self
            .windows
            .entry((of, bucket))
            .or_insert(Window { ends, used: 0 });
        if window.ends <= now {
            *window = Window { ends, used: 0 };
        }
        let allowed = window.used < limit.calls;
        if allowed {
            window.used += 1;
        } else {
            self.refused += 1;
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
