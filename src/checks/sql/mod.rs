//! The `sql` check: a database lets us in, and holds what it must. It is only ever read.

mod expectation;
mod failure;
mod frames;
mod migration;
mod observation;
mod postgres;
mod server;

use std::fmt;

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;

use self::{
    expectation::Expectation,
    observation::{Observation, Times},
    server::Server,
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
    server: Server,
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
            server: Server::new(check, secret)?,
            expectation: Expectation::new(check)?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let progress = Progress::until(deadline);
        let times = Times::default();
        let seen = self.observe(session, &progress, &times).await;
        let phases = times.beside(progress.phases());
        let Ok(seen) = &seen else {
            return Measurement {
                finding: seen.unwrap_err(),
                phases,
                schema: None,
            };
        };
        let catalog = seen
            .catalog
            .as_ref()
            .filter(|_| self.expectation.fingerprint);
        Measurement {
            finding: self.expectation.judge(seen, &phases),
            phases,
            schema: catalog.and_then(observation::Catalog::fingerprint),
        }
    }

    async fn observe(
        &self,
        session: &Session,
        progress: &Progress,
        times: &Times,
    ) -> Result<Observation, Finding> {
        let dialer = session.network().dialer();
        postgres::observe(&self.server, &self.expectation, dialer, progress, times).await
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
        self.server.target.as_str()
    }

    fn targets(&self) -> Vec<&Target> {
        vec![&self.server.target]
    }
}

impl fmt::Debug for SqlProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SqlProbe")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
