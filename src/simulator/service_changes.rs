//! Services that are suspended, resumed, restarted, scaled and set otherwise, each with its entry in the ledger.

use jiff::Timestamp;
use serde_json::json;

use super::{
    control::ControlError,
    deploying::Source,
    identity,
    model::{Commit, Deploy, DeployStatus, Disk, FREE, Service, ServiceType, Suspender, Trigger},
    operations::{check_plan, written},
    requests::{NewCommit, NewCrash, NewDeploy, NewDisk},
    world::World,
};

impl World {
    pub(super) fn suspend(
        &mut self,
        wanted: &str,
        by: Suspender,
        now: Timestamp,
    ) -> Result<Service, ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        if !service.suspenders.contains(&by) {
            service.suspenders.push(by);
            self.tell(&service.id, "service_suspended", json!({}), now);
        }
        self.replace_service("suspend service", service, now)
    }

    /// Undoes every suspension and starts a deploy of what was live, as the real platform does.
    pub(super) fn resume(&mut self, wanted: &str, now: Timestamp) -> Result<Deploy, ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        service.suspenders.clear();
        self.tell(&service.id, "service_resumed", json!({}), now);
        let service = self.replace_service("resume service", service, now)?;
        let commit = self.serving(&service).and_then(|live| live.commit.clone());
        let deploy = NewDeploy {
            commit: commit.as_ref().map(|commit| commit.id.clone()),
            message: commit.map(|commit| commit.message),
            trigger: Trigger::ServiceResumed,
            ..NewDeploy::default()
        };
        self.start_deploy(&service.id, &deploy, now)
    }

    /// Undoes the suspension by a person. If it was the only one, a deploy of what was live starts.
    pub(super) fn resume_by_user(
        &mut self,
        wanted: &str,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        let suspended = service.suspenders.len();
        service.suspenders.retain(|by| *by != Suspender::User);
        let resumed = suspended > 0 && service.suspenders.is_empty();
        let service = self.replace_service("resume service", service, now)?;
        if resumed {
            self.tell(&service.id, "service_resumed", json!({}), now);
            if let Some(live) = self.serving(&service) {
                let source = Source {
                    commit: live.commit.as_ref().map(|commit| commit.id.clone()),
                    image: live.image.as_ref().map(|image| image.r#ref.clone()),
                    ..Source::default()
                };
                self.deploy_anew(&service.id, Trigger::ServiceResumed, &source, now)?;
            }
        }
        Ok(())
    }

    /// Starts the instances anew, with what they run now.
    pub(super) fn restart(&mut self, wanted: &str, now: Timestamp) -> Result<(), ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        service.restarted_at = Some(self.stamp(now));
        let details = json!({ "triggeredByUser": null });
        self.tell(&service.id, "server_restarted", details, now);
        self.replace_service("restart service", service, now)?;
        Ok(())
    }

    /// An instance ends that should not have. The service goes on.
    pub(super) fn crash(
        &mut self,
        wanted: &str,
        new: &NewCrash,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let service = self.services[self.service_at(wanted)?].clone();
        let live = self.serving(&service);
        let live = live.ok_or(ControlError::Invalid("nothing of the service runs"))?;
        let mut reason = json!({"evicted": false});
        match &new.memory_limit {
            Some(limit) => reason["oomKilled"] = json!({"memoryLimit": limit}),
            None => reason["nonZeroExit"] = json!(1),
        }
        let instance = identity::instance(&service.id, &live.id, 0);
        let details = json!({"instanceID": instance, "reason": reason});
        self.tell(&service.id, "server_failed", details, now);
        Ok(())
    }

    pub(super) fn scale(
        &mut self,
        wanted: &str,
        instances: u32,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        if service.instances != instances {
            let details = json!({"fromInstances": service.instances, "toInstances": instances});
            self.tell(&service.id, "instance_count_changed", details, now);
        }
        service.instances = instances;
        for index in 0..self.deploys.len() {
            let deploy = &mut self.deploys[index];
            if deploy.service_id == service.id && deploy.status == DeployStatus::Live {
                deploy.instances = instances;
                self.changed_deploy(index, now);
            }
        }
        self.replace_service("scale service", service, now)?;
        Ok(())
    }

    /// Pushes a commit to a service's branch, and starts its deploy if the service deploys what is pushed.
    pub(super) fn push(
        &mut self,
        wanted: &str,
        new: &NewCommit,
        now: Timestamp,
    ) -> Result<Option<Deploy>, ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        if service.image.is_some() {
            return Err(ControlError::Invalid("a push to what runs an image"));
        }
        let deploys = service.auto_deploy && service.suspenders.is_empty();
        let seed = self.identities.next("push");
        service.head = Some(Commit {
            id: new
                .commit
                .clone()
                .unwrap_or_else(|| identity::commit(&seed)),
            message: new
                .message
                .clone()
                .unwrap_or_else(|| "A simulated change".to_owned()),
            created_at: self.stamp(now),
        });
        let service = self.replace_service("push commit", service, now)?;
        deploys
            .then(|| self.deploy_pushed(&service.id, now))
            .transpose()
    }

    pub(super) fn set_plan(
        &mut self,
        wanted: &str,
        plan: &str,
        now: Timestamp,
    ) -> Result<Service, ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        check_plan(plan)?;
        if service.disk.is_some() && plan == FREE {
            return Err(ControlError::Invalid("a disk on the free plan"));
        }
        plan.clone_into(&mut service.plan);
        self.replace_service("set plan", service, now)
    }

    /// Gives a service a disk, or takes it away.
    pub(super) fn set_disk(
        &mut self,
        wanted: &str,
        disk: Option<&NewDisk>,
        now: Timestamp,
    ) -> Result<Service, ControlError> {
        let mut service = self.services[self.service_at(wanted)?].clone();
        let has_none = matches!(
            service.r#type,
            ServiceType::StaticSite | ServiceType::CronJob
        );
        if disk.is_some() && (has_none || service.plan == FREE || service.instances > 1) {
            return Err(ControlError::Invalid(
                "a disk on the free plan, of several instances, or of this type of service",
            ));
        }
        service.disk = disk.map(|disk| Disk {
            id: self.identities.next("dsk"),
            name: disk.name.clone(),
            size_gb: disk.size_gb,
            mount_path: disk.mount_path.clone(),
        });
        self.replace_service("set disk", service, now)
    }

    /// Puts a service in the place of the one with its identifier, with an entry in the ledger.
    pub(super) fn replace_service(
        &mut self,
        action: &'static str,
        mut service: Service,
        now: Timestamp,
    ) -> Result<Service, ControlError> {
        let index = self.service_at(&service.id)?;
        if service != self.services[index] {
            service.updated_at = now.max(service.created_at);
        }
        let before = written(&self.services[index]);
        let after = written(&service);
        self.services[index] = service.clone();
        self.changed(now, action, &service.id, before, after);
        Ok(service)
    }
}
