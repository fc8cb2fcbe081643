//! One HTTP/2 connection that is never made anew: tonic's own channel would reconnect unseen, past the one dialer.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http2::{self, SendRequest},
    rt::Executor,
};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tonic::body::Body;
use tower_service::Service;

use super::{connection::Connection, session::RequestError};

/// How much the server may send ahead of us, on all streams together.
const WINDOW: u32 = 64 * 1024;

/// The longest head or trailer of an answer.
const LONGEST_HEAD: u32 = 16 * 1024;

/// The tasks that drive a connection. They end when it is dropped.
#[derive(Debug, Default)]
pub struct Driver(Arc<Mutex<JoinSet<()>>>);

/// Starts tasks for as long as their driver is there. It must not keep it alive, since the tasks hold it.
#[derive(Clone, Debug)]
struct Tasks(Weak<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        if let Some(tasks) = self.0.upgrade() {
            let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.spawn(task);
        }
    }
}

/// Requests over one connection.
#[derive(Clone)]
pub struct Channel {
    requests: SendRequest<Body>,
    failure: Arc<OnceLock<RequestError>>,
}

impl Channel {
    /// Requests over `connection`, which nothing else uses and which stands as long as the driver does.
    pub async fn over(connection: Connection) -> Result<(Self, Driver), RequestError> {
        let driver = Driver::default();
        let (requests, connection) = http2::Builder::new(Tasks(Arc::downgrade(&driver.0)))
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(LONGEST_HEAD)
            .handshake(TokioIo::new(connection))
            .await
            .map_err(|error| RequestError::of(&error))?;
        let tasks = Tasks(Arc::downgrade(&driver.0));
        // What breaks the connection is told to each request as well.
        tasks.execute(async {
            let _ = connection.await;
        });
        let channel = Self {
            requests,
            failure: Arc::default(),
        };
        Ok((channel, driver))
    }

    /// The same connection, for one question whose failure is told apart from those of others.
    #[must_use]
    pub fn for_one_question(&self) -> Self {
        Self {
            requests: self.requests.clone(),
            failure: Arc::default(),
        }
    }

    /// Why the question got no whole answer, when it was the connection that failed. tonic makes codes of such failures that
    /// cannot be told from those of the server.
    #[must_use]
    pub fn failure(&self) -> Option<RequestError> {
        self.failure.get().cloned()
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<UnsyncBoxBody<Bytes, hyper::Error>>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Self::Response, hyper::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        let ready = self.requests.poll_ready(context);
        ready.map_err(|error| noted(&self.failure, error))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let answer = self.requests.send_request(request);
        let failure = self.failure.clone();
        Box::pin(async move {
            let answer = answer.await.map_err(|error| noted(&failure, error))?;
            Ok(answer.map(|body: Incoming| {
                body.map_err(move |error| noted(&failure, error))
                    .boxed_unsync()
            }))
        })
    }
}

fn noted(failure: &OnceLock<RequestError>, error: hyper::Error) -> hyper::Error {
    // The first one is the cause of those that follow.
    failure.get_or_init(|| RequestError::of(&error));
    error
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Channel").finish_non_exhaustive()
    }
}
