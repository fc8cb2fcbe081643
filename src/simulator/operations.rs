//! Changes of the platform's state, each with its entry in the ledger.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    budget::{Bucket, Limit},
    control::ControlError,
    identity,
    keys::{KeyDigest, Reach},
    model::{
        Commit, Deploy, DeployStatus, Image, Overlap, Plan, Service, ServiceType, Suspender,
        Trigger, Workspace,
    },
    requests::{NewDeploy, NewKey, NewService, NewWorkspace},
    world::World,
};

/// The most that can exist of each kind of thing.
const CAPACITY: usize = 10_000;

/// The most phases of one deploy.
const MAXIMUM_PHASES: usize = 100;

/// The longest phase: a day.
const MAXIMUM_PHASE_SECONDS: f64 = 86_400.0;

impl World {
    pub(super) fn create_workspace(
        &mut self,
        new: &NewWorkspace,
        now: Timestamp,
    ) -> Result<Workspace, ControlError> {
        below_capacity("workspaces", self.workspaces.len())?;
        if self.workspace_at(&new.name).is_ok() {
            return Err(ControlError::NameTaken(new.name.clone()));
        }
        let workspace = Workspace {
            id: self.identities.next("tea"),
            name: new.name.clone(),
            email: format!("{}@workspace.example", slug(&new.name)),
            overlap: new.overlap,
            created_at: self.stamp(now),
        };
        self.workspaces.push(workspace.clone());
        self.created(now, "create workspace", &workspace.id, &workspace);
        Ok(workspace)
    }

    pub(super) fn create_service(
        &mut self,
        new: &NewService,
        now: Timestamp,
    ) -> Result<Service, ControlError> {
        below_capacity("services", self.services.len())?;
        if self.service_at(&new.name).is_ok() {
            return Err(ControlError::NameTaken(new.name.clone()));
        }
        let owner_id = self.owner_of_new(new, now)?;
        let created_at = self.stamp(now);
        let from_repository = new.image.is_none();
        let service = Service {
            id: self.identities.next(new.r#type.prefix()),
            owner_id,
            name: new.name.clone(),
            r#type: new.r#type,
            region: new.region.clone().unwrap_or_else(|| "oregon".to_owned()),
            runtime: if from_repository { "node" } else { "image" }.to_owned(),
            repo: from_repository.then(|| format!("https://github.com/example/{}", new.name)),
            branch: from_repository.then(|| "main".to_owned()),
            image: new.image.clone(),
            auto_deploy: new.auto_deploy.unwrap_or(true),
            instances: match new.r#type {
                ServiceType::StaticSite | ServiceType::CronJob => 0,
                _ => new.instances.unwrap_or(1),
            },
            suspenders: Vec::new(),
            created_at,
            updated_at: created_at,
        };
        self.services.push(service.clone());
        self.created(now, "create service", &service.id, &service);
        Ok(service)
    }

    pub(super) fn delete_service(
        &mut self,
        wanted: &str,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let index = self.service_at(wanted)?;
        let service = self.services.remove(index);
        self.deploys
            .retain(|deploy| deploy.service_id != service.id);
        self.events.retain(|event| event.service_id != service.id);
        self.changed(
            now,
            "delete service",
            &service.id,
            written(&service),
            Value::Null,
        );
        Ok(())
    }

    pub(super) fn start_deploy(
        &mut self,
        wanted: &str,
        new: &NewDeploy,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        below_capacity("deploys", self.deploys.len())?;
        let service = self.services[self.service_at(wanted)?].clone();
        let plan = self.plan_of(new)?;
        let created_at = self.stamp(now);
        let id = self.identities.next("dep");
        let deploy = Deploy {
            service_id: service.id.clone(),
            status: DeployStatus::Created,
            trigger: new.trigger,
            commit: commit_of(&service, new, &id, created_at),
            image: image_of(&service, new),
            superseded_by: None,
            created_at,
            started_at: None,
            finished_at: None,
            updated_at: created_at,
            build_id: self.identities.next("bld"),
            plan,
            id,
        };
        let overlap = if new.immediately {
            Overlap::Override
        } else {
            self.workspaces[self.workspace_at(&service.owner_id)?].overlap
        };
        let id = deploy.id.clone();
        self.admit(deploy, overlap, now);
        let deploy = self.deploys[self.deploy_at(&id)?].clone();
        self.created(now, "start deploy", &id, &deploy);
        Ok(deploy)
    }

    pub(super) fn set_deploy_status(
        &mut self,
        wanted: &str,
        status: DeployStatus,
        now: Timestamp,
    ) -> Result<Deploy, ControlError> {
        let index = self.deploy_at(wanted)?;
        let before = written(&self.deploys[index]);
        self.place(index, status, now);
        let deploy = self.deploys[index].clone();
        let after = written(&deploy);
        self.changed(now, "set deploy status", wanted, before, after);
        Ok(deploy)
    }

    pub(super) fn suspend(
        &mut self,
        wanted: &str,
        by: Suspender,
        now: Timestamp,
    ) -> Result<Service, ControlError> {
        let index = self.service_at(wanted)?;
        let before = written(&self.services[index]);
        let service = &mut self.services[index];
        if !service.suspenders.contains(&by) {
            service.suspenders.push(by);
        }
        service.updated_at = now;
        let service = service.clone();
        self.tell(&service.id, "service_suspended", serde_json::json!({}), now);
        let after = written(&service);
        self.changed(now, "suspend service", &service.id, before, after);
        Ok(service)
    }

    /// Undoes every suspension and starts a deploy of what was live, as the real platform does.
    pub(super) fn resume(&mut self, wanted: &str, now: Timestamp) -> Result<Deploy, ControlError> {
        let index = self.service_at(wanted)?;
        let before = written(&self.services[index]);
        let service = &mut self.services[index];
        service.suspenders.clear();
        service.updated_at = now;
        let service = service.clone();
        self.tell(&service.id, "service_resumed", serde_json::json!({}), now);
        let after = written(&service);
        self.changed(now, "resume service", &service.id, before, after);
        let commit = self.serving(&service).and_then(|live| live.commit.clone());
        let deploy = NewDeploy {
            commit: commit.as_ref().map(|commit| commit.id.clone()),
            message: commit.map(|commit| commit.message),
            trigger: Trigger::ServiceResumed,
            ..NewDeploy::default()
        };
        self.start_deploy(&service.id, &deploy, now)
    }

    pub(super) fn accept_key(&mut self, new: &NewKey, now: Timestamp) -> Result<(), ControlError> {
        below_capacity("API keys", self.keys.len())?;
        let reach = match &new.workspaces {
            None => Reach::Everything,
            Some(wanted) => Reach::Workspaces(
                wanted
                    .iter()
                    .map(|wanted| Ok(self.workspaces[self.workspace_at(wanted)?].id.clone()))
                    .collect::<Result<_, ControlError>>()?,
            ),
        };
        let digest = KeyDigest::of(&new.key);
        let after = reach.written();
        self.keys.retain(|(known, _)| *known != digest);
        self.keys.push((digest.clone(), reach));
        self.changed(
            now,
            "accept API key",
            &digest.to_string(),
            Value::Null,
            after,
        );
        Ok(())
    }

    pub(super) fn withdraw_key(&mut self, key: &str, now: Timestamp) -> Result<(), ControlError> {
        let digest = KeyDigest::of(key);
        let before = self
            .reach_of(&digest)
            .map(Reach::written)
            .ok_or(ControlError::UnknownKey)?;
        self.keys.retain(|(known, _)| *known != digest);
        self.budgets.forget(&digest);
        self.changed(
            now,
            "withdraw API key",
            &digest.to_string(),
            before,
            Value::Null,
        );
        Ok(())
    }

    pub(super) fn set_limit(
        &mut self,
        bucket: Bucket,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        if limit.window_seconds == 0 {
            return Err(ControlError::Invalid("a window of no length"));
        }
        let before = written(&self.budgets.limits().get(&bucket));
        self.budgets.set(bucket, limit);
        self.changed(now, "set limit", bucket.name(), before, written(&limit));
        Ok(())
    }

    fn owner_of_new(&mut self, new: &NewService, now: Timestamp) -> Result<String, ControlError> {
        if let Some(wanted) = &new.owner {
            return Ok(self.workspaces[self.workspace_at(wanted)?].id.clone());
        }
        if let Some(first) = self.workspaces.first() {
            return Ok(first.id.clone());
        }
        let default = NewWorkspace {
            name: "Example".to_owned(),
            ..NewWorkspace::default()
        };
        Ok(self.create_workspace(&default, now)?.id)
    }

    fn plan_of(&self, new: &NewDeploy) -> Result<Plan, ControlError> {
        let phases = if new.immediately {
            [(DeployStatus::Live, Duration::ZERO)].into()
        } else if new.phases.is_empty() {
            self.pace.usual(new.trigger)
        } else if new.phases.len() > MAXIMUM_PHASES {
            return Err(ControlError::Invalid("a deploy of more than 100 phases"));
        } else {
            let timed = new.phases.iter().map(|phase| {
                Duration::try_from_secs_f64(phase.seconds)
                    .ok()
                    .filter(|_| phase.seconds <= MAXIMUM_PHASE_SECONDS)
                    .map(|lasts| (phase.status, self.pace.quickened(lasts)))
                    .ok_or(ControlError::Invalid("a phase not between 0 and 86400 s"))
            });
            timed.collect::<Result<_, _>>()?
        };
        Ok(Plan { due: None, phases })
    }

    fn created(&mut self, now: Timestamp, action: &'static str, id: &str, after: &impl Serialize) {
        self.changed(now, action, id, Value::Null, written(after));
    }

    fn changed(
        &mut self,
        now: Timestamp,
        action: &'static str,
        subject: &str,
        before: Value,
        after: Value,
    ) {
        self.ledger.record(now, action, subject, before, after);
    }
}

fn commit_of(
    service: &Service,
    new: &NewDeploy,
    deploy: &str,
    created_at: Timestamp,
) -> Option<Commit> {
    service.image.is_none().then(|| Commit {
        id: new
            .commit
            .clone()
            .unwrap_or_else(|| identity::commit(deploy)),
        message: new
            .message
            .clone()
            .unwrap_or_else(|| "A simulated change".to_owned()),
        created_at,
    })
}

fn image_of(service: &Service, new: &NewDeploy) -> Option<Image> {
    let of_service = service.image.as_ref()?;
    let reference = new.image.as_ref().unwrap_or(of_service);
    Some(Image {
        r#ref: reference.clone(),
        sha: identity::image_digest(reference),
    })
}

/// How something reads in the ledger.
fn written(what: &impl Serialize) -> Value {
    serde_json::to_value(what).unwrap_or(Value::Null)
}

/// The name as it stands in URLs.
pub(super) fn slug(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

fn below_capacity(what: &'static str, length: usize) -> Result<(), ControlError> {
    if length < CAPACITY {
        Ok(())
    } else {
        Err(ControlError::Full(what))
    }
}
