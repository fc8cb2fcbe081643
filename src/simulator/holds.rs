//! Calls that a fault holds, before or after their effect, until somebody lets them go.
//!
//! What is held outlives the caller: a call that reached the platform may take effect though whoever sent it is gone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{oneshot, watch};

use super::{answer::Answer, api::Incoming, control::ControlError, world::World};

/// The most calls that are held at a time.
const CAPACITY: usize = 1_000;

/// Where a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HeldAt {
    /// It has arrived, and nothing is changed yet.
    BeforeEffect,
    /// What it asked for is done, and its answer is not sent yet.
    AfterEffect,
}

/// A call that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The number to release or discard it by.
    pub id: u64,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Where it is held.
    pub at: HeldAt,
    /// Since when.
    pub since: Timestamp,
}

/// What a held call waits with.
#[derive(Debug)]
pub(super) enum Waiting {
    ForEffect(Incoming),
    WithAnswer(Answer),
}

#[derive(Debug)]
struct Holding {
    held: Held,
    waiting: Waiting,
    reply: oneshot::Sender<Answer>,
}

/// The calls that are held.
#[derive(Debug)]
pub(super) struct Holds {
    holdings: BTreeMap<u64, Holding>,
    issued: u64,
    count: watch::Sender<usize>,
}

impl Holds {
    /// No calls, counted where a former world counted its own.
    pub(super) fn new(count: watch::Sender<usize>) -> Self {
        count.send_replace(0);
        Self {
            holdings: BTreeMap::new(),
            issued: 0,
            count,
        }
    }

    /// Holds a call of this method and path. Its answer comes when it is released; none comes when it is discarded, or
    /// when there is no room for it.
    pub(super) fn hold(
        &mut self,
        (method, path): (String, String),
        waiting: Waiting,
        since: Timestamp,
    ) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        if self.holdings.len() < CAPACITY {
            self.issued += 1;
            let at = match waiting {
                Waiting::ForEffect(_) => HeldAt::BeforeEffect,
                Waiting::WithAnswer(_) => HeldAt::AfterEffect,
            };
            let held = Held {
                id: self.issued,
                method,
                path,
                at,
                since,
            };
            let holding = Holding {
                held,
                waiting,
                reply,
            };
            self.holdings.insert(self.issued, holding);
            self.count.send_replace(self.holdings.len());
        }
        answer
    }

    /// The calls that are held, oldest first.
    pub(super) fn held(&self) -> Vec<Held> {
        let holdings = self.holdings.values();
        holdings.map(|holding| holding.held.clone()).collect()
    }

    /// Lets go of a call for good: it has no effect from here on, and no answer.
    pub(super) fn discard(&mut self, id: u64) -> Result<(), ControlError> {
        self.take(id).map(|_| ())
    }

    fn take(&mut self, id: u64) -> Result<Holding, ControlError> {
        let taken = self.holdings.remove(&id);
        self.count.send_replace(self.holdings.len());
        taken.ok_or(ControlError::UnknownHold(id))
    }
}

impl World {
    /// Lets a held call go on: its effect happens now, if it has not happened yet, and its answer is sent.
    pub(super) fn release(&mut self, id: u64, now: Timestamp) -> Result<(), ControlError> {
        let Holding {
            held: _,
            waiting,
            reply,
        } = self.holds.take(id)?;
        let answer = match waiting {
            Waiting::ForEffect(incoming) => self.answer(&incoming, now),
            Waiting::WithAnswer(answer) => answer,
        };
        // The caller may be gone; what it asked for is done all the same.
        let _ = reply.send(answer);
        Ok(())
    }
}
