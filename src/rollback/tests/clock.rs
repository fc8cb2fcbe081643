//! Clocks of processes, on tokio's paused time.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::rollback::{Moment, samples::at};

thread_local! {
    static ORIGIN: Cell<Option<Instant>> = const { Cell::new(None) };
    static FIRST: Cell<Face> = const { Cell::new(Face { ahead: 0, began: 0 }) };
    static SECOND: Cell<Face> = const { Cell::new(Face { ahead: 0, began: 0 }) };
}

/// What a process reads off its clock.
#[derive(Clone, Copy)]
struct Face {
    /// Seconds that it is ahead of the true time.
    ahead: i64,
    /// When the process began, in true seconds since the beginning of the test.
    began: i64,
}

/// The test begins: it is noon, and every clock is right.
pub fn begin() {
    ORIGIN.set(Some(Instant::now()));
    FIRST.set(Face { ahead: 0, began: 0 });
    SECOND.set(Face { ahead: 0, began: 0 });
}

/// The true time, to the second.
pub fn now() -> Timestamp {
    at("12:00") + SignedDuration::from_secs(elapsed())
}

/// The clock of the first process.
pub fn first() -> Moment {
    read(FIRST.get())
}

/// The clock of the second process.
pub fn second() -> Moment {
    read(SECOND.get())
}

/// The second process begins anew, with a clock that is ahead of the true time by these seconds, or behind it.
pub fn restart_second(ahead: i64) {
    SECOND.set(restarted(ahead));
}

fn restarted(ahead: i64) -> Face {
    Face {
        ahead,
        began: elapsed(),
    }
}

fn elapsed() -> i64 {
    let origin = ORIGIN.get().expect("the test has begun");
    i64::try_from(origin.elapsed().as_secs()).unwrap()
}

fn read(face: Face) -> Moment {
    let ahead = SignedDuration::from_secs(face.ahead);
    Moment {
        now: now() + ahead,
        started: at("12:00") + SignedDuration::from_secs(face.began) + ahead,
    }
}
