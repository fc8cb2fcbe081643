//! The routes.

use http::Method;
use serde::{Serialize, Serializer};

use crate::simulator::budget::Bucket;

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
    /// The running instances of a service.
    ListInstances,
    /// The deploys of a service.
    ListDeploys,
    /// One deploy.
    GetDeploy,
    /// What happened to a service.
    ListEvents,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 8] = [
        Self::ListOwners,
        Self::GetOwner,
        Self::ListServices,
        Self::GetService,
        Self::ListInstances,
        Self::ListDeploys,
        Self::GetDeploy,
        Self::ListEvents,
    ];

    /// Its method.
    #[must_use]
    pub fn method(self) -> Method {
        Method::GET
    }

    /// Its path, with the description's names for the variable parts.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::ListOwners => "/v1/owners",
            Self::GetOwner => "/v1/owners/{ownerId}",
            Self::ListServices => "/v1/services",
            Self::GetService => "/v1/services/{serviceId}",
            Self::ListInstances => "/v1/services/{serviceId}/instances",
            Self::ListDeploys => "/v1/services/{serviceId}/deploys",
            Self::GetDeploy => "/v1/services/{serviceId}/deploys/{deployId}",
            Self::ListEvents => "/v1/services/{serviceId}/events",
        }
    }

    /// What its calls are counted with.
    pub(super) fn bucket(self) -> Bucket {
        match self {
            Self::ListOwners
            | Self::GetOwner
            | Self::ListServices
            | Self::GetService
            | Self::ListInstances
            | Self::ListDeploys
            | Self::GetDeploy
            | Self::ListEvents => Bucket::Reads,
        }
    }
}

impl Serialize for Route {
    /// As method and path: `GET /v1/services`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{} {}", self.method(), self.path()))
    }
}

/// A route with its variable parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call<'path> {
    ListOwners,
    GetOwner {
        owner: &'path str,
    },
    ListServices,
    GetService {
        service: &'path str,
    },
    ListInstances {
        service: &'path str,
    },
    ListDeploys {
        service: &'path str,
    },
    GetDeploy {
        service: &'path str,
        deploy: &'path str,
    },
    ListEvents {
        service: &'path str,
    },
}

impl<'path> Call<'path> {
    /// The route that a request is for, if it is one of ours.
    pub(super) fn recognise(method: &Method, path: &'path str) -> Option<Self> {
        if method != Method::GET {
            return None;
        }
        let rest = path.strip_prefix("/v1/")?;
        let segments: Vec<&str> = rest.split('/').collect();
        match *segments.as_slice() {
            ["owners"] => Some(Self::ListOwners),
            ["owners", owner] => Some(Self::GetOwner { owner }),
            ["services"] => Some(Self::ListServices),
            ["services", service] => Some(Self::GetService { service }),
            ["services", service, "instances"] => Some(Self::ListInstances { service }),
            ["services", service, "deploys"] => Some(Self::ListDeploys { service }),
            ["services", service, "deploys", deploy] => Some(Self::GetDeploy { service, deploy }),
            ["services", service, "events"] => Some(Self::ListEvents { service }),
            _ => None,
        }
    }

    pub(super) fn route(&self) -> Route {
        match self {
            Self::ListOwners => Route::ListOwners,
            Self::GetOwner { .. } => Route::GetOwner,
            Self::ListServices => Route::ListServices,
            Self::GetService { .. } => Route::GetService,
            Self::ListInstances { .. } => Route::ListInstances,
            Self::ListDeploys { .. } => Route::ListDeploys,
            Self::GetDeploy { .. } => Route::GetDeploy,
            Self::ListEvents { .. } => Route::ListEvents,
        }
    }
}
