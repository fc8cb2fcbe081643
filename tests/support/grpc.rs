//! gRPC servers with a health service, on free ports of 127.0.0.1. They end with the test's runtime.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures::stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::{
    Request, Status,
    service::Routes,
    transport::server::{Connected, Server},
};
use tonic_health::{
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

use super::hostile::Certificate;

/// The token that a server of [`GrpcServer::asking_for_a_token`] takes.
pub const TOKEN: &str = "canary-9d27";

/// A running server.
pub struct GrpcServer {
    reporter: HealthReporter,
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl GrpcServer {
    /// One whose health service anybody may ask.
    pub async fn start() -> Self {
        Self::serving(None, |service| Routes::new(HealthServer::new(service))).await
    }

    /// The same under TLS, with these protocols to choose from.
    pub async fn start_tls(certificate: &Certificate, protocols: &[&str]) -> Self {
        let mut config = (*certificate.server()).clone();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::serving(Some(acceptor), |service| {
            Routes::new(HealthServer::new(service))
        })
        .await
    }

    /// One that refuses whoever does not have the token.
    pub async fn asking_for_a_token() -> Self {
        Self::serving(None, |service| {
            Routes::new(HealthServer::with_interceptor(service, permit))
        })
        .await
    }

    /// One without a health service.
    pub async fn without_health() -> Self {
        Self::serving(None, |_| Routes::default()).await
    }

    async fn serving(
        acceptor: Option<TlsAcceptor>,
        routes: impl FnOnce(HealthService) -> Routes,
    ) -> Self {
        let reporter = HealthReporter::new();
        let service = HealthService::from_health_reporter(reporter.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let counted = connections.clone();
        let incoming = stream::unfold(listener, move |listener| {
            let (acceptor, counted) = (acceptor.clone(), counted.clone());
            async move {
                let (stream, _) = listener.accept().await.ok()?;
                counted.fetch_add(1, Ordering::SeqCst);
                Some((accept(stream, acceptor).await, listener))
            }
        });
        let server = Server::builder().add_routes(routes(service));
        tokio::spawn(server.serve_with_incoming(incoming));
        Self {
            reporter,
            port,
            connections,
        }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What it says of a service from now on.
    pub async fn say(&self, service: &str, serving: bool) {
        let status = if serving {
            tonic_health::ServingStatus::Serving
        } else {
            tonic_health::ServingStatus::NotServing
        };
        self.reporter.set_service_status(service, status).await;
    }
}

#[allow(
    clippy::result_large_err,
    reason = "tonic's own type of an interceptor"
)]
fn permit(request: Request<()>) -> Result<Request<()>, Status> {
    let expected = format!("Bearer {TOKEN}");
    match request.metadata().get("authorization") {
        Some(value) if value.as_bytes() == expected.as_bytes() => Ok(request),
        Some(_) => Err(Status::permission_denied("canary")),
        None => Err(Status::unauthenticated("canary")),
    }
}

async fn accept(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<Accepted> {
    match acceptor {
        None => Ok(Accepted::Plain(stream)),
        Some(acceptor) => Ok(Accepted::Tls(Box::new(acceptor.accept(stream).await?))),
    }
}

/// What tonic serves: its own TLS would need features that nothing else here does.
enum Accepted {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Accepted {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Accepted {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
