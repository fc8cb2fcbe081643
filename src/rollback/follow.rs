//! Everything about an attempt that only reads the platform: what became of a call, whether a rollout is live, whether the
//! checks pass on it.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    executor::Again,
    ledger::{Attempt, LedgerError},
    progress::pending,
    record::{self, Ending},
    settle::{Settlement, may_be_goal, settle},
    surroundings::{Evidence, Surroundings},
};
use crate::{
    api::{RollbackPlan, RollbackState, RollbackStatus, StepState},
    checks::verdict::printable,
    platforms::{Phase, Rollout},
    telemetry::chain,
};

/// How often an attempt is looked at that has taken longer than it may.
const OVERDUE_INTERVAL: Duration = Duration::from_secs(30);

/// How often an attempt that waits for a person is looked at.
const APPROVAL_INTERVAL: Duration = Duration::from_secs(30);

type Turned = Result<(Attempt, Again), LedgerError>;

/// Reads, and records what it has read.
pub(super) struct Watcher<'a> {
    pub(super) surroundings: Surroundings<'a>,
    pub(super) plan: &'a RollbackPlan,
    pub(super) pause: Duration,
    /// How long after its intent was recorded a call may still be made.
    pub(super) send_within: Duration,
}

impl Watcher<'_> {
    /// It waits for a person, as long as what it is about is still live.
    pub(super) async fn await_approval(&self, attempt: Attempt, left: Duration) -> Turned {
        if let Ok(release) = self.surroundings.operations.release(Instant::now()).await
            && let Some(other) = record::unexpected(&attempt, self.plan, &release)
        {
            let ending = Ending {
                step: StepState::NotIssued,
                ..Ending::superseded(other.to_string())
            };
            return self.conclude(attempt, 0, ending).await;
        }
        let mut status = record::held(&attempt, self.plan, "");
        status.state = Some(RollbackState::AwaitingApproval);
        "a person has to approve it: set spec.approved to true".clone_into(&mut status.message);
        let attempt = self.write(attempt, status).await?;
        let left = left.min(APPROVAL_INTERVAL) + Duration::from_secs(1);
        Ok((attempt, Again::After(left)))
    }

    /// Its time has passed.
    pub(super) async fn lapse(&self, attempt: Attempt) -> Turned {
        let why = match attempt.status.state {
            Some(RollbackState::AwaitingApproval) => "it was not approved in time".to_owned(),
            _ if attempt.status.message.is_empty() => "it was not begun in time".to_owned(),
            _ => format!("it was not begun in time: {}", attempt.status.message),
        };
        let place = attempt
            .status
            .steps
            .iter()
            .position(|step| step.state == StepState::Pending)
            .unwrap_or_default();
        self.conclude(attempt, place, Ending::not_issued(why)).await
    }

    /// Nobody knows whether anything was asked of the platform: every step is taken for asked, as late as can be.
    pub(super) async fn doubt(&self, attempt: Attempt) -> Turned {
        let mut status = attempt.status.clone();
        status.state = Some(RollbackState::Issued);
        status.issued_at.get_or_insert(attempt.created);
        status.steps = pending(self.plan);
        for step in &mut status.steps {
            step.state = StepState::Issued;
            step.started_at = Some(self.moment().now);
        }
        let attempt = self.write(attempt, status).await?;
        Ok((attempt, Again::Now))
    }

    /// What became of a call.
    pub(super) async fn settle(&self, attempt: Attempt, place: usize) -> Turned {
        let step = &self.plan.steps[place];
        let service = &step.service;
        let operations = self.surroundings.operations;
        let rollouts = match operations.rollouts(service).await {
            Ok(rollouts) => rollouts,
            Err(error) => {
                let why = format!("{service}: {}", chain(&error));
                return self.linger(attempt, Some(place), why).await;
            }
        };
        let settlement = settle(
            step,
            &attempt.status.steps[place],
            attempt.created,
            &rollouts,
            self.send_within + operations.sends_within() + operations.consistency_window(),
            self.moment(),
        );
        match settlement {
            Settlement::Adopted(rollout) => self.adopt(attempt, place, &rollout).await,
            Settlement::Superseded(rollout) => {
                let why = format!("{service}: deploy {} is live", rollout.id);
                let ending = Ending {
                    step: StepState::NotIssued,
                    ..Ending::superseded(why)
                };
                self.conclude(attempt, place, ending).await
            }
            Settlement::Absent => {
                let why = format!("{service}: the platform was not asked, or has not heard");
                self.conclude(attempt, place, Ending::not_issued(why)).await
            }
            Settlement::Open(left) => {
                let why =
                    format!("{service}: waiting for the platform to show whether it has heard");
                let (attempt, again) = self.linger(attempt, Some(place), why).await?;
                Ok((attempt, sooner(again, left)))
            }
            Settlement::Contradictory(why) => {
                self.linger(attempt, Some(place), format!("{service}: {why}"))
                    .await
            }
        }
    }

    /// This rollout is what the step has brought about.
    pub(super) async fn adopt(&self, attempt: Attempt, place: usize, rollout: &Rollout) -> Turned {
        let status = record::accepted(&attempt, self.plan, place, rollout, self.moment().now);
        let attempt = self.write(attempt, status).await?;
        Ok((attempt, Again::Now))
    }

    /// How far the rollout of a step has come.
    pub(super) async fn follow(&self, attempt: Attempt, place: usize) -> Turned {
        let step = &self.plan.steps[place];
        let service = &step.service;
        let operations = self.surroundings.operations;
        let Some(id) = attempt.status.steps[place].operation_id.clone() else {
            let mut status = attempt.status.clone();
            status.steps[place].state = StepState::Issued;
            return Ok((self.write(attempt, status).await?, Again::Now));
        };
        let rollout = match operations.rollout(service, &id).await {
            Ok(Some(rollout)) => rollout,
            Ok(None) => {
                let why = format!("{service}: the platform does not show deploy {id}");
                return self.linger(attempt, Some(place), why).await;
            }
            Err(error) => {
                let why = format!("{service}: {}", chain(&error));
                return self.linger(attempt, Some(place), why).await;
            }
        };
        match rollout.phase {
            _ if !may_be_goal(step, &rollout) => {
                let why = format!("{service}: deploy {id} is not built from {}", step.to);
                self.conclude(attempt, place, Ending::failed(why)).await
            }
            Phase::Live => {
                let mut status = attempt.status.clone();
                status.steps[place].state = StepState::Done;
                status.steps[place].finished_at = Some(self.moment().now);
                status.steps[place].message = String::new();
                status.state = Some(RollbackState::Issued);
                status.message = String::new();
                Ok((self.write(attempt, status).await?, Again::Now))
            }
            Phase::Waiting | Phase::InProgress | Phase::Unknown => {
                let why = format!("{service}: deploy {id} is on its way");
                self.linger(attempt, Some(place), why).await
            }
            Phase::Failed => {
                let why = format!("{service}: deploy {id} did not come to be live");
                self.conclude(attempt, place, Ending::failed(why)).await
            }
            Phase::Replaced => {
                let why = format!("{service}: a newer deploy has taken the place of {id}");
                self.conclude(attempt, place, Ending::superseded(why)).await
            }
            Phase::Canceled => self.canceled(attempt, place, &id).await,
        }
    }

    /// By a newer deploy, which supersedes the attempt, or by a person, which ends it.
    async fn canceled(&self, attempt: Attempt, place: usize, id: &str) -> Turned {
        let service = &self.plan.steps[place].service;
        let newer = match self.surroundings.operations.rollouts(service).await {
            Ok(rollouts) => rollouts.first().is_some_and(|newest| newest.id != id),
            Err(error) => {
                let why = format!("{service}: {}", chain(&error));
                return self.linger(attempt, Some(place), why).await;
            }
        };
        let ending = if newer {
            Ending::superseded(format!("{service}: a newer deploy has canceled {id}"))
        } else {
            Ending::failed(format!("{service}: deploy {id} was canceled"))
        };
        self.conclude(attempt, place, ending).await
    }

    /// Every step has come about: is that what is live?
    pub(super) async fn arrive(&self, attempt: Attempt) -> Turned {
        let release = match self.surroundings.operations.release(Instant::now()).await {
            Ok(release) => release,
            Err(error) => return self.linger(attempt, None, chain(&error)).await,
        };
        let Some(other) = record::unexpected(&attempt, self.plan, &release) else {
            let mut status = attempt.status.clone();
            status.result = Some(record::reference(&release));
            status.live_at = Some(self.moment().now);
            status.state = Some(RollbackState::Verifying);
            status.message = String::new();
            return Ok((self.write(attempt, status).await?, Again::Now));
        };
        // A list may still show what was live before.
        let lags = attempt.spec.from.services.iter().all(|before| {
            let live = release
                .services
                .iter()
                .find(|service| service.name == before.name);
            live.is_some_and(|live| {
                live.deploy_id == before.deploy_id || is_operation(&attempt, &live.deploy_id)
            })
        });
        if lags {
            return self.linger(attempt, None, other.to_string()).await;
        }
        self.end(attempt, RollbackState::Superseded, &other.to_string())
            .await
    }

    /// The checks have to pass on it.
    pub(super) async fn verify(&self, attempt: Attempt) -> Turned {
        let Some(result) = attempt.status.result.clone() else {
            let mut status = attempt.status.clone();
            status.state = Some(RollbackState::Issued);
            return Ok((self.write(attempt, status).await?, Again::Now));
        };
        let live_at = attempt.status.live_at.unwrap_or(attempt.created);
        let passed = self.moment().since(live_at);
        let limit = self.plan.verification_timeout.get();
        match self.surroundings.witness.evidence(&attempt, &result).await {
            Evidence::Passed => {
                let from = &attempt.spec.from.release;
                let to = attempt.spec.to.as_ref().map_or("", |to| &to.release);
                let message = format!(
                    "{from} was rolled back to {to}: the checks pass on what is live now, {}",
                    result.release
                );
                self.end(attempt, RollbackState::Verified, &message).await
            }
            Evidence::Failed(why) => {
                let message = format!("the checks fail on {}: {why}", result.release);
                self.end(attempt, RollbackState::Failed, &message).await
            }
            // Whoever runs the checks may look at what was live a moment ago: only the platform tells.
            Evidence::OtherRelease(_) => match self.live().await {
                Some(live) if live != result.release => {
                    let message = format!("{live} is live, not {}", result.release);
                    self.end(attempt, RollbackState::Superseded, &message).await
                }
                _ => Ok((attempt, Again::After(self.pause))),
            },
            Evidence::Pending(why) if passed > limit => {
                let limit = &self.plan.verification_timeout;
                let message = format!("the checks did not pass within {limit}: {why}");
                self.end(attempt, RollbackState::Failed, &message).await
            }
            Evidence::Pending(_) => {
                let left = limit.saturating_sub(passed) + Duration::from_secs(1);
                Ok((attempt, Again::After(left)))
            }
        }
    }

    /// Id of the release that is live now, if the platform tells.
    async fn live(&self) -> Option<String> {
        let release = self.surroundings.operations.release(Instant::now()).await;
        release.ok().map(|release| release.id)
    }

    /// It goes no further now, and nothing was asked of the platform for the step at hand.
    pub(super) async fn hold(&self, attempt: Attempt, why: String) -> Turned {
        let status = record::held(&attempt, self.plan, &why);
        Ok((self.write(attempt, status).await?, Again::After(self.pause)))
    }

    /// Takes an intent back that no call followed.
    pub(super) async fn withdraw(
        &self,
        recorded: Attempt,
        before: &Attempt,
        why: String,
    ) -> Turned {
        let status = record::held(before, self.plan, &why);
        Ok((
            self.write(recorded, status).await?,
            Again::After(self.pause),
        ))
    }

    /// Something was asked of the platform, and it is not known yet how that ends; `place` is the step it is about.
    pub(super) async fn linger(
        &self,
        attempt: Attempt,
        place: Option<usize>,
        why: String,
    ) -> Turned {
        let issued_at = attempt.status.issued_at.unwrap_or(attempt.created);
        let overdue = self.moment().since(issued_at) > self.plan.timeout.get();
        let mut status = attempt.status.clone();
        match place.and_then(|place| status.steps.get_mut(place)) {
            Some(step) => step.message = printable(&why, record::MAX_STEP_MESSAGE_BYTES),
            None => status.message = printable(&why, record::MAX_MESSAGE_BYTES),
        }
        let pause = if overdue {
            status.state = Some(RollbackState::OutcomeUnknown);
            let why = format!("not settled within {}: {why}", self.plan.timeout);
            status.message = printable(&why, record::MAX_MESSAGE_BYTES);
            OVERDUE_INTERVAL.min(self.pause * 6)
        } else {
            self.pause
        };
        Ok((self.write(attempt, status).await?, Again::After(pause)))
    }

    /// It has ended at the step `place`.
    pub(super) async fn conclude(&self, attempt: Attempt, place: usize, ending: Ending) -> Turned {
        let now = self.moment().now;
        let status = record::concluded(&attempt, self.plan, place, &ending, now);
        self.finish(attempt, status).await
    }

    async fn end(&self, attempt: Attempt, state: RollbackState, message: &str) -> Turned {
        let status = record::verified(&attempt, state, message, self.moment().now);
        self.finish(attempt, status).await
    }

    async fn finish(&self, attempt: Attempt, status: RollbackStatus) -> Turned {
        let attempt = self.write(attempt, status).await?;
        tracing::info!(
            rollback = %attempt.name,
            state = attempt.status.state.map_or("", RollbackState::as_str),
            message = attempt.status.message,
            "an attempt to roll back has ended"
        );
        Ok((attempt, Again::Never))
    }

    /// Writes a status that says anything new.
    async fn write(
        &self,
        attempt: Attempt,
        status: RollbackStatus,
    ) -> Result<Attempt, LedgerError> {
        if attempt.status == status {
            return Ok(attempt);
        }
        self.surroundings.ledger.advance(&attempt, status).await
    }

    fn moment(&self) -> super::Moment {
        (self.surroundings.clock)()
    }
}

fn is_operation(attempt: &Attempt, id: &str) -> bool {
    let mut steps = attempt.status.steps.iter();
    steps.any(|step| step.operation_id.as_deref() == Some(id))
}

fn sooner(again: Again, left: Duration) -> Again {
    match again {
        Again::After(pause) => Again::After(pause.min(left)),
        other => other,
    }
}
