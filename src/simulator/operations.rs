//! Changes of the platform's state, each with its entry in the ledger.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    budget::{Bucket, Limit},
    control::ControlError,
    keys::{KeyDigest, Reach},
    model::{Service, ServiceType, Workspace},
    requests::{NewKey, NewService, NewWorkspace},
    world::World,
};

/// The most that can exist of each kind of thing.
const CAPACITY: usize = 10_000;

/// The instance types of services.
const PLANS: [&str; 10] = [
    "free",
    "starter",
    "starter_plus",
    "standard",
    "standard_plus",
    "pro",
    "pro_plus",
    "pro_max",
    "pro_ultra",
    "custom",
];

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
        if let Some(plan) = &new.plan {
            check_plan(plan)?;
        }
        let owner_id = self.owner_of_new(new.owner.as_deref(), now)?;
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
            root_dir: String::new(),
            head: None,
            auto_deploy: new.auto_deploy.unwrap_or(true),
            plan: new.plan.clone().unwrap_or_else(|| "starter".to_owned()),
            disk: None,
            maintenance_mode: None,
            health_check_path: "/healthz".to_owned(),
            restarted_at: None,
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
        self.variables.remove(&service.id);
        self.scripts.remove(&service.id);
        self.changed(
            now,
            "delete service",
            &service.id,
            written(&service),
            Value::Null,
        );
        Ok(())
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

    /// The identifier of the workspace that something new is to belong to.
    pub(super) fn owner_of_new(
        &mut self,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<String, ControlError> {
        if let Some(wanted) = owner {
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

    pub(super) fn created(
        &mut self,
        now: Timestamp,
        action: &'static str,
        id: &str,
        after: &impl Serialize,
    ) {
        self.changed(now, action, id, Value::Null, written(after));
    }

    pub(super) fn changed(
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

/// Refuses an instance type that the description does not have.
pub(super) fn check_plan(plan: &str) -> Result<(), ControlError> {
    if PLANS.contains(&plan) {
        Ok(())
    } else {
        Err(ControlError::Invalid("an instance type of this name"))
    }
}

/// How something reads in the ledger.
pub(super) fn written(what: &impl Serialize) -> Value {
    serde_json::to_value(what).unwrap_or(Value::Null)
}

/// The name as it stands in URLs.
pub(super) fn slug(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

pub(super) fn below_capacity(what: &'static str, length: usize) -> Result<(), ControlError> {
    if length < CAPACITY {
        Ok(())
    } else {
        Err(ControlError::Full(what))
    }
}
