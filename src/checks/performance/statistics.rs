//! What many samples amount to: pure.

use std::{cmp::Reverse, time::Duration};

use crate::{
    api::{self, Phase},
    checks::verdict::{Phases, readable},
};

/// One good answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::checks) struct Sample {
    /// From the start of the request to the end of the body, connecting included.
    pub(in crate::checks) latency: Duration,
    pub(in crate::checks) phases: Phases,
}

/// Good answers, from the fastest to the slowest.
#[derive(Clone, Debug)]
pub(in crate::checks) struct Samples(Vec<Sample>);

/// The longest that percentiles may be: the 50th, the 95th and the 99th.
#[derive(Clone, Debug)]
pub(in crate::checks) struct Percentiles(pub(in crate::checks) [Option<api::Duration>; 3]);

/// The phase that the slowest answers spend most of their time in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bottleneck {
    pub(super) phase: &'static str,
    /// Its share of their time, in percent.
    pub(super) percent: u128,
}

impl Percentiles {
    const RANKS: [usize; 3] = [50, 95, 99];

    /// Whether no percentile is bound.
    pub(in crate::checks) fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Each percentile that is longer than it may be, with both.
    pub(in crate::checks) fn faults(&self, samples: &Samples) -> Vec<String> {
        let bounds = Self::RANKS.into_iter().zip(self.0);
        let fault = |(percent, most): (usize, Option<api::Duration>)| {
            let (taken, most) = (samples.percentile(percent), most?);
            (taken > most.get()).then(|| format!("p{percent} {}, over {most}", readable(taken)))
        };
        bounds.filter_map(fault).collect()
    }
}

impl Samples {
    /// `None` without any.
    pub(in crate::checks) fn new(mut samples: Vec<Sample>) -> Option<Self> {
        samples.sort_by_key(|sample| sample.latency);
        (!samples.is_empty()).then_some(Self(samples))
    }

    pub(super) const fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that `percent` of all samples, 1 to 100, do not exceed: by nearest rank, so that it is one that was seen.
    pub(in crate::checks) fn percentile(&self, percent: usize) -> Duration {
        self.at(percent).latency
    }

    /// The percentiles, in words.
    pub(in crate::checks) fn spread(&self) -> String {
        let [p50, p95, p99] = Percentiles::RANKS.map(|it| readable(self.percentile(it)));
        format!("p50 {p50}, p95 {p95}, p99 {p99} of {}", self.count())
    }

    /// The sample at a percentile.
    pub(super) fn at(&self, percent: usize) -> &Sample {
        &self.0[self.place(percent)]
    }

    fn place(&self, percent: usize) -> usize {
        let rank = (self.0.len() * percent).div_ceil(100);
        rank.clamp(1, self.0.len()) - 1
    }

    /// Where the time of the samples from the 95th percentile on goes; `None` when no phase took any.
    pub(super) fn bottleneck(&self) -> Option<Bottleneck> {
        let slowest = &self.0[self.place(95)..];
        let phases = Phase::ALL.map(|phase| {
            let of = |sample: &Sample| sample.phases.of(phase).unwrap_or_default().as_micros();
            (phase.as_str(), slowest.iter().map(of).sum::<u128>())
        });
        let whole: u128 = phases.iter().map(|(_, spent)| spent).sum();
        let (phase, spent) = phases
            .into_iter()
            .min_by_key(|(_, spent)| Reverse(*spent))?;
        let percent = (spent * 100).checked_div(whole)?;
        Some(Bottleneck { phase, percent })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(millis: &[u64]) -> Samples {
        let sample = |millis: &u64| Sample {
            latency: Duration::from_millis(*millis),
            phases: Phases::default(),
        };
        Samples::new(millis.iter().map(sample).collect()).unwrap()
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let twenty: Vec<u64> = (1..=20).collect();
        for (samples, p50, p95, p99) in [
            (&hundred[..], 50, 95, 99),
            (&twenty, 10, 19, 20),
            // The example of the definition: the 50th percentile of five is the third.
            (&[15, 20, 35, 40, 50], 35, 50, 50),
            (&[7], 7, 7, 7),
            (&[9, 1], 1, 9, 9),
        ] {
            let samples = of(samples);
            let found = [50, 95, 99].map(|percent| samples.percentile(percent).as_millis());
            assert_eq!(found, [p50, p95, p99]);
        }
    }

    #[test]
    fn the_bottleneck_is_where_the_slowest_samples_wait() {
        let at = |millis| Some(Duration::from_millis(millis));
        let fast = Sample {
            latency: Duration::from_millis(20),
            phases: Phases {
                first_byte: at(20),
                ..Phases::default()
            },
        };
        let slow = Sample {
            latency: Duration::from_millis(100),
            phases: Phases {
                dns: at(1),
                connect: at(2),
                tls: at(75),
                first_byte: at(21),
                body: at(1),
                ..Phases::default()
            },
        };
        let mut samples = vec![fast; 19];
        samples.insert(3, slow);
        samples.insert(9, slow);
        let expected = Bottleneck {
            phase: "TLS",
            percent: 75,
        };
        assert_eq!(Samples::new(samples).unwrap().bottleneck(), Some(expected));
        let fast = Samples::new(vec![fast; 3]).unwrap();
        assert_eq!(fast.bottleneck().unwrap().phase, "first byte");
        assert_eq!(of(&[1, 2]).bottleneck(), None);
    }

    proptest! {
        #[test]
        fn percentiles_rise_and_are_samples_that_were_seen(
            millis in prop::collection::vec(0_u64..600_000, 1..200),
            one in 1_usize..=100,
            other in 1_usize..=100,
        ) {
            let samples = of(&millis);
            let (lower, higher) = (one.min(other), one.max(other));
            prop_assert!(samples.percentile(lower) <= samples.percentile(higher));
            let seen = |percent| u64::try_from(samples.percentile(percent).as_millis()).unwrap();
            prop_assert!(millis.contains(&seen(one)));
            prop_assert_eq!(seen(100), *millis.iter().max().unwrap());
            let below = millis.iter().filter(|it| **it <= seen(one)).count();
            prop_assert!(below * 100 >= one * millis.len());
        }
    }
}
