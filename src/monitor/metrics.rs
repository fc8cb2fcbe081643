//! What the monitor counts.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::run::RunEnd;
use crate::checks::{board::Outcome, suite::Suite, verdict::Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum RunResult {
    Counted,
    ReleaseChanged,
    ReleaseUnknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    result: RunResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum CheckVerdict {
    Pass,
    Fail,
    Unknown,
    Skipped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabels {
    area: &'static str,
    verdict: CheckVerdict,
}

/// Counters of runs and verdicts, the lateness of runs and the number of watched objects.
#[derive(Clone, Debug)]
pub struct MonitorMetrics {
    watched: Gauge,
    runs: Family<RunLabels, Counter>,
    verdicts: Family<CheckLabels, Counter>,
    lateness: Histogram,
    check_duration: Histogram,
}

impl Default for MonitorMetrics {
    fn default() -> Self {
        Self {
            watched: Gauge::default(),
            runs: Family::default(),
            verdicts: Family::default(),
            lateness: Histogram::new([0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 3.0, 10.0, 60.0]),
            check_duration: Histogram::new([
                0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
            ]),
        }
    }
}

impl MonitorMetrics {
    /// Makes them part of what `/metrics` shows.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "validations_watched",
            "Validations whose checks run",
            self.watched.clone(),
        );
        registry.register("runs", "Ended runs, by how they ended", self.runs.clone());
        registry.register(
            "check_verdicts",
            "Verdicts of executed checks, by area",
            self.verdicts.clone(),
        );
        registry.register_with_unit(
            "run_lateness",
            "From the time a run was due to its start",
            Unit::Seconds,
            self.lateness.clone(),
        );
        registry.register_with_unit(
            "check_duration",
            "Duration of executed checks, waiting for a free place included",
            Unit::Seconds,
            self.check_duration.clone(),
        );
    }

    pub(super) fn watched(&self, count: usize) {
        self.watched.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn started(&self, late: Duration) {
        self.lateness.observe(late.as_secs_f64());
    }

    pub(super) fn ended(&self, suite: &Suite, end: &RunEnd) {
        let result = match end {
            RunEnd::Counted { run, .. } => {
                for execution in &run.executions {
                    let verdict = match &execution.outcome {
                        Outcome::Skipped { .. } => CheckVerdict::Skipped,
                        Outcome::Measured(finding) => match finding.verdict {
                            Verdict::Pass => CheckVerdict::Pass,
                            Verdict::Fail => CheckVerdict::Fail,
                            Verdict::Unknown => CheckVerdict::Unknown,
                        },
                    };
                    let area = suite.checks()[execution.place].area.as_str();
                    self.verdicts
                        .get_or_create(&CheckLabels { area, verdict })
                        .inc();
                    self.check_duration.observe(execution.elapsed.as_secs_f64());
                }
                RunResult::Counted
            }
            RunEnd::ReleaseChanged { .. } => RunResult::ReleaseChanged,
            RunEnd::ReleaseUnknown { .. } => RunResult::ReleaseUnknown,
        };
        self.runs.get_or_create(&RunLabels { result }).inc();
    }
}
