//! Reads that are behind: a platform may accept a change and show it later.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    control::ControlError,
    model::{Deploy, DeployStatus, Service},
    world::World,
};

/// The longest that reads can be behind.
const MAXIMUM: Duration = Duration::from_hours(24);

/// The most changes that are kept of those that are not shown yet.
const CAPACITY: usize = 100_000;

/// How far the time of an event can be ahead of the clock, since no two have the same.
const AHEAD: SignedDuration = SignedDuration::from_millis(1);

/// What reads of deploys show while they are behind: how everything was when that began, and what has changed since.
#[derive(Debug)]
pub(super) struct Lag {
    behind: SignedDuration,
    /// The deploys as they are shown, in the order in which they were created.
    shown: Vec<Deploy>,
    /// Changes that are not shown yet, in the order in which they happened.
    pending: Vec<(Timestamp, Deploy)>,
    /// The newest event that was told before. No two events have the same time.
    told_until: Option<Timestamp>,
}

impl World {
    /// From now on, reads show what happens to deploys only after this time; what has happened stays to be seen. No time
    /// shows everything again.
    pub(super) fn set_lag(&mut self, behind: Duration) -> Result<(), ControlError> {
        let behind = SignedDuration::try_from(behind)
            .ok()
            .filter(|_| behind <= MAXIMUM)
            .ok_or(ControlError::Invalid("a lag of more than 24 h"))?;
        match &mut self.lag {
            lag if behind.is_zero() => *lag = None,
            Some(lag) => lag.behind = behind,
            lag @ None => {
                *lag = Some(Lag {
                    behind,
                    shown: self.deploys.clone(),
                    pending: Vec::new(),
                    told_until: self.events.back().map(|event| event.timestamp),
                });
            }
        }
        Ok(())
    }

    /// Takes note of how a deploy stands after a change.
    pub(super) fn changed_deploy(&mut self, index: usize, at: Timestamp) {
        if let Some(lag) = &mut self.lag
            && lag.pending.len() < CAPACITY
        {
            lag.pending.push((at, self.deploys[index].clone()));
        }
    }

    /// Shows what has become old enough to be seen.
    pub(super) fn catch_up(&mut self, now: Timestamp) {
        let Some(lag) = &mut self.lag else {
            return;
        };
        let seen = |at: &Timestamp| now.duration_since(*at) >= lag.behind;
        let old = lag.pending.iter().take_while(|(at, _)| seen(at)).count();
        for (_, deploy) in lag.pending.drain(..old) {
            match lag.shown.iter_mut().find(|shown| shown.id == deploy.id) {
                Some(shown) => *shown = deploy,
                None => lag.shown.push(deploy),
            }
        }
    }

    /// The deploys of a service as reads show them, newest first.
    pub(super) fn shown_deploys_of(&self, service: &str) -> impl Iterator<Item = &Deploy> {
        let shown = self.lag.as_ref().map_or(&self.deploys, |lag| &lag.shown);
        let of_service = shown.iter().rev();
        of_service.filter(move |deploy| deploy.service_id == service)
    }

    /// The deploy that serves as reads show it, unless the service is suspended or was never deployed.
    pub(super) fn shown_serving(&self, service: &Service) -> Option<&Deploy> {
        if !service.suspenders.is_empty() {
            return None;
        }
        self.shown_deploys_of(&service.id)
            .find(|deploy| deploy.status == DeployStatus::Live)
    }

    /// Whether reads show an event of this time.
    pub(super) fn is_shown(&self, event: Timestamp, now: Timestamp) -> bool {
        self.lag.as_ref().is_none_or(|lag| {
            lag.told_until.is_some_and(|until| event <= until)
                || now.duration_since(event) + AHEAD >= lag.behind
        })
    }
}
