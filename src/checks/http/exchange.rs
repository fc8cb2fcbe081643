//! One request with its whole answer, for the kinds that speak over HTTP.

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    body::{Body, Reading, read},
    failed, refuse_doubtful_framing,
    request::{USER_AGENT, address},
};
use crate::checks::{
    invalid::InvalidCheck,
    net::{Session, Target, failure::timed_out, progress::Phase},
    verdict::{Finding, Phases},
};

/// The name of this program, for the header `User-Agent`.
pub(in crate::checks) const AGENT: &str = USER_AGENT;

/// A whole answer.
pub(in crate::checks) struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body; `None` when it is longer than 1 MiB.
    pub body: Option<Vec<u8>>,
}

/// The parts of an address, held to the same rules as that of an `http` check. An error names `field`.
pub(in crate::checks) fn parse(
    text: &str,
    field: &str,
) -> Result<(Url, Uri, Target), InvalidCheck> {
    address(text, field)
}

/// Sends a request that may be repeated, and reads its answer, until `deadline`. An error is what the check says.
pub(in crate::checks) async fn exchange(
    session: &Session,
    target: &Target,
    request: impl Fn() -> Request<Full<Bytes>>,
    deadline: Instant,
) -> (Result<Answer, Finding>, Phases) {
    let (answer, mut phases) = session.send(request, deadline).await;
    let outcome = async {
        let (head, body) = answer.map_err(|error| failed(&error, target))?.into_parts();
        refuse_doubtful_framing(&head.headers, target)?;
        let began = Instant::now();
        let body = match timeout_at(deadline, read(body, Reading::Content)).await {
            Ok(Ok(Body::Whole(body))) => Some(body),
            Ok(Ok(_)) => None,
            Ok(Err(error)) => return Err(failed(&error, target)),
            Err(_) => return Err(timed_out(Phase::Body, target)),
        };
        phases.body = Some(began.elapsed());
        Ok(Answer {
            status: head.status,
            body,
        })
    };
    let outcome = outcome.await;
    (outcome, phases)
}
