//! What runs the services.
//!
//! A platform is reached through an adapter, and an adapter shows nothing but the trait [`Platform`]. The [`Hub`] stands
//! between adapters and everybody else: it keeps one connection for all that use the same credentials, and answers many
//! questions about a service with one call. Which platform it is, only the registry knows.

mod coalesce;
mod connection;
mod error;
mod hub;
mod metrics;
mod mutation;
mod operations;
mod operator;
mod registry;
mod release;
mod render;
mod rollout;
mod settings;
mod target;
mod view;

use std::fmt;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

pub use error::{Attempt, MalformedReply, Outage, PlatformError, Refusal};
pub use hub::{Hub, Observer};
pub use metrics::PlatformMetrics;
pub use mutation::{MutationError, RefusedBecause};
pub use operations::Operations;
pub use operator::Operator;
pub use registry::RegistryError;
pub use release::{LiveDeploy, Release};
pub use rollout::{Accepted, Cause, Circumstances, Phase, Revision, Rollout};
pub use settings::{BaseUrl, InvalidBaseUrl, PlatformSettings, RenderSettings};
pub use target::{RenderTarget, Target};
pub use view::{Crash, LineQuery, LinesRead, PlatformView};

/// One platform, spoken to with one set of credentials.
///
/// An adapter keeps its own deadlines, rate budget and bound on concurrent calls: each method ends within the timeout that
/// the settings give for the platform.
pub trait Platform: fmt::Debug + Send + Sync {
    /// The service that a spec refers to, by name or by id. Says so when the service belongs to another workspace than
    /// the reference asks for.
    fn find<'a>(
        &'a self,
        reference: &'a ServiceReference,
    ) -> BoxFuture<'a, Result<Service, PlatformError>>;

    /// The deploy of a service that is live now, under the service's label.
    fn current<'a>(
        &'a self,
        service: &'a Service,
    ) -> BoxFuture<'a, Result<LiveDeploy, PlatformError>>;

    /// The newest rollouts of a service, at most 100, newest first.
    fn rollouts<'a>(
        &'a self,
        service: &'a Service,
    ) -> BoxFuture<'a, Result<Vec<Rollout>, PlatformError>>;

    /// One rollout of a service; `None` when the platform does not have it (any more, or yet), or when no rollout can have
    /// such an id.
    fn rollout<'a>(
        &'a self,
        service: &'a Service,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rollout>, PlatformError>>;

    /// What decides whether a service can be brought back.
    fn circumstances<'a>(
        &'a self,
        service: &'a Service,
    ) -> BoxFuture<'a, Result<Circumstances, PlatformError>>;

    /// How many instances of a service run now.
    fn instances<'a>(&'a self, service: &'a Service)
    -> BoxFuture<'a, Result<usize, PlatformError>>;

    /// The crashes of a service's instances since a time; no more than a few beyond `most`, in no order.
    fn crashes<'a>(
        &'a self,
        service: &'a Service,
        since: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Crash>, PlatformError>>;

    /// What a service wrote within a time.
    fn lines<'a>(
        &'a self,
        service: &'a Service,
        query: &'a LineQuery,
    ) -> BoxFuture<'a, Result<LinesRead, PlatformError>>;

    /// Keeps a push from deploying the service by itself. Does nothing where the platform has no such thing.
    ///
    /// Of this and the next two: the service was found just before. The request is sent once, or not at all; not at all when
    /// its turn does not come until `begin_by`.
    fn stop_automatic_deploys<'a>(
        &'a self,
        service: &'a Service,
        begin_by: Instant,
    ) -> BoxFuture<'a, Result<(), MutationError>>;

    /// Brings a service back to its earlier rollout `to`.
    fn roll_back<'a>(
        &'a self,
        service: &'a Service,
        to: &'a str,
        begin_by: Instant,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>>;

    /// Rolls a revision of a service out.
    fn deploy<'a>(
        &'a self,
        service: &'a Service,
        revision: &'a Revision,
        begin_by: Instant,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>>;
}

/// A service as a spec refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceReference {
    /// Its name, or its id on the platform.
    pub name: String,
    /// The workspace it must belong to, if that is to be compared.
    pub workspace: Option<String>,
}

/// A service as the platform knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id, safe to be put into a path or a log.
    pub id: String,
    /// How messages name it.
    pub label: String,
    /// Id of the workspace that it belongs to, where the platform tells.
    pub workspace: Option<String>,
}
