//! How a record changes as its attempt goes on. Pure: a record in, a status out.

use std::fmt;

use jiff::Timestamp;

use super::{
    ledger::Attempt,
    naming,
    progress::{has_touched, pending},
};
use crate::{
    api::{
        ReleaseReference, RollbackPlan, RollbackState, RollbackStatus, ServiceDeploy, StepState,
        StepStatus,
    },
    checks::verdict::printable,
    platforms::{MutationError, RefusedBecause, Release, Rollout},
};

/// The longest message of a record, in bytes.
pub(super) const MAX_MESSAGE_BYTES: usize = 1024;

/// The longest message of a step, in bytes.
pub(super) const MAX_STEP_MESSAGE_BYTES: usize = 512;

/// The intent to make one call.
#[derive(Clone, Debug)]
pub struct Intent<'a> {
    /// Position of the step.
    pub place: usize,
    /// The process that is about to make it.
    pub claimant: &'a str,
    /// The newest rollout of the service so far.
    pub newest: String,
    /// Now.
    pub now: Timestamp,
}

impl Intent<'_> {
    /// The status of `attempt` with the intent in it.
    #[must_use]
    pub fn written_to(&self, attempt: &Attempt, plan: &RollbackPlan) -> RollbackStatus {
        let mut status = attempt.status.clone();
        if status.steps.is_empty() {
            status.steps = pending(plan);
        }
        status.state = Some(RollbackState::Issued);
        status.issued_at.get_or_insert(self.now);
        status.message = String::new();
        let step = &mut status.steps[self.place];
        step.state = StepState::Issued;
        step.claimant = Some(self.claimant.to_owned());
        step.newest_before = Some(self.newest.clone());
        step.started_at = Some(self.now);
        step.message = String::new();
        status
    }

    /// Whether the intent stands in `status`.
    #[must_use]
    pub fn stands_in(&self, status: &RollbackStatus) -> bool {
        status.steps.get(self.place).is_some_and(|step| {
            step.state == StepState::Issued
                && step.claimant.as_deref() == Some(self.claimant)
                && step.started_at == Some(self.now)
        })
    }

    /// The same status with something new in it, so that writing it is a write.
    #[must_use]
    pub fn confirmed_in(&self, mut status: RollbackStatus) -> RollbackStatus {
        if let Some(step) = status.steps.get_mut(self.place) {
            "recorded twice, since the first time got no answer".clone_into(&mut step.message);
        }
        status
    }
}

/// How an attempt ends at one of its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Where the attempt stands then.
    pub state: RollbackState,
    /// Where the step stands then.
    pub step: StepState,
    /// Why, for people.
    pub why: String,
}

impl Ending {
    /// Nothing was asked of the platform.
    #[must_use]
    pub fn not_issued(why: impl Into<String>) -> Self {
        Self {
            state: RollbackState::NotIssued,
            step: StepState::NotIssued,
            why: why.into(),
        }
    }

    /// It did not come about.
    #[must_use]
    pub fn failed(why: impl Into<String>) -> Self {
        Self {
            state: RollbackState::Failed,
            step: StepState::Failed,
            why: why.into(),
        }
    }

    /// Something newer took its place.
    #[must_use]
    pub fn superseded(why: impl Into<String>) -> Self {
        Self {
            state: RollbackState::Superseded,
            step: StepState::Superseded,
            why: why.into(),
        }
    }

    /// The platform was asked, and did not carry it out.
    #[must_use]
    pub fn by(error: &MutationError) -> Self {
        let (state, step) = match error {
            MutationError::Refused { refused, .. } => match refused {
                RefusedBecause::Busy | RefusedBecause::RateLimited { .. } => {
                    (RollbackState::NotIssued, StepState::Refused)
                }
                RefusedBecause::Credentials | RefusedBecause::Payment => {
                    (RollbackState::Rejected, StepState::Refused)
                }
                RefusedBecause::Gone | RefusedBecause::Invalid => {
                    (RollbackState::Rejected, StepState::Unavailable)
                }
            },
            MutationError::NotSent(_) | MutationError::Unknown(_) => {
                (RollbackState::NotIssued, StepState::NotIssued)
            }
        };
        Self {
            state,
            step,
            why: error.to_string(),
        }
    }
}

/// The status of `attempt` once it has ended at the step `place`. An attempt that has brought another step about before has
/// failed, however this one ended: it is neither here nor there.
#[must_use]
pub fn concluded(
    attempt: &Attempt,
    plan: &RollbackPlan,
    place: usize,
    ending: &Ending,
    now: Timestamp,
) -> RollbackStatus {
    let mut status = attempt.status.clone();
    if status.steps.is_empty() {
        status.steps = pending(plan);
    }
    if let Some(step) = status.steps.get_mut(place) {
        step.state = ending.step;
        step.finished_at = Some(now);
        step.message = printable(&ending.why, MAX_STEP_MESSAGE_BYTES);
    }
    for step in status.steps.iter_mut().skip(place + 1) {
        // Steps come one after the other, so that none after this one was begun, even where that is not on record.
        step.state = StepState::Skipped;
    }
    let partly = status
        .steps
        .iter()
        .any(|step| step.state == StepState::Done);
    let never_begun = matches!(
        ending.state,
        RollbackState::NotIssued | RollbackState::Rejected
    );
    let state = if partly && never_begun {
        RollbackState::Failed
    } else {
        ending.state
    };
    if !has_touched(&status.steps) {
        status.issued_at = None;
    }
    let message = if status.steps.len() > 1 {
        format!("{} ({})", ending.why, told(&status.steps))
    } else {
        ending.why.clone()
    };
    finished(status, state, &message, now)
}

/// The status of an attempt whose every step has come about, once the checks have spoken.
#[must_use]
pub fn verified(
    attempt: &Attempt,
    state: RollbackState,
    message: &str,
    now: Timestamp,
) -> RollbackStatus {
    finished(attempt.status.clone(), state, message, now)
}

fn finished(
    mut status: RollbackStatus,
    state: RollbackState,
    message: &str,
    now: Timestamp,
) -> RollbackStatus {
    status.state = Some(state);
    status.message = printable(message, MAX_MESSAGE_BYTES);
    status.finished_at = Some(now);
    status
}

/// The status of `attempt` with the rollout that its step `place` has brought about.
#[must_use]
pub fn accepted(
    attempt: &Attempt,
    plan: &RollbackPlan,
    place: usize,
    rollout: &Rollout,
    now: Timestamp,
) -> RollbackStatus {
    let mut status = attempt.status.clone();
    if status.steps.is_empty() {
        status.steps = pending(plan);
    }
    status.state = Some(RollbackState::Issued);
    status.issued_at.get_or_insert(now);
    status.message = String::new();
    if let Some(step) = status.steps.get_mut(place) {
        step.state = StepState::Accepted;
        step.operation_id = Some(rollout.id.clone());
        step.started_at.get_or_insert(now);
        step.message = String::new();
    }
    status
}

/// The status of `attempt`, with a word on why it goes no further now.
#[must_use]
pub fn held(attempt: &Attempt, plan: &RollbackPlan, why: &str) -> RollbackStatus {
    let mut status = attempt.status.clone();
    if status.steps.is_empty() {
        status.steps = pending(plan);
    }
    if !has_touched(&status.steps) {
        status.state = Some(RollbackState::IntentRecorded);
    }
    status.message = printable(why, MAX_MESSAGE_BYTES);
    status
}

/// Whether key and name of the record are those that the controller gives this attempt.
#[must_use]
pub fn is_proven(attempt: &Attempt) -> bool {
    let (Some(plan), Some(uid)) = (&attempt.spec.plan, &attempt.spec.validation_ref.uid) else {
        return false;
    };
    let key = naming::key(uid, &plan.failed_release, plan.attempt);
    let name = naming::name(&attempt.spec.validation_ref.name, &key);
    plan.key == key && attempt.name.name == name
}

/// When the attempt counts against a budget: once something may have been asked of the platform, and before while it may
/// still be.
#[must_use]
pub fn budgeted_at(attempt: &Attempt) -> Option<Timestamp> {
    let open = attempt.status.state.is_none_or(|state| !state.is_final());
    attempt.status.issued_at.or(open.then_some(attempt.created))
}

/// A service of which something else is live than an attempt expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexpected {
    service: String,
    live: String,
    expected: String,
}

impl fmt::Display for Unexpected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service,
            live,
            expected,
        } = self;
        write!(
            formatter,
            "{service}: deploy {live} is live, not {expected}"
        )
    }
}

/// The first service of which something else is live in `release` than `attempt` expects now: what a step has brought about,
/// and what failed where none has yet.
#[must_use]
pub fn unexpected(attempt: &Attempt, plan: &RollbackPlan, release: &Release) -> Option<Unexpected> {
    let expected = expected(attempt, plan);
    for service in &release.services {
        let wanted = expected
            .iter()
            .find(|deploy| deploy.name == service.name)
            .map(|deploy| deploy.deploy_id.as_str());
        if wanted != Some(service.deploy_id.as_str()) {
            return Some(Unexpected {
                service: service.name.clone(),
                live: service.deploy_id.clone(),
                expected: wanted.unwrap_or("one of its own").to_owned(),
            });
        }
    }
    let missing = expected.iter().find(|deploy| {
        release
            .services
            .iter()
            .all(|service| service.name != deploy.name)
    })?;
    Some(Unexpected {
        service: missing.name.clone(),
        live: "none".to_owned(),
        expected: missing.deploy_id.clone(),
    })
}

/// What has to be live now.
fn expected(attempt: &Attempt, plan: &RollbackPlan) -> Vec<ServiceDeploy> {
    let mut services = attempt.spec.from.services.clone();
    for (step, status) in plan.steps.iter().zip(&attempt.status.steps) {
        if status.state == StepState::Done
            && let Some(id) = &status.operation_id
            && let Some(service) = services
                .iter_mut()
                .find(|service| service.name == step.service)
        {
            service.deploy_id.clone_from(id);
            service.version.clone_from(&step.version);
        }
    }
    services
}

/// A release as records name it.
#[must_use]
pub fn reference(release: &Release) -> ReleaseReference {
    ReleaseReference {
        release: release.id.clone(),
        services: release
            .services
            .iter()
            .map(|service| ServiceDeploy {
                name: service.name.clone(),
                deploy_id: service.deploy_id.clone(),
                version: service.version.clone(),
            })
            .collect(),
    }
}

/// What became of each service, on one line.
fn told(steps: &[StepStatus]) -> String {
    let words: Vec<String> = steps
        .iter()
        .map(|step| {
            let word = match step.state {
                StepState::Pending | StepState::Skipped => "not begun",
                StepState::Issued => "not known",
                StepState::Accepted => "under way",
                StepState::Done => "back",
                StepState::Failed => "failed",
                StepState::Refused => "refused",
                StepState::Unavailable => "not there any more",
                StepState::NotIssued => "not asked for",
                StepState::Superseded => "superseded",
            };
            format!("{}: {word}", step.service)
        })
        .collect();
    words.join(", ")
}
