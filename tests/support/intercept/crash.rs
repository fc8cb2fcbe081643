//! The points at which a process can be killed around one mutation, and the standstill while one is reached.

use tokio::sync::{oneshot, watch};

use super::{Closed, held::Held, request::Request};

/// Where a mutation is when the process that sent it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// It has arrived, and is not forwarded.
    BeforeSend,
    /// It was carried out, and the answer is not given.
    AfterSendBeforeReply,
    /// The answer has been written to the connection.
    AfterReply,
}

/// What the interceptors of one journal wait for.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    /// Mutations with a higher number than any of these wait.
    stopped_after: Vec<usize>,
    /// How many times the process was taken for dead. Connections of an earlier life are closed.
    pub crashes: usize,
}

impl Standstill {
    fn passes(&self, number: usize) -> bool {
        self.stopped_after.iter().all(|stopped| number <= *stopped)
    }
}

/// A mutation on its way to the point where it was awaited. From its arrival on, no later one passes.
pub(super) struct Crash {
    pub point: Point,
    tell: oneshot::Sender<Held>,
    reached: Reached,
}

impl Crash {
    pub fn new(
        number: usize,
        point: Point,
        tell: oneshot::Sender<Held>,
        standstill: watch::Sender<Standstill>,
    ) -> Self {
        standstill.send_modify(|standstill| standstill.stopped_after.push(number));
        let reached = Reached {
            number,
            standstill,
            crashed: false,
        };
        Self {
            point,
            tell,
            reached,
        }
    }

    /// Tells that the point is reached, and waits; fails when the process was killed there.
    pub async fn hold(self, request: Request) -> Result<(), Closed> {
        self.tell(request).released().await
    }

    /// Tells that the point is reached.
    pub fn tell(self, request: Request) -> super::held::Holding {
        let mut reached = self.reached;
        reached.crashed = true;
        let (held, holding) = Held::new(request, Some(reached));
        if let Err(unheard) = self.tell.send(held) {
            unheard.release();
        }
        holding
    }
}

/// Holds `request` when it is awaited at `point`.
pub(super) async fn hold_at(
    point: Point,
    crash: &mut Option<Crash>,
    request: &Request,
) -> Result<(), Closed> {
    match crash.take_if(|crash| crash.point == point) {
        None => Ok(()),
        Some(crash) => crash.hold(request.clone()).await,
    }
}

/// Ends the standstill when it is dropped, and closes every connection if it was a crash.
pub(super) struct Reached {
    number: usize,
    standstill: watch::Sender<Standstill>,
    crashed: bool,
}

impl Reached {
    /// Everything goes on.
    pub fn pass(mut self) {
        self.crashed = false;
    }
}

impl Drop for Reached {
    fn drop(&mut self) {
        self.standstill.send_modify(|standstill| {
            standstill
                .stopped_after
                .retain(|number| *number != self.number);
            standstill.crashes += usize::from(self.crashed);
        });
    }
}

/// Waits until mutation `number` may pass; fails when the process of its connection, of the life `life`, was killed.
pub(super) async fn pass(
    standstill: &watch::Sender<Standstill>,
    number: usize,
    life: usize,
) -> Result<(), Closed> {
    let mut standstill = standstill.subscribe();
    let now = standstill
        .wait_for(|standstill| standstill.crashes > life || standstill.passes(number))
        .await
        .map_err(|_| Closed)?;
    if now.crashes > life {
        Err(Closed)
    } else {
        Ok(())
    }
}
