//! Runs suites on schedule, off the reconcile path: one actor keeps every object's board and wakes the controller only
//! when something that status shows has changed.

mod actor;
mod assignment;
mod entry;
mod metrics;
mod run;
mod schedule;
mod schemas;

use std::{collections::HashSet, sync::Arc};

use tokio::sync::{mpsc, oneshot};

pub use actor::Actor;
pub use assignment::{Assignment, Memory, ReleaseSource, SeenRelease, Snapshot, Subject};
pub use metrics::MonitorMetrics;

use crate::checks::engine::Engine;

/// Commands that may wait for the actor before a controller has to wait.
const COMMAND_CAPACITY: usize = 1024;

/// The controllers' side of the monitor.
#[derive(Clone, Debug)]
pub struct Monitor {
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
enum Command {
    Assign {
        subject: Subject,
        assignment: Arc<Assignment>,
        memory: Memory,
        reply: oneshot::Sender<Arc<Snapshot>>,
    },
    Look {
        uid: String,
        reply: oneshot::Sender<Option<Arc<Snapshot>>>,
    },
    Refresh {
        uid: String,
    },
    Forget {
        uid: String,
    },
    Retain {
        uids: HashSet<String>,
    },
}

impl Monitor {
    /// The handle, and the actor that does its work: the caller runs it, and ends when it ends. `wakes` gets each object
    /// whose snapshot has changed.
    #[must_use]
    pub fn new(
        engine: Engine,
        metrics: MonitorMetrics,
        wakes: mpsc::UnboundedSender<Subject>,
    ) -> (Self, Actor) {
        let (commands, receiver) = mpsc::channel(COMMAND_CAPACITY);
        let actor = Actor::new(engine, metrics, wakes, receiver);
        (Self { commands }, actor)
    }

    /// Runs `assignment` for `subject` from now on, in place of what it had, and gives what is known of it; `None` while
    /// the process ends. `memory` counts only for an object that the monitor does not know.
    pub async fn assign(
        &self,
        subject: Subject,
        assignment: Assignment,
        memory: Memory,
    ) -> Option<Arc<Snapshot>> {
        let (reply, snapshot) = oneshot::channel();
        self.send(Command::Assign {
            subject,
            assignment: Arc::new(assignment),
            memory,
            reply,
        })
        .await;
        snapshot.await.ok()
    }

    /// What is known of the object `uid`; `None` when nothing is run for it.
    pub async fn look(&self, uid: &str) -> Option<Arc<Snapshot>> {
        let (reply, snapshot) = oneshot::channel();
        self.send(Command::Look {
            uid: uid.to_owned(),
            reply,
        })
        .await;
        snapshot.await.ok().flatten()
    }

    /// Looks for another release of the object `uid` at once.
    pub async fn refresh(&self, uid: &str) {
        self.send(Command::Refresh {
            uid: uid.to_owned(),
        })
        .await;
    }

    /// Runs nothing for the object `uid` any more, and forgets what was known of it.
    pub async fn forget(&self, uid: &str) {
        self.send(Command::Forget {
            uid: uid.to_owned(),
        })
        .await;
    }

    /// Forgets every object whose uid is not among `uids`.
    pub async fn retain(&self, uids: HashSet<String>) {
        self.send(Command::Retain { uids }).await;
    }

    async fn send(&self, command: Command) {
        // The actor is gone only while the process ends.
        if self.commands.send(command).await.is_err() {
            tracing::debug!("the monitor has ended; a command is dropped");
        }
    }
}

#[cfg(test)]
mod tests;
