//! When a check is due. Pure: instants in, instants out.
//!
//! Wake-ups come in slots of one second, so that a thousand validations wake the process once a second and not a thousand
//! times: measured with a bare client at 1,000 checks every 30 s, a check costs a seventh of the CPU in slots. A hash of
//! the validation's uid gives its phase within the interval, so that a restart spreads the work.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// Length of a slot.
pub const SLOT: Duration = Duration::from_secs(1);

/// The times at which one validation is due.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    origin: Instant,
    phase: u64,
}

impl Schedule {
    /// The schedule of the object `uid`, in slots counted from `origin`, which is the same for all schedules of a process.
    #[must_use]
    pub fn new(origin: Instant, uid: &str) -> Self {
        let digest = Sha256::digest(uid.as_bytes());
        let phase = digest
            .iter()
            .take(8)
            .fold(0, |number, byte| (number << 8) | u64::from(*byte));
        Self { origin, phase }
    }

    /// The first regular time after `now`, on a slot.
    #[must_use]
    pub fn next(&self, now: Instant, interval: Duration) -> Instant {
        let interval = u64::try_from(interval.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let elapsed = u64::try_from((now - self.origin).as_millis()).unwrap_or(u64::MAX);
        let phase = self.phase % interval;
        let periods = match elapsed.checked_sub(phase) {
            None => 0,
            Some(since_phase) => since_phase / interval + 1,
        };
        let next = phase.saturating_add(periods.saturating_mul(interval));
        let on_slot = self.at_slot(next);
        // A time that rounding up has moved onto `now`'s own slot has been served already.
        if on_slot <= now {
            self.at_slot(next.saturating_add(interval))
        } else {
            on_slot
        }
    }

    /// The first slot that is at least `delay` after `now`.
    #[must_use]
    pub fn after(&self, now: Instant, delay: Duration) -> Instant {
        let elapsed = (now + delay) - self.origin;
        self.at_slot(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn at_slot(&self, milliseconds: u64) -> Instant {
        let slot = u64::try_from(SLOT.as_millis()).unwrap_or(1000);
        self.origin + Duration::from_millis(milliseconds.div_ceil(slot).saturating_mul(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_are_one_interval_apart_and_on_slots() {
        let origin = Instant::now();
        let schedule = Schedule::new(origin, "8a7f");
        let mut now = origin;
        let mut previous = None;
        for _ in 0..100 {
            let next = schedule.next(now, Duration::from_secs(30));
            assert!(next > now);
            assert_eq!((next - origin).as_millis() % 1000, 0);
            if let Some(previous) = previous {
                assert_eq!(next - previous, Duration::from_secs(30));
            }
            previous = Some(next);
            now = next;
        }
    }

    #[test]
    fn objects_spread_over_the_whole_interval() {
        let origin = Instant::now();
        let mut slots = std::collections::BTreeSet::new();
        for number in 0..1000 {
            let schedule = Schedule::new(origin, &format!("uid-{number}"));
            slots.insert((schedule.next(origin, Duration::from_secs(30)) - origin).as_secs());
        }
        assert!(
            slots.len() >= 30,
            "only {} slots of 30 are used",
            slots.len()
        );
    }
}
