//! HTTP over the connections of one run.

use std::{
    error::Error,
    fmt, io,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Extensions, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{self, Client},
    rt::TokioExecutor,
};
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::{
    Network,
    failure::{DialError, DialFailure, connection_reason},
    first::{Firsts, Turn},
    progress::{Phase, Progress},
    stream::{DialledFor, PeerCertificate, Stream},
    target::Target,
};
use crate::checks::verdict::{FindingReason, Phases};

/// The longest head of an HTTP/1 answer, and the most of a body that is read ahead. A head of more than 100 headers is
/// refused by hyper's own default, as is one of more than 16 KiB over HTTP/2.
const LONGEST_HEAD: usize = 64 * 1024;

/// How much of a body an HTTP/2 target may send ahead of us: per answer, and per connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;

/// Idle connections to one host that are kept for the next request.
const MOST_IDLE_CONNECTIONS: usize = 8;

/// Idle connections older than this are not used again.
const LONGEST_IDLE: Duration = Duration::from_mins(1);

/// How often a request is sent anew because the kept connection that it went out on had been closed meanwhile.
const MOST_STALE_CONNECTIONS: usize = 3;

tokio::task_local! {
    /// The attempt that the connector dials for: the client's own interface passes an address and nothing else.
    static ATTEMPT: Arc<Progress>;
}

/// The connections of one run, or of several when it is kept: requests to one host share them, and they are closed when it
/// is dropped.
pub struct Session {
    network: Network,
    /// Made for the first request: many runs have none.
    client: OnceLock<Client<Connector, Full<Bytes>>>,
    firsts: Firsts,
}

/// A request without an answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no connection.
    #[error("there is no connection")]
    Dial(#[source] Arc<DialError>),
    /// The target closed the connection before the answer was complete.
    #[error("the connection was closed")]
    Closed,
    /// The connection broke on our side.
    #[error("the connection broke")]
    Broken(#[source] Arc<io::Error>),
    /// The target speaks something else than HTTP, or goes beyond its caps.
    #[error("the answer is not valid HTTP")]
    Protocol,
    /// The target sent interim answers without an end.
    #[error("too many interim answers")]
    InterimFlood,
    /// Nothing came by the deadline.
    #[error("timed out {0}")]
    TimedOut(Phase),
}

impl RequestError {
    /// Sorts what the HTTP client reports.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut link = Some(error);
        while let Some(cause) = link {
            if let Some(dial) = cause.downcast_ref::<Arc<DialError>>() {
                return match dial.failure {
                    DialFailure::TimedOut(phase) => Self::TimedOut(phase),
                    _ => Self::Dial(dial.clone()),
                };
            }
            if let Some(http) = cause.downcast_ref::<hyper::Error>() {
                if http.is_incomplete_message() || http.is_closed() || http.is_canceled() {
                    return Self::Closed;
                }
                if http.is_parse() {
                    return Self::Protocol;
                }
            }
            if let Some(socket) = cause.downcast_ref::<io::Error>() {
                return Self::of_socket(socket);
            }
            link = cause.source();
        }
        Self::Protocol
    }

    fn of_socket(error: &io::Error) -> Self {
        match (connection_reason(error), error.raw_os_error()) {
            (FindingReason::ConnectionReset, _) => Self::Closed,
            (_, Some(number)) => Self::Broken(Arc::new(io::Error::from_raw_os_error(number))),
            // What the kernel did not say, hyper and rustls said of bytes that they cannot read.
            (_, None) => Self::Protocol,
        }
    }
}

impl Session {
    pub(super) fn new(network: Network) -> Self {
        Self {
            network,
            client: OnceLock::new(),
            firsts: Firsts::default(),
        }
    }

    fn client(&self) -> &Client<Connector, Full<Bytes>> {
        self.client.get_or_init(|| {
            Client::builder(TokioExecutor::new())
                .http1_max_buf_size(LONGEST_HEAD)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .pool_max_idle_per_host(MOST_IDLE_CONNECTIONS)
                .pool_idle_timeout(LONGEST_IDLE)
                .build(Connector {
                    network: self.network.clone(),
                })
        })
    }

    /// The network that its connections go through.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Waits while another request makes the first connection to the host of `uri`, so that it can be shared; gives the turn to
    /// make it when there is none. It is part of no request's time.
    pub async fn turn(&self, uri: &Uri, deadline: Instant) -> Option<Turn> {
        self.firsts.turn(uri, deadline).await
    }

    /// Sends a request made by `request` and waits for the head of its answer; with it, what every phase took. The phases
    /// of connecting are there when this request had to connect. It may be sent again when the connection that it went out
    /// on turns out to have been closed before: send what must not be repeated over a session of its own.
    pub async fn send(
        &self,
        request: impl Fn() -> Request<Full<Bytes>>,
        mut turn: Option<Turn>,
        deadline: Instant,
    ) -> (Result<Response<Incoming>, RequestError>, Phases) {
        let mut stale = 0;
        loop {
            let progress = Arc::new(Progress::until(deadline).with(turn.take()));
            let outcome = self.send_once(request(), &progress).await;
            let connected = progress.phases();
            match outcome {
                Err(RequestError::Closed)
                    if connected.connect.is_none() && stale < MOST_STALE_CONNECTIONS =>
                {
                    stale += 1;
                }
                Err(error) => return (Err(error), connected),
                Ok(response) => {
                    let phases = until_head(&progress, &response);
                    return (Ok(response), phases);
                }
            }
        }
    }

    async fn send_once(
        &self,
        mut request: Request<Full<Bytes>>,
        progress: &Arc<Progress>,
    ) -> Result<Response<Incoming>, RequestError> {
        let counted = progress.clone();
        hyper::ext::on_informational(&mut request, move |_| counted.interim_answer());
        let answer = ATTEMPT.scope(progress.clone(), self.client().request(request));
        tokio::select! {
            answer = timeout_at(progress.deadline(), answer) => answer
                .map_err(|_| RequestError::TimedOut(progress.phase()))?
                .map_err(|error: legacy::Error| RequestError::of(&error)),
            () = progress.flooded() => Err(RequestError::InterimFlood),
        }
    }
}

/// The certificate, in DER, of the connection that gave an answer with these extensions; `None` when it came without TLS.
#[must_use]
pub fn peer_certificate(extensions: &Extensions) -> Option<&[u8]> {
    let certificate: &PeerCertificate = extensions.get()?;
    Some(&certificate.0)
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

fn until_head(progress: &Arc<Progress>, response: &Response<Incoming>) -> Phases {
    let total = progress.started().elapsed();
    // Another request may have got the connection that was dialled for this one, and this one an older connection.
    let own = response
        .extensions()
        .get::<DialledFor>()
        .is_some_and(|dialled| Arc::ptr_eq(&dialled.0, progress));
    let connected = if own {
        progress.phases()
    } else {
        Phases::default()
    };
    let connecting = [connected.dns, connected.connect, connected.tls];
    let first_byte = total.saturating_sub(connecting.into_iter().flatten().sum());
    Phases {
        first_byte: Some(first_byte),
        ..connected
    }
}

/// Dials for hyper's client.
#[derive(Clone, Debug)]
struct Connector {
    network: Network,
}

impl Connector {
    async fn connect(self, uri: Uri, progress: Arc<Progress>) -> Result<Stream, Arc<DialError>> {
        let turn = progress.take_turn();
        match self.dial(uri, progress).await {
            Ok(stream) if stream.is_http2() => Ok(stream.holding(turn)),
            outcome => {
                if let Some(turn) = turn {
                    turn.end();
                }
                outcome
            }
        }
    }

    async fn dial(self, uri: Uri, progress: Arc<Progress>) -> Result<Stream, Arc<DialError>> {
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let target = Target::new(uri.host().unwrap_or_default(), port)
            .expect("requests are built from addresses whose host was parsed");
        let dialer = self.network.dialer();
        let stream = dialer.connect(&target, &progress).await?;
        if !secure {
            return Ok(Stream::plain(stream, progress));
        }
        let server = target.server_name().clone();
        let config = dialer.trust().requests();
        let stream = dialer
            .handshake(stream, &target, server, config, &progress)
            .await?;
        Ok(Stream::tls(stream, progress))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Arc<DialError>;
    type Future = BoxFuture<'static, Result<Stream, Arc<DialError>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri, ATTEMPT.get()))
    }
}
