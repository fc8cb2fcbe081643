//! The `http` check: one request, redirects if asked for, and what its answer must be.

mod body;
pub(in crate::checks) mod exchange;
mod expectation;
mod json;
mod json_path;
mod redirect;
mod request;
mod status;

use std::fmt;

use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

use self::{
    body::{Body, read},
    expectation::{Expectation, Observation},
    redirect::Hop,
    request::RequestTemplate,
};
use super::{
    invalid::InvalidCheck,
    net::{
        Session, Target,
        failure::{connection_finding, timed_out},
        progress::Phase,
        session::RequestError,
    },
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
        let once;
        let session = if self.request.repeatable() {
            session
        } else {
            // On a connection that was kept, one cannot tell whether a request that got no answer was acted upon.
            once = session.network().session();
            &once
        };
        let mut phases = Phases::default();
        let finding = match self.observe(session, deadline, &mut phases).await {
            Ok(observation) => self.judge(session, &observation, deadline).await,
            Err(finding) => finding,
        };
        Measurement { finding, phases }
    }

    /// The final answer; `phases` are those of the hop that gave it, or failed to.
    async fn observe(
        &self,
        session: &Session,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<Observation, Finding> {
        let started = Instant::now();
        let mut next: Option<Box<RequestTemplate>> = None;
        let mut followed = 0;
        loop {
            let request = next.as_deref().unwrap_or(&self.request);
            let (answer, taken) = session.send(|| request.build(), deadline).await;
            *phases = taken;
            let response = answer.map_err(|error| failed(&error, request.target()))?;
            let (head, body) = response.into_parts();
            refuse_doubtful_framing(&head.headers, request.target())?;
            match redirect::next(request, head.status, &head.headers, followed, self.follow) {
                Hop::Follow(template) => {
                    next = Some(template);
                    followed += 1;
                }
                Hop::Refused(message) => {
                    return Err(Finding::fail(FindingReason::RedirectRefused, message));
                }
                Hop::Final => {
                    let reading = self.expectation.reading();
                    let began = Instant::now();
                    let body = match timeout_at(deadline, read(body, reading)).await {
                        Ok(Ok(body)) => body,
                        Ok(Err(error)) => return Err(failed(&error, request.target())),
                        Err(_) => return Err(timed_out(Phase::Body, request.target())),
                    };
                    phases.body = (!matches!(body, Body::Unread)).then(|| began.elapsed());
                    return Ok(Observation {
                        status: head.status.as_u16(),
                        headers: head.headers,
                        body,
                        elapsed: started.elapsed(),
                    });
                }
            }
        }
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

/// What a check says of a request without an answer.
fn failed(error: &RequestError, target: &Target) -> Finding {
    match error {
        RequestError::Dial(dial) => dial.finding(),
        RequestError::Closed => Finding::fail(
            FindingReason::ConnectionReset,
            format!("{target} closed the connection before its answer was complete"),
        ),
        RequestError::Broken(socket) => connection_finding(socket, target),
        RequestError::Protocol => Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} did not answer with valid HTTP within the limits of a head"),
        ),
        RequestError::InterimFlood => Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} sent too many interim answers"),
        ),
        RequestError::TimedOut(phase) => timed_out(*phase, target),
    }
}

/// An answer with both framings can be read in two ways (RFC 9112, section 6.3, calls it an attack); hyper takes one.
fn refuse_doubtful_framing(headers: &HeaderMap, target: &Target) -> Result<(), Finding> {
    if headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH)
    {
        return Err(Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} sent both Content-Length and Transfer-Encoding"),
        ));
    }
    Ok(())
}
