//! What can be asked of the simulated platform from outside of Render's API.

use serde::Deserialize;

use super::{
    databases::{DatabaseStatus, RecoveryStatus},
    maintenance::MaintenanceState,
    model::{DeployStatus, Overlap, ServiceType, Suspender, Trigger},
};

/// A workspace to create.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWorkspace {
    /// Its name.
    pub name: String,
    /// What happens to a deploy that starts while another runs. Default: it waits.
    #[serde(default)]
    pub overlap: Overlap,
}

/// A service to create. It has no deploy until one is started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewService {
    /// Its name.
    pub name: String,
    /// What it is. Default: a web service.
    #[serde(default)]
    pub r#type: ServiceType,
    /// The identifier or name of its workspace. Default: the first one, which is created if there is none.
    #[serde(default)]
    pub owner: Option<String>,
    /// The image it runs. Default: none; it is built from a repository.
    #[serde(default)]
    pub image: Option<String>,
    /// Where it runs. Default: `oregon`.
    #[serde(default)]
    pub region: Option<String>,
    /// How many instances it has. Default: 1.
    #[serde(default)]
    pub instances: Option<u32>,
    /// Whether a push deploys it. Default: it does.
    #[serde(default)]
    pub auto_deploy: Option<bool>,
    /// Its instance type, such as `free`. Default: `starter`.
    #[serde(default)]
    pub plan: Option<String>,
}

/// A commit to push to a service's branch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCommit {
    /// Its hash. Default: a new one.
    #[serde(default)]
    pub commit: Option<String>,
    /// Its message.
    #[serde(default)]
    pub message: Option<String>,
}

/// A disk to give to a service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDisk {
    /// Its name.
    pub name: String,
    /// Its size in gigabytes.
    #[serde(rename = "sizeGB")]
    pub size_gb: u32,
    /// Where it is mounted.
    pub mount_path: String,
}

/// Body of a request that sets an instance type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sized {
    pub(super) plan: String,
}

/// Body of a request that stores an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stored {
    pub(super) value: String,
}

/// A deploy to start.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDeploy {
    /// The commit's hash. Default: a new one. Not for a service that runs an image.
    #[serde(default)]
    pub commit: Option<String>,
    /// The commit's message.
    #[serde(default)]
    pub message: Option<String>,
    /// The image with its tag. Default: the service's. Only for a service that runs an image.
    #[serde(default)]
    pub image: Option<String>,
    /// What started it. Default: `new_commit`.
    #[serde(default)]
    pub trigger: Trigger,
    /// Whether it is live at once; whatever runs or waits is cancelled.
    #[serde(default)]
    pub immediately: bool,
    /// What it goes through, in place of the usual build, update and live. It stays in the last one.
    #[serde(default)]
    pub phases: Vec<Phase>,
}

/// A status and how long a deploy has it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Phase {
    /// The status.
    pub status: DeployStatus,
    /// Seconds until the next phase, at most 86400. Without a meaning for the last phase.
    #[serde(default)]
    pub seconds: f64,
}

/// An API key to accept.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewKey {
    /// The key.
    pub key: String,
    /// Identifiers or names of the workspaces it reaches. Default: all, also those created later.
    #[serde(default)]
    pub workspaces: Option<Vec<String>>,
}

// Written by hand, so that a key never reaches a log.
impl std::fmt::Debug for NewKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NewKey")
            .field("key", &"…")
            .field("workspaces", &self.workspaces)
            .finish()
    }
}

/// A crash of an instance to tell of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCrash {
    /// The memory that it used up: `512Mi`. Default: it ended with code 1.
    #[serde(default)]
    pub memory_limit: Option<String>,
}

/// Body of a request that suspends a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Suspension {
    #[serde(default)]
    pub(super) by: Suspender,
}

/// Body of a request that sets what the next deploy goes through.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Script {
    pub(super) phases: Vec<Phase>,
}

/// Body of a request that sets how far reads are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Behind {
    pub(super) milliseconds: u64,
}

/// Body of a request that sets a database's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stated {
    pub(super) status: DatabaseStatus,
}

/// Body of a request that decides whether a database can be recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Recoverable {
    pub(super) recovery: RecoveryStatus,
}

/// Body of a request that sets a database's connection string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Connected {
    pub(super) connection: String,
}

/// Body of a request that moves a maintenance run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Moved {
    pub(super) state: MaintenanceState,
}

/// Body of a request that sets a deploy's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Placement {
    pub(super) status: DeployStatus,
}

/// Body of a request that withdraws an API key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Withdrawal {
    pub(super) key: String,
}
