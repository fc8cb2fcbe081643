//! The body of a reply: whole, or the frames of a watch as they come.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::{Closed, delivery::Delivery};

/// A piece of a watch.
pub(super) enum Piece {
    Bytes(Bytes),
    /// The connection is closed here.
    Cut,
}

/// The body.
pub(super) enum Reply {
    Whole(Whole),
    Watch(Watch),
}

/// A body that is there.
pub(super) struct Whole {
    pub bytes: Bytes,
    /// Called once all of it has been written.
    pub delivered: Option<Box<dyn FnOnce() + Send>>,
    pub delivery: Delivery,
}

/// A body that comes bit by bit.
pub(super) struct Watch {
    pub pieces: mpsc::Receiver<Piece>,
    /// Whether what came before was given time to be written, and the connection is to be closed now.
    pub cut: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        let watch = match &mut *self {
            Self::Whole(whole) => {
                let bytes = std::mem::take(&mut whole.bytes);
                let frame = (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)));
                return Poll::Ready(frame);
            }
            Self::Watch(watch) => watch,
        };
        if watch.cut {
            return Poll::Ready(Some(Err(Closed)));
        }
        match ready!(watch.pieces.poll_recv(context)) {
            None => Poll::Ready(None),
            Some(Piece::Bytes(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Piece::Cut) => {
                // An error throws away what is still in the server's buffer, and being pending has it written.
                watch.cut = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(whole) if whole.bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => SizeHint::with_exact(whole.bytes.len() as u64),
            Self::Watch(_) => SizeHint::default(),
        }
    }
}

impl Drop for Whole {
    // The server drops a body once it has all of it in its buffer, before it flushes.
    fn drop(&mut self) {
        if let Some(delivered) = self.delivered.take() {
            self.delivery.after_the_next_flush(delivered);
        }
    }
}
