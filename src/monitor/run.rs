//! One run of one validation: which release is live, what the checks say, whether that release is live still.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::assignment::{Assignment, ReleaseSource};
use crate::{
    checks::{
        board::Board,
        engine::{Engine, Run},
        net::Session,
    },
    platforms::{PlatformError, Release},
};

/// How a run ended.
#[derive(Debug)]
pub enum RunEnd {
    /// The checks ran, and all of them on `release`.
    Counted {
        /// What they say.
        run: Run,
        /// The release that was live before and after; `None` for a target without a platform.
        release: Option<Release>,
    },
    /// Another release than the expected one is live: what the checks say counts for neither.
    ReleaseChanged {
        /// The live one.
        release: Release,
    },
    /// The platform did not say which release is live, so that what the checks say cannot be told to belong to one.
    ReleaseUnknown {
        /// Why.
        error: PlatformError,
    },
}

/// What a run goes by.
#[derive(Debug)]
pub struct RunOrder {
    /// What to run.
    pub assignment: Arc<Assignment>,
    /// Positions of the due checks.
    pub due: Vec<usize>,
    /// The states before.
    pub board: Board,
    /// The release that is known to be live.
    pub expected: Option<Release>,
    /// The connections.
    pub session: Arc<Session>,
}

/// Runs the due checks between two looks at the live release. Dropping the future ends the run.
pub async fn run(engine: Engine, order: RunOrder) -> RunEnd {
    let RunOrder {
        assignment,
        due,
        board,
        expected,
        session,
    } = order;
    let Some(releases) = &assignment.releases else {
        let run = engine.run(&assignment.suite, &due, &board, &session).await;
        return RunEnd::Counted { run, release: None };
    };
    // The look before may be as old as a poll: ids of deploys never come back, so that a release seen then and seen
    // again afterwards was live all the time in between.
    let tolerated = Instant::now().checked_sub(releases.poll_interval());
    let before = match releases
        .observe(tolerated.unwrap_or_else(Instant::now))
        .await
    {
        Ok(release) => release,
        Err(error) => return RunEnd::ReleaseUnknown { error },
    };
    if expected.as_ref().map(|release| &release.id) != Some(&before.id) {
        return RunEnd::ReleaseChanged { release: before };
    }
    let run = tokio::select! {
        run = engine.run(&assignment.suite, &due, &board, &session) => run,
        release = replaced(releases.as_ref(), &before) => return RunEnd::ReleaseChanged { release },
    };
    match releases.observe(Instant::now()).await {
        Ok(after) if after.id == before.id => RunEnd::Counted {
            run,
            release: Some(after),
        },
        Ok(release) => RunEnd::ReleaseChanged { release },
        Err(error) => RunEnd::ReleaseUnknown { error },
    }
}

/// Resolves when another release than `current` is live, so that a long run does not go on for nothing.
async fn replaced(releases: &dyn ReleaseSource, current: &Release) -> Release {
    loop {
        tokio::time::sleep(releases.poll_interval().max(Duration::from_secs(1))).await;
        if let Ok(release) = releases.observe(Instant::now()).await
            && release.id != current.id
        {
            return release;
        }
    }
}
