//! One request, and the judgement on its answer.

use std::sync::Arc;

use http::StatusCode;
use secrecy::SecretString;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    exchange::{Terms, exchange},
    expectation::Expectation,
    observation::Observation,
    request::RequestTemplate,
};
use crate::{
    api::{self, SecretKeyReference},
    checks::{
        invalid::InvalidCheck,
        net::{Session, Target, failure::timed_out, progress::Phase},
        verdict::{Finding, FindingReason, Phases, Verdict},
    },
};

/// A request and what its answer must be.
pub(super) struct Call {
    request: RequestTemplate,
    follow: u8,
    expectation: Arc<Expectation>,
}

/// What came of a call.
pub(super) struct Answered {
    /// The judgement.
    pub(super) finding: Finding,
}

impl Call {
    pub(super) fn new(
        check: &api::HttpCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        Ok(Self {
            request: RequestTemplate::new(check, secret)?,
            follow: check.redirects.map_or(0, |redirects| redirects.follow),
            expectation: Arc::new(Expectation::new(&check.expect.clone().unwrap_or_default())?),
        })
    }

    pub(super) const fn target(&self) -> &Target {
        self.request.target()
    }

    /// Sends the request and judges its answer; `phases` are those of the last hop.
    pub(super) async fn run(
        &self,
        session: &Session,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Answered {
        let terms = Terms {
            follow: self.follow,
            reading: self.expectation.reading(),
            judge_certificate: self.expectation.judges_certificate(),
        };
        let answer = exchange(session, &self.request, terms, deadline, phases).await;
        let finding = match answer {
            Ok(observation) => self.judge(session, Arc::new(observation), deadline).await,
            Err(finding) => finding,
        };
        Answered { finding }
    }

    async fn judge(
        &self,
        session: &Session,
        observation: Arc<Observation>,
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
        let status = observation.status;
        let finding = if self.expectation.is_laborious() {
            judge_aside(self.expectation.clone(), observation, deadline).await
        } else {
            self.expectation.judge(&observation)
        };
        self.blame(finding, status)
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

/// Judges on a thread of its own. What is not done by the deadline ends by itself soon after: its work is bounded.
async fn judge_aside(
    expectation: Arc<Expectation>,
    observation: Arc<Observation>,
    deadline: Instant,
) -> Finding {
    let judging = spawn_blocking(move || expectation.judge(&observation));
    match timeout_at(deadline, judging).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(_)) => Finding::unknown(
            FindingReason::Panicked,
            "judging the answer broke; see the log",
        ),
        Err(_) => Finding::unknown(
            FindingReason::OutOfResources,
            "the expressions were not done by the deadline",
        ),
    }
}
