//! The `http` check: one request or a chain of them, redirects if asked for, and what the answers must be.

mod body;
mod call;
mod cel;
mod exchange;
mod expectation;
mod json;
mod json_path;
mod latency;
mod observation;
mod redirect;
mod request;
mod status;
mod steps;

use std::fmt;

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;

pub(super) use self::{
    body::Reading,
    exchange::{Terms, exchange, exchange_over},
    json::Comparison,
    observation::Observation,
    redirect::redirects,
    request::{RequestTemplate, USER_AGENT, address, frames, headers},
    status::StatusRanges,
};
use self::{call::Call, steps::Steps};
use super::{
    invalid::InvalidCheck,
    net::{Session, Target},
    suite::Probe,
    verdict::{Measurement, Phases},
};
use crate::api::{self, SecretKeyReference};

/// Sends one request, or several of a chain, and judges the answers.
pub struct HttpProbe(Form);

enum Form {
    Single(Box<Call>),
    Chain(Steps),
}

impl HttpProbe {
    /// Compiles the check. `secret` gives the value that a Secret holds, without its trailing newline; `None` when it has
    /// none. No error shows one.
    pub fn new(
        check: &api::HttpCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        Ok(Self(if check.steps.is_empty() {
            Form::Single(Box::new(Call::new(check, secret)?))
        } else {
            Form::Chain(Steps::new(check, secret)?)
        }))
    }

    fn target(&self) -> &Target {
        match &self.0 {
            Form::Single(call) => call.target(),
            Form::Chain(steps) => steps.target(),
        }
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = Phases::default();
        let finding = match &self.0 {
            Form::Single(call) => call.run(session, deadline, &mut phases).await,
            Form::Chain(steps) => steps.run(session, deadline, &mut phases).await,
        };
        Measurement::of(finding, phases)
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

    fn targets(&self) -> Vec<&Target> {
        vec![self.target()]
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
