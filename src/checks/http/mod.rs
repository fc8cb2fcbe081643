//! The `http` check: one request, redirects if asked for, and what its answer must be.

mod body;
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
use http::StatusCode;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

use self::{
    exchange::{Terms, exchange},
    expectation::{Expectation, Observation},
    request::RequestTemplate,
};
use super::{
    invalid::InvalidCheck,
    net::{Session, Target, failure::timed_out, progress::Phase},
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement, Phases, Verdict},
};
use crate::api::{self, SecretKeyReference};

/// Sends one request and judges its answer.
pub struct HttpProbe {
    request: RequestTemplate,
    follow: u8,
    expectation: Expectation,
}

impl HttpProbe {
    /// Compiles the check. `secret` gives the value that a Secret holds, without its trailing newline; `None` when it has
    /// none. No error shows one.
    pub fn new(
        check: &api::HttpCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        Ok(Self {
            request: RequestTemplate::new(check, secret)?,
            follow: check.redirects.map_or(0, |redirects| redirects.follow),
            expectation: Expectation::new(&check.expect.clone().unwrap_or_default())?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let terms = Terms {
            follow: self.follow,
            reading: self.expectation.reading(),
            judge_certificate: self.expectation.judges_certificate(),
        };
        let mut phases = Phases::default();
        let answer = exchange(session, &self.request, terms, deadline, &mut phases).await;
        let finding = match answer {
            Ok(observation) => self.judge(session, &observation, deadline).await,
            Err(finding) => finding,
        };
        Measurement { finding, phases }
    }

    async fn judge(
        &self,
        session: &Session,
        observation: &Observation,
        deadline: Instant,
    ) -> Finding {
        let permits = session.network().large_bodies();
        let _permit = if observation.body.is_large() {
            match timeout_at(deadline, permits.acquire()).await {
                Ok(permit) => permit.ok(),
                Err(_) => return timed_out(Phase::Body, self.request.target()),
            }
        } else {
            None
        };
        let finding = self.expectation.judge(observation);
        self.blame(finding, observation.status)
    }

    /// A target that refuses the check's own credentials says nothing about itself.
    fn blame(&self, finding: Finding, status: u16) -> Finding {
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]
            .iter()
            .any(|refusal| refusal.as_u16() == status);
        if finding.verdict == Verdict::Fail
            && finding.reason == FindingReason::UnexpectedStatus
            && refused
            && self.request.carries_secrets()
        {
            return Finding::unknown(
                FindingReason::CredentialsRefused,
                format!(
                    "{}: the target refuses the check's credentials",
                    finding.message
                ),
            );
        }
        finding
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
        self.request.target().as_str()
    }

    fn targets(&self) -> Vec<&Target> {
        vec![self.request.target()]
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
