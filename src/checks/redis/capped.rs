//! A connection of which only so much is read.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};

use crate::checks::net::Connection;

/// The most that is read of a server in one run: 256 KiB. A parsed answer takes up to some twenty times of it in memory.
pub(super) const MOST_READ: u64 = 256 * 1024;

/// A connection that ends once [`MOST_READ`] bytes have come over it.
#[derive(Debug)]
pub(super) struct Capped {
    connection: Take<Connection>,
    exceeded: Arc<AtomicBool>,
}

impl Capped {
    /// With what becomes true when the other side sends more: client libraries take the end for that of the connection.
    pub(super) fn new(connection: Connection) -> (Self, Arc<AtomicBool>) {
        let exceeded = Arc::<AtomicBool>::default();
        let capped = Self {
            connection: connection.take(MOST_READ),
            exceeded: exceeded.clone(),
        };
        (capped, exceeded)
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut Connection> {
        Pin::new(self.get_mut().connection.get_mut())
    }
}

impl AsyncRead for Capped {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let capped = self.get_mut();
        if capped.connection.limit() == 0 {
            capped.exceeded.store(true, Ordering::Relaxed);
        }
        Pin::new(&mut capped.connection).poll_read(context, buffer)
    }
}

impl AsyncWrite for Capped {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }
}
