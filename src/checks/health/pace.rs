//! How long the phases of each check take, and took before: what the bottleneck is told from. Kept in memory, bounded.
//!
//! The *usual* time of a phase is the median of up to [`MOST_USUAL`] earlier runs that passed, also those on releases before; the
//! *present* one is the median of the last [`RECENT`], so that a single slow answer is no news. With fewer than
//! [`LEAST_USUAL`] earlier runs nothing is told. Runs of a phase that has grown do not become usual.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
    mem,
    ops::RangeInclusive,
    time::Duration,
};

use crate::{
    api::{Bottleneck, Phase},
    checks::{
        board::Outcome,
        engine::{Execution, Run},
        suite::Suite,
        verdict::{FindingReason, Verdict},
    },
};

/// The latest runs.
const RECENT: usize = 3;

/// Fewer earlier runs than this say nothing of what is usual.
const LEAST_USUAL: usize = 5;

/// The most earlier runs that are kept.
const MOST_USUAL: usize = 15;

/// A phase has grown when it takes twice its usual time at the least, and this much more: below it, twice is noise, or a
/// moment in which the controller itself is busy, which all its validations would report at once.
const GROWN: Duration = Duration::from_millis(200);

/// Below this it is as usual again, and below one and a half times its usual time.
const LINGERS: Duration = Duration::from_millis(100);

/// The most times that are told.
const MOST_TIMES: u16 = 1024;

/// A phase of a check in which time is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slow {
    /// Position of the check in its suite.
    pub place: usize,
    /// The phase.
    pub phase: Phase,
    /// How.
    pub lost: Lost,
}

/// How time is lost in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It takes this many times its usual time at the least, a power of two.
    Grown(u16),
    /// It is above its usual time, and not so far that it is told; what was told is kept.
    Lingers,
    /// It takes the most time, or nearly the most, of a run that was too slow.
    Share,
}

/// The times of all checks of one suite.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    phases: BTreeMap<(usize, Phase), Series>,
    /// The checks whose latest run was too slow.
    too_slow: Vec<usize>,
}

/// The times of one phase of one check, in microseconds.
#[derive(Clone, Debug, Default)]
struct Series {
    usual: VecDeque<u32>,
    recent: VecDeque<Recent>,
    /// What an earlier process told of it, until its present time is known.
    told: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    micros: u32,
    passed: bool,
}

impl Pace {
    /// Goes on from what an earlier process told: its usual times are known nowhere else.
    #[must_use]
    pub fn following(suite: &Suite, told: Option<&Bottleneck>) -> Self {
        let mut pace = Self::default();
        if let Some(told) = told
            && let Some(times) = told.times
            && let Some(place) = suite
                .checks()
                .iter()
                .position(|check| *check.name == *told.check)
        {
            let series = Series {
                told: Some(times.clamp(2, MOST_TIMES)),
                ..Series::default()
            };
            pace.phases.insert((place, told.phase), series);
        }
        pace
    }

    /// Takes in a counted run. What was neither passed nor too slow is not comparable: an error is quick, and a timeout ends
    /// before its phase does. After a failure of another kind nothing is said before there are runs again that can be compared.
    pub fn record(&mut self, run: &Run) {
        for Execution {
            place,
            outcome,
            phases,
            ..
        } in &run.executions
        {
            self.too_slow.retain(|slow| slow != place);
            let Outcome::Measured(finding) = outcome else {
                continue;
            };
            let passed = finding.verdict == Verdict::Pass;
            if finding.reason == FindingReason::TooSlow {
                self.too_slow.push(*place);
            } else if finding.verdict == Verdict::Fail {
                let of_check = self.phases.range_mut(phases_of(*place));
                of_check.for_each(|(_, series)| series.begin_anew());
                continue;
            } else if !passed {
                continue;
            }
            for phase in Phase::ALL {
                if let Some(taken) = phases.of(phase) {
                    let micros = u32::try_from(taken.as_micros()).unwrap_or(u32::MAX);
                    let series = self.phases.entry((*place, phase)).or_default();
                    series.push(Recent { micros, passed });
                }
            }
        }
        self.too_slow.sort_unstable();
    }

    /// Another release is live: what is usual stays, and the present begins anew.
    pub fn change_release(&mut self) {
        self.too_slow.clear();
        self.phases.values_mut().for_each(Series::begin_anew);
    }

    /// Where time is lost. The same for the same runs, and the same for a little more or less of it.
    #[must_use]
    pub fn slow(&self) -> Vec<Slow> {
        let of = |(&(place, phase), series): (&(usize, Phase), &Series)| {
            let lost = series.lost()?;
            Some(Slow { place, phase, lost })
        };
        let mut slow: Vec<Slow> = self.phases.iter().filter_map(of).collect();
        for &place in &self.too_slow {
            slow.extend(self.shares(place));
        }
        slow
    }

    /// The phases in which a check spends the most time, the first the most.
    fn shares(&self, place: usize) -> Vec<Slow> {
        let mut times: Vec<(u32, Phase)> = self
            .phases
            .range(phases_of(place))
            .filter_map(|(&(_, phase), series)| Some((series.recent.back()?.micros, phase)))
            .collect();
        times.sort_by_key(|&(micros, phase)| (Reverse(micros), phase));
        let most = times.first().map_or(0, |&(micros, _)| micros);
        times.retain(|&(micros, _)| micros > 0 && u64::from(micros) * 3 >= u64::from(most) * 2);
        let share = |(_, phase)| Slow {
            place,
            phase,
            lost: Lost::Share,
        };
        times.into_iter().map(share).collect()
    }
}

impl Series {
    fn has_grown(&self) -> bool {
        matches!(self.lost(), Some(Lost::Grown(_)))
    }

    /// What is usual stays, and the present is not known.
    fn begin_anew(&mut self) {
        let settled = !self.has_grown();
        self.told = None;
        for recent in mem::take(&mut self.recent) {
            if settled {
                self.keep(recent);
            }
        }
    }

    fn push(&mut self, recent: Recent) {
        let settled = !self.has_grown();
        self.recent.push_back(recent);
        if self.recent.len() > RECENT
            && let Some(oldest) = self.recent.pop_front()
            && settled
        {
            self.keep(oldest);
        }
        if self.recent.len() >= RECENT
            && let Some(times) = self.told.take()
        {
            let usual = self.present() / u32::from(times);
            self.usual = [usual; LEAST_USUAL].into();
        }
    }

    /// Makes a run one of the usual ones, if it passed.
    fn keep(&mut self, Recent { micros, passed }: Recent) {
        if passed {
            self.usual.push_back(micros);
            if self.usual.len() > MOST_USUAL {
                self.usual.pop_front();
            }
        }
    }

    fn present(&self) -> u32 {
        median(self.recent.iter().map(|recent| recent.micros))
    }

    fn lost(&self) -> Option<Lost> {
        if let Some(times) = self.told {
            return Some(Lost::Grown(times));
        }
        if self.recent.len() < RECENT || self.usual.len() < LEAST_USUAL {
            return None;
        }
        let (usual, present) = (median(self.usual.iter().copied()), self.present());
        let more = Duration::from_micros(u64::from(present.saturating_sub(usual)));
        // What takes no time at all would otherwise have grown beyond measure.
        let ratio = present / usual.max(1000);
        if ratio >= 2 && more >= GROWN {
            let ratio = u16::try_from(ratio).unwrap_or(u16::MAX).min(MOST_TIMES);
            return Some(Lost::Grown(1 << ratio.ilog2()));
        }
        let above = u64::from(present) * 2 >= u64::from(usual) * 3;
        (above && more >= LINGERS).then_some(Lost::Lingers)
    }
}

fn phases_of(place: usize) -> RangeInclusive<(usize, Phase)> {
    (place, Phase::Dns)..=(place, Phase::Query)
}

fn median(values: impl Iterator<Item = u32>) -> u32 {
    let mut values: Vec<u32> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
