//! One connection for all validations that use the same credentials, and one reading for all that ask the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use futures::future::join_all;
use tokio::time::Instant;

use super::{
    Operator, Platform, PlatformError, PlatformMetrics, PlatformSettings, RegistryError, Release,
    ServiceReference, Target,
    connection::Connection,
    registry::{ConnectionIdentity, Registry, Resolved},
};

/// The connections to all platforms.
#[derive(Debug)]
pub struct Hub {
    registry: Registry,
    connections: Mutex<HashMap<ConnectionIdentity, Weak<Connection>>>,
}

impl Hub {
    /// A hub without connections.
    pub fn new(
        settings: PlatformSettings,
        metrics: PlatformMetrics,
    ) -> Result<Self, RegistryError> {
        Ok(Self {
            registry: Registry::new(settings, metrics)?,
            connections: Mutex::default(),
        })
    }

    /// What reads the releases of a target; `None` for a target that has no platform. Makes no call. The connection lives
    /// as long as an observer that uses it.
    #[must_use]
    pub fn observer(&self, target: &Target) -> Option<Observer> {
        let resolved = self.registry.resolve(target)?;
        Some(self.observer_of(resolved))
    }

    /// What asks for, and changes, the services of a target; `None` for a target that has no platform. Makes no call. It
    /// shares the connection, with its budget and what was read, with all observers of the same credentials.
    #[must_use]
    pub fn operator(&self, target: &Target) -> Option<Operator> {
        let resolved = self.registry.resolve(target)?;
        let (timeout, consistency_window) = (resolved.timeout, resolved.consistency_window);
        let observer = self.observer_of(resolved);
        Some(Operator::new(observer, timeout, consistency_window))
    }

    fn observer_of(&self, resolved: Resolved) -> Observer {
        Observer {
            connection: self.connection(resolved.identity, resolved.platform),
            services: resolved.services,
            poll_interval: resolved.poll_interval,
        }
    }

    fn connection(
        &self,
        identity: ConnectionIdentity,
        platform: Arc<dyn Platform>,
    ) -> Arc<Connection> {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = connections.get(&identity).and_then(Weak::upgrade) {
            return connection;
        }
        connections.retain(|_, connection| connection.strong_count() > 0);
        let connection = Arc::new(Connection::new(platform));
        connections.insert(identity, Arc::downgrade(&connection));
        connection
    }
}

/// Reads the releases of one target.
#[derive(Clone, Debug)]
pub struct Observer {
    connection: Arc<Connection>,
    services: Vec<ServiceReference>,
    poll_interval: Duration,
}

impl Observer {
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn services(&self) -> &[ServiceReference] {
        &self.services
    }

    /// How often to look for a new release between runs.
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        self.poll_interval
    }

    /// The release that was live at some time at or after `not_before`.
    ///
    /// To know that the release did not change while something was measured, compare what was observed before with what is
    /// observed with `not_before` at the end of it. Only this second reading has to be fresh: platforms never give a
    /// deploy's id again, so a deploy that was live at an earlier reading, however old, and is live at a later one was live
    /// all the time in between.
    ///
    /// Ends within a small multiple of the platform's timeout: at most one reading that others began, and two for what is
    /// new here. Of several errors the one that a person has to set right is given.
    pub async fn observe(&self, not_before: Instant) -> Result<Release, PlatformError> {
        let readings = self
            .services
            .iter()
            .map(|service| self.connection.live(service, not_before));
        let mut deploys = Vec::with_capacity(self.services.len());
        let mut worst: Option<PlatformError> = None;
        for reading in join_all(readings).await {
            match (reading, &worst) {
                (Ok(deploy), _) => deploys.push(deploy),
                (Err(error), None) => worst = Some(error),
                (Err(error), Some(known)) => {
                    if known.refusal().is_none() && error.refusal().is_some() {
                        worst = Some(error);
                    }
                }
            }
        }
        worst.map_or_else(|| Ok(Release::of(deploys)), Err)
    }
}
