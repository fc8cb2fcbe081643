//! Faults: which calls go wrong, and how.

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::control::ControlError;

/// The most faults that can be set at a time.
const CAPACITY: usize = 1_000;

/// Something that goes wrong with matching calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The method in capitals. Default: every method.
    #[serde(default)]
    pub method: Option<String>,
    /// The path. A segment in braces or `*` stands for any one segment: `/v1/services/*/deploys` matches
    /// every service's list, `/v1/services/srv-…/deploys` that of one. Default: every path under `/v1`.
    #[serde(default)]
    pub path: Option<String>,
    /// How many matching calls are answered well before the first one that is not. Default: none.
    #[serde(default)]
    pub skip: u32,
    /// How many calls go wrong. Default: all, until the fault is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// What goes wrong.
    pub effect: Effect,
}

impl Fault {
    /// A fault of every matching call of a GET, until it is cleared.
    pub fn get(path: impl Into<String>, effect: Effect) -> Self {
        Self {
            method: Some("GET".to_owned()),
            path: Some(path.into()),
            skip: 0,
            times: None,
            effect,
        }
    }

    /// The same, for this many calls.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// The same, after this many calls went well.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }
}

/// How a call goes wrong. The first group takes the place of the right answer, the second spoils it; an answer other
/// than 200 is not spoilt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Effect {
    /// Another status, with its usual body unless `body` (JSON) or `text` (plain) is given.
    Status {
        /// The status.
        status: u16,
        /// The JSON body.
        #[serde(default)]
        body: Option<Value>,
        /// The plain text body.
        #[serde(default)]
        text: Option<String>,
        /// The `Retry-After` header: seconds, an HTTP date, or what no client should trust.
        #[serde(default)]
        retry_after: Option<String>,
        /// The `Ratelimit-Reset` header, with none remaining.
        #[serde(default)]
        ratelimit_reset: Option<String>,
    },
    /// Status 200 and an error's body.
    ErrorBody,
    /// Status 200 and bytes that are no JSON.
    Garbage,
    /// No answer, until the caller hangs up or the simulator stops.
    Hang,

    /// The right answer, late.
    Delay {
        /// How late.
        milliseconds: u64,
    },
    /// Half of the right answer, then the connection is closed.
    Truncated,
    /// The right answer under another content type.
    ContentType {
        /// The content type.
        value: String,
    },
    /// The list backwards. Its cursors are those of the right order.
    Reordered,
    /// Every item of the list twice.
    Duplicated,
    /// The list without live deploys.
    WithoutLive,
    /// The list with a second live deploy beside the first one.
    TwoLive,
    /// The first deploy has a status that no description knows.
    UnknownStatus {
        /// The status.
        status: String,
    },
    /// Null in place of every array within the answer.
    NullArrays,
}

impl Effect {
    /// Another status with its usual body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            body: None,
            text: None,
            retry_after: None,
            ratelimit_reset: None,
        }
    }

    /// Too many calls, with this `Retry-After`.
    #[must_use]
    pub fn rate_limited(after: impl Into<String>) -> Self {
        Self::Status {
            status: 429,
            body: None,
            text: None,
            retry_after: Some(after.into()),
            ratelimit_reset: None,
        }
    }

    /// A delay.
    #[must_use]
    pub fn delay(duration: Duration) -> Self {
        Self::Delay {
            milliseconds: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// A fault that is set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ActiveFault {
    pub(super) fault: Fault,
    /// Matching calls since it was set.
    pub(super) matched: u32,
    /// Calls that went wrong.
    pub(super) struck: u32,
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    active: BTreeMap<u64, ActiveFault>,
    issued: u64,
}

impl Faults {
    pub(super) fn active(&self) -> &BTreeMap<u64, ActiveFault> {
        &self.active
    }

    pub(super) fn add(&mut self, fault: Fault) -> Result<u64, ControlError> {
        if self.active.len() == CAPACITY {
            return Err(ControlError::Full("faults"));
        }
        if let Effect::Status { status, .. } = &fault.effect
            && !(200..1000).contains(status)
        {
            return Err(ControlError::Invalid("a status not between 200 and 999"));
        }
        self.issued += 1;
        let fault = ActiveFault {
            fault,
            matched: 0,
            struck: 0,
        };
        self.active.insert(self.issued, fault);
        Ok(self.issued)
    }

    pub(super) fn remove(&mut self, id: u64) -> Result<(), ControlError> {
        let removed = self.active.remove(&id);
        removed.map(|_| ()).ok_or(ControlError::UnknownFault(id))
    }

    pub(super) fn clear(&mut self) {
        self.active.clear();
    }

    /// What goes wrong with this call: the effect of the oldest fault that still has one for it. Every matching fault
    /// counts the call, struck or not, so that "the third call" means the same whatever else is set.
    pub(super) fn strike(&mut self, method: &Method, path: &str) -> Option<Effect> {
        let mut effect = None;
        for active in self.active.values_mut() {
            if !active.fault.concerns(method, path) {
                continue;
            }
            active.matched = active.matched.saturating_add(1);
            let spent = active
                .fault
                .times
                .is_some_and(|times| active.struck >= times);
            if effect.is_none() && active.matched > active.fault.skip && !spent {
                active.struck += 1;
                effect = Some(active.fault.effect.clone());
            }
        }
        effect
    }
}

impl Fault {
    fn concerns(&self, method: &Method, path: &str) -> bool {
        let method_fits = self
            .method
            .as_ref()
            .is_none_or(|own| own == method.as_str());
        let path_fits = self.path.as_ref().is_none_or(|pattern| {
            let (pattern, path) = (segments(pattern), segments(path));
            pattern.len() == path.len()
                && pattern.iter().zip(&path).all(|(own, seen)| fits(own, seen))
        });
        method_fits && path_fits
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.trim_matches('/').split('/').collect()
}

fn fits(pattern: &str, segment: &str) -> bool {
    pattern == "*" || (pattern.starts_with('{') && pattern.ends_with('}')) || pattern == segment
}
