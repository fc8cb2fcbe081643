//! One request and its answer.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use reqwest::{RequestBuilder, Response};

use super::{
    limits::{self, Allowance},
    text,
};
use crate::platforms::{Attempt, MalformedReply, Outage, PlatformError};

/// The longest body that is read, in bytes. A page of a hundred services has about 200 KiB.
pub(super) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The longest request id that is logged.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// Why a try failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer was none of success.
    Status {
        status: u16,
        retry_after: Option<Duration>,
        /// The time left in a window that is used up.
        reset: Option<Duration>,
    },
    /// Not everything came in time.
    TimedOut,
    /// No connection could be made, be it that the name has no address, nothing listens, or TLS failed: nothing was sent.
    NotConnected(reqwest::Error),
    /// The connection broke.
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
            Self::NotConnected(error) if error.is_timeout() => "timed_out",
            Self::NotConnected(_) | Self::Connection(_) => "connection_failed",
            Self::TooLong | Self::Shape { .. } => "malformed",
        }
    }

    /// What it says about what was attempted, where a status says nothing special.
    pub(super) fn error(self, attempt: Attempt) -> PlatformError {
        let outage = match self {
            Self::Status {
                status: status @ (429 | 500..),
                ..
            } => Outage::Status(status),
            Self::TimedOut => Outage::TimedOut,
            Self::NotConnected(error) if error.is_timeout() => Outage::TimedOut,
            Self::NotConnected(error) | Self::Connection(error) => {
                Outage::Connection(Arc::new(error))
            }
            Self::Status { status, .. } => {
                return malformed(attempt, MalformedReply::Status(status));
            }
            Self::TooLong => return malformed(attempt, MalformedReply::TooLong(MAX_BODY_BYTES)),
            Self::Shape { line, column } => {
                return malformed(attempt, MalformedReply::Shape { line, column });
            }
        };
        PlatformError::Unavailable {
            attempt,
            source: outage,
        }
    }
}

fn malformed(attempt: Attempt, source: MalformedReply) -> PlatformError {
    PlatformError::Malformed { attempt, source }
}

impl From<serde_json::Error> for Failure {
    /// Keeps where it went wrong, and nothing of what is there.
    fn from(error: serde_json::Error) -> Self {
        Self::Shape {
            line: error.line(),
            column: error.column(),
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

impl Head {
    /// What an answer says that is none of success.
    pub(super) fn failure(&self) -> Failure {
        let used_up = self.allowance.filter(|allowance| allowance.remaining == 0);
        Failure::Status {
            status: self.status,
            retry_after: self.retry_after,
            reset: used_up.map(|allowance| allowance.reset),
        }
    }
}

/// Sends a request and waits for the head of its answer.
pub(super) async fn send(
    request: RequestBuilder,
    authorization: &HeaderValue,
) -> Result<(Head, Response), Failure> {
    let response = request
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

/// The whole body of an answer.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, Failure> {
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
    if error.is_connect() {
        // Asked first: a connection that took too long was not made either.
        Failure::NotConnected(error.without_url())
    } else if error.is_timeout() {
        Failure::TimedOut
    } else {
        Failure::Connection(error.without_url())
    }
}

fn request_id(headers: &HeaderMap) -> String {
    let id = headers.get("render-request-id");
    id.and_then(|id| id.to_str().ok())
        .filter(|id| text::can_be_shown(id, MAX_REQUEST_ID_BYTES))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What comes of a request to this URL, connected within a fifth of a second.
    async fn failure(url: &str) -> Failure {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(200))
            .build()
            .unwrap();
        let key = HeaderValue::from_static("Bearer rnd_test");
        send(http.post(url), &key).await.unwrap_err()
    }

    /// A server that reads a little of one connection, sends this, and closes it.
    async fn answering(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 4096];
            let read = connection.read(&mut bytes).await.unwrap();
            assert!(read > 0);
            connection.write_all(answer).await.unwrap();
        });
        address
    }

    #[tokio::test]
    async fn what_could_not_be_connected_was_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let plain = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        for url in [
            // Nothing listens.
            format!("http://{address}/"),
            // The name has no address.
            "http://nothing.invalid/".to_owned(),
            // TLS fails.
            format!("https://{plain}/"),
        ] {
            let failure = failure(&url).await;
            assert!(
                matches!(failure, Failure::NotConnected(_)),
                "{url}: {failure:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_connection_that_could_not_be_made_in_time_was_not_made() {
        // It takes connections, and says nothing in answer to TLS.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let failure = failure(&format!("https://{address}/")).await;
        let Failure::NotConnected(error) = &failure else {
            panic!("{failure:?}");
        };
        assert!(error.is_timeout());
        assert_eq!(failure.outcome(), "timed_out");
    }

    #[tokio::test]
    async fn what_broke_on_a_connection_may_have_been_sent() {
        for answer in [&b""[..], b"HTTP/1.1 201", b"SSH-2.0-OpenSSH\r\n"] {
            let address = answering(answer).await;
            let failure = failure(&format!("http://{address}/")).await;
            assert!(matches!(failure, Failure::Connection(_)), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn a_message_holds_no_url() {
        let failure = failure("http://nothing.invalid/?key=rnd_test").await;
        assert!(!format!("{failure:?}").contains("rnd_test"), "{failure:?}");
    }
}
