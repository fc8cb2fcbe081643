//! The `sql` check: a database lets us in, and holds what it must. It is only ever read.

mod conversation;
pub(super) mod expectation;
mod failure;
mod frames;
mod migration;
mod mysql;
pub(super) mod observation;
mod performance;
pub(super) mod postgres;
pub(super) mod server;
mod sqlite;

use std::fmt;

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;

use self::{
    expectation::Expectation,
    observation::{Observation, Times},
    server::Place,
};
use super::{
    invalid::InvalidCheck,
    net::{Session, Target, progress::Progress},
    suite::Probe,
    verdict::{Finding, Measurement},
};
use crate::api::{self, SecretKeyReference};

/// Logs in, asks everything in one read-only transaction, and closes the connection.
pub struct SqlProbe {
    place: Place,
    expectation: Expectation,
}

impl SqlProbe {
    /// Compiles the check. `secret` gives the value that a Secret holds, without its trailing newline; `None` when it has
    /// none. No error shows one.
    pub fn new(
        check: &api::SqlCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        Ok(Self {
            place: Place::new(check, secret)?,
            expectation: Expectation::new(check)?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let progress = Progress::until(deadline);
        let times = Times::default();
        let seen = self.observe(session, &progress, &times).await;
        let phases = times.beside(progress.phases());
        let catalog = seen.as_ref().ok().and_then(|seen| seen.catalog.as_ref());
        let catalog = catalog.filter(|_| self.expectation.fingerprint);
        Measurement {
            schema: catalog.and_then(observation::Catalog::fingerprint),
            finding: match &seen {
                Ok(seen) => self.expectation.judge(seen, &phases),
                Err(finding) => finding.clone(),
            },
            phases,
        }
    }

    async fn observe(
        &self,
        session: &Session,
        progress: &Progress,
        times: &Times,
    ) -> Result<Observation, Finding> {
        let (network, expectation) = (session.network(), &self.expectation);
        match &self.place {
            Place::Postgres(server) => {
                postgres::observe(server, expectation, network.dialer(), progress, times).await
            }
            Place::Mysql(server) => {
                mysql::observe(server, expectation, network.dialer(), progress, times).await
            }
            Place::File(path) => sqlite::observe(path, expectation, network, progress, times).await,
        }
    }
}

impl Probe for SqlProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn host(&self) -> &str {
        match &self.place {
            Place::Postgres(server) | Place::Mysql(server) => server.target.as_str(),
            Place::File(path) => path,
        }
    }

    fn targets(&self) -> Vec<&Target> {
        match &self.place {
            Place::Postgres(server) | Place::Mysql(server) => vec![&server.target],
            Place::File(_) => Vec::new(),
        }
    }

    fn reads_schema(&self) -> bool {
        self.expectation.fingerprint
    }
}

impl fmt::Debug for SqlProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqlProbe")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
