//! Deploys that are started, stopped and forgotten, each with its entry in the ledger.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    control::ControlError,
    identity,
    model::{Commit, Deploy, DeployStatus, Image, Overlap, Plan, Service, Trigger},
    operations::{below_capacity, written},
    requests::{NewDeploy, Phase},
    world::World,
};

/// The most phases of one deploy.
const MAXIMUM_PHASES: usize = 100;

/// The longest phase: a day.
const MAXIMUM_PHASE_SECONDS: f64 = 86_400.0;

/// The most scripts that wait for the next deploys of one service.
const MAXIMUM_SCRIPTS: usize = 100;

/// What a deploy goes through, and how long it is in each status.
pub(super) type Phases = VecDeque<(DeployStatus, Duration)>;

/// What a deploy runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// The commit's hash. Default: the newest of the branch if the deploy is `of_head`, else a new one.
    pub(super) commit: Option<String>,
    pub(super) message: Option<String>,
    pub(super) image: Option<String>,
    pub(super) of_head: bool,
}

/// A deploy to begin.
#[derive(Debug)]
struct Beginning {
    trigger: Trigger,
    commit: Option<Commit>,
    image: Option<Image>,
    instances: u32,
    environment: BTreeMap<String, String>,
    /// What was built before; none for what is built anew.
    build: Option<String>,
    rollback_target: Option<String>,
    phases: Phases,
    immediately: bool,
}

impl World {
    /// Starts a deploy as `control` asks for it.
    pub(super) fn start_deploy(
        &mut self,
        wanted: &str,
        new: &NewDeploy,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        let index = self.service_at(wanted)?;
        let phases = self.phases_of(new)?;
        let source = Source {
            commit: new.commit.clone(),
            message: new.message.clone(),
            image: new.image.clone(),
            of_head: false,
        };
        let deploy =
            self.deploy_source(index, new.trigger, &source, (phases, new.immediately), now)?;
        self.created(now, "start deploy", &deploy.id, &deploy);
        Ok(deploy)
    }

    /// Starts the deploy of what was pushed last.
    pub(super) fn deploy_pushed(
        &mut self,
        service: &str,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        let index = self.service_at(service)?;
        let source = Source {
            of_head: true,
            ..Source::default()
        };
        let phases = (self.pace.usual(true), false);
        self.deploy_source(index, Trigger::NewCommit, &source, phases, now)
    }

    /// Starts a deploy that is built, as the API asks for it.
    pub(super) fn deploy_anew(
        &mut self,
        service: &str,
        trigger: Trigger,
        source: &Source,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        let index = self.service_at(service)?;
        let phases = self.phases_of_next(service, true);
        self.deploy_source(index, trigger, source, (phases, false), now)
    }

    /// Starts a deploy of what was built for an earlier one: a rollback, or the same again.
    pub(super) fn deploy_artifact(
        &mut self,
        of: &Deploy,
        trigger: Trigger,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        let index = self.service_at(&of.service_id)?;
        let rolls_back = trigger == Trigger::Rollback;
        let (instances, environment) = if rolls_back {
            (of.instances, of.environment.clone())
        } else {
            let stored = self.environment_of(&of.service_id);
            (self.services[index].instances, stored)
        };
        let beginning = Beginning {
            trigger,
            commit: of.commit.clone(),
            image: of.image.clone(),
            instances,
            environment,
            build: Some(of.build_id.clone()),
            rollback_target: rolls_back.then(|| of.id.clone()),
            phases: self.phases_of_next(&of.service_id, false),
            immediately: false,
        };
        let id = self.identities.next("dep");
        self.begin(index, &id, beginning, now)
    }

    /// Stops a deploy; the newest one that waits behind it starts.
    pub(super) fn cancel_deploy(
        &mut self,
        wanted: &str,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        self.move_deploy("cancel deploy", wanted, DeployStatus::Canceled, now)
    }

    pub(super) fn set_deploy_status(
        &mut self,
        wanted: &str,
        status: DeployStatus,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        self.move_deploy("set deploy status", wanted, status, now)
    }

    /// Forgets what was built for a deploy, and for those that share it.
    pub(super) fn expire_artifact(
        &mut self,
        wanted: &str,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let index = self.deploy_at(wanted)?;
        let before = written(&self.deploys[index]);
        let build = self.deploys[index].build_id.clone();
        for deploy in &mut self.deploys {
            if deploy.build_id == build {
                deploy.artifact_kept = false;
            }
        }
        let after = written(&self.deploys[index]);
        self.changed(now, "expire artifact", wanted, before, after);
        Ok(())
    }

    /// Decides what the next deploy goes through that is started through the API, or the one after those that are
    /// decided already.
    pub(super) fn script_next(
        &mut self,
        wanted: &str,
        phases: &[Phase],
    ) -> Result<(), ControlError> {
        let id = self.services[self.service_at(wanted)?].id.clone();
        if phases.is_empty() {
            return Err(ControlError::Invalid("a deploy without phases"));
        }
        let phases = self.timed(phases)?;
        let scripts = self.scripts.entry(id).or_default();
        if scripts.len() == MAXIMUM_SCRIPTS {
            return Err(ControlError::Full("next deploys"));
        }
        scripts.push_back(phases);
        Ok(())
    }

    fn move_deploy(
        &mut self,
        action: &'static str,
        wanted: &str,
        status: DeployStatus,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        let index = self.deploy_at(wanted)?;
        let before = written(&self.deploys[index]);
        self.place(index, status, now);
        let deploy = self.deploys[index].clone();
        let after = written(&deploy);
        self.changed(now, action, wanted, before, after);
        Ok(deploy)
    }

    fn deploy_source(
        &mut self,
        index: usize,
        trigger: Trigger,
        source: &Source,
        (phases, immediately): (Phases, bool),
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        let id = self.identities.next("dep");
        let service = &self.services[index];
        let beginning = Beginning {
            trigger,
            commit: self.commit_of(service, source, &id, now),
            image: image_of(service, source),
            instances: service.instances,
            environment: self.environment_of(&service.id),
            build: None,
            rollback_target: None,
            phases,
            immediately,
        };
        if trigger == Trigger::NewCommit {
            self.services[index].head.clone_from(&beginning.commit);
        }
        self.begin(index, &id, beginning, now)
    }

    fn begin(
        &mut self,
        index: usize,
        id: &str,
        beginning: Beginning,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        below_capacity("deploys", self.deploys.len())?;
        let Beginning {
            trigger,
            commit,
            image,
            instances,
            environment,
            build,
            rollback_target,
            phases,
            immediately,
        } = beginning;
        let owner = self.services[index].owner_id.clone();
        let overlap = if immediately {
            Overlap::Override
        } else {
            self.workspaces[self.workspace_at(&owner)?].overlap
        };
        let created_at = self.stamp(now);
        let deploy = Deploy {
            id: id.to_owned(),
            service_id: self.services[index].id.clone(),
            status: DeployStatus::Created,
            trigger,
            commit,
            image,
            instances,
            rollback_target,
            artifact_kept: true,
            superseded_by: None,
            created_at,
            started_at: None,
            finished_at: None,
            updated_at: created_at,
            environment,
            build_id: build.unwrap_or_else(|| self.identities.next("bld")),
            plan: Plan { due: None, phases },
        };
        self.admit(deploy, overlap, now);
        Ok(self.deploys[self.deploy_at(id)?].clone())
    }

    fn phases_of(&self, new: &NewDeploy) -> Result<Phases, ControlError> {
        if new.immediately {
            Ok([(DeployStatus::Live, Duration::ZERO)].into())
        } else if new.phases.is_empty() {
            Ok(self.pace.usual(new.trigger != Trigger::Rollback))
        } else {
            self.timed(&new.phases)
        }
    }

    fn phases_of_next(&mut self, service: &str, builds: bool) -> Phases {
        let script = self.scripts.get_mut(service).and_then(VecDeque::pop_front);
        script.unwrap_or_else(|| self.pace.usual(builds))
    }

    fn timed(&self, phases: &[Phase]) -> Result<Phases, ControlError> {
        if phases.len() > MAXIMUM_PHASES {
            return Err(ControlError::Invalid("a deploy of more than 100 phases"));
        }
        let timed = phases.iter().map(|phase| {
            Duration::try_from_secs_f64(phase.seconds)
                .ok()
                .filter(|_| phase.seconds <= MAXIMUM_PHASE_SECONDS)
                .map(|lasts| (phase.status, self.pace.quickened(lasts)))
                .ok_or(ControlError::Invalid("a phase not between 0 and 86400 s"))
        });
        timed.collect()
    }

    fn commit_of(
        &self,
        service: &Service,
        source: &Source,
        deploy: &str,
        now: Timestamp,
    ) -> Option<Commit> {
        if service.image.is_some() {
            return None;
        }
        let known = |id: &String| {
            let of_deploys = self.deploys_of(&service.id);
            let mut commits = of_deploys.filter_map(|deploy| deploy.commit.as_ref());
            commits
                .find(|commit| commit.id == *id)
                .or(service.head.as_ref().filter(|head| head.id == *id))
        };
        let found = match &source.commit {
            Some(id) => known(id),
            None => service.head.as_ref().filter(|_| source.of_head),
        };
        found
            .filter(|_| source.message.is_none())
            .cloned()
            .or_else(|| {
                Some(Commit {
                    id: source
                        .commit
                        .clone()
                        .unwrap_or_else(|| identity::commit(deploy)),
                    message: source
                        .message
                        .clone()
                        .unwrap_or_else(|| "A simulated change".to_owned()),
                    created_at: now,
                })
            })
    }
}

fn image_of(service: &Service, source: &Source) -> Option<Image> {
    let of_service = service.image.as_ref()?;
    let reference = source.image.as_ref().unwrap_or(of_service);
    Some(Image {
        r#ref: reference.clone(),
        sha: identity::image_digest(reference),
    })
}
