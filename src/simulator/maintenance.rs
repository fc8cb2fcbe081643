//! Maintenance of services and databases by the platform.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    control::ControlError,
    operations::{below_capacity, written},
    world::World,
};

/// Where a maintenance run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceState {
    /// Will begin.
    #[default]
    Scheduled,
    /// Is under way.
    InProgress,
    /// Waits for something that the user has to do.
    UserFixRequired,
    /// Will not happen.
    Cancelled,
    /// Went well.
    Succeeded,
    /// Did not go well.
    Failed,
}

/// A maintenance run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MaintenanceRun {
    /// `mrn-…`.
    pub id: String,
    /// The service or database.
    pub resource_id: String,
    /// What is done.
    pub r#type: String,
    /// When it begins.
    pub scheduled_at: Timestamp,
    /// Where it stands.
    pub state: MaintenanceState,
}

/// A maintenance run to schedule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMaintenance {
    /// The identifier or name of a service or database.
    pub resource: String,
    /// What is done. Default: `upgrade`.
    #[serde(default)]
    pub r#type: Option<String>,
    /// When it begins. Default: now.
    #[serde(default)]
    pub scheduled_at: Option<Timestamp>,
    /// Where it stands. Default: it is scheduled, and stays so until it is moved.
    #[serde(default)]
    pub state: MaintenanceState,
}

impl World {
    pub(super) fn schedule_maintenance(
        &mut self,
        new: &NewMaintenance,
        now: Timestamp,
    ) -> Result<MaintenanceRun, ControlError> {
        below_capacity("maintenance runs", self.maintenance.len())?;
        let (resource_id, _) = self.resource(&new.resource)?;
        let run = MaintenanceRun {
            resource_id,
            id: self.identities.next("mrn"),
            r#type: new.r#type.clone().unwrap_or_else(|| "upgrade".to_owned()),
            scheduled_at: new.scheduled_at.unwrap_or(now),
            state: new.state,
        };
        self.maintenance.push(run.clone());
        self.created(now, "schedule maintenance", &run.id, &run);
        Ok(run)
    }

    pub(super) fn set_maintenance_state(
        &mut self,
        wanted: &str,
        state: MaintenanceState,
        now: Timestamp,
    ) -> Result<MaintenanceRun, ControlError> {
        let mut runs = self.maintenance.iter_mut();
        let run = runs
            .find(|run| run.id == wanted)
            .ok_or_else(|| ControlError::UnknownMaintenance(wanted.to_owned()))?;
        let before = written(run);
        run.state = state;
        let run = run.clone();
        let after = written(&run);
        self.changed(now, "set maintenance state", wanted, before, after);
        Ok(run)
    }

    /// The newest run of a resource that is under way or will be.
    pub(super) fn pending_maintenance(&self, resource: &str) -> Option<&MaintenanceRun> {
        let mut newest = self.maintenance.iter().rev();
        newest.find(|run| {
            let pending = matches!(
                run.state,
                MaintenanceState::Scheduled
                    | MaintenanceState::InProgress
                    | MaintenanceState::UserFixRequired
            );
            run.resource_id == resource && pending
        })
    }

    /// The identifier and the owner of the service or database with this identifier or name.
    pub(super) fn resource(&self, wanted: &str) -> Result<(String, String), ControlError> {
        if let Ok(index) = self.service_at(wanted) {
            let service = &self.services[index];
            return Ok((service.id.clone(), service.owner_id.clone()));
        }
        let index = self
            .database_at(wanted)
            .map_err(|_| ControlError::UnknownResource(wanted.to_owned()))?;
        let database = &self.databases[index];
        Ok((database.id.clone(), database.owner_id.clone()))
    }
}
