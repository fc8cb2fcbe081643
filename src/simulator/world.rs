//! Everything the simulated platform knows.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{
    api::Route,
    budget::Budgets,
    control::ControlError,
    databases::Database,
    deploying::Phases,
    environment::Variable,
    faults::Faults,
    holds::Holds,
    identity::Identities,
    journal::Journal,
    keys::{KeyDigest, Reach},
    lag::Lag,
    ledger::Ledger,
    logs::Logs,
    maintenance::MaintenanceRun,
    model::{Deploy, DeployStatus, Event, Service, Workspace},
    rollout::Pace,
    seed::Seed,
    webhooks::Webhooks,
};

/// What others wait for.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    /// How many calls are held.
    pub(super) held: watch::Sender<usize>,
    /// How many webhooks are registered.
    pub(super) webhooks: watch::Sender<usize>,
}

/// The platform's state. It has no clock of its own: whoever changes it says what time it is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) pace: Pace,
    pub(super) identities: Identities,
    pub(super) workspaces: Vec<Workspace>,
    pub(super) services: Vec<Service>,
    pub(super) databases: Vec<Database>,
    pub(super) maintenance: Vec<MaintenanceRun>,
    pub(super) logs: Logs,
    pub(super) webhooks: Webhooks,
    /// In the order in which they were created.
    pub(super) deploys: Vec<Deploy>,
    pub(super) events: VecDeque<Event>,
    pub(super) keys: Vec<(KeyDigest, Reach)>,
    pub(super) ledger: Ledger,
    pub(super) budgets: Budgets,
    pub(super) faults: Faults,
    pub(super) holds: Holds,
    pub(super) journal: Journal,
    /// The environment variables that are stored for each service.
    pub(super) variables: BTreeMap<String, Vec<Variable>>,
    /// How far reads are behind, if they are.
    pub(super) lag: Option<Lag>,
    /// What the next deploys of a service go through that are started through the API.
    pub(super) scripts: BTreeMap<String, VecDeque<Phases>>,
    pub(super) calls: BTreeMap<Route, u64>,
    pub(super) answered: u64,
    newest: Timestamp,
}

impl World {
    /// A platform with what the seed says, at the given time. The signals are told what it counts.
    pub(super) fn new(
        pace: Pace,
        seed: &Seed,
        signals: &Signals,
        now: Timestamp,
    ) -> Result<Self, ControlError> {
        let mut world = Self {
            pace,
            identities: Identities::default(),
            workspaces: Vec::new(),
            services: Vec::new(),
            databases: Vec::new(),
            maintenance: Vec::new(),
            logs: Logs::default(),
            webhooks: Webhooks::new(signals.webhooks.clone()),
            deploys: Vec::new(),
            events: VecDeque::new(),
            keys: Vec::new(),
            ledger: Ledger::default(),
            budgets: Budgets::default(),
            faults: Faults::default(),
            holds: Holds::new(signals.held.clone()),
            journal: Journal::default(),
            variables: BTreeMap::new(),
            lag: None,
            scripts: BTreeMap::new(),
            calls: BTreeMap::new(),
            answered: 0,
            newest: Timestamp::MIN,
        };
        world.sow(seed, now)?;
        Ok(world)
    }

    /// The creation time for something new: no two things are created at the same time, so that sorting by it tells
    /// their order, as it does on the real platform.
    pub(super) fn stamp(&mut self, now: Timestamp) -> Timestamp {
        let after = self
            .newest
            .checked_add(SignedDuration::from_micros(1))
            .unwrap_or(now);
        self.newest = now.max(after);
        self.newest
    }

    /// What the key may see, if it is one of ours.
    pub(super) fn reach_of(&self, key: &KeyDigest) -> Option<&Reach> {
        let found = self.keys.iter().find(|(known, _)| known == key);
        found.map(|(_, reach)| reach)
    }

    /// Where the workspace with this identifier or name is.
    pub(super) fn workspace_at(&self, wanted: &str) -> Result<usize, ControlError> {
        self.workspaces
            .iter()
            .position(|workspace| workspace.id == wanted || workspace.name == wanted)
            .ok_or_else(|| ControlError::UnknownWorkspace(wanted.to_owned()))
    }

    /// Where the service with this identifier or name is.
    pub(super) fn service_at(&self, wanted: &str) -> Result<usize, ControlError> {
        self.services
            .iter()
            .position(|service| service.id == wanted || service.name == wanted)
            .ok_or_else(|| ControlError::UnknownService(wanted.to_owned()))
    }

    /// Where the deploy with this identifier is.
    pub(super) fn deploy_at(&self, wanted: &str) -> Result<usize, ControlError> {
        self.deploys
            .iter()
            .position(|deploy| deploy.id == wanted)
            .ok_or_else(|| ControlError::UnknownDeploy(wanted.to_owned()))
    }

    /// The deploys of a service, newest first.
    pub(super) fn deploys_of(&self, service: &str) -> impl Iterator<Item = &Deploy> {
        let of_service = self.deploys.iter().rev();
        of_service.filter(move |deploy| deploy.service_id == service)
    }

    /// The deploy that serves, unless the service is suspended or was never deployed.
    pub(super) fn serving(&self, service: &Service) -> Option<&Deploy> {
        if !service.suspenders.is_empty() {
            return None;
        }
        self.deploys_of(&service.id)
            .find(|deploy| deploy.status == DeployStatus::Live)
    }
}
