//! How the latencies of one statement are spread.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    api::SqlPerformance,
    checks::{
        invalid::InvalidCheck,
        performance::statistics::{Percentiles, Sample, Samples},
        verdict::Phases,
    },
};

/// What is asked when the check has no question of its own.
const NOTHING: &str = "SELECT 1";

/// How often the statement is asked, and what its latencies may be.
#[derive(Debug)]
pub(super) struct Performance {
    pub(super) statement: String,
    warmup: u8,
    samples: u16,
    percentiles: Percentiles,
}

/// A stopwatch with a number of laps: one for each time that the statement is asked.
#[derive(Debug)]
pub(super) struct Laps {
    warmup: usize,
    count: usize,
    begun: Instant,
    taken: Vec<Duration>,
}

impl Laps {
    /// Whether there is one more.
    pub(super) fn remain(&self) -> bool {
        self.taken.len() < self.count
    }

    /// Ends one, and begins the next.
    pub(super) fn end(&mut self) {
        let now = Instant::now();
        self.taken.push(now - self.begun);
        self.begun = now;
    }

    /// How long each took, those to warm up left out.
    pub(super) fn latencies(mut self) -> Vec<Duration> {
        self.taken.split_off(self.warmup.min(self.taken.len()))
    }
}

impl Performance {
    /// Compiles it; `statement` is the check's own.
    pub(super) fn new(
        check: &SqlPerformance,
        statement: Option<&str>,
    ) -> Result<Self, InvalidCheck> {
        let SqlPerformance {
            samples,
            warmup,
            max_p50,
            max_p95,
            max_p99,
        } = *check;
        let percentiles = Percentiles([max_p50, max_p95, max_p99]);
        if percentiles.is_empty() {
            let problem = "at least one of maxP50, maxP95, maxP99 must be set";
            return Err(InvalidCheck::new("sql.performance", problem));
        }
        if samples == 0 {
            return Err(InvalidCheck::new("sql.performance.samples", "is 0"));
        }
        Ok(Self {
            statement: statement.unwrap_or(NOTHING).to_owned(),
            warmup,
            samples,
            percentiles,
        })
    }

    /// The laps of a run, the first of which begins now.
    pub(super) fn laps(&self) -> Laps {
        Laps {
            warmup: self.warmup.into(),
            count: usize::from(self.warmup) + usize::from(self.samples),
            begun: Instant::now(),
            taken: Vec::new(),
        }
    }

    /// Each percentile that is too long, or how they are spread.
    pub(super) fn judge(&self, latencies: &[Duration]) -> Result<String, Vec<String>> {
        let sample = |latency: &Duration| Sample {
            latency: *latency,
            phases: Phases::default(),
        };
        let Some(samples) = Samples::new(latencies.iter().map(sample).collect()) else {
            return Err(vec!["no answer was measured".to_owned()]);
        };
        let faults = self.percentiles.faults(&samples);
        if faults.is_empty() {
            Ok(format!("{} answers", samples.spread()))
        } else {
            Err(faults)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn performance(yaml: &str) -> Performance {
        Performance::new(&serde_yaml::from_str(yaml).unwrap(), None).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_warms_up_does_not_count() {
        let mut laps = performance("{samples: 5, warmup: 3, maxP50: 1s}").laps();
        let mut pause = Duration::ZERO;
        while laps.remain() {
            pause += Duration::from_millis(1);
            tokio::time::advance(pause).await;
            laps.end();
        }
        let expected: Vec<_> = (4..=8).map(Duration::from_millis).collect();
        assert_eq!(laps.latencies(), expected);
    }

    #[test]
    fn each_percentile_is_held_against_its_own_bound() {
        let latencies: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        let judge = |yaml| performance(yaml).judge(&latencies);
        assert_eq!(
            judge("{maxP50: 10ms, maxP95: 19ms, maxP99: 20ms}").unwrap(),
            "p50 10ms, p95 19ms, p99 20ms of 20 answers"
        );
        assert_eq!(
            judge("{maxP50: 9ms, maxP95: 19ms, maxP99: 19ms}").unwrap_err(),
            ["p50 10ms, over 9ms", "p99 20ms, over 19ms"]
        );
    }
}
