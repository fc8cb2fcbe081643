//! What exists on the simulated platform.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The instance type that costs nothing.
pub(super) const FREE: &str = "free";

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceType {
    /// Files behind a CDN.
    StaticSite,
    /// Reachable from the internet.
    #[default]
    WebService,
    /// Reachable from its private network.
    PrivateService,
    /// Reachable by nobody.
    BackgroundWorker,
    /// Runs on a schedule.
    CronJob,
}

impl ServiceType {
    /// The prefix of its identifiers.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::CronJob => "crn",
            _ => "srv",
        }
    }
}

/// Where a deploy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployStatus {
    /// Accepted, not started.
    Created,
    /// Waits behind another deploy.
    Queued,
    /// Builds.
    BuildInProgress,
    /// Runs the command before the switch.
    PreDeployInProgress,
    /// Starts new instances.
    UpdateInProgress,
    /// Serves.
    Live,
    /// Served, and was replaced.
    Deactivated,
    /// The build failed.
    BuildFailed,
    /// The command before the switch failed.
    PreDeployFailed,
    /// The new instances did not start.
    UpdateFailed,
    /// Stopped by a person or by a newer deploy.
    Canceled,
}

impl DeployStatus {
    /// Whether the rollout is over.
    #[must_use]
    pub fn is_ended(self) -> bool {
        match self {
            Self::Created
            | Self::Queued
            | Self::BuildInProgress
            | Self::PreDeployInProgress
            | Self::UpdateInProgress => false,
            Self::Live
            | Self::Deactivated
            | Self::BuildFailed
            | Self::PreDeployFailed
            | Self::UpdateFailed
            | Self::Canceled => true,
        }
    }
}

/// What started a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A call of the API.
    Api,
    /// A Blueprint.
    BlueprintSync,
    /// The service's secret URL.
    DeployHook,
    /// The platform itself.
    DeployedByRender,
    /// A person in the dashboard.
    Manual,
    /// None of these.
    Other,
    /// A push to the branch.
    #[default]
    NewCommit,
    /// A return to an earlier deploy.
    Rollback,
    /// A resumed service.
    ServiceResumed,
    /// A changed setting.
    ServiceUpdated,
}

/// Why a service is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspender {
    /// Render's staff.
    Admin,
    /// An unpaid bill.
    Billing,
    /// A person of the workspace.
    #[default]
    User,
    /// The service it is a preview of.
    ParentService,
    /// It crashed too often.
    StuckCrashlooping,
    /// A change of the workspace's compliance.
    HipaaEnablement,
    /// Not known.
    Unknown,
}

/// What a workspace does with a deploy that starts while another runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The newest waits, those between are cancelled.
    #[default]
    Wait,
    /// The running one is cancelled.
    Override,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// `tea-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its contact.
    pub email: String,
    /// What happens to overlapping deploys.
    pub overlap: Overlap,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// `srv-…`, or `crn-…` for a cron job.
    pub id: String,
    /// The workspace it belongs to.
    pub owner_id: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub r#type: ServiceType,
    /// Where it runs.
    pub region: String,
    /// What builds and runs it: `node`, `docker`, `image` …
    pub runtime: String,
    /// The repository it is built from, unless it runs an image.
    pub repo: Option<String>,
    /// The branch it is built from, unless it runs an image.
    pub branch: Option<String>,
    /// The image it runs, unless it is built from a repository.
    pub image: Option<String>,
    /// The folder of the repository that it is built from; empty for all of it.
    pub root_dir: String,
    /// The newest commit of its branch; none for an image, and before the first push.
    pub head: Option<Commit>,
    /// Whether a push deploys it.
    pub auto_deploy: bool,
    /// Its instance type; without a meaning for a static site.
    pub plan: String,
    /// Its disk, if it has one.
    pub disk: Option<Disk>,
    /// What visitors see in place of the service; none if that was never set.
    pub maintenance_mode: Option<MaintenanceMode>,
    /// The path that Render asks whether an instance is well.
    pub health_check_path: String,
    /// When its instances were last started anew without a deploy.
    pub restarted_at: Option<Timestamp>,
    /// How many instances it has.
    pub instances: u32,
    /// Why it is suspended; empty when it is not.
    pub suspenders: Vec<Suspender>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// `dsk-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its size in gigabytes.
    #[serde(rename = "sizeGB")]
    pub size_gb: u32,
    /// Where it is mounted.
    pub mount_path: String,
}

/// A page that is served in place of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceMode {
    /// Whether it is served.
    pub enabled: bool,
    /// Where it is; empty for Render's own.
    pub uri: String,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// Its hash.
    pub id: String,
    /// Its message.
    pub message: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An image as it was resolved for a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Image {
    /// The reference, with its tag.
    pub r#ref: String,
    /// The digest that the reference led to.
    pub sha: String,
}

/// What a deploy still has to go through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// When the next phase begins; never while it waits behind another deploy.
    pub(super) due: Option<Timestamp>,
    /// The phases to come and how long each lasts before the one after it.
    pub(super) phases: VecDeque<(DeployStatus, Duration)>,
}

/// One rollout of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deploy {
    /// `dep-…`.
    pub id: String,
    /// The service.
    pub service_id: String,
    /// Where it stands.
    pub status: DeployStatus,
    /// What started it.
    pub trigger: Trigger,
    /// What it was built from; none for an image.
    pub commit: Option<Commit>,
    /// What it runs; none when it was built.
    pub image: Option<Image>,
    /// How many instances it has.
    pub instances: u32,
    /// The deploy that it goes back to; none unless it is a rollback.
    pub rollback_target: Option<String>,
    /// Whether what was built for it is still kept, so that one can go back to it.
    pub artifact_kept: bool,
    /// The deploy that took its place before it ended.
    pub superseded_by: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it left the queue.
    pub started_at: Option<Timestamp>,
    /// When the rollout ended, well or not.
    pub finished_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The environment variables of its own that it runs with.
    #[serde(skip)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(skip)]
    pub(super) build_id: String,
    #[serde(skip)]
    pub(super) plan: Plan,
}

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) service_id: String,
    pub(super) timestamp: Timestamp,
    pub(super) r#type: &'static str,
    pub(super) details: serde_json::Value,
}
