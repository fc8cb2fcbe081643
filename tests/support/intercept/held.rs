//! A request or a frame that waits for the test's word.

use tokio::sync::oneshot;

use super::{Closed, crash::Reached, request::Request};

/// Something that an interceptor holds. Forgetting it is the same as [`drop_it`](Self::drop_it).
pub struct Held {
    /// The request. Of a frame of a watch: the request of the watch, with the frame's event as the body.
    pub request: Request,
    go_on: oneshot::Sender<()>,
    reached: Option<Reached>,
}

impl Held {
    /// Holds `request`; what is given with it tells how that ended.
    pub(super) fn new(request: Request, reached: Option<Reached>) -> (Self, Holding) {
        let (go_on, told) = oneshot::channel();
        let held = Self {
            request,
            go_on,
            reached,
        };
        (held, Holding(told))
    }

    /// Lets it go on as if it had never been held.
    pub fn release(self) {
        if let Some(reached) = self.reached {
            reached.pass();
        }
        // The peer may have gone away.
        let _ = self.go_on.send(());
    }

    /// Closes its connection: before it was forwarded or before the reply, depending on where it is held. A frame is left
    /// out of its watch instead.
    pub fn drop_it(self) {
        drop(self);
    }
}

/// The other side of something held.
pub(super) struct Holding(oneshot::Receiver<()>);

impl Holding {
    /// Waits for the test's word; fails when it is not to go on.
    pub async fn released(self) -> Result<(), Closed> {
        self.0.await.map_err(|_| Closed)
    }
}
