//! The routes.

use http::Method;
use serde::{Serialize, Serializer};

use crate::simulator::{
    budget::{Bucket, Counted},
    keys::KeyDigest,
};

/// The most variable parts that a path has.
const VARIABLES: usize = 2;

/// A route of Render's API that is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// The workspaces.
    ListOwners,
    /// One workspace.
    GetOwner,
    /// The services.
    ListServices,
    /// One service.
    GetService,
    /// Changes a service's settings.
    PatchService,
    /// Suspends a service.
    SuspendService,
    /// Undoes a suspension.
    ResumeService,
    /// Starts a service's instances anew.
    RestartService,
    /// Changes how many instances a service has.
    ScaleService,
    /// The running instances of a service.
    ListInstances,
    /// The deploys of a service.
    ListDeploys,
    /// Starts a deploy.
    StartDeploy,
    /// One deploy.
    GetDeploy,
    /// Stops a deploy.
    CancelDeploy,
    /// Starts a deploy of what an earlier one built.
    RollBack,
    /// What happened to a service.
    ListEvents,
    /// The environment variables of a service.
    ListVariables,
    /// One environment variable.
    GetVariable,
    /// Stores one environment variable.
    PutVariable,
    /// Removes one environment variable.
    DeleteVariable,
    /// Stores environment variables in place of all there are.
    ReplaceVariables,
    /// The databases.
    ListDatabases,
    /// One database.
    GetDatabase,
    /// How a database is reached, with its password.
    GetConnection,
    /// Whether a database can be recovered.
    GetRecovery,
    /// Makes a new database of what one held at a point in time.
    Recover,
    /// What services and databases wrote.
    ListLogs,
    /// What the platform does to services and databases.
    ListMaintenance,
    /// The webhooks.
    ListWebhooks,
    /// Registers a webhook.
    CreateWebhook,
    /// One webhook.
    GetWebhook,
    /// Changes a webhook.
    PatchWebhook,
    /// Removes a webhook.
    DeleteWebhook,
    /// What a webhook was told.
    ListWebhookEvents,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 34] = [
        Self::ListOwners,
        Self::GetOwner,
        Self::ListServices,
        Self::GetService,
        Self::PatchService,
        Self::SuspendService,
        Self::ResumeService,
        Self::RestartService,
        Self::ScaleService,
        Self::ListInstances,
        Self::ListDeploys,
        Self::StartDeploy,
        Self::GetDeploy,
        Self::CancelDeploy,
        Self::RollBack,
        Self::ListEvents,
        Self::ListVariables,
        Self::GetVariable,
        Self::PutVariable,
        Self::DeleteVariable,
        Self::ReplaceVariables,
        Self::ListDatabases,
        Self::GetDatabase,
        Self::GetConnection,
        Self::GetRecovery,
        Self::Recover,
        Self::ListLogs,
        Self::ListMaintenance,
        Self::ListWebhooks,
        Self::CreateWebhook,
        Self::GetWebhook,
        Self::PatchWebhook,
        Self::DeleteWebhook,
        Self::ListWebhookEvents,
    ];

    /// Its method.
    #[must_use]
    pub fn method(self) -> Method {
        self.described().0
    }

    /// Its path, with the description's names for the variable parts.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.described().1
    }

    /// What its calls are counted with.
    pub(super) fn bucket(self) -> Bucket {
        match self {
            Self::PatchService
            | Self::SuspendService
            | Self::ResumeService
            | Self::ScaleService
            | Self::StartDeploy
            | Self::RollBack => Bucket::Deploys,
            Self::Recover => Bucket::Creations,
            Self::ListLogs => Bucket::Logs,
            _ if self.method() == Method::GET => Bucket::Reads,
            _ => Bucket::Writes,
        }
    }

    fn described(self) -> (Method, &'static str) {
        use Method as M;
        match self {
            Self::ListOwners => (M::GET, "/v1/owners"),
            Self::GetOwner => (M::GET, "/v1/owners/{ownerId}"),
            Self::ListServices => (M::GET, "/v1/services"),
            Self::GetService => (M::GET, "/v1/services/{serviceId}"),
            Self::PatchService => (M::PATCH, "/v1/services/{serviceId}"),
            Self::SuspendService => (M::POST, "/v1/services/{serviceId}/suspend"),
            Self::ResumeService => (M::POST, "/v1/services/{serviceId}/resume"),
            Self::RestartService => (M::POST, "/v1/services/{serviceId}/restart"),
            Self::ScaleService => (M::POST, "/v1/services/{serviceId}/scale"),
            Self::ListInstances => (M::GET, "/v1/services/{serviceId}/instances"),
            Self::ListDeploys => (M::GET, "/v1/services/{serviceId}/deploys"),
            Self::StartDeploy => (M::POST, "/v1/services/{serviceId}/deploys"),
            Self::GetDeploy => (M::GET, "/v1/services/{serviceId}/deploys/{deployId}"),
            Self::CancelDeploy => (
                M::POST,
                "/v1/services/{serviceId}/deploys/{deployId}/cancel",
            ),
            Self::RollBack => (M::POST, "/v1/services/{serviceId}/rollback"),
            Self::ListEvents => (M::GET, "/v1/services/{serviceId}/events"),
            Self::ListVariables => (M::GET, "/v1/services/{serviceId}/env-vars"),
            Self::GetVariable => (M::GET, "/v1/services/{serviceId}/env-vars/{envVarKey}"),
            Self::PutVariable => (M::PUT, "/v1/services/{serviceId}/env-vars/{envVarKey}"),
            Self::DeleteVariable => (M::DELETE, "/v1/services/{serviceId}/env-vars/{envVarKey}"),
            Self::ReplaceVariables => (M::PUT, "/v1/services/{serviceId}/env-vars"),
            Self::ListDatabases => (M::GET, "/v1/postgres"),
            Self::GetDatabase => (M::GET, "/v1/postgres/{postgresId}"),
            Self::GetConnection => (M::GET, "/v1/postgres/{postgresId}/connection-info"),
            Self::GetRecovery => (M::GET, "/v1/postgres/{postgresId}/recovery"),
            Self::Recover => (M::POST, "/v1/postgres/{postgresId}/recovery"),
            Self::ListLogs => (M::GET, "/v1/logs"),
            Self::ListMaintenance => (M::GET, "/v1/maintenance"),
            Self::ListWebhooks => (M::GET, "/v1/webhooks"),
            Self::CreateWebhook => (M::POST, "/v1/webhooks"),
            Self::GetWebhook => (M::GET, "/v1/webhooks/{webhookId}"),
            Self::PatchWebhook => (M::PATCH, "/v1/webhooks/{webhookId}"),
            Self::DeleteWebhook => (M::DELETE, "/v1/webhooks/{webhookId}"),
            Self::ListWebhookEvents => (M::GET, "/v1/webhooks/{webhookId}/events"),
        }
    }
}

impl Serialize for Route {
    /// As method and path: `GET /v1/services`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{} {}", self.method(), self.path()))
    }
}

/// A route with the variable parts of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call<'path> {
    pub(super) route: Route,
    /// The variable parts in their order; empty beyond the last one.
    pub(super) variables: [&'path str; VARIABLES],
}

impl<'path> Call<'path> {
    /// Whose calls this one is counted with, if this key makes it.
    pub(super) fn counted(&self, key: &KeyDigest) -> Counted {
        match self.route.bucket() {
            Bucket::Deploys => Counted::Service(self.variables[0].to_owned()),
            Bucket::Reads | Bucket::Creations | Bucket::Logs | Bucket::Writes => {
                Counted::Key(key.clone())
            }
        }
    }

    /// The route that a request is for, if it is one of ours.
    pub(super) fn recognise(method: &Method, path: &'path str) -> Option<Self> {
        Route::ALL.iter().find_map(|route| {
            let (own, pattern) = route.described();
            let variables = (own == *method).then(|| variables(pattern, path))??;
            Some(Self {
                route: *route,
                variables,
            })
        })
    }
}

/// What stands in place of a pattern's variable parts, if the path fits.
fn variables<'path>(pattern: &str, path: &'path str) -> Option<[&'path str; VARIABLES]> {
    let mut found = [""; VARIABLES];
    let mut free = found.iter_mut();
    let mut segments = path.split('/');
    for own in pattern.split('/') {
        let segment = segments.next()?;
        if own.starts_with('{') {
            *free.next()? = segment;
        } else if own != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(found)
}
