//! Tells when a reply has been written to its connection.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

type Call = Box<dyn FnOnce() + Send>;

/// What is called after the next flush of one connection.
#[derive(Clone, Default)]
pub(super) struct Delivery(Arc<Mutex<Vec<Call>>>);

impl Delivery {
    /// Calls `call` once everything that is in the buffers now has been written. Never does when the connection is lost.
    pub fn after_the_next_flush(&self, call: Call) {
        self.0.lock().unwrap().push(call);
    }
}

/// A connection that knows when it was flushed.
pub(super) struct Flushing<Stream> {
    pub stream: Stream,
    pub delivery: Delivery,
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Flushing<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Flushing<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    // The HTTP server asks for this only when it has handed over everything that it has.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        let calls = std::mem::take(&mut *self.delivery.0.lock().unwrap());
        for call in calls {
            call();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
