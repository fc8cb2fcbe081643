//! The points at which a pass can be interrupted: every read, and the moments before and after everything that has an
//! effect.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
};

/// What a pass is about to do, or has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// It reads the ledger, the platform, the gate or the checks.
    Read,
    /// It is about to write to the ledger.
    BeforeWrite,
    /// It has written, and has no answer yet.
    AfterWrite,
    /// It is about to ask for a change of the platform.
    BeforeChange,
    /// The platform has heard, and there is no answer yet.
    AfterChange,
}

/// Counts the points that were reached. A pass waits once at each, so that whoever polls it can do something there.
#[derive(Debug, Default)]
pub struct Points(Mutex<Vec<Point>>);

impl Points {
    /// Waits for the next poll.
    pub async fn reach(&self, point: Point) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(point);
        let mut waited = false;
        poll_fn(|context| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// All that were reached so far.
    pub fn reached(&self) -> Vec<Point> {
        self.0.lock().unwrap().clone()
    }

    /// The last one that was reached.
    pub fn last(&self) -> Option<Point> {
        self.0.lock().unwrap().last().copied()
    }

    /// How many were reached so far.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Polls `future` once: it goes on to the next point, or to its end.
pub async fn step<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Option<T> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
