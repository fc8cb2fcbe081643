//! How far one attempt to connect has come.

use std::{
    fmt,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::first::Turn;
use crate::checks::verdict::Phases;

/// More interim (1xx) answers than any server has a use for.
const MOST_INTERIM_ANSWERS: u32 = 16;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The name server.
    Resolve,
    /// The TCP connection.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// The head of the answer.
    Answer,
    /// The body of the answer.
    Body,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Handshake => "in the TLS handshake",
            Self::Answer => "waiting for the answer",
            Self::Body => "reading the body",
        })
    }
}

/// Shared between a request and the connection that is dialled for it: the one deadline of both, the time that each phase
/// took, and where the time runs out if it does.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    deadline: Instant,
    reached: AtomicU8,
    dns: OnceLock<Duration>,
    connect: OnceLock<Duration>,
    tls: OnceLock<Duration>,
    interim_answers: AtomicU32,
    flooded: Notify,
    turn: Mutex<Option<Turn>>,
}

impl Progress {
    /// The progress of an attempt that begins now and must end by `deadline`.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self {
            started: Instant::now(),
            deadline,
            reached: AtomicU8::new(Phase::Answer as u8),
            dns: OnceLock::new(),
            connect: OnceLock::new(),
            tls: OnceLock::new(),
            interim_answers: AtomicU32::new(0),
            flooded: Notify::new(),
            turn: Mutex::new(None),
        }
    }

    /// The same, which makes the first connection to its host when it has the turn.
    pub(super) fn with(self, turn: Option<Turn>) -> Self {
        Self {
            turn: Mutex::new(turn),
            ..self
        }
    }

    /// The turn, for who dials.
    pub(super) fn take_turn(&self) -> Option<Turn> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.take()
    }

    /// When the attempt must end.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When the attempt began.
    #[must_use]
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// What the attempt waits for.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let reached = self.reached.load(Ordering::Relaxed);
        [Phase::Resolve, Phase::Connect, Phase::Handshake]
            .into_iter()
            .find(|phase| *phase as u8 == reached)
            .unwrap_or(Phase::Answer)
    }

    /// The time that the phases of connecting took, as far as they are over.
    #[must_use]
    pub fn phases(&self) -> Phases {
        Phases {
            dns: self.dns.get().copied(),
            connect: self.connect.get().copied(),
            tls: self.tls.get().copied(),
            ..Phases::default()
        }
    }

    /// Runs one phase of connecting, and notes how long it took.
    pub(super) async fn during<T, E>(
        &self,
        phase: Phase,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.reached.store(phase as u8, Ordering::Relaxed);
        let began = Instant::now();
        let outcome = work.await?;
        let taken = match phase {
            Phase::Resolve => Some(&self.dns),
            Phase::Connect => Some(&self.connect),
            Phase::Handshake => Some(&self.tls),
            Phase::Answer | Phase::Body => None,
        };
        // The first dial on one progress counts.
        taken.map(|taken| taken.set(began.elapsed()));
        self.reached.store(Phase::Answer as u8, Ordering::Relaxed);
        Ok(outcome)
    }

    /// Counts an interim answer.
    pub(super) fn interim_answer(&self) {
        if self.interim_answers.fetch_add(1, Ordering::Relaxed) == MOST_INTERIM_ANSWERS {
            self.flooded.notify_one();
        }
    }

    /// Waits until there have been too many interim answers.
    pub(super) async fn flooded(&self) {
        self.flooded.notified().await;
    }
}
