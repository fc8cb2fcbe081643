//! What checks may know of the services of one target. It only reads.

use std::fmt;

use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Attempt, Circumstances, LiveDeploy, Observer, PlatformError, ServiceReference};

/// The services of one target, by the names that its spec gives them, for who may change nothing. Reads are fresh: each begins
/// after it was asked for, and keeps to the adapter's deadlines and budgets.
pub trait PlatformView: fmt::Debug + Send + Sync {
    /// The services, in the order of the spec.
    fn services(&self) -> Vec<&str>;

    /// The deploy of a service that is live now.
    fn live<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<LiveDeploy, PlatformError>>;

    /// The settings of a service, as far as they decide whether it runs.
    fn circumstances<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Circumstances, PlatformError>>;

    /// How many instances of a service run now.
    fn instances<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<usize, PlatformError>>;

    /// The crashes of a service's instances since a time; no more than a few beyond `most`, in no order.
    fn crashes<'a>(
        &'a self,
        service: &'a str,
        since: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Crash>, PlatformError>>;

    /// What a service wrote within a time.
    fn lines<'a>(
        &'a self,
        service: &'a str,
        query: &'a LineQuery,
    ) -> BoxFuture<'a, Result<LinesRead, PlatformError>>;
}

/// Which lines to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineQuery {
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Regular expression that the platform is asked to filter by. What comes may still be more, or less, where it reads it
    /// otherwise.
    pub pattern: Option<String>,
    /// The most pages that are read.
    pub most_pages: usize,
}

/// What was read of a service's lines.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LinesRead {
    /// The newest lines. They may hold anything, and are never shown.
    pub lines: Vec<String>,
    /// Whether they are all there are.
    pub is_whole: bool,
}

impl fmt::Debug for LinesRead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("LinesRead")
            .field("lines", &self.lines.len())
            .field("is_whole", &self.is_whole)
            .finish()
    }
}

/// An instance of a service ended that should not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// When the platform says that it did.
    pub at: Timestamp,
    /// Whether it had used more memory than it may.
    pub out_of_memory: bool,
}

impl Observer {
    /// The target's own reference to a service. No other service can be asked for, whatever the caller was told.
    pub(super) fn reference(&self, name: &str) -> Result<&ServiceReference, PlatformError> {
        let found = self
            .services()
            .iter()
            .find(|reference| reference.name == name);
        found.ok_or_else(|| {
            PlatformError::ServiceNotFound(Attempt::new("looking into the target", name))
        })
    }
}

impl PlatformView for Observer {
    fn services(&self) -> Vec<&str> {
        let references = Observer::services(self).iter();
        references
            .map(|reference| reference.name.as_str())
            .collect()
    }

    fn live<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<LiveDeploy, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            self.connection().live(reference, Instant::now()).await
        }
        .boxed()
    }

    fn circumstances<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Circumstances, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            let connection = self.connection();
            let question = |service| {
                async move { connection.platform().circumstances(&service).await }.boxed()
            };
            connection.ask(reference, Instant::now(), question).await
        }
        .boxed()
    }

    fn instances<'a>(&'a self, service: &'a str) -> BoxFuture<'a, Result<usize, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            let connection = self.connection();
            let question =
                |service| async move { connection.platform().instances(&service).await }.boxed();
            connection.ask(reference, Instant::now(), question).await
        }
        .boxed()
    }

    fn crashes<'a>(
        &'a self,
        service: &'a str,
        since: Timestamp,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<Crash>, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            let connection = self.connection();
            let question = |service| {
                async move { connection.platform().crashes(&service, since, most).await }.boxed()
            };
            connection.ask(reference, Instant::now(), question).await
        }
        .boxed()
    }

    fn lines<'a>(
        &'a self,
        service: &'a str,
        query: &'a LineQuery,
    ) -> BoxFuture<'a, Result<LinesRead, PlatformError>> {
        async move {
            let reference = self.reference(service)?;
            let connection = self.connection();
            let question =
                |service| async move { connection.platform().lines(&service, query).await }.boxed();
            connection.ask(reference, Instant::now(), question).await
        }
        .boxed()
    }
}
