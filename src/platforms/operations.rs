//! What can be asked of, and done to, the services of one target. Services go by the names that the spec gives them.

use std::{fmt, time::Duration};

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{Accepted, Circumstances, MutationError, PlatformError, Release, Revision, Rollout};

/// The services of one target. Reads are fresh: each begins after it was asked for.
///
/// The three methods that change something look the service up anew, then send their request at most once, and never again
/// by themselves. Nobody calls them but the executor of rollbacks, behind its record.
pub trait Operations: fmt::Debug + Send + Sync {
    /// The live release, by a read that began at `not_before` or later.
    fn release(&self, not_before: Instant) -> BoxFuture<'_, Result<Release, PlatformError>>;

    /// The newest rollouts of a service, at most 100, newest first.
    fn rollouts<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Rollout>, PlatformError>>;

    /// One rollout of a service; `None` when the platform does not have it (any more, or yet).
    fn rollout<'a>(
        &'a self,
        service: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rollout>, PlatformError>>;

    /// What decides whether a service can be brought back.
    fn circumstances<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Circumstances, PlatformError>>;

    /// Keeps a push from deploying the service by itself. Does nothing where the platform has no such thing.
    fn stop_automatic_deploys<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<(), MutationError>>;

    /// Brings a service back to its earlier rollout `to`.
    fn roll_back<'a>(
        &'a self,
        service: &'a str,
        to: &'a str,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>>;

    /// Rolls a revision of a service out.
    fn deploy<'a>(
        &'a self,
        service: &'a str,
        revision: &'a Revision,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>>;

    /// How long after a change was asked for its request may still leave this process, at the latest. Until then it is
    /// looked for the service, waited for a turn, and connected.
    fn sends_within(&self) -> Duration {
        Duration::ZERO
    }

    /// How long after a change without an answer its effect may take to show when read.
    fn consistency_window(&self) -> Duration;

    /// How often a rollout that is under way is looked at.
    fn poll_interval(&self) -> Duration;
}
