//! What the monitor keeps for one object, and how a run's end changes it. No tasks, no channels.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use tokio::{task::AbortHandle, time::Instant};

use super::{
    assignment::{Assignment, Memory, SeenRelease, Snapshot, Subject},
    run::RunEnd,
    schedule::Schedule,
    schemas::Schemas,
};
use crate::{
    api::CheckState,
    checks::{board::Board, health::Pace, net::Session},
    platforms::{PlatformError, Release},
};

/// Observations older than this many intervals are stale.
const STALE_AFTER_INTERVALS: u32 = 3;

/// A run in flight.
#[derive(Debug)]
pub struct InFlight {
    /// Its number: an end that carries another one belongs to a run that was given up.
    pub number: u64,
    /// Ends it.
    pub abort: AbortHandle,
    /// The token that it answers.
    pub requested: Option<String>,
}

/// What the monitor keeps for one object.
#[derive(Debug)]
pub struct Entry {
    /// The object.
    pub subject: Subject,
    /// What to run.
    pub assignment: Arc<Assignment>,
    /// The connections that its runs on this release share, when the settings keep them from run to run.
    pub session: Option<Arc<Session>>,
    /// The run in flight.
    pub running: Option<InFlight>,
    /// When each check is due, in the suite's order.
    pub due: Vec<Instant>,
    /// When the platform is asked for a new release outside of runs.
    pub poll_due: Option<Instant>,
    /// Whether the next look must not be content with a recent answer.
    pub poll_afresh: bool,
    schedule: Schedule,
    board: Board,
    release: Option<SeenRelease>,
    trouble: Option<PlatformError>,
    handled: Option<String>,
    observed: Instant,
    stale: bool,
    schemas: Schemas,
    pace: Pace,
}

/// The clocks: a monotonic one for intervals, a wall clock for what people read.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic.
    pub instant: Instant,
    /// Wall clock.
    pub time: Timestamp,
}

impl Entry {
    /// Takes up an object. One whose memory is current goes on where it ended and waits for its turn in the interval, so
    /// that a restart is no storm; any other runs at once.
    #[must_use]
    pub fn new(
        subject: Subject,
        assignment: Arc<Assignment>,
        memory: Memory,
        schedule: Schedule,
        now: Now,
    ) -> Self {
        let suite = &assignment.suite;
        let (board, pace, first) = if memory.current {
            let board = Board::restore(suite, &memory.checks, now.time);
            let pace = Pace::following(suite, memory.bottleneck.as_ref());
            (board, pace, None)
        } else {
            let board = Board::new(suite, now.time);
            (board, Pace::default(), Some(now.instant))
        };
        let due = suite
            .checks()
            .iter()
            .map(|check| match first {
                Some(first) => first,
                // What it read is kept nowhere.
                None if check.probe.reads_schema() => now.instant,
                None => schedule.next(now.instant, check.interval),
            })
            .collect();
        let mut entry = Self {
            subject,
            session: None,
            running: None,
            due,
            poll_due: None,
            poll_afresh: false,
            schedule,
            board,
            release: memory.release,
            trouble: None,
            handled: memory.handled,
            observed: now.instant,
            stale: false,
            schemas: Schemas::default(),
            pace,
            assignment,
        };
        entry.plan_poll(now.instant);
        if entry.run_is_requested() {
            entry.due.fill(now.instant);
        }
        entry
    }

    /// Takes a new assignment. A new generation, or a new target, asks for a fresh verdict; the same suite with another
    /// secret keeps what is known, trouble included until a run ends without it, and runs at once.
    pub fn reassign(&mut self, assignment: Arc<Assignment>, now: Now) {
        let same = self.assignment.generation == assignment.generation
            && self.assignment.fingerprint == assignment.fingerprint;
        let same_generation = self.assignment.generation == assignment.generation;
        let confirms_now = assignment.confirm && !self.assignment.confirm;
        self.assignment = assignment;
        if confirms_now {
            self.hurry(now.instant);
        }
        if !same {
            self.give_up();
            self.session = None;
            self.schemas = Schemas::default();
            self.board = if same_generation {
                Board::restore(&self.assignment.suite, self.board.checks(), now.time)
            } else {
                Board::new(&self.assignment.suite, now.time)
            };
            if !same_generation {
                self.trouble = None;
                self.pace = Pace::default();
            }
            if self.assignment.releases.is_none() {
                self.release = None;
            }
            self.observed = now.instant;
            self.stale = false;
            self.due = vec![now.instant; self.assignment.suite.checks().len()];
            self.plan_poll(now.instant);
        }
        if self.run_is_requested() {
            self.due.fill(now.instant);
        }
    }

    /// Runs what is not confirmed after the retry interval.
    fn hurry(&mut self, now: Instant) {
        let suite = &self.assignment.suite;
        let soon = self.schedule.after(now, self.assignment.retry_interval);
        for (place, due) in self.due.iter_mut().enumerate() {
            if !self.board.is_confirmed(suite, place) {
                *due = soon.min(*due);
            }
        }
    }

    /// Ends the run in flight; its results count for nothing.
    pub fn give_up(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort.abort();
        }
    }

    /// Plans the run or the look at the platform anew that ended without telling; whether there was one.
    pub fn make_again(&mut self, now: Instant) -> bool {
        let is_over = |running: &InFlight| running.abort.is_finished();
        let run_lost = self.running.as_ref().is_some_and(is_over);
        if run_lost {
            self.running = None;
            let again = self.schedule.after(now, self.assignment.retry_interval);
            for due in self.due.iter_mut().filter(|due| **due <= now) {
                *due = again;
            }
        }
        let poll_may_be_lost = self.poll_due.is_none() && self.assignment.releases.is_some();
        if poll_may_be_lost {
            self.plan_poll(now);
        }
        run_lost || poll_may_be_lost
    }

    fn run_is_requested(&self) -> bool {
        self.assignment.requested.is_some() && self.assignment.requested != self.handled
    }

    fn plan_poll(&mut self, now: Instant) {
        self.poll_due = self
            .assignment
            .releases
            .as_ref()
            .map(|releases| self.schedule.after(now, releases.poll_interval()));
    }

    /// Looks at the platform at once, unless a look is under way.
    pub fn poll_soon(&mut self, now: Instant) {
        self.poll_due = self.poll_due.map(|due| due.min(now));
        self.poll_afresh = true;
    }

    /// When the entry next wants attention.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        let stale_at =
            (!self.stale).then(|| self.schedule.after(self.observed, self.stale_after()));
        let due = if self.running.is_some() {
            None
        } else {
            self.due.iter().min().copied()
        };
        [due, self.poll_due, stale_at].into_iter().flatten().min()
    }

    /// Positions of the checks that are due, with those that they depend on and that are not known to pass.
    #[must_use]
    pub fn due_at(&self, now: Instant) -> Vec<usize> {
        (0..self.due.len())
            .filter(|&place| self.due[place] <= now)
            .collect()
    }

    /// What a run starts from.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The release that is known to be live.
    #[must_use]
    pub fn release(&self) -> Option<&Release> {
        self.release.as_ref().map(|seen| &seen.release)
    }

    /// Takes in how a run over the checks `due` ended.
    pub fn end_run(&mut self, end: RunEnd, requested: Option<String>, due: &[usize], now: Now) {
        match end {
            RunEnd::Counted { run, release } => {
                let suite = self.assignment.suite.clone();
                self.board.record(&suite, &run.outcomes(&suite), now.time);
                self.schemas.record(&suite, &run);
                self.pace.record(&run);
                self.trouble = None;
                self.observed = now.instant;
                self.stale = false;
                if let (Some(seen), Some(release)) = (&mut self.release, release) {
                    seen.release = release;
                }
                if requested.is_some() {
                    self.handled = requested;
                }
                self.plan_checks(due, now.instant);
                if self.run_is_requested() {
                    self.due.fill(now.instant);
                }
            }
            RunEnd::ReleaseChanged { release } => self.change_release(release, now),
            RunEnd::ReleaseUnknown { error } => {
                self.trouble = Some(error);
                let again = self
                    .schedule
                    .after(now.instant, self.assignment.retry_interval);
                for &place in due {
                    self.due[place] = again;
                }
                // A run that was asked for has been tried; asking again takes another token.
                if requested.is_some() {
                    self.handled = requested;
                }
            }
        }
    }

    /// Takes in a look at the platform outside of runs.
    pub fn end_poll(&mut self, result: Result<Release, PlatformError>, now: Now) {
        self.plan_poll(now.instant);
        match result {
            Ok(release) if self.release().map(|known| &known.id) != Some(&release.id) => {
                self.give_up();
                self.change_release(release, now);
            }
            // What a failed look means is the next run's to say: it reads the platform again.
            Ok(_) | Err(_) => {}
        }
    }

    /// Another release is live: nothing is known of it, and everything is due.
    fn change_release(&mut self, release: Release, now: Now) {
        self.board = Board::new(&self.assignment.suite, now.time);
        self.schemas = Schemas::default();
        self.pace.change_release();
        // Kept connections may lead to instances of the release before.
        self.session = None;
        self.release = Some(SeenRelease {
            release,
            since: now.time,
        });
        self.trouble = None;
        self.observed = now.instant;
        self.stale = false;
        self.due.fill(now.instant);
    }

    fn plan_checks(&mut self, ran: &[usize], now: Instant) {
        let suite = &self.assignment.suite;
        for &place in ran {
            let check = &suite.checks()[place];
            let regular = self.schedule.next(now, check.interval);
            let settled = self.board.checks()[place].state == CheckState::Passing
                && self.board.checks()[place].inconclusive == 0
                && (!self.assignment.confirm || self.board.is_confirmed(suite, place));
            self.due[place] = if settled {
                regular
            } else {
                regular.min(self.schedule.after(now, self.assignment.retry_interval))
            };
        }
    }

    fn stale_after(&self) -> Duration {
        let suite = &self.assignment.suite;
        let shortest = suite.checks().iter().map(|check| check.interval).min();
        shortest.unwrap_or_default() * STALE_AFTER_INTERVALS + suite.longest_chain()
    }

    /// Notes whether the newest counted run has become too old.
    pub fn check_age(&mut self, now: Instant) {
        self.stale = now.saturating_duration_since(self.observed) >= self.stale_after();
    }

    /// What status shows.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            generation: self.assignment.generation,
            suite: self.assignment.suite.clone(),
            board: self.board.clone(),
            release: self.release.clone(),
            trouble: self.trouble.clone(),
            stale: self.stale,
            handled: self.handled.clone(),
            confirm: self.assignment.confirm,
            schema: self.schemas.live(&self.assignment.suite),
            slow: self.pace.slow(),
        }
    }
}
