//! What truly runs on a platform in memory, and what has run on it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::clock;
use crate::platforms::{Cause, LiveDeploy, Phase, Release, Rollout};

/// How a rollout goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is live after so many seconds.
    Live(u64),
    /// It fails after so many seconds.
    Fails(u64),
    /// A person cancels it after so many seconds.
    Canceled(u64),
    /// It never ends.
    Never,
}

/// A rollout, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Deployed {
    pub rollout: Rollout,
    /// Whether a call to roll back has brought it about.
    pub ours: bool,
    due: Option<(Instant, Phase)>,
}

/// A service, its newest rollout first.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: &'static str,
    pub rollouts: Vec<Deployed>,
    pub automatic_deploys: Option<bool>,
    pub suspended: Option<String>,
}

/// All services, and what they were before.
#[derive(Debug)]
pub struct Fleet {
    services: Vec<Service>,
    past: Vec<(Instant, Vec<Service>)>,
    /// Calls that take effect later: when, on which service, and to what.
    coming: Vec<(Instant, String, String)>,
}

impl Fleet {
    /// Of each service, `x-3` is live, built from `v2`. `x-1` is the goal, built from `v1`, and `x-2` was an earlier return
    /// to it.
    pub fn new(names: &[&'static str]) -> Self {
        let service = |name: &&'static str| {
            let deployed = |number: u8, phase, cause, version: &str, minutes| Deployed {
                rollout: Rollout {
                    id: format!("{name}-{number}"),
                    phase,
                    cause,
                    version: Some(version.to_owned()),
                    created_at: Some(clock::now() - SignedDuration::from_mins(minutes)),
                    finished_at: None,
                },
                ours: false,
                due: None,
            };
            Service {
                name,
                rollouts: vec![
                    deployed(3, Phase::Live, Cause::Other, "v2", 10),
                    deployed(2, Phase::Replaced, Cause::Rollback, "v1", 60),
                    deployed(1, Phase::Replaced, Cause::Other, "v1", 120),
                ],
                automatic_deploys: Some(false),
                suspended: None,
            }
        };
        let services: Vec<Service> = names.iter().map(service).collect();
        Self {
            past: vec![(Instant::now(), services.clone())],
            services,
            coming: Vec::new(),
        }
    }

    /// Everything that is due comes about, in its order.
    pub fn tick(&mut self) {
        loop {
            let due = |deployed: &Deployed| deployed.due.map(|(at, _)| at);
            let rollouts = self.services.iter().flat_map(|service| &service.rollouts);
            let next = rollouts.filter_map(due).min();
            let coming = self.coming.iter().map(|(at, ..)| *at).min();
            let Some(at) = next.into_iter().chain(coming).min() else {
                return;
            };
            if at > Instant::now() {
                return;
            }
            if let Some(place) = self.coming.iter().position(|(when, ..)| *when == at) {
                let (_, service, to) = self.coming.remove(place);
                self.roll_back(&service, &to, Fate::Live(20));
            } else {
                self.advance(at);
            }
        }
    }

    fn advance(&mut self, at: Instant) {
        for service in &mut self.services {
            let is_due = |deployed: &Deployed| deployed.due.is_some_and(|(when, _)| when == at);
            let Some(place) = service.rollouts.iter().position(is_due) else {
                continue;
            };
            let (_, phase) = service.rollouts[place].due.take().unwrap();
            if phase == Phase::Live {
                service.replace_live();
            }
            service.rollouts[place].rollout.phase = phase;
        }
        self.past.push((at, self.services.clone()));
    }

    /// A call to roll back takes effect after so many seconds.
    pub fn roll_back_later(&mut self, seconds: u64, service: &str, to: &str) {
        let at = Instant::now() + Duration::from_secs(seconds);
        self.coming.push((at, service.to_owned(), to.to_owned()));
    }

    /// A call to roll back takes effect.
    pub fn roll_back(&mut self, service: &str, to: &str, fate: Fate) -> Rollout {
        let found = self.service(service).rollouts.iter();
        let goal = found
            .map(|deployed| &deployed.rollout)
            .find(|it| it.id == to);
        let version = goal.and_then(|goal| goal.version.clone());
        self.start(service, Cause::Rollback, version, true, fate)
    }

    /// Somebody else deploys, which cancels what is under way.
    pub fn deploy(&mut self, service: &str, cause: Cause, version: &str, fate: Fate) -> Rollout {
        for deployed in &mut self.service_mut(service).rollouts {
            let phase = &mut deployed.rollout.phase;
            if !phase.is_over() && *phase != Phase::Live {
                *phase = Phase::Canceled;
                deployed.due = None;
            }
        }
        self.start(service, cause, Some(version.to_owned()), false, fate)
    }

    fn start(
        &mut self,
        name: &str,
        cause: Cause,
        version: Option<String>,
        ours: bool,
        fate: Fate,
    ) -> Rollout {
        let in_seconds = |seconds| Instant::now() + Duration::from_secs(seconds);
        let (phase, due) = match fate {
            Fate::Live(0) => {
                self.service_mut(name).replace_live();
                (Phase::Live, None)
            }
            Fate::Live(seconds) => (Phase::InProgress, Some((in_seconds(seconds), Phase::Live))),
            Fate::Fails(seconds) => (
                Phase::InProgress,
                Some((in_seconds(seconds), Phase::Failed)),
            ),
            Fate::Canceled(seconds) => {
                (Phase::Waiting, Some((in_seconds(seconds), Phase::Canceled)))
            }
            Fate::Never => (Phase::InProgress, None),
        };
        let service = self.service_mut(name);
        let rollout = Rollout {
            id: format!("{name}-{}", service.rollouts.len() + 1),
            phase,
            cause,
            version,
            created_at: Some(clock::now()),
            finished_at: None,
        };
        let deployed = Deployed {
            rollout: rollout.clone(),
            ours,
            due,
        };
        service.rollouts.insert(0, deployed);
        self.keep();
        rollout
    }

    /// What a read shows that lags behind by so much.
    pub fn seen(&self, lag: Duration) -> &[Service] {
        let at = Instant::now() - lag;
        let seen = self.past.iter().rev().find(|(since, _)| *since <= at);
        &seen.unwrap_or(&self.past[0]).1
    }

    pub fn service(&self, name: &str) -> &Service {
        let mut services = self.services.iter();
        services.find(|service| service.name == name).expect(name)
    }

    /// Changes a service in another way.
    pub fn change(&mut self, name: &str, change: impl FnOnce(&mut Service)) {
        change(self.service_mut(name));
        self.keep();
    }

    pub fn services(&self) -> &[Service] {
        &self.services
    }

    fn service_mut(&mut self, name: &str) -> &mut Service {
        let mut services = self.services.iter_mut();
        services.find(|service| service.name == name).expect(name)
    }

    fn keep(&mut self) {
        self.past.push((Instant::now(), self.services.clone()));
    }
}

impl Service {
    fn replace_live(&mut self) {
        for deployed in &mut self.rollouts {
            if deployed.rollout.phase == Phase::Live {
                deployed.rollout.phase = Phase::Replaced;
            }
        }
    }

    /// The id of what is live.
    pub fn live(&self) -> Option<&str> {
        let mut rollouts = self.rollouts.iter().map(|deployed| &deployed.rollout);
        let live = rollouts.find(|rollout| rollout.phase == Phase::Live)?;
        Some(&live.id)
    }
}

/// The release that these services make up, unless nothing of one of them is live.
pub fn release(services: &[Service]) -> Option<Release> {
    let deploys: Option<Vec<LiveDeploy>> = services
        .iter()
        .map(|service| {
            Some(LiveDeploy {
                name: service.name.to_owned(),
                service_id: None,
                deploy_id: service.live()?.to_owned(),
                version: None,
                live_since: None::<Timestamp>,
            })
        })
        .collect();
    deploys.map(Release::of)
}
