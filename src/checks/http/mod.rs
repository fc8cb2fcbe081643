//! The `http` check: one request, redirects if asked for, and what its answer must be.

mod body;
mod call;
mod cel;
mod exchange;
mod expectation;
mod json;
mod json_path;
mod latency;
mod pattern;
mod redirect;
mod request;
mod status;

use std::fmt;

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;

use self::call::Call;
pub(super) use self::{
    exchange::{Terms, exchange},
    expectation::Observation,
    json::Comparison,
    request::{RequestTemplate, address},
    status::StatusRanges,
};
use super::{
    invalid::InvalidCheck,
    net::{Session, Target},
    suite::Probe,
    verdict::{Measurement, Phases},
};
use crate::api::{self, SecretKeyReference};

/// Sends one request and judges its answer.
pub struct HttpProbe {
    call: Call,
}

impl HttpProbe {
    /// Compiles the check. `secret` gives the value that a Secret holds, without its trailing newline; `None` when it has
    /// none. No error shows one.
    pub fn new(
        check: &api::HttpCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        Ok(Self {
            call: Call::new(check, secret)?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = Phases::default();
        let answered = self.call.run(session, deadline, &mut phases).await;
        Measurement::of(answered.finding, phases)
    }
}

impl Probe for HttpProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn host(&self) -> &str {
        self.call.target().as_str()
    }

    fn targets(&self) -> Vec<&Target> {
        vec![self.call.target()]
    }
}

impl fmt::Debug for HttpProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpProbe")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}
