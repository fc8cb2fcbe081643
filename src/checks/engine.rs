//! Runs the due checks of a suite: each as soon as what it depends on has passed, all within bounds, none able to hurt
//! another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    board::{Board, Outcome},
    net::{Network, Session},
    reference::Reference,
    schema::SchemaFingerprint,
    suite::{Check, Suite},
    verdict::{Finding, FindingReason, Measurement, Phases, Verdict},
};

/// How far a probe may overrun its own deadline before it is cut off.
const GRACE: Duration = Duration::from_millis(250);

/// Hosts whose limits are kept before those nobody uses are dropped.
const REMEMBERED_HOSTS: usize = 4096;

/// When connections end that a later request could use again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionReuse {
    /// With the run: every run resolves, connects and shakes hands anew, and so sees what a new client would see.
    #[default]
    Run,
    /// With the release: cheaper, and blind to instances that only new connections reach.
    Release,
}

/// How checks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EngineSettings {
    /// When connections end. Default `Run`.
    pub connection_reuse: ConnectionReuse,
    /// Checks at one time over all targets; each holds about one socket. Default 1000.
    pub concurrency: usize,
    /// Checks at one time against one host and port. Default 32.
    pub concurrency_per_host: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            connection_reuse: ConnectionReuse::Run,
            concurrency: 1000,
            concurrency_per_host: 32,
        }
    }
}

/// What one execution of one check says, after retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Position of the check in its suite.
    pub place: usize,
    /// What it says.
    pub outcome: Outcome,
    /// Where the time of its last attempt went.
    pub phases: Phases,
    /// From the moment it could have started to its end, waiting for a free place included.
    pub elapsed: Duration,
    /// The schema of the database, when the check reads it and could.
    pub schema: Option<Arc<SchemaFingerprint>>,
}

/// What a whole run says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Every due check, in the order in which they ended.
    pub executions: Vec<Execution>,
}

impl Run {
    /// The outcomes by position in the suite; `None` for a check that was not due.
    #[must_use]
    pub fn outcomes(&self, suite: &Suite) -> Vec<Option<Outcome>> {
        let mut outcomes = vec![None; suite.checks().len()];
        for execution in &self.executions {
            outcomes[execution.place] = Some(execution.outcome.clone());
        }
        outcomes
    }
}

/// Runs suites. One for the whole process: its limits hold over all of them.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    network: Network,
    reference: Reference,
    total: Arc<Semaphore>,
    settings: EngineSettings,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Engine {
    /// An engine whose checks dial through `network` and ask `reference` before they blame a target.
    #[must_use]
    pub fn new(network: Network, reference: Reference, settings: EngineSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                network,
                reference,
                total: Arc::new(Semaphore::new(settings.concurrency)),
                settings,
                hosts: Mutex::default(),
            }),
        }
    }

    /// Whether one session serves every run on a release.
    #[must_use]
    pub fn keeps_connections(&self) -> bool {
        self.shared.settings.connection_reuse == ConnectionReuse::Release
    }

    /// Connections for one run, or for as many as share them.
    #[must_use]
    pub fn session(&self) -> Arc<Session> {
        Arc::new(self.shared.network.session())
    }

    /// Runs the checks at the positions `due`, within the suite's timeout. A check that is not due counts, for those that
    /// depend on it, as `board` has it. Dropping the future ends every probe.
    pub async fn run(
        &self,
        suite: &Arc<Suite>,
        due: &[usize],
        board: &Board,
        session: &Arc<Session>,
    ) -> Run {
        let deadline = Instant::now() + suite.timeout();
        let mut course = Course::new(suite, due, board);
        let mut tasks = JoinSet::new();
        let mut places = HashMap::new();
        course.start_ready(|place| {
            let task = self
                .clone()
                .execute(suite.clone(), place, session.clone(), deadline);
            places.insert(tasks.spawn(task).id(), place);
        });
        while let Ok(Some(ended)) = timeout_at(deadline, tasks.join_next_with_id()).await {
            let execution = match ended {
                Ok((_, execution)) => execution,
                Err(broken) => {
                    let Some(&place) = places.get(&broken.id()) else {
                        continue;
                    };
                    tracing::error!(check = %suite.checks()[place].name, "a probe panicked; only its own check is lost");
                    ended_without_answer(
                        place,
                        FindingReason::Panicked,
                        "the probe broke; see the log",
                    )
                }
            };
            course.end(execution);
            course.start_ready(|place| {
                let task = self
                    .clone()
                    .execute(suite.clone(), place, session.clone(), deadline);
                places.insert(tasks.spawn(task).id(), place);
            });
        }
        course.finish()
    }

    async fn execute(
        self,
        suite: Arc<Suite>,
        place: usize,
        session: Arc<Session>,
        run_deadline: Instant,
    ) -> Execution {
        let check = &suite.checks()[place];
        let begun = Instant::now();
        let _places = self.shared.place_for(check.probe.host()).await;
        let mut attempts = 0;
        let measurement = loop {
            attempts += 1;
            let measurement = attempt(check, &session, run_deadline).await;
            let settled = measurement.finding.verdict == Verdict::Pass
                || measurement.finding.reason == FindingReason::TargetNotAllowed;
            if settled || attempts > u32::from(check.retries) {
                break measurement;
            }
        };
        let finding = self.blame(measurement.finding).await;
        Execution {
            place,
            outcome: Outcome::Measured(after_attempts(finding, attempts)),
            phases: measurement.phases,
            elapsed: begun.elapsed(),
            schema: measurement.schema.map(Arc::new),
        }
    }

    /// Blames the target only when the reference shows that the network between us and the rest of the world works.
    async fn blame(&self, finding: Finding) -> Finding {
        let suspect = finding.verdict == Verdict::Fail && finding.reason.needs_reference();
        if !suspect || self.shared.reference.is_reachable().await {
            return finding;
        }
        Finding::unknown(
            FindingReason::CutOff,
            format!(
                "{}; the reference cannot be reached either",
                finding.message
            ),
        )
    }
}

impl Shared {
    /// Waits for a place at `host`, then for one of the total, so that a crowded host holds none of the total.
    async fn place_for(
        &self,
        host: &str,
    ) -> (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>) {
        let at_host = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            if hosts.len() > REMEMBERED_HOSTS {
                hosts.retain(|_, places| Arc::strong_count(places) > 1);
            }
            match hosts.get(host) {
                Some(places) => places.clone(),
                None => hosts
                    .entry(host.to_owned())
                    .or_insert_with(|| Arc::new(Semaphore::new(self.settings.concurrency_per_host)))
                    .clone(),
            }
        };
        // `acquire_owned` fails only on a closed semaphore, and nothing closes these.
        let at_host = at_host.acquire_owned().await.ok();
        let of_total = self.total.clone().acquire_owned().await.ok();
        (at_host, of_total)
    }
}

async fn attempt(check: &Check, session: &Session, run_deadline: Instant) -> Measurement {
    let deadline = (Instant::now() + check.timeout).min(run_deadline);
    let measured = timeout_at(deadline + GRACE, check.probe.measure(session, deadline)).await;
    measured.unwrap_or_else(|_| {
        tracing::error!(check = %check.name, "a probe overran its deadline and was cut off");
        Finding::unknown(
            FindingReason::Panicked,
            "the probe overran its deadline and was cut off",
        )
        .into()
    })
}

fn after_attempts(mut finding: Finding, attempts: u32) -> Finding {
    if attempts > 1 {
        finding.message = format!("{} (attempt {attempts})", finding.message);
    }
    finding
}

fn ended_without_answer(place: usize, reason: FindingReason, message: &'static str) -> Execution {
    Execution {
        place,
        outcome: Outcome::Measured(Finding::unknown(reason, message)),
        phases: Phases::default(),
        elapsed: Duration::ZERO,
        schema: None,
    }
}

/// How far a run has come: which checks wait, run, have ended, and whether what depends on them may start. Pure.
struct Course<'a> {
    suite: &'a Suite,
    board: &'a Board,
    progress: Vec<Progress>,
    executions: Vec<Execution>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    NotDue,
    Waiting,
    Running,
    Ended { passed: bool },
}

impl<'a> Course<'a> {
    fn new(suite: &'a Suite, due: &[usize], board: &'a Board) -> Self {
        let mut progress = vec![Progress::NotDue; suite.checks().len()];
        for &place in due {
            progress[place] = Progress::Waiting;
        }
        Self {
            suite,
            board,
            progress,
            executions: Vec::with_capacity(due.len()),
        }
    }

    /// Calls `start` for every check whose dependencies have passed, and skips those of which one has not. One pass is
    /// enough: a check stands behind all that it depends on.
    fn start_ready(&mut self, mut start: impl FnMut(usize)) {
        for place in 0..self.progress.len() {
            if self.progress[place] != Progress::Waiting {
                continue;
            }
            let dependencies = &self.suite.checks()[place].depends_on;
            if let Some(&cause) = dependencies
                .iter()
                .find(|&&cause| self.does_not_pass(cause))
            {
                let cause = self.suite.checks()[cause].name.to_string();
                self.end(Execution {
                    place,
                    outcome: Outcome::Skipped { cause },
                    phases: Phases::default(),
                    elapsed: Duration::ZERO,
                    schema: None,
                });
            } else if dependencies
                .iter()
                .all(|&dependency| self.has_ended(dependency))
            {
                self.progress[place] = Progress::Running;
                start(place);
            }
        }
    }

    fn does_not_pass(&self, place: usize) -> bool {
        match self.progress[place] {
            Progress::Ended { passed } => !passed,
            Progress::NotDue => !self.board.passes(place),
            Progress::Waiting | Progress::Running => false,
        }
    }

    fn has_ended(&self, place: usize) -> bool {
        matches!(
            self.progress[place],
            Progress::Ended { .. } | Progress::NotDue
        )
    }

    fn end(&mut self, execution: Execution) {
        let passed = matches!(&execution.outcome, Outcome::Measured(finding) if finding.verdict == Verdict::Pass);
        self.progress[execution.place] = Progress::Ended { passed };
        self.executions.push(execution);
    }

    /// What is left when the run's time is up could not be told.
    fn finish(mut self) -> Run {
        for place in 0..self.progress.len() {
            if matches!(self.progress[place], Progress::Waiting | Progress::Running) {
                self.executions.push(ended_without_answer(
                    place,
                    FindingReason::RunTimedOut,
                    "the run's timeout ended it",
                ));
            }
        }
        Run {
            executions: self.executions,
        }
    }
}

#[cfg(test)]
mod tests;
