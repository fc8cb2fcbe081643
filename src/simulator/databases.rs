//! `PostgreSQL` databases, and their recovery to a point in time. No data is in them: a test that needs some names a
//! database of its own.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    control::ControlError,
    model::FREE,
    operations::{below_capacity, written},
    world::World,
};

/// How far back a recovery reaches.
const RECOVERY_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far a recovery stays behind the present.
const RECOVERY_DELAY: SignedDuration = SignedDuration::from_mins(10);

/// How long a recovery takes at the usual pace.
const RECOVERY_LASTS: Duration = Duration::from_mins(5);

/// The plans of databases, small ones first.
const PLANS: [&str; 28] = [
    "free",
    "starter",
    "standard",
    "pro",
    "pro_plus",
    "custom",
    "basic_256mb",
    "basic_1gb",
    "basic_4gb",
    "pro_4gb",
    "pro_8gb",
    "pro_16gb",
    "pro_32gb",
    "pro_64gb",
    "pro_128gb",
    "pro_192gb",
    "pro_256gb",
    "pro_384gb",
    "pro_512gb",
    "accelerated_16gb",
    "accelerated_32gb",
    "accelerated_64gb",
    "accelerated_128gb",
    "accelerated_256gb",
    "accelerated_384gb",
    "accelerated_512gb",
    "accelerated_768gb",
    "accelerated_1024gb",
];

/// Where a database stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseStatus {
    /// Is made.
    Creating,
    /// Serves.
    Available,
    /// Does not serve.
    Unavailable,
    /// Restarts for new settings.
    ConfigRestart,
    /// Is suspended.
    Suspended,
    /// Waits for its maintenance.
    MaintenanceScheduled,
    /// Is maintained.
    MaintenanceInProgress,
    /// Could not be recovered.
    RecoveryFailed,
    /// Is recovered.
    RecoveryInProgress,
    /// Not known.
    Unknown,
    /// Moves to another instance.
    UpdatingInstance,
}

/// Whether a database can be recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecoveryStatus {
    /// It can.
    Available,
    /// Not yet.
    BackupNotReady,
    /// It cannot.
    NotAvailable,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// `dpg-…-a`.
    pub id: String,
    /// The workspace it belongs to.
    pub owner_id: String,
    /// Its name.
    pub name: String,
    /// Its plan.
    pub plan: String,
    /// Where it runs.
    pub region: String,
    /// The version of `PostgreSQL`.
    pub version: String,
    /// Where it stands.
    pub status: DatabaseStatus,
    /// Whether it can be recovered.
    pub recovery: RecoveryStatus,
    /// The database that it was recovered from, and the point in time; none for one that was created.
    pub recovered_from: Option<(String, Timestamp)>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Where it really is, if a test says so.
    #[serde(skip)]
    pub(super) connection: Option<String>,
    /// When it is available that is recovered.
    #[serde(skip)]
    pub(super) due: Option<Timestamp>,
}

/// A database to create.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDatabase {
    /// Its name.
    pub name: String,
    /// The identifier or name of its workspace. Default: the first one, which is created if there is none.
    #[serde(default)]
    pub owner: Option<String>,
    /// Its plan. Default: `basic_1gb`.
    #[serde(default)]
    pub plan: Option<String>,
    /// Where it runs. Default: `oregon`.
    #[serde(default)]
    pub region: Option<String>,
    /// The connection string that the API tells. Default: one that leads nowhere.
    #[serde(default)]
    pub connection: Option<String>,
}

// Written by hand, so that a password never reaches a log.
impl std::fmt::Debug for NewDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NewDatabase")
            .field("name", &self.name)
            .field("owner", &self.owner)
            .field("plan", &self.plan)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// What a recovery asks for.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) to: Timestamp,
    pub(super) name: Option<String>,
    pub(super) plan: Option<String>,
}

impl Database {
    /// The earliest time that it can be recovered to.
    pub(super) fn recoverable_since(&self, now: Timestamp) -> Timestamp {
        self.created_at.max(now - RECOVERY_WINDOW)
    }

    /// Why it cannot be recovered to this time with this plan, if it cannot.
    pub(super) fn refusal(&self, recovery: &Recovery, now: Timestamp) -> Option<&'static str> {
        if self.recovery != RecoveryStatus::Available {
            return Some("recovery is not available");
        }
        if recovery.to < self.recoverable_since(now) {
            return Some("restoreTime is before what is kept");
        }
        if recovery.to > now - RECOVERY_DELAY {
            return Some("restoreTime is within the last 10 minutes");
        }
        let rank = |plan: &str| PLANS.iter().position(|own| *own == plan);
        match &recovery.plan {
            Some(plan) if rank(plan).is_none() => Some("plan is not one of a database"),
            Some(plan) if rank(plan) < rank(&self.plan) => Some("plan is below the present one"),
            _ => None,
        }
    }
}

impl World {
    pub(super) fn create_database(
        &mut self,
        new: &NewDatabase,
        now: Timestamp,
    ) -> Result<Database, ControlError> {
        below_capacity("databases", self.databases.len())?;
        if self.database_at(&new.name).is_ok() {
            return Err(ControlError::NameTaken(new.name.clone()));
        }
        let plan = new.plan.clone().unwrap_or_else(|| "basic_1gb".to_owned());
        if !PLANS.contains(&plan.as_str()) {
            return Err(ControlError::Invalid("a plan of this name"));
        }
        let owner_id = self.owner_of_new(new.owner.as_deref(), now)?;
        let created_at = self.stamp(now);
        let database = Database {
            id: format!("{}-a", self.identities.next("dpg")),
            owner_id,
            name: new.name.clone(),
            recovery: if plan == FREE {
                RecoveryStatus::NotAvailable
            } else {
                RecoveryStatus::Available
            },
            plan,
            region: new.region.clone().unwrap_or_else(|| "oregon".to_owned()),
            version: "17".to_owned(),
            status: DatabaseStatus::Available,
            recovered_from: None,
            created_at,
            updated_at: created_at,
            connection: new.connection.clone(),
            due: None,
        };
        self.databases.push(database.clone());
        self.created(now, "create database", &database.id, &database);
        Ok(database)
    }

    /// Makes a new database of what another one held. The other one stays as it is.
    pub(super) fn recover(
        &mut self,
        source: &Database,
        recovery: &Recovery,
        now: Timestamp,
    ) -> Result<Database, ControlError> {
        below_capacity("databases", self.databases.len())?;
        let created_at = self.stamp(now);
        let id = format!("{}-a", self.identities.next("dpg"));
        let name = match &recovery.name {
            Some(name) if self.database_at(name).is_ok() => {
                return Err(ControlError::Invalid("a database of a name that is taken"));
            }
            Some(name) => name.clone(),
            None => format!("{}-recovery-{}", source.name, &id[4..10]),
        };
        let database = Database {
            id,
            name,
            plan: recovery.plan.clone().unwrap_or_else(|| source.plan.clone()),
            status: DatabaseStatus::RecoveryInProgress,
            recovery: RecoveryStatus::BackupNotReady,
            recovered_from: Some((source.id.clone(), recovery.to)),
            created_at,
            updated_at: created_at,
            connection: None,
            due: now.checked_add(self.pace.quickened(RECOVERY_LASTS)).ok(),
            ..source.clone()
        };
        self.databases.push(database.clone());
        self.created(now, "recover database", &database.id, &database);
        Ok(database)
    }

    /// Changes a database as `control` asks for it.
    pub(super) fn change_database(
        &mut self,
        action: &'static str,
        wanted: &str,
        change: impl FnOnce(&mut Database),
        now: Timestamp,
    ) -> Result<Database, ControlError> {
        let index = self.database_at(wanted)?;
        let before = written(&self.databases[index]);
        let database = &mut self.databases[index];
        change(database);
        database.updated_at = now.max(database.created_at);
        let database = database.clone();
        let after = written(&database);
        self.changed(now, action, &database.id, before, after);
        Ok(database)
    }

    /// Brings recoveries to their end that have one by now.
    pub(super) fn settle_databases(&mut self, now: Timestamp) {
        for index in 0..self.databases.len() {
            let database = &mut self.databases[index];
            if let Some(due) = database.due.filter(|due| *due <= now) {
                database.due = None;
                database.status = DatabaseStatus::Available;
                database.recovery = RecoveryStatus::Available;
                database.updated_at = due;
                let id = database.id.clone();
                self.tell(&id, "postgres_restore_succeeded", json!({}), due);
            }
        }
    }

    /// Where the database with this identifier or name is.
    pub(super) fn database_at(&self, wanted: &str) -> Result<usize, ControlError> {
        self.databases
            .iter()
            .position(|database| database.id == wanted || database.name == wanted)
            .ok_or_else(|| ControlError::UnknownDatabase(wanted.to_owned()))
    }
}
