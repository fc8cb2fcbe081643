//! Faults: which calls go wrong, and how.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use super::{api::Route, control::ControlError, effect::Effect};

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

    /// A fault of every call of a route, until it is cleared.
    #[must_use]
    pub fn of(route: Route, effect: Effect) -> Self {
        Self {
            method: Some(route.method().to_string()),
            ..Self::get(route.path(), effect)
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
        if fault
            .effect
            .given_status()
            .is_some_and(|status| !(200..1000).contains(&status))
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
