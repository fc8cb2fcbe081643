//! What a controller hands to the monitor, and what it reads back.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    api::{Bottleneck, CheckStatus},
    checks::{board::Board, health::Slow, schema::LiveSchema, suite::Suite},
    platforms::{Observer, PlatformError, Release},
    telemetry::chain,
};

/// The object that an assignment belongs to. Compared by uid: one created again under the same name inherits nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// Where the identity of the live release comes from.
pub trait ReleaseSource: Send + Sync + std::fmt::Debug {
    /// The live release, by a read that began at `not_before` or later.
    fn observe(&self, not_before: Instant) -> BoxFuture<'_, Result<Release, PlatformError>>;

    /// Time between two looks for a new release.
    fn poll_interval(&self) -> Duration;
}

impl ReleaseSource for Observer {
    fn observe(&self, not_before: Instant) -> BoxFuture<'_, Result<Release, PlatformError>> {
        Box::pin(Observer::observe(self, not_before))
    }

    fn poll_interval(&self) -> Duration {
        Observer::poll_interval(self)
    }
}

/// What to run for one object.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Generation of the spec that it comes from.
    pub generation: i64,
    /// Changes whenever the suite or the target does, also within a generation, as when a Secret gets a new value.
    pub fingerprint: String,
    /// The checks.
    pub suite: Arc<Suite>,
    /// The platform's view of the release; `None` when the target has no platform.
    pub releases: Option<Arc<dyn ReleaseSource>>,
    /// Time between two runs while something does not pass.
    pub retry_interval: Duration,
    /// The token of a run that was asked for.
    pub requested: Option<String>,
    /// Whether somebody waits for checks to be confirmed ([`Board::is_confirmed`]): until they are, they run again after the
    /// retry interval.
    pub confirm: bool,
}

/// What an earlier process knew, read from status.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The checks.
    pub checks: Vec<CheckStatus>,
    /// Where time was lost.
    pub bottleneck: Option<Bottleneck>,
    /// The release that they speak of.
    pub release: Option<SeenRelease>,
    /// The newest token whose run has ended.
    pub handled: Option<String>,
    /// Whether all this was written for the assignment's generation; if not, only `handled` and `release` count.
    pub current: bool,
}

/// A release and when it was first seen live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRelease {
    /// The release.
    pub release: Release,
    /// When it was first seen.
    pub since: Timestamp,
}

/// What is known of one object: all that its status shows of the monitor's work, and nothing else, so that two equal
/// snapshots mean that there is nothing to write.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Generation that the board speaks of.
    pub generation: i64,
    /// The checks of the board.
    pub suite: Arc<Suite>,
    /// The states.
    pub board: Board,
    /// The live release; `None` before it was read, or when the target has no platform.
    pub release: Option<SeenRelease>,
    /// Why the platform could not be read the last time.
    pub trouble: Option<PlatformError>,
    /// Whether the newest counted run is older than it may be.
    pub stale: bool,
    /// The newest token whose run has ended.
    pub handled: Option<String>,
    /// Whether somebody waits for checks to be confirmed, so that each pass in a row is news.
    pub confirm: bool,
    /// The schema of the databases that checks read.
    pub schema: LiveSchema,
    /// Where the latest runs lost time.
    pub slow: Vec<Slow>,
}

impl Snapshot {
    /// Why the platform could not be read the last time, with all causes.
    #[must_use]
    pub fn trouble_message(&self) -> Option<String> {
        self.trouble.as_ref().map(|trouble| chain(trouble))
    }

    /// Whether a status made of either would be the same.
    #[must_use]
    pub fn shows_the_same(&self, other: &Self) -> bool {
        let Self {
            generation,
            suite: _,
            board,
            release,
            trouble: _,
            stale,
            handled,
            confirm,
            schema,
            slow,
        } = self;
        *generation == other.generation
            && board.checks() == other.board.checks()
            && (!confirm || *board == other.board)
            && *confirm == other.confirm
            && *release == other.release
            && self.trouble_message() == other.trouble_message()
            && *stale == other.stale
            && *handled == other.handled
            && *schema == other.schema
            && *slow == other.slow
    }
}
