//! Asks for, and changes, the services of one target.

use std::time::Duration;

use futures::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use super::{
    Accepted, Circumstances, MutationError, Observer, Operations, PlatformError, Release, Revision,
    Rollout, Service, ServiceReference,
};

/// The services of one target, by the names that its spec gives them.
#[derive(Clone, Debug)]
pub struct Operator {
    observer: Observer,
    timeout: Duration,
    consistency_window: Duration,
}

impl Operator {
    /// What asks for, and changes, the services that `observer` reads. `timeout` is that of one reading, and of one change.
    pub(super) fn new(observer: Observer, timeout: Duration, consistency_window: Duration) -> Self {
        Self {
            observer,
            timeout,
            consistency_window,
        }
    }

    fn reference(&self, name: &str) -> Result<&ServiceReference, PlatformError> {
        self.observer.reference(name)
    }

    /// Changes a service of the target, which is looked for first.
    async fn change<'a, T>(
        &'a self,
        name: &'a str,
        change: impl FnOnce(Service, Instant) -> BoxFuture<'a, Result<T, MutationError>>,
    ) -> Result<T, MutationError> {
        // What is left of twice the timeout is more than it takes to connect.
        let begin_by = Instant::now() + self.timeout * 3 / 2;
        let reference = self.reference(name).map_err(MutationError::NotSent)?;
        let connection = self.observer.connection();
        connection.change(reference, begin_by, change).await
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
            let platform = self.observer.connection().platform();
            let change = |service, begin_by| {
                async move { platform.stop_automatic_deploys(&service, begin_by).await }.boxed()
            };
            self.change(service, change).await
        }
        .boxed()
    }

    fn roll_back<'a>(
        &'a self,
        service: &'a str,
        to: &'a str,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        async move {
            let platform = self.observer.connection().platform();
            let change = |service, begin_by| {
                async move { platform.roll_back(&service, to, begin_by).await }.boxed()
            };
            self.change(service, change).await
        }
        .boxed()
    }

    fn deploy<'a>(
        &'a self,
        service: &'a str,
        revision: &'a Revision,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        async move {
            let platform = self.observer.connection().platform();
            let change = |service, begin_by| {
                async move { platform.deploy(&service, revision, begin_by).await }.boxed()
            };
            self.change(service, change).await
        }
        .boxed()
    }

    fn sends_within(&self) -> Duration {
        self.timeout * 2
    }

    fn consistency_window(&self) -> Duration {
        self.consistency_window
    }

    fn poll_interval(&self) -> Duration {
        self.observer.poll_interval()
    }
}
