//! Asks for, and changes, the services of one target.

use std::time::Duration;

use futures::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use super::{
    Accepted, Attempt, Circumstances, MutationError, Observer, Operations, PlatformError, Release,
    Revision, Rollout, ServiceReference,
};

/// The services of one target, by the names that its spec gives them.
#[derive(Clone, Debug)]
pub struct Operator {
    observer: Observer,
    consistency_window: Duration,
}

impl Operator {
    pub(super) fn new(observer: Observer, consistency_window: Duration) -> Self {
        Self {
            observer,
            consistency_window,
        }
    }

    /// The target's own reference to a service. No other service can be asked for or changed, whatever the caller was told.
    fn reference(&self, name: &str) -> Result<&ServiceReference, PlatformError> {
        let references = self.observer.services();
        let found = references.iter().find(|reference| reference.name == name);
        found.ok_or_else(|| {
            PlatformError::ServiceNotFound(Attempt::new("looking into the target", name))
        })
    }

    fn changeable(&self, name: &str) -> Result<&ServiceReference, MutationError> {
        self.reference(name).map_err(MutationError::NotSent)
    }
}

impl Operations for Operator {
    fn release(&self, not_before: Instant) -> BoxFuture<'_, Result<Release, PlatformError>> {
        self.observer.observe(not_before).boxed()
    }

    fn rollouts<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Rollout>, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            let connection = self.observer.connection();
            let question =
                |service| async move { connection.platform().rollouts(&service).await }.boxed();
            connection.ask(reference, Instant::now(), question).await
        }
        .boxed()
    }

    fn rollout<'a>(
        &'a self,
        service: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rollout>, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            let connection = self.observer.connection();
            let question =
                |service| async move { connection.platform().rollout(&service, id).await }.boxed();
            connection.ask(reference, Instant::now(), question).await
        }
        .boxed()
    }

    fn circumstances<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Circumstances, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            let connection = self.observer.connection();
            let question = |service| {
                async move { connection.platform().circumstances(&service).await }.boxed()
            };
            connection.ask(reference, Instant::now(), question).await
        }
        .boxed()
    }

    fn stop_automatic_deploys<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<(), MutationError>> {
        async move {
            let reference = self.changeable(service)?;
            let connection = self.observer.connection();
            let change = |service| {
                let platform = connection.platform();
                async move { platform.stop_automatic_deploys(&service).await }.boxed()
            };
            connection.change(reference, change).await
        }
        .boxed()
    }

    fn roll_back<'a>(
        &'a self,
        service: &'a str,
        to: &'a str,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        async move {
            let reference = self.changeable(service)?;
            let connection = self.observer.connection();
            let change = |service| {
                async move { connection.platform().roll_back(&service, to).await }.boxed()
            };
            connection.change(reference, change).await
        }
        .boxed()
    }

    fn deploy<'a>(
        &'a self,
        service: &'a str,
        revision: &'a Revision,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        async move {
            let reference = self.changeable(service)?;
            let connection = self.observer.connection();
            let change = |service| {
                let platform = connection.platform();
                async move { platform.deploy(&service, revision).await }.boxed()
            };
            connection.change(reference, change).await
        }
        .boxed()
    }

    fn consistency_window(&self) -> Duration {
        self.consistency_window
    }

    fn poll_interval(&self) -> Duration {
        self.observer.poll_interval()
    }
}
