//! One platform with one set of credentials: many questions about a service, one reading.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use tokio::time::{self, Instant};

use super::{
    Attempt, LiveDeploy, MutationError, Outage, Platform, PlatformError, Service, ServiceReference,
    coalesce::{NotBefore, Reading, Readings},
};

/// How long it is remembered which service a name stands for.
const NAME_LIFETIME: Duration = Duration::from_mins(10);

/// A platform, and what was read there.
#[derive(Debug)]
pub(super) struct Connection {
    platform: Arc<dyn Platform>,
    services: Readings<ServiceReference, Service>,
    deploys: Readings<String, LiveDeploy>,
}

impl Connection {
    pub(super) fn new(platform: Arc<dyn Platform>) -> Self {
        Self {
            platform,
            services: Readings::default(),
            deploys: Readings::default(),
        }
    }

    pub(super) fn platform(&self) -> &dyn Platform {
        self.platform.as_ref()
    }

    /// The live deploy of a service, under the name that the spec gives it.
    pub(super) async fn live(
        &self,
        reference: &ServiceReference,
        not_before: Instant,
    ) -> Result<LiveDeploy, PlatformError> {
        let current = |service| async move { self.current(&service, not_before).await }.boxed();
        let deploy = self.ask(reference, not_before, current).await?;
        Ok(LiveDeploy {
            name: reference.name.clone(),
            ..deploy
        })
    }

    /// Asks something about a service. Which one its name stands for may be remembered; that there was no such service
    /// only if it was found at `not_before` or later.
    pub(super) async fn ask<'a, T>(
        &'a self,
        reference: &'a ServiceReference,
        not_before: Instant,
        question: impl Fn(Service) -> BoxFuture<'a, Result<T, PlatformError>>,
    ) -> Result<T, PlatformError> {
        let asked = Instant::now();
        let remembered = NotBefore {
            success: asked.checked_sub(NAME_LIFETIME).unwrap_or(asked),
            failure: not_before,
        };
        let service = self.find(reference, remembered).await?;
        match question(service.value).await {
            // Perhaps deleted and created anew under the same name.
            Err(PlatformError::ServiceNotFound(_)) if service.started < asked => {
                let service = self.find(reference, asked.into()).await?;
                question(service.value).await
            }
            outcome => outcome,
        }
    }

    /// Changes something about a service, which is looked for anew before it: what its name stood for a while ago may be
    /// another one's now, or another workspace's. After `begin_by` nothing is begun.
    pub(super) async fn change<'a, T>(
        &'a self,
        reference: &'a ServiceReference,
        begin_by: Instant,
        change: impl FnOnce(Service, Instant) -> BoxFuture<'a, Result<T, MutationError>>,
    ) -> Result<T, MutationError> {
        let finding = self.find(reference, Instant::now().into());
        let found = match time::timeout_at(begin_by, finding).await {
            Ok(found) => found,
            Err(_) => Err(PlatformError::Unavailable {
                attempt: Attempt::new("looking for the service", &reference.name),
                source: Outage::TimedOut,
            }),
        };
        let service = found.map_err(MutationError::NotSent)?.value;
        change(service, begin_by).await
    }

    async fn find(
        &self,
        reference: &ServiceReference,
        not_before: NotBefore,
    ) -> Result<Reading<Service>, PlatformError> {
        let start = || {
            let (platform, reference) = (Arc::clone(&self.platform), reference.clone());
            async move { platform.find(&reference).await }.boxed()
        };
        self.services.read(reference, not_before, start).await
    }

    async fn current(
        &self,
        service: &Service,
        not_before: Instant,
    ) -> Result<LiveDeploy, PlatformError> {
        let start = || {
            let (platform, service) = (Arc::clone(&self.platform), service.clone());
            async move { platform.current(&service).await }.boxed()
        };
        let reading = self.deploys.read(&service.id, not_before, start).await?;
        Ok(reading.value)
    }
}
