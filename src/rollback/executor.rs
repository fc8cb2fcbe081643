//! Carries an attempt out: the only file that asks a platform to change anything.
//!
//! Before a call, (a) the attempt is on record under a name that can exist once, (b) the intent to make this call was just
//! written to it, on the condition that nobody else has written since, (c) a fresh read shows that what is live is still what
//! failed, and that the rollback is still wanted; then (d) one call. What comes after it needs nothing but the record.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Moment,
    follow::Watcher,
    ledger::{Attempt, LedgerError},
    progress::{Next, Observer, next},
    record::{self, Ending, Intent},
    settle::{Obstacle, may_be_goal, obstacle},
    surroundings::{Permission, Surroundings},
};
use crate::{
    api::{PlannedStep, RollbackPlan, RollbackState, StepState},
    platforms::{Accepted, Circumstances, MutationError, PlatformError, Revision},
    telemetry::chain,
};

/// How often a rollout is looked at while it is on its way, at the most seldom.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(5);

/// The most turns of one pass: each step has fewer than four, and a plan at most 20 steps.
const MAX_TURNS: usize = 100;

/// When an attempt wants the next pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// At once.
    Now,
    /// After this time, or when something that it waits for has changed.
    After(Duration),
    /// Never: it has ended.
    Never,
}

/// What is asked of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Back to an earlier rollout.
    RollBack(&'a str),
    /// Forward to a revision.
    Deploy(&'a Revision),
}

/// Carries attempts out, for one process.
#[derive(Debug)]
pub struct Executor {
    claimant: String,
    send_within: Duration,
    /// Keys of attempts that this process has tried to begin, or has seen with a status: one whose record lost it is not begun
    /// again.
    tried: Mutex<HashSet<String>>,
}

impl Executor {
    /// An executor that writes `claimant`, a name that no other process has or had, into its records, and makes no call later than
    /// `send_within` after it has recorded the intent to. Who finds such an intent waits that long before it takes the call for
    /// not made, so that all processes over one ledger have to have the same.
    #[must_use]
    pub fn new(claimant: String, send_within: Duration) -> Self {
        Self {
            claimant,
            send_within,
            tried: Mutex::default(),
        }
    }

    /// The name that it writes into its records.
    #[must_use]
    pub fn claimant(&self) -> &str {
        &self.claimant
    }

    /// Takes an attempt as far as it goes now, and says when to look again. An error means that the ledger could not be
    /// written: the record tells the next pass where to go on.
    pub async fn pass(
        &self,
        mut attempt: Attempt,
        surroundings: Surroundings<'_>,
    ) -> Result<(Attempt, Again), LedgerError> {
        let pause = surroundings.operations.poll_interval().min(FOLLOW_INTERVAL);
        self.remember(&attempt);
        for _ in 0..MAX_TURNS {
            let turn = Turn {
                executor: self,
                surroundings,
                pause,
            };
            let (turned, again) = turn.take(attempt).await?;
            self.remember(&turned);
            if again != Again::Now {
                return Ok((turned, again));
            }
            attempt = turned;
        }
        Ok((attempt, Again::After(pause)))
    }

    fn remember(&self, attempt: &Attempt) {
        if let (Some(plan), Some(_)) = (&attempt.spec.plan, attempt.status.state) {
            self.try_once(plan);
        }
    }

    fn has_tried(&self, plan: &RollbackPlan) -> bool {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.contains(&plan.key)
    }

    fn try_once(&self, plan: &RollbackPlan) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        tried.insert(plan.key.clone());
    }
}

type Turned = Result<(Attempt, Again), LedgerError>;

/// One step forward.
struct Turn<'a> {
    executor: &'a Executor,
    surroundings: Surroundings<'a>,
    pause: Duration,
}

/// Why no call is made.
enum Stop {
    /// Not now; why.
    Hold(String),
    /// Not any more.
    End(Ending),
}

impl Turn<'_> {
    async fn take(&self, attempt: Attempt) -> Turned {
        let Some(plan) = attempt.spec.plan.clone() else {
            return Ok((attempt, Again::Never));
        };
        let observer = Observer {
            claimant: &self.executor.claimant,
            has_tried: self.executor.has_tried(&plan),
            patience: self.executor.send_within,
        };
        let watcher = Watcher {
            surroundings: self.surroundings,
            plan: &plan,
            pause: self.pause,
            send_within: self.executor.send_within,
        };
        match next(&attempt, &plan, observer, self.moment()) {
            Next::Nothing => Ok((attempt, Again::Never)),
            Next::AwaitApproval { left } => watcher.await_approval(attempt, left).await,
            Next::Lapse => watcher.lapse(attempt).await,
            Next::Leave { left } => Ok((attempt, Again::After(left))),
            Next::Doubt => watcher.doubt(attempt).await,
            Next::Begin(place) => self.begin(attempt, &plan, place, &watcher).await,
            Next::Settle(place) => watcher.settle(attempt, place).await,
            Next::Follow(place) => watcher.follow(attempt, place).await,
            Next::Arrive => watcher.arrive(attempt).await,
            Next::Verify => watcher.verify(attempt).await,
        }
    }

    /// From the look around to the call.
    async fn begin(
        &self,
        attempt: Attempt,
        plan: &RollbackPlan,
        place: usize,
        watcher: &Watcher<'_>,
    ) -> Turned {
        let step = &plan.steps[place];
        let newest = match self.survey(&attempt, step).await {
            Ok(Obstacle::None { newest }) => newest,
            Ok(Obstacle::UnderWay(rollout)) => {
                return watcher.adopt(attempt, place, &rollout).await;
            }
            Ok(Obstacle::Other(rollout)) => {
                let (service, id) = (&step.service, &rollout.id);
                let why = format!("{service}: deploy {id} is under way; waiting for its end");
                return watcher.hold(attempt, why).await;
            }
            Ok(Obstacle::Contradictory(why)) => {
                return watcher
                    .hold(attempt, format!("{}: {why}", step.service))
                    .await;
            }
            Err(Stop::Hold(why)) => return watcher.hold(attempt, why).await,
            Err(Stop::End(ending)) => return watcher.conclude(attempt, place, ending).await,
        };
        let began = Instant::now();
        self.executor.try_once(plan);
        let intent = Intent {
            place,
            claimant: &self.executor.claimant,
            newest,
            now: self.moment().now,
        };
        let recorded = self.record_intent(&attempt, plan, &intent).await?;
        match self.clear(&recorded, plan, step, began).await {
            Ok(()) => {}
            Err(Stop::Hold(why)) => return watcher.withdraw(recorded, &attempt, why).await,
            Err(Stop::End(ending)) => return watcher.conclude(recorded, place, ending).await,
        }
        tracing::info!(
            rollback = %recorded.name,
            service = step.service,
            from = step.from,
            to = step.to,
            key = plan.key,
            "asking the platform to roll back"
        );
        match self.send(&step.service, &Change::RollBack(&step.to)).await {
            Err(MutationError::NotSent(error)) if error.refusal().is_none() => {
                // It has not left this process: it may yet, when there is room for it.
                let why = format!("{}: {}", step.service, chain(&error));
                watcher.withdraw(recorded, &attempt, why).await
            }
            answer => self.note(recorded, step, place, answer, watcher).await,
        }
    }

    /// The one place from which a change leaves.
    async fn send(&self, service: &str, change: &Change<'_>) -> Result<Accepted, MutationError> {
        let operations = self.surroundings.operations;
        match change {
            Change::RollBack(to) => operations.roll_back(service, to).await,
            Change::Deploy(revision) => operations.deploy(service, revision).await,
        }
    }

    /// What stands in the way, before anything is recorded.
    async fn survey(&self, attempt: &Attempt, step: &PlannedStep) -> Result<Obstacle, Stop> {
        // A gate that stays shut would have the intent recorded and taken back with every pass.
        self.permission(attempt).await?;
        let operations = self.surroundings.operations;
        let service = &step.service;
        let circumstances = operations.circumstances(service).await?;
        if let Some(suspended) = circumstances.suspended {
            return Err(rejected(format!("{service} is suspended: {suspended}")));
        }
        let goal = operations.rollout(service, &step.to).await?;
        let gone = |why: &str| {
            Err(Stop::End(Ending {
                state: RollbackState::Rejected,
                step: StepState::Unavailable,
                why: format!("{service}: deploy {} {why}", step.to),
            }))
        };
        match goal {
            None => gone("is not there any more"),
            Some(goal) if !goal.phase.has_served() => gone("has never served"),
            Some(goal) if !may_be_goal(step, &goal) => gone("is not built from what was validated"),
            Some(_) => Ok(obstacle(step, &operations.rollouts(service).await?)),
        }
    }

    /// Writes the intent. A write without an answer is read back: if it is there, or can no longer come to be, one more
    /// conditional write makes sure of it before anything is done.
    async fn record_intent(
        &self,
        attempt: &Attempt,
        plan: &RollbackPlan,
        intent: &Intent<'_>,
    ) -> Result<Attempt, LedgerError> {
        let ledger = self.surroundings.ledger;
        let status = intent.written_to(attempt, plan);
        let in_doubt = match ledger.advance(attempt, status.clone()).await {
            Err(error @ LedgerError::InDoubt { .. }) => error,
            other => return other,
        };
        let Some(found) = ledger.read(&attempt.name).await? else {
            return Err(LedgerError::Gone(attempt.name.clone()));
        };
        let untouched = found.version == attempt.version;
        if found.uid != attempt.uid || !(untouched || intent.stands_in(&found.status)) {
            return Err(in_doubt);
        }
        ledger.advance(&found, intent.confirmed_in(status)).await
    }

    /// The last look before the call, and the time that it may take at most.
    async fn clear(
        &self,
        attempt: &Attempt,
        plan: &RollbackPlan,
        step: &PlannedStep,
        began: Instant,
    ) -> Result<(), Stop> {
        self.confirm(attempt, plan).await?;
        if step.disable_auto_deploy && self.quieten(&step.service).await? {
            self.confirm(attempt, plan).await?;
        }
        if began.elapsed() > self.executor.send_within {
            let why = "this process was held up for too long to make the call";
            return Err(Stop::Hold(why.to_owned()));
        }
        if self.moment().now > plan.issue_before {
            return Err(Stop::End(Ending::not_issued("it was not begun in time")));
        }
        Ok(())
    }

    /// Whether the rollback is still wanted, and what failed still live: both read anew.
    async fn confirm(&self, attempt: &Attempt, plan: &RollbackPlan) -> Result<(), Stop> {
        self.permission(attempt).await?;
        let release = self.surroundings.operations.release(Instant::now()).await?;
        record::unexpected(attempt, plan, &release).map_or(Ok(()), |other| {
            Err(Stop::End(Ending {
                state: RollbackState::Superseded,
                step: StepState::NotIssued,
                why: other.to_string(),
            }))
        })
    }

    async fn permission(&self, attempt: &Attempt) -> Result<(), Stop> {
        match self.surroundings.gate.permits(attempt).await {
            Ok(Permission::Granted) => Ok(()),
            Ok(Permission::Withheld(why)) => Err(Stop::Hold(why)),
            Ok(Permission::Denied(why)) => Err(Stop::End(Ending::not_issued(why))),
            Err(error) => Err(Stop::Hold(chain(&error))),
        }
    }

    /// Keeps pushes from deploying by themselves, and makes sure of it: a platform that goes on with that would bring the
    /// failure back with the next push. Whether anything was changed.
    async fn quieten(&self, service: &str) -> Result<bool, Stop> {
        let operations = self.surroundings.operations;
        let is_on = |circumstances: Circumstances| circumstances.automatic_deploys == Some(true);
        if !is_on(operations.circumstances(service).await?) {
            return Ok(false);
        }
        let what = format!("{service}: automatic deploys could not be turned off");
        match operations.stop_automatic_deploys(service).await {
            // What became of it, the platform tells.
            Ok(()) | Err(MutationError::Unknown(_)) => {}
            Err(MutationError::NotSent(error)) if error.refusal().is_none() => {
                return Err(Stop::Hold(format!("{what}: {}", chain(&error))));
            }
            Err(error) => {
                let ending = Ending {
                    step: StepState::Refused,
                    why: format!("{what}: {}", chain(&error)),
                    ..Ending::by(&error)
                };
                return Err(Stop::End(ending));
            }
        }
        if is_on(operations.circumstances(service).await?) {
            let why = format!("{what}: the platform still has them on");
            return Err(Stop::End(Ending::not_issued(why)));
        }
        tracing::info!(
            service,
            "automatic deploys are off, until a person turns them on again"
        );
        Ok(true)
    }

    /// Records what the platform has answered.
    async fn note(
        &self,
        attempt: Attempt,
        step: &PlannedStep,
        place: usize,
        answer: Result<Accepted, MutationError>,
        watcher: &Watcher<'_>,
    ) -> Turned {
        let service = &step.service;
        match answer {
            Ok(Accepted {
                rollout: Some(rollout),
            }) if may_be_goal(step, &rollout) => watcher.adopt(attempt, place, &rollout).await,
            Ok(Accepted {
                rollout: Some(rollout),
            }) => {
                // Perhaps an answer to somebody else's call: the list tells.
                let (id, to) = (&rollout.id, &step.to);
                let why =
                    format!("{service}: answered with deploy {id}, which is no return to {to}");
                watcher.linger(attempt, Some(place), why).await
            }
            Ok(Accepted { rollout: None }) => {
                let why = format!("{service}: taken, and no id told yet");
                watcher.linger(attempt, Some(place), why).await
            }
            Err(MutationError::Unknown(error)) => {
                let why = format!("{service}: {}", chain(&error));
                watcher.linger(attempt, Some(place), why).await
            }
            Err(error) => {
                let ending = Ending::by(&error);
                let why = format!("{service}: {}", chain(&error));
                watcher
                    .conclude(attempt, place, Ending { why, ..ending })
                    .await
            }
        }
    }

    fn moment(&self) -> Moment {
        (self.surroundings.clock)()
    }
}

impl From<PlatformError> for Stop {
    fn from(error: PlatformError) -> Self {
        let why = chain(&error);
        match error.refusal() {
            Some(_) => rejected(why),
            None => Self::Hold(why),
        }
    }
}

fn rejected(why: String) -> Stop {
    Stop::End(Ending {
        state: RollbackState::Rejected,
        step: StepState::NotIssued,
        why,
    })
}
