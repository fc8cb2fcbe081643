//! The server behind an interceptor: a connection of its own for every request.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::{request::Outgoing, server::Tasks};

/// Longest time until the head of an answer.
const LIMIT: Duration = Duration::from_mins(1);

/// A connection, under TLS or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<Any: AsyncRead + AsyncWrite + Send + Unpin> Stream for Any {}

/// Where the server is, and how it is verified.
pub(super) struct Upstream {
    address: SocketAddr,
    tls: Option<TlsConnector>,
}

impl Upstream {
    /// The one at `url`, whose host is an address; under TLS, verified with the certificates in the file `authority`.
    pub fn new(url: &Url, authority: Option<&Path>) -> Self {
        let address = url.socket_addrs(|| None).unwrap()[0];
        Self {
            address,
            tls: authority.map(connector),
        }
    }

    /// Sends the request, and gives the answer once its head is there.
    pub async fn send(
        &self,
        outgoing: &Outgoing,
        tasks: &Tasks,
    ) -> io::Result<http::Response<Incoming>> {
        let answered = async {
            let stream = TokioIo::new(self.connect().await?);
            let (mut sender, connection) =
                http1::handshake(stream).await.map_err(io::Error::other)?;
            // Ends with the body of the answer.
            tasks.spawn(async move {
                let _ = connection.await;
            });
            let mut request = http::Request::new(Full::new(outgoing.body.clone()));
            *request.method_mut() = outgoing.head.method.clone();
            *request.uri_mut() = outgoing.head.uri.clone();
            *request.headers_mut() = outgoing.head.headers.clone();
            sender.send_request(request).await.map_err(io::Error::other)
        };
        timeout(LIMIT, answered).await?
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some(tls) => {
                let name = ServerName::from(self.address.ip());
                Ok(Box::new(tls.connect(name, stream).await?))
            }
        }
    }
}

fn connector(authority: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
