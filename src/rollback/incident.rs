//! The attempts that are on record, and which failure the live release belongs to.
//!
//! Whoever may write a `Rollback` may write anything into it. A record counts only when the controller's own rules give
//! the key and the name that it has, for the validation as it is now; whatever else there is was forged, copied or left
//! over, and is not heard.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::naming;
use crate::api::{
    ObservedRelease, ReleaseReference, RollbackPlan, RollbackSpec, RollbackState, RollbackStatus,
    StepState, StepStatus,
};

/// A `Rollback` as it is read.
#[derive(Clone, Copy, Debug)]
pub struct AttemptRecord<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it was created.
    pub created: Timestamp,
    /// Its spec.
    pub spec: &'a RollbackSpec,
    /// Its status; the default when it has none yet.
    pub status: &'a RollbackStatus,
}

/// A record that is proven to be of the controller's making, for the validation as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it was created.
    pub created: Timestamp,
    /// What was live.
    pub from: &'a ReleaseReference,
    /// What it goes back to.
    pub to: &'a ReleaseReference,
    /// The attempt in full.
    pub plan: &'a RollbackPlan,
    /// How it goes.
    pub status: &'a RollbackStatus,
}

impl<'a> Attempt<'a> {
    fn proven(record: AttemptRecord<'a>, validation: Validation<'_>) -> Option<Self> {
        let AttemptRecord {
            name,
            created,
            spec,
            status,
        } = record;
        let plan = spec.plan.as_ref()?;
        let to = spec.to.as_ref()?;
        let key = naming::key(validation.uid, &plan.failed_release, plan.attempt);
        let ours = spec.validation_ref.uid.as_deref() == Some(validation.uid)
            && plan.key == key
            && name == naming::name(validation.name, &key);
        ours.then_some(Self {
            name,
            created,
            from: &spec.from,
            to,
            plan,
            status,
        })
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status.state.is_none_or(|state| !state.is_final())
    }

    /// Where it stands; on record when its status says nothing yet.
    #[must_use]
    pub fn state(&self) -> RollbackState {
        self.status.state.unwrap_or(RollbackState::IntentRecorded)
    }

    /// Whether the platform was asked for something, or may have been.
    #[must_use]
    pub const fn is_touched(&self) -> bool {
        self.status.issued_at.is_some()
    }

    /// Whether it says something about the releases that it is about. One that was found with nothing written to it, and for which
    /// nothing was found on the platform, need not be of a controller's making, and says nothing.
    fn marks(&self) -> bool {
        let is_doubted = |step: &StepStatus| {
            step.started_at.is_some() && step.claimant.is_none() && step.operation_id.is_none()
        };
        let steps = &self.status.steps;
        steps.is_empty() || !steps.iter().all(is_doubted)
    }

    /// When it ended, as far as its status tells.
    #[must_use]
    pub fn ended_at(&self) -> Timestamp {
        let RollbackStatus {
            finished_at,
            live_at,
            issued_at,
            ..
        } = self.status;
        finished_at
            .or(*live_at)
            .or(*issued_at)
            .unwrap_or(self.created)
    }

    /// When it counts against the budget of its policy: when the platform was asked, or when it was recorded while that may
    /// still come; `None` when it will not.
    #[must_use]
    pub fn spends(&self) -> Option<Timestamp> {
        self.status
            .issued_at
            .or_else(|| self.is_open().then_some(self.created))
    }

    /// Whether everything that it brings back came to be live.
    #[must_use]
    pub fn went_live(&self) -> bool {
        self.status.live_at.is_some()
            || self.plan.steps.iter().all(|planned| {
                let step = self.step(&planned.service);
                step.is_some_and(|step| step.state == StepState::Done)
            })
    }

    fn step(&self, service: &str) -> Option<&'a StepStatus> {
        let mut steps = self.status.steps.iter();
        steps.find(|step| step.service == service)
    }

    fn operation(&self, service: &str) -> Option<&'a str> {
        self.step(service)?.operation_id.as_deref()
    }

    /// Whether what is live is what it started from, what it brought about, or both in part.
    fn covers(&self, live: &ObservedRelease) -> bool {
        if self.from.release == live.id {
            return true;
        }
        !live.services.is_empty()
            && live.services.iter().all(|service| {
                let deploy = service.deploy_id.as_str();
                let before = self.from.services.iter();
                let before = before.filter(|before| before.name == service.name);
                before
                    .map(|before| before.deploy_id.as_str())
                    .chain(self.operation(&service.name))
                    .any(|known| known == deploy)
            })
    }

    /// Whether everything that it was to bring about is live.
    fn is_live(&self, live: &ObservedRelease) -> bool {
        self.plan.steps.iter().all(|planned| {
            let operation = self.operation(&planned.service);
            operation.is_some() && operation == live_deploy(live, &planned.service)
        })
    }
}

fn live_deploy<'a>(live: &'a ObservedRelease, service: &str) -> Option<&'a str> {
    let mut services = live.services.iter();
    let service = services.find(|live| live.name == service)?;
    Some(&service.deploy_id)
}

/// The validation that attempts belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validation<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

/// The attempts of one validation: proven, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Attempts<'a>(Vec<Attempt<'a>>);

impl<'a> Attempts<'a> {
    /// Those among `records` that are proven to be of `validation`.
    #[must_use]
    pub fn of(
        validation: Validation<'_>,
        records: impl IntoIterator<Item = AttemptRecord<'a>>,
    ) -> Self {
        let proven = |record| Attempt::proven(record, validation);
        let mut attempts: Vec<_> = records.into_iter().filter_map(proven).collect();
        attempts.sort_by_key(|attempt| (attempt.created, attempt.plan.attempt));
        Self(attempts)
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Attempt<'a>> {
        self.0.iter()
    }

    /// The newest that has not ended.
    #[must_use]
    pub fn open(&self) -> Option<&Attempt<'a>> {
        self.iter().rev().find(|attempt| attempt.is_open())
    }

    /// The releases that are never to be gone back to: those that failed, or were rolled back from, and what an attempt
    /// brought back and found failing.
    #[must_use]
    pub fn quarantine(&self) -> Quarantine<'a> {
        let mut releases = BTreeSet::new();
        for attempt in self.0.iter().filter(|attempt| attempt.marks()) {
            releases.insert(attempt.plan.failed_release.as_str());
            releases.insert(attempt.from.release.as_str());
            let failed = attempt.status.state == Some(RollbackState::Failed);
            if let Some(result) = attempt.status.result.as_ref().filter(|_| failed) {
                releases.insert(result.release.as_str());
            }
        }
        Quarantine(releases)
    }
}

/// Releases that are never to be gone back to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine<'a>(BTreeSet<&'a str>);

impl Quarantine<'_> {
    /// Whether the release is among them.
    #[must_use]
    pub fn holds(&self, release: &str) -> bool {
        self.0.contains(release)
    }
}

/// A deploy that a rollback brought about, and that is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Achieved<'a> {
    /// Id of the live deploy.
    pub operation: &'a str,
    /// Id of the deploy whose content it has.
    pub to: &'a str,
}

/// The failure that the live release belongs to, with all attempts to get out of it.
#[derive(Clone, Debug)]
pub struct Incident<'a> {
    /// The release that failed first, or the live one when nothing is on record for it.
    pub failed_release: &'a str,
    /// Its attempts, by number.
    pub attempts: Vec<Attempt<'a>>,
    /// The number of the next one.
    pub next_attempt: u8,
    /// The attempt whose result is live, all of it; the newest of such.
    pub result: Option<Attempt<'a>>,
    /// By service, what these attempts brought about and is live.
    pub achieved: BTreeMap<&'a str, Achieved<'a>>,
    /// Good releases that were brought back and failed, or could not be brought back.
    pub spoilt: BTreeSet<&'a str>,
}

impl<'a> Incident<'a> {
    /// The one that the release `live` belongs to: that of the newest attempt by which each live deploy was replaced, or
    /// brought about. Without such an attempt, one that begins with `live` itself.
    #[must_use]
    pub fn of(attempts: &Attempts<'a>, live: &'a ObservedRelease) -> Self {
        let newest = attempts.iter().rev().find(|attempt| attempt.covers(live));
        let Some(newest) = newest else {
            return Self::new(&live.id);
        };
        let failed_release = newest.plan.failed_release.as_str();
        let own = attempts
            .iter()
            .filter(|attempt| attempt.plan.failed_release == failed_release);
        let mut own: Vec<Attempt<'a>> = own.copied().collect();
        own.sort_by_key(|attempt| attempt.plan.attempt);
        let last = own.last().map_or(0, |attempt| attempt.plan.attempt);
        let result = own.iter().rev().find(|attempt| attempt.is_live(live));
        let result = result.copied();
        Self {
            failed_release,
            next_attempt: last.saturating_add(1),
            result,
            achieved: achieved(&own, live),
            spoilt: spoilt(&own, result),
            attempts: own,
        }
    }

    fn new(failed_release: &'a str) -> Self {
        Self {
            failed_release,
            attempts: Vec::new(),
            next_attempt: 1,
            result: None,
            achieved: BTreeMap::new(),
            spoilt: BTreeSet::new(),
        }
    }

    /// How many attempts asked something of the platform.
    #[must_use]
    pub fn touched(&self) -> usize {
        let touched = |attempt: &&Attempt<'_>| attempt.is_touched();
        self.attempts.iter().filter(touched).count()
    }

    /// How many attempts asked nothing of it.
    #[must_use]
    pub fn not_issued(&self) -> usize {
        self.attempts.len() - self.touched()
    }
}

/// What is on record of one validation, read for the release that is live.
#[derive(Clone, Debug)]
pub struct Past<'a> {
    /// All attempts.
    pub attempts: Attempts<'a>,
    /// The releases that are never to be gone back to.
    pub quarantine: Quarantine<'a>,
    /// The failure that the live release belongs to.
    pub incident: Incident<'a>,
}

impl<'a> Past<'a> {
    /// What `records` tell of `validation`.
    #[must_use]
    pub fn of(
        validation: Validation<'_>,
        records: impl IntoIterator<Item = AttemptRecord<'a>>,
        live: &'a ObservedRelease,
    ) -> Self {
        let attempts = Attempts::of(validation, records);
        Self {
            quarantine: attempts.quarantine(),
            incident: Incident::of(&attempts, live),
            attempts,
        }
    }
}

/// That a deploy is live proves what brought it about, whatever its step says: the record may lag behind.
fn achieved<'a>(
    attempts: &[Attempt<'a>],
    live: &'a ObservedRelease,
) -> BTreeMap<&'a str, Achieved<'a>> {
    let mut achieved = BTreeMap::new();
    for attempt in attempts {
        for planned in &attempt.plan.steps {
            let operation = attempt.operation(&planned.service);
            if let Some(operation) = operation
                && live_deploy(live, &planned.service) == Some(operation)
            {
                let to = planned.to.as_str();
                achieved.insert(planned.service.as_str(), Achieved { operation, to });
            }
        }
    }
    achieved
}

/// A goal whose operation failed was never live and may be tried again; one that was live and failed, or is not kept any more,
/// may not.
fn spoilt<'a>(attempts: &[Attempt<'a>], result: Option<Attempt<'a>>) -> BTreeSet<&'a str> {
    let failed = attempts.iter().filter(|attempt| {
        attempt.status.state == Some(RollbackState::Failed) && attempt.went_live()
    });
    let live = result
        .iter()
        .filter(|result| result.status.state != Some(RollbackState::Verified));
    let is_gone = |step: &StepStatus| step.state == StepState::Unavailable;
    let gone = attempts
        .iter()
        .filter(|attempt| attempt.status.steps.iter().any(is_gone));
    failed
        .chain(live)
        .chain(gone)
        .map(|attempt| attempt.to.release.as_str())
        .collect()
}

#[cfg(test)]
mod tests;
