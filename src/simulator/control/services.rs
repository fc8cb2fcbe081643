//! Workspaces, services and their deploys.

use std::collections::BTreeMap;

use super::{Control, ControlError};
use crate::simulator::{
    app::Behaviour,
    model::{Deploy, DeployStatus, Service, Suspender, Workspace},
    requests::{NewCommit, NewCrash, NewDeploy, NewDisk, NewService, NewWorkspace, Phase},
};

impl Control {
    /// Every deploy of this commit, or this service whatever it runs, serves so from now on.
    pub fn behave(&self, subject: &str, behaviour: Behaviour) -> Result<(), ControlError> {
        self.shared.behaviours().set(subject, behaviour)
    }

    /// Creates a workspace.
    pub fn create_workspace(&self, new: &NewWorkspace) -> Result<Workspace, ControlError> {
        self.change(|world, now| world.create_workspace(new, now))
    }

    /// Creates a service.
    pub fn create_service(&self, new: &NewService) -> Result<Service, ControlError> {
        self.change(|world, now| world.create_service(new, now))
    }

    /// Deletes a service with its deploys and events.
    pub fn delete_service(&self, service: &str) -> Result<(), ControlError> {
        self.change(|world, now| world.delete_service(service, now))
    }

    /// A service as it stands now.
    pub fn service(&self, service: &str) -> Result<Service, ControlError> {
        self.change(|world, _| Ok(world.services[world.service_at(service)?].clone()))
    }

    /// Starts a deploy; the answer is how it stands right after that.
    pub fn start_deploy(&self, service: &str, new: &NewDeploy) -> Result<Deploy, ControlError> {
        self.change(|world, now| world.start_deploy(service, new, now))
    }

    /// Pushes a commit to the branch of a service. The answer is the deploy that this starts; none if the service does not
    /// deploy what is pushed, or is suspended.
    pub fn push(&self, service: &str, commit: &NewCommit) -> Result<Option<Deploy>, ControlError> {
        self.change(|world, now| world.push(service, commit, now))
    }

    /// Sets the instance type of a service: `free`, `starter` … Nothing is deployed.
    pub fn set_plan(&self, service: &str, plan: &str) -> Result<Service, ControlError> {
        self.change(|world, now| world.set_plan(service, plan, now))
    }

    /// Gives a service a disk, or takes it away. Nothing is deployed.
    pub fn set_disk(&self, service: &str, disk: Option<&NewDisk>) -> Result<Service, ControlError> {
        self.change(|world, now| world.set_disk(service, disk, now))
    }

    /// Stores an environment variable of a service. Nothing is deployed.
    pub fn set_variable(&self, service: &str, key: &str, value: &str) -> Result<(), ControlError> {
        self.change(|world, now| {
            let id = world.services[world.service_at(service)?].id.clone();
            world.set_variable(&id, (key.to_owned(), value.to_owned()), now)?;
            Ok(())
        })
    }

    /// The environment variables that are stored for a service.
    pub fn variables(&self, service: &str) -> Result<BTreeMap<String, String>, ControlError> {
        self.change(|world, _| {
            let id = &world.services[world.service_at(service)?].id;
            Ok(world.environment_of(id))
        })
    }

    /// The environment variables that a deploy runs with: those that were stored when it started, or those of the deploy
    /// that it goes back to.
    pub fn variables_of_deploy(
        &self,
        deploy: &str,
    ) -> Result<BTreeMap<String, String>, ControlError> {
        self.change(|world, _| Ok(world.deploys[world.deploy_at(deploy)?].environment.clone()))
    }

    /// The deploys of a service as they stand now, newest first.
    pub fn deploys(&self, service: &str) -> Result<Vec<Deploy>, ControlError> {
        self.change(|world, _| {
            let id = &world.services[world.service_at(service)?].id;
            Ok(world.deploys_of(id).cloned().collect())
        })
    }

    /// Moves a deploy to a status, where it stays until it is moved again.
    pub fn set_deploy_status(
        &self,
        deploy: &str,
        status: DeployStatus,
    ) -> Result<Deploy, ControlError> {
        self.change(|world, now| world.set_deploy_status(deploy, status, now))
    }

    /// Tells of a crash of an instance of a service, which goes on.
    pub fn crash(&self, service: &str, new: &NewCrash) -> Result<(), ControlError> {
        self.change(|world, now| world.crash(service, new, now))
    }

    /// Suspends a service.
    pub fn suspend(&self, service: &str, by: Suspender) -> Result<Service, ControlError> {
        self.change(|world, now| world.suspend(service, by, now))
    }

    /// Undoes every suspension of a service; the answer is the deploy that this starts.
    pub fn resume(&self, service: &str) -> Result<Deploy, ControlError> {
        self.change(|world, now| world.resume(service, now))
    }

    /// Forgets what was built for a deploy: nobody can go back to it any more, nor to one that shares its build.
    pub fn expire_artifact(&self, deploy: &str) -> Result<(), ControlError> {
        self.change(|world, now| world.expire_artifact(deploy, now))
    }

    /// Decides what the next deploy of a service goes through that is started through Render's API, a rollback as well.
    /// Called again before that, it decides about the one after.
    pub fn next_deploy_phases(&self, service: &str, phases: &[Phase]) -> Result<(), ControlError> {
        self.change(|world, _| world.script_next(service, phases))
    }
}
