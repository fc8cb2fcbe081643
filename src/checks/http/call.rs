//! One request, and the judgement on its answer.

use std::sync::Arc;

use http::StatusCode;
use secrecy::SecretString;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    body::Reading,
    exchange::{Terms, exchange},
    expectation::Expectation,
    observation::Observation,
    request::RequestTemplate,
    steps::{Capture, Values, take_all},
};
use crate::{
    api::{self, HttpExpectation, SecretKeyReference},
    checks::{
        invalid::InvalidCheck,
        net::{Session, Target, failure::timed_out, progress::Phase},
        verdict::{Finding, FindingReason, Phases, Verdict},
    },
};

/// A request and what its answer must be.
pub(super) struct Call {
    request: RequestTemplate,
    demand: Demand,
}

impl Call {
    pub(super) fn new(
        check: &api::HttpCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        let request = RequestTemplate::new(check, secret)?;
        let expect = check.expect.clone().unwrap_or_default();
        let demand = Demand {
            credentials: request.carries_secrets(),
            ..Demand::new(&expect, check.redirects)?
        };
        Ok(Self { request, demand })
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
    ) -> Finding {
        let answered = self.demand.put(&self.request, session, deadline, phases);
        answered.await.finding
    }
}

/// What the answer to a request must be, and what is taken from it.
pub(super) struct Demand {
    follow: u8,
    expectation: Arc<Expectation>,
    /// Values to take.
    pub(super) captures: Vec<Capture>,
    /// Whether the request carries a secret of the check's.
    pub(super) credentials: bool,
}

/// What came of a request.
pub(super) struct Answered {
    /// The judgement.
    pub(super) finding: Finding,
    /// What could be taken from the answer, however it was judged.
    pub(super) captured: Values,
}

impl From<Finding> for Answered {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            captured: Values::new(),
        }
    }
}

impl Demand {
    /// Takes nothing from the answer to a request without secrets.
    pub(super) fn new(
        expect: &HttpExpectation,
        redirects: Option<api::Redirects>,
    ) -> Result<Self, InvalidCheck> {
        Ok(Self {
            follow: redirects.map_or(0, |redirects| redirects.follow),
            expectation: Arc::new(Expectation::new(expect)?),
            captures: Vec::new(),
            credentials: false,
        })
    }

    /// Sends `request` and judges its answer; `phases` are those of the last hop.
    pub(super) async fn put(
        &self,
        request: &RequestTemplate,
        session: &Session,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Answered {
        let terms = Terms {
            follow: self.follow,
            reading: self.reading(),
            judge_certificate: self.expectation.judges_certificate(),
        };
        match exchange(session, request, terms, deadline, phases).await {
            Ok(observation) => {
                let observation = Arc::new(observation);
                self.judge(session, request.target(), observation, deadline)
                    .await
            }
            Err(finding) => finding.into(),
        }
    }

    fn reading(&self) -> Reading {
        if self.captures.iter().any(Capture::reads_the_body) {
            Reading::Content
        } else {
            self.expectation.reading()
        }
    }

    async fn judge(
        &self,
        session: &Session,
        target: &Target,
        observation: Arc<Observation>,
        deadline: Instant,
    ) -> Answered {
        let permits = session.network().large_bodies();
        let _permit = if observation.body.is_large() {
            match timeout_at(deadline, permits.acquire()).await {
                Ok(permit) => permit.ok(),
                Err(_) => return timed_out(Phase::Body, target).into(),
            }
        } else {
            None
        };
        let judged = if self.expectation.is_laborious() {
            judge_aside(self.expectation.clone(), observation.clone(), deadline).await
        } else {
            self.expectation.judge(&observation)
        };
        let mut captured = Values::new();
        let taken = take_all(&self.captures, &observation, &mut captured);
        // An answer that is wrong already need not hold what a right one would.
        let finding = match taken {
            Err(missing) if judged.verdict == Verdict::Pass => missing,
            _ => self.blame(judged, observation.status),
        };
        Answered { finding, captured }
    }

    /// A target that refuses the check's own credentials says nothing about itself.
    fn blame(&self, finding: Finding, status: u16) -> Finding {
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]
            .iter()
            .any(|refusal| refusal.as_u16() == status);
        if finding.verdict == Verdict::Fail
            && finding.reason == FindingReason::UnexpectedStatus
            && refused
            && self.credentials
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
