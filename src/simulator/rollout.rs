//! How a deploy moves: the phases it was given, and what its end does to the other deploys of its service.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

use super::{
    deploying::Phases,
    model::{Deploy, DeployStatus, Overlap},
    world::World,
};

/// How long rollouts take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// From the start to the end of a build, unless a deploy says otherwise.
    pub build: Duration,
    /// From the start of the new instances until they serve, unless a deploy says otherwise.
    pub update: Duration,
    /// How many times faster than said everything passes; phases that a deploy was given pass faster as well.
    pub speed: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            build: Duration::from_secs(20),
            update: Duration::from_secs(10),
            speed: 1.0,
        }
    }
}

impl Pace {
    /// The phases of a rollout that ends well, with or without a build.
    pub(super) fn usual(&self, builds: bool) -> Phases {
        let mut phases = VecDeque::from([
            (DeployStatus::UpdateInProgress, self.quickened(self.update)),
            (DeployStatus::Live, Duration::ZERO),
        ]);
        if builds {
            phases.push_front((DeployStatus::BuildInProgress, self.quickened(self.build)));
        }
        phases
    }

    /// How long something passes for when it is said to last `duration`.
    pub(super) fn quickened(&self, duration: Duration) -> Duration {
        // A speed that is no positive number would leave nothing to wait for or wait for ever.
        if self.speed.is_normal() && self.speed > 0.0 {
            Duration::try_from_secs_f64(duration.as_secs_f64() / self.speed)
                .unwrap_or(Duration::MAX)
        } else {
            duration
        }
    }
}

impl World {
    /// Brings every deploy and every database to where it stands at `now`, in the order in which things happened.
    pub(super) fn settle(&mut self, now: Timestamp) {
        // Each turn takes a phase off a plan, and nothing here adds one.
        while let Some((index, due)) = self.next_due(now) {
            self.advance(index, due);
        }
        self.settle_databases(now);
    }

    /// Puts a new deploy in its place: at once, behind the running one, or instead of it.
    pub(super) fn admit(&mut self, deploy: Deploy, overlap: Overlap, now: Timestamp) {
        let running = self.position_of_running(&deploy.service_id);
        let waits = running.is_some() && overlap == Overlap::Wait;
        let (service, id) = (deploy.service_id.clone(), deploy.id.clone());
        self.deploys.push(deploy);
        let index = self.deploys.len() - 1;
        if waits {
            self.deploys[index].status = DeployStatus::Queued;
            self.changed_deploy(index, now);
            return;
        }
        // Due before the others are cancelled, so that their end does not start one that waits.
        self.deploys[index].plan.due = Some(now);
        if overlap == Overlap::Override {
            self.cancel_unfinished(&service, &id, now);
        }
        self.settle(now);
    }

    /// Moves a deploy to a status by hand; it stays there.
    pub(super) fn place(&mut self, index: usize, status: DeployStatus, now: Timestamp) {
        self.deploys[index].plan.phases.clear();
        self.deploys[index].plan.due = None;
        self.enter(index, status, now);
        self.settle(now);
    }

    fn next_due(&self, now: Timestamp) -> Option<(usize, Timestamp)> {
        let due = self.deploys.iter().enumerate();
        due.filter_map(|(index, deploy)| Some((index, deploy.plan.due?)))
            .filter(|(_, due)| *due <= now)
            .min_by_key(|(_, due)| *due)
    }

    fn advance(&mut self, index: usize, at: Timestamp) {
        let plan = &mut self.deploys[index].plan;
        plan.due = None;
        let Some((status, lasts)) = plan.phases.pop_front() else {
            return;
        };
        if !plan.phases.is_empty() {
            plan.due = later(at, lasts);
        }
        self.enter(index, status, at);
    }

    fn enter(&mut self, index: usize, status: DeployStatus, due: Timestamp) {
        let former = self.deploys[index].clone();
        let deploy = &mut self.deploys[index];
        // A creation time can be a little ahead of the clock (see `World::stamp`), and nothing happens before it.
        let at = due.max(deploy.created_at);
        deploy.status = status;
        deploy.updated_at = at;
        let waits = matches!(status, DeployStatus::Created | DeployStatus::Queued);
        if !waits && status != DeployStatus::Canceled && deploy.started_at.is_none() {
            deploy.started_at = Some(at);
        }
        if !status.is_ended() {
            deploy.finished_at = None;
        } else if status != DeployStatus::Deactivated || deploy.finished_at.is_none() {
            deploy.finished_at = Some(at);
        }
        let current = deploy.clone();
        self.changed_deploy(index, due);
        self.tell_of_move(&former, &current, at);
        if status == DeployStatus::Live {
            self.deactivate_others(&current, at, due);
        }
        if status.is_ended() {
            self.start_next(&current.service_id, due);
        }
    }

    fn deactivate_others(&mut self, live: &Deploy, at: Timestamp, due: Timestamp) {
        for index in 0..self.deploys.len() {
            let other = &mut self.deploys[index];
            if other.service_id == live.service_id
                && other.id != live.id
                && other.status == DeployStatus::Live
            {
                other.status = DeployStatus::Deactivated;
                other.updated_at = at;
                self.changed_deploy(index, due);
            }
        }
    }

    /// Lets the newest waiting deploy of a service start, and cancels those it overtakes.
    fn start_next(&mut self, service: &str, at: Timestamp) {
        if self.position_of_running(service).is_some() {
            return;
        }
        let newest = self.deploys.iter().rposition(|deploy| {
            deploy.service_id == service && deploy.status == DeployStatus::Queued
        });
        let Some(newest) = newest else {
            return;
        };
        // Due before the others are cancelled, so that their end does not start the next one in turn.
        self.deploys[newest].plan.due = Some(at);
        let by = self.deploys[newest].id.clone();
        self.cancel_unfinished(service, &by, at);
    }

    fn cancel_unfinished(&mut self, service: &str, superseded_by: &str, at: Timestamp) {
        for index in 0..self.deploys.len() {
            let deploy = &mut self.deploys[index];
            if deploy.service_id != service
                || deploy.id == superseded_by
                || deploy.status.is_ended()
            {
                continue;
            }
            deploy.superseded_by = Some(superseded_by.to_owned());
            deploy.plan.phases.clear();
            deploy.plan.due = None;
            self.enter(index, DeployStatus::Canceled, at);
        }
    }

    /// The deploy that the service is busy with: started and not ended, or about to start.
    fn position_of_running(&self, service: &str) -> Option<usize> {
        self.deploys.iter().position(|deploy| {
            deploy.service_id == service
                && !deploy.status.is_ended()
                && (deploy.status != DeployStatus::Queued || deploy.plan.due.is_some())
        })
    }
}

/// `at` plus `step`, or never when no such time can be represented.
fn later(at: Timestamp, step: Duration) -> Option<Timestamp> {
    at.checked_add(step).ok()
}
