//! For tests: suites whose probes do what a script says.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{
    net::Session,
    suite::{Check, Probe, Suite, SuiteError, UnorderedCheck},
    verdict::{Finding, FindingReason, Measurement, Phases},
};
use crate::api::{Area, Severity, Stage};

/// What a probe does at one attempt.
#[derive(Clone, Debug)]
pub enum Act {
    /// Passes after a while, all of which is the phase of the first byte.
    Pass(Duration),
    /// Fails at once.
    Fail(FindingReason),
    /// Breaks.
    Panic,
    /// Never ends.
    Hang,
}

/// Passes at once.
pub const QUICK: Act = Act::Pass(Duration::ZERO);

/// A second.
pub const SECOND: Duration = Duration::from_secs(1);

/// Checks with scripts, and what was seen of them.
#[derive(Default)]
pub struct Script {
    checks: Vec<UnorderedCheck>,
    seen: Arc<Seen>,
}

/// What was seen of the probes of one script.
#[derive(Debug, Default)]
pub struct Seen {
    attempts: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Seen {
    /// Attempts so far.
    pub fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    /// The most attempts that ran at one time.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

struct Scripted {
    acts: Mutex<VecDeque<Act>>,
    seen: Arc<Seen>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Scripted")
    }
}

impl Scripted {
    /// The next act; the last one is repeated.
    fn next(&self) -> Act {
        let mut acts = self.acts.lock().unwrap();
        let act = if acts.len() > 1 {
            acts.pop_front()
        } else {
            acts.front().cloned()
        };
        act.expect("a script has an act")
    }
}

impl Probe for Scripted {
    fn measure<'a>(&'a self, _: &'a Session, _: Instant) -> BoxFuture<'a, Measurement> {
        Box::pin(async move {
            let act = self.next();
            let phases = Phases {
                first_byte: match act {
                    Act::Pass(takes) => Some(takes),
                    Act::Fail(_) | Act::Panic | Act::Hang => None,
                },
                ..Phases::default()
            };
            self.seen.attempts.fetch_add(1, Ordering::SeqCst);
            let now = self.seen.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.seen.most.fetch_max(now, Ordering::SeqCst);
            let finding = match act {
                Act::Pass(takes) => {
                    tokio::time::sleep(takes).await;
                    Finding::pass("ok")
                }
                Act::Fail(reason) => Finding::fail(reason, "no"),
                Act::Panic => panic!("a probe that breaks"),
                Act::Hang => std::future::pending().await,
            };
            self.seen.running.fetch_sub(1, Ordering::SeqCst);
            Measurement::of(finding, phases)
        })
    }

    fn host(&self) -> &'static str {
        "example.com:443"
    }

    fn targets(&self) -> Vec<&super::net::Target> {
        Vec::new()
    }
}

impl Script {
    /// Adds a critical check of area api: timeout 5s, failure threshold 3, success threshold 2, and these acts.
    #[must_use]
    pub fn check(self, name: &str, depends_on: &[&str], acts: &[Act]) -> Self {
        self.check_with(name, depends_on, acts, |_| {})
    }

    /// The same with changes.
    #[must_use]
    pub fn check_with(
        mut self,
        name: &str,
        depends_on: &[&str],
        acts: &[Act],
        change: impl FnOnce(&mut Check),
    ) -> Self {
        let mut check = Check {
            name: name.into(),
            area: Area::Api,
            stage: Stage::Application,
            severity: Severity::Critical,
            depends_on: Vec::new(),
            interval: 30 * SECOND,
            timeout: 5 * SECOND,
            retries: 0,
            failure_threshold: 3,
            success_threshold: 2,
            probe: Arc::new(Scripted {
                acts: Mutex::new(acts.iter().cloned().collect()),
                seen: self.seen.clone(),
            }),
        };
        change(&mut check);
        self.checks.push(UnorderedCheck {
            check,
            depends_on: depends_on.iter().map(|&name| name.to_owned()).collect(),
        });
        self
    }

    /// What will be seen.
    #[must_use]
    pub fn seen(&self) -> Arc<Seen> {
        self.seen.clone()
    }

    /// The suite, with a timeout of a minute.
    ///
    /// # Panics
    /// When the checks cannot be put in order.
    #[must_use]
    pub fn suite(self) -> Suite {
        self.try_suite().unwrap()
    }

    /// The suite, or why there is none.
    pub fn try_suite(self) -> Result<Suite, SuiteError> {
        Suite::new(self.checks, 60 * SECOND)
    }
}
