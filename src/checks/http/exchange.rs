//! One request, the redirects that it is sent on by, and the answer at their end.

use http::{HeaderMap, header, response::Parts};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{
    body::{Body, Reading, read},
    observation::{Certificate, Observation},
    redirect::{self, Hop},
    request::RequestTemplate,
};
use crate::checks::{
    certificate::not_after,
    net::{
        Session, Target,
        failure::{DialFailure, TlsFailure, connection_finding, timed_out},
        progress::Phase,
        session::{RequestError, peer_certificate},
    },
    verdict::{Finding, FindingReason, Phases},
};

/// How to take an answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::checks) struct Terms {
    /// How many redirects to follow.
    pub(in crate::checks) follow: u8,
    /// What the body is read for.
    pub(in crate::checks) reading: Reading,
    /// Whether a certificate that cannot be trusted is the target's fault.
    pub(in crate::checks) judge_certificate: bool,
}

impl Terms {
    /// An answer for its content, and no redirect.
    pub(in crate::checks) const CONTENT: Self = Self {
        follow: 0,
        reading: Reading::Content,
        judge_certificate: false,
    };

    /// An answer for the time that it takes, and no redirect.
    pub(in crate::checks) const TIME: Self = Self {
        reading: Reading::Time,
        ..Self::CONTENT
    };
}

/// The final answer to `request`; `phases` are those of the hop that gave it, or failed to.
pub(in crate::checks) async fn exchange(
    session: &Session,
    request: &RequestTemplate,
    terms: Terms,
    deadline: Instant,
    phases: &mut Phases,
) -> Result<Observation, Finding> {
    if request.is_safe() {
        return exchange_over(session, request, terms, deadline, phases).await;
    }
    // On a connection that was kept, one cannot tell whether a request that got no answer was acted upon.
    let once = session.network().session();
    exchange_over(&once, request, terms, deadline, phases).await
}

/// The same over this session, whatever the request does: it must be the first on it, unless it may be sent twice.
pub(in crate::checks) async fn exchange_over(
    session: &Session,
    request: &RequestTemplate,
    terms: Terms,
    deadline: Instant,
    phases: &mut Phases,
) -> Result<Observation, Finding> {
    let mut turn = session.turn(request.uri(), deadline).await;
    let started = Instant::now();
    let mut next: Option<Box<RequestTemplate>> = None;
    let mut followed = 0;
    loop {
        let request = next.as_deref().unwrap_or(request);
        let target = request.target();
        let (answer, taken) = session
            .send(|| request.build(), turn.take(), deadline)
            .await;
        *phases = taken;
        let response = answer.map_err(|error| failed(&error, target, terms))?;
        let (head, body) = response.into_parts();
        refuse_doubtful_framing(&head.headers, target)?;
        match redirect::next(request, head.status, &head.headers, followed, terms.follow) {
            Hop::Follow(template) => {
                turn = session.turn(template.uri(), deadline).await;
                next = Some(template);
                followed += 1;
            }
            Hop::Refused(message) => {
                return Err(Finding::fail(FindingReason::RedirectRefused, message));
            }
            Hop::Final => {
                let body = take(body, target, terms, deadline, phases).await?;
                return Ok(observation(head, body, started, *phases));
            }
        }
    }
}

async fn take(
    body: Incoming,
    target: &Target,
    terms: Terms,
    deadline: Instant,
    phases: &mut Phases,
) -> Result<Body, Finding> {
    let began = Instant::now();
    let body = match timeout_at(deadline, read(body, terms.reading)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Err(failed(&error, target, terms)),
        Err(_) => return Err(timed_out(Phase::Body, target)),
    };
    phases.body = (!matches!(body, Body::Unread)).then(|| began.elapsed());
    Ok(body)
}

fn observation(head: Parts, body: Body, started: Instant, phases: Phases) -> Observation {
    Observation {
        status: head.status.as_u16(),
        certificate: match peer_certificate(&head.extensions) {
            Some(leaf) => Certificate::Until(not_after(leaf)),
            None => Certificate::None,
        },
        headers: head.headers,
        body,
        elapsed: started.elapsed(),
        phases,
        now: Timestamp::now().as_second(),
    }
}

/// What a check says of a request without an answer.
fn failed(error: &RequestError, target: &Target, terms: Terms) -> Finding {
    match error {
        RequestError::Dial(dial) => match &dial.failure {
            DialFailure::Tls(failure)
                if terms.judge_certificate
                    && failure.is_about_the_certificate()
                    && *failure != TlsFailure::NoTrustedRoots =>
            {
                Finding::fail(FindingReason::TlsFailed, format!("{target}: {failure}"))
            }
            _ => dial.finding(),
        },
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
