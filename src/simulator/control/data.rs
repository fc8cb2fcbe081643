//! What is beside services: databases, logs, maintenance.

use super::{Control, ControlError};
use crate::simulator::{
    databases::{Database, DatabaseStatus, NewDatabase, RecoveryStatus},
    logs::NewLine,
    maintenance::{MaintenanceRun, MaintenanceState, NewMaintenance},
};

impl Control {
    /// Creates a database. It is available at once.
    pub fn create_database(&self, new: &NewDatabase) -> Result<Database, ControlError> {
        self.change(|world, now| world.create_database(new, now))
    }

    /// A database as it stands now.
    pub fn database(&self, database: &str) -> Result<Database, ControlError> {
        self.change(|world, _| Ok(world.databases[world.database_at(database)?].clone()))
    }

    /// The databases as they stand now, oldest first.
    #[must_use]
    pub fn databases(&self) -> Vec<Database> {
        self.change(|world, _| Ok(world.databases.clone()))
            .unwrap_or_default()
    }

    /// Moves a database to a status, where it stays. One that is recovered no longer becomes available by itself.
    pub fn set_database_status(
        &self,
        database: &str,
        status: DatabaseStatus,
    ) -> Result<Database, ControlError> {
        let change = |database: &mut Database| {
            database.status = status;
            database.due = None;
        };
        self.change(|world, now| {
            world.change_database("set database status", database, change, now)
        })
    }

    /// Decides whether a database can be recovered.
    pub fn set_recovery(
        &self,
        database: &str,
        recovery: RecoveryStatus,
    ) -> Result<Database, ControlError> {
        let change = |database: &mut Database| database.recovery = recovery;
        self.change(|world, now| world.change_database("set recovery", database, change, now))
    }

    /// Sets the connection string that the API tells of a database. It is not in the ledger.
    pub fn set_connection(
        &self,
        database: &str,
        connection: &str,
    ) -> Result<Database, ControlError> {
        let change = |database: &mut Database| database.connection = Some(connection.to_owned());
        self.change(|world, now| world.change_database("set connection", database, change, now))
    }

    /// Adds lines to the log of a service or database.
    pub fn add_lines(&self, resource: &str, lines: &[NewLine]) -> Result<(), ControlError> {
        self.change(|world, now| world.add_lines(resource, lines, now))
    }

    /// Schedules maintenance of a service or database.
    pub fn schedule_maintenance(
        &self,
        new: &NewMaintenance,
    ) -> Result<MaintenanceRun, ControlError> {
        self.change(|world, now| world.schedule_maintenance(new, now))
    }

    /// Moves a maintenance run to a state, where it stays.
    pub fn set_maintenance_state(
        &self,
        run: &str,
        state: MaintenanceState,
    ) -> Result<MaintenanceRun, ControlError> {
        self.change(|world, now| world.set_maintenance_state(run, state, now))
    }
}
