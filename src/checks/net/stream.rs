//! A connection as hyper takes it: plain, or under TLS.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{first::Turn, progress::Progress};

/// Left in every answer: the attempt for which its connection was dialled.
#[derive(Clone, Debug)]
pub(super) struct DialledFor(pub(super) Arc<Progress>);

/// Left in every answer that came over TLS: the certificate that its connection was accepted for.
#[derive(Clone, Debug)]
pub(super) struct PeerCertificate(pub(super) Arc<CertificateDer<'static>>);

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Stream {
    transport: Transport,
    dialled_for: DialledFor,
    /// Ends with the first bytes: by then the client has the connection for others to share.
    turn: Option<Turn>,
}

#[derive(Debug)]
enum Transport {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Stream {
    pub(super) fn plain(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self {
            transport: Transport::Plain(TokioIo::new(stream)),
            dialled_for: DialledFor(progress),
            turn: None,
        }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, progress: Arc<Progress>) -> Self {
        Self {
            transport: Transport::Tls(Box::new(TokioIo::new(stream))),
            dialled_for: DialledFor(progress),
            turn: None,
        }
    }

    /// The same, which ends the turn.
    pub(super) fn holding(self, turn: Option<Turn>) -> Self {
        Self { turn, ..self }
    }

    /// Whether HTTP/2 was agreed on.
    pub(super) fn is_http2(&self) -> bool {
        match &self.transport {
            Transport::Plain(_) => false,
            Transport::Tls(stream) => stream.inner().get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.dialled_for.clone());
        match &self.transport {
            Transport::Plain(_) => connected,
            Transport::Tls(stream) => {
                let tls = stream.inner().get_ref().1;
                let connected = match tls.peer_certificates().and_then(|chain| chain.first()) {
                    Some(leaf) => connected.extra(PeerCertificate(Arc::new(leaf.clone()))),
                    None => connected,
                };
                if self.is_http2() {
                    connected.negotiated_h2()
                } else {
                    connected
                }
            }
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        if read.is_ready()
            && let Some(turn) = self.turn.take()
        {
            turn.end();
        }
        read
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, buffer),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
