//! One request and its answer.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use reqwest::Response;
use url::Url;

use super::limits::{self, Allowance};

/// The longest body that is read, in bytes. A page of a hundred services has about 200 KiB.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The longest request id that is logged.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// Why a try failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer was not 200.
    Status {
        status: u16,
        retry_after: Option<Duration>,
        /// The time left in a window that is used up.
        reset: Option<Duration>,
    },
    /// Not everything came in time.
    TimedOut,
    /// The connection could not be made, or broke.
    Connection(reqwest::Error),
    /// The body is too long.
    TooLong,
    /// The body is not what was asked for.
    Shape { line: usize, column: usize },
}

impl Failure {
    /// The word that metrics have for it, of a closed set.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Status { status, .. } => match status {
                401..=403 => "rejected",
                404 | 410 => "not_found",
                429 => "rate_limited",
                500.. => "server_error",
                _ => "unexpected_status",
            },
            Self::TimedOut => "timed_out",
            Self::Connection(_) => "connection_failed",
            Self::TooLong | Self::Shape { .. } => "malformed",
        }
    }
}

/// The head of an answer, as far as it matters.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) allowance: Option<Allowance>,
    retry_after: Option<Duration>,
    /// The id that Render's support asks for.
    pub(super) request_id: String,
}

/// Sends a request and waits for the head of its answer.
pub(super) async fn send(
    http: &reqwest::Client,
    url: Url,
    authorization: &HeaderValue,
) -> Result<(Head, Response), Failure> {
    let response = http
        .get(url)
        .header(header::AUTHORIZATION, authorization)
        .header(header::ACCEPT, "application/json")
        .send()
        .await
        .map_err(connection)?;
    let now = Timestamp::now();
    let head = Head {
        status: response.status().as_u16(),
        allowance: limits::allowance(response.headers(), now),
        retry_after: limits::retry_after(response.headers(), now),
        request_id: request_id(response.headers()),
    };
    Ok((head, response))
}

/// The body of an answer that is 200.
pub(super) async fn body(head: &Head, mut response: Response) -> Result<Vec<u8>, Failure> {
    if head.status != 200 {
        let used_up = head.allowance.filter(|allowance| allowance.remaining == 0);
        return Err(Failure::Status {
            status: head.status,
            retry_after: head.retry_after,
            reset: used_up.map(|allowance| allowance.reset),
        });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(connection)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Failure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Without the URL, whose query may say more than a message should.
fn connection(error: reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::TimedOut
    } else {
        Failure::Connection(error.without_url())
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let id = headers.get("render-request-id");
    id.and_then(|id| id.to_str().ok())
        .filter(|id| id.len() <= MAX_REQUEST_ID_BYTES)
        .unwrap_or_default()
        .to_owned()
}
