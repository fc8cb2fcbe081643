//! A suite: the checks of one validation, validated, in an order in which every check follows those it depends on.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{
    net::{Session, Target},
    verdict::Measurement,
};
use crate::api::{Area, Severity, Stage};

/// What measures a target. A probe ends by `deadline` with what it knows by then; the engine cuts off one that does not.
pub trait Probe: Send + Sync + fmt::Debug {
    /// Measures once, over the connections of `session`.
    fn measure<'a>(&'a self, session: &'a Session, deadline: Instant)
    -> BoxFuture<'a, Measurement>;

    /// The host and port that the probe talks to, in lower case (`api.example.com:443`): what the limit per host counts. The
    /// first of its targets, unless it has none.
    fn host(&self) -> &str {
        let targets = self.targets();
        targets.first().map_or("", |target| target.as_str())
    }

    /// Everything that the probe is known to connect to, as it is written: judged by the egress rule before anything runs.
    fn targets(&self) -> Vec<&Target>;

    /// Whether its measurements have the schema of a database.
    fn reads_schema(&self) -> bool {
        false
    }
}

/// One validated check.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name in the suite.
    pub name: Arc<str>,
    /// What it is about.
    pub area: Area,
    /// Where in a deployment it belongs.
    pub stage: Stage,
    /// Whether it decides the verdict.
    pub severity: Severity,
    /// Positions, in the suite, of the checks that must pass first; each lower than its own.
    pub depends_on: Vec<usize>,
    /// Time between two runs.
    pub interval: Duration,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Further attempts inside one run.
    pub retries: u8,
    /// Consecutive failing runs after which it has failed.
    pub failure_threshold: u8,
    /// Consecutive passing runs after which it has recovered.
    pub success_threshold: u8,
    /// What measures.
    pub probe: Arc<dyn Probe>,
}

/// A check with its dependencies by name, before its place in the suite is known.
#[derive(Clone, Debug)]
pub struct UnorderedCheck {
    /// The check; its `depends_on` is empty.
    pub check: Check,
    /// Names of the checks that must pass first.
    pub depends_on: Vec<String>,
}

/// Checks that cannot be put in order, or cannot run in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// A dependency names no check.
    #[error("checks[{check}].dependsOn: there is no check named {dependency}")]
    UnknownDependency {
        /// The check.
        check: String,
        /// What it names.
        dependency: String,
    },
    /// Checks depend on each other in a circle.
    #[error("dependsOn leads in a circle through {}", names.join(", "))]
    Cycle {
        /// The checks of the circle, and those that depend on it.
        names: Vec<String>,
    },
    /// Two checks have one name.
    #[error("checks: the name {name} is used twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A chain of dependencies would not end within the run's timeout.
    #[error("the chain of checks {} may take {chain:?}, and timeout is {timeout:?}", names.join(" → "))]
    TooLong {
        /// The chain, from first to last.
        names: Vec<String>,
        /// The longest time that it may take, retries included.
        chain: Duration,
        /// The run's timeout.
        timeout: Duration,
    },
}

/// The checks of one validation, each after those it depends on.
#[derive(Clone, Debug)]
pub struct Suite {
    checks: Vec<Check>,
    timeout: Duration,
    longest_chain: Duration,
}

impl Suite {
    /// Orders `checks` by their dependencies, keeping the given order where they leave it free, and proves that every
    /// chain can end within `timeout`.
    pub fn new(checks: Vec<UnorderedCheck>, timeout: Duration) -> Result<Self, SuiteError> {
        let mut waiting = checks;
        let mut names = std::collections::BTreeSet::new();
        for UnorderedCheck { check, .. } in &waiting {
            if !names.insert(check.name.to_string()) {
                return Err(SuiteError::DuplicateName {
                    name: check.name.to_string(),
                });
            }
        }
        for UnorderedCheck { check, depends_on } in &waiting {
            if let Some(dependency) = depends_on.iter().find(|name| !names.contains(*name)) {
                return Err(SuiteError::UnknownDependency {
                    check: check.name.to_string(),
                    dependency: dependency.clone(),
                });
            }
        }
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut ordered: Vec<Check> = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let (ready, blocked): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|check| {
                check
                    .depends_on
                    .iter()
                    .all(|name| places.contains_key(name))
            });
            if ready.is_empty() {
                return Err(SuiteError::Cycle {
                    names: blocked
                        .iter()
                        .map(|check| check.check.name.to_string())
                        .collect(),
                });
            }
            for UnorderedCheck {
                mut check,
                depends_on,
            } in ready
            {
                check.depends_on = depends_on
                    .iter()
                    .filter_map(|name| places.get(name).copied())
                    .collect();
                places.insert(check.name.to_string(), ordered.len());
                ordered.push(check);
            }
            waiting = blocked;
        }
        let mut suite = Self {
            checks: ordered,
            timeout,
            longest_chain: Duration::ZERO,
        };
        suite.fits_its_timeout()?;
        Ok(suite)
    }

    /// The checks, each after those it depends on.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Longest time of one whole run.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The longest time that a chain of dependencies may take, retries included.
    #[must_use]
    pub const fn longest_chain(&self) -> Duration {
        self.longest_chain
    }

    fn fits_its_timeout(&mut self) -> Result<(), SuiteError> {
        let mut ends: Vec<(Duration, Option<usize>)> = Vec::with_capacity(self.checks.len());
        for check in &self.checks {
            let own = check.timeout * (u32::from(check.retries) + 1);
            let (before, through) = check
                .depends_on
                .iter()
                .map(|&place| (ends[place].0, Some(place)))
                .max_by_key(|(end, _)| *end)
                .unwrap_or((Duration::ZERO, None));
            ends.push((before + own, through));
        }
        let Some((last, &(chain, _))) = ends.iter().enumerate().max_by_key(|(_, (end, _))| *end)
        else {
            return Ok(());
        };
        self.longest_chain = chain;
        if chain <= self.timeout {
            return Ok(());
        }
        let mut names = Vec::new();
        let mut place = Some(last);
        while let Some(at) = place {
            names.push(self.checks[at].name.to_string());
            place = ends[at].1;
        }
        names.reverse();
        Err(SuiteError::TooLong {
            names,
            chain,
            timeout: self.timeout,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::scripted::{QUICK, SECOND, Script};

    #[test]
    fn a_check_stands_behind_all_that_it_depends_on() {
        let suite = Script::default()
            .check("report", &["queue", "api"], &[QUICK])
            .check("api", &["database"], &[QUICK])
            .check("database", &[], &[QUICK])
            .check("queue", &[], &[QUICK])
            .suite();
        for (place, check) in suite.checks().iter().enumerate() {
            assert!(
                check
                    .depends_on
                    .iter()
                    .all(|&dependency| dependency < place)
            );
        }
        assert_eq!(suite.checks().len(), 4);
    }

    #[test]
    fn a_circle_is_refused_with_its_checks() {
        let script = Script::default()
            .check("a", &["b"], &[QUICK])
            .check("b", &["a"], &[QUICK])
            .check("c", &[], &[QUICK]);
        let error = script.try_suite().unwrap_err();
        assert_eq!(
            error.to_string(),
            "dependsOn leads in a circle through a, b"
        );
    }

    #[test]
    fn a_chain_that_cannot_end_in_time_is_refused_with_its_length() {
        let script = Script::default()
            .check_with("a", &[], &[QUICK], |check| {
                check.timeout = 20 * SECOND;
                check.retries = 1;
            })
            .check_with("b", &["a"], &[QUICK], |check| check.timeout = 30 * SECOND)
            .check_with("c", &[], &[QUICK], |check| check.timeout = 50 * SECOND);
        let error = script.try_suite().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the chain of checks a → b may take 70s, and timeout is 60s"
        );
    }

    #[test]
    fn a_name_stands_once_and_a_dependency_names_a_check() {
        let twice = Script::default()
            .check("a", &[], &[QUICK])
            .check("a", &[], &[QUICK]);
        assert!(matches!(
            twice.try_suite(),
            Err(SuiteError::DuplicateName { .. })
        ));
        let astray = Script::default().check("a", &["b"], &[QUICK]);
        assert!(matches!(
            astray.try_suite(),
            Err(SuiteError::UnknownDependency { .. })
        ));
    }
}
