//! What the samples must be, and the judgement on them: pure.

use std::time::Duration;

use super::{
    sampling::{Observation, Outcome},
    statistics::{Percentiles, Samples},
};
use crate::{
    api::{self, PerformanceBaseline, PerformanceCheck},
    checks::{
        invalid::InvalidCheck,
        verdict::{Finding, FindingReason, Phases, Verdict, readable},
    },
};

const FEWEST_SAMPLES: u16 = 5;

/// Compiled thresholds.
pub(super) struct Limits {
    min_samples: usize,
    /// Of a thousand requests.
    max_errors: usize,
    percentiles: Percentiles,
    min_throughput: Option<u32>,
    baseline: Option<PerformanceBaseline>,
}

/// The outcomes, told apart.
struct Tally<'a> {
    samples: Option<Samples>,
    /// What counts against the target.
    errors: Vec<&'a Finding>,
    /// What went wrong and does not.
    ours: Option<&'a Finding>,
    cut_off: Option<&'a Finding>,
}

impl Limits {
    pub(super) fn new(check: &PerformanceCheck) -> Result<Self, InvalidCheck> {
        let invalid =
            |field: &str, problem: &str| InvalidCheck::new(format!("performance.{field}"), problem);
        let min_samples = check
            .min_samples
            .unwrap_or_else(|| (check.samples / 2).max(FEWEST_SAMPLES));
        if !(FEWEST_SAMPLES..=check.samples).contains(&min_samples) {
            return Err(invalid("minSamples", "is not between 5 and samples"));
        }
        if let Some(baseline) = &check.baseline {
            if baseline.samples < min_samples.into() {
                let problem = format!("is below minSamples, {min_samples}");
                return Err(invalid("baseline.samples", &problem));
            }
            if baseline.p50.get().is_zero() || baseline.p50 > baseline.p95 {
                return Err(invalid("baseline.p50", "is 0, or above p95"));
            }
        }
        let rate = check.max_error_rate.as_deref().unwrap_or("0%");
        let limits = Self {
            min_samples: min_samples.into(),
            max_errors: permille(rate)
                .ok_or_else(|| invalid("maxErrorRate", "is no percentage such as 0.5%"))?,
            percentiles: Percentiles([check.max_p50, check.max_p95, check.max_p99]),
            min_throughput: check.min_throughput,
            baseline: check.baseline.clone(),
        };
        if limits.percentiles.is_empty()
            && check.max_error_rate.is_none()
            && limits.min_throughput.is_none()
            && limits.baseline.is_none()
        {
            let problem = "at least one of maxP50, maxP95, maxP99, maxErrorRate, minThroughput, baseline must be set";
            return Err(InvalidCheck::new("performance", problem));
        }
        Ok(limits)
    }

    /// The judgement.
    pub(super) fn judge(&self, observation: &Observation) -> Finding {
        let tally = observation.tally();
        let Some(samples) = &tally.samples else {
            return nothing_answered(&tally, observation);
        };
        let mut faults = Vec::new();
        let failed = self.too_many_errors(&tally, samples.count());
        let wrong = failed.is_some();
        faults.extend(failed);
        let enough = samples.count() >= self.min_samples;
        if !enough && !wrong {
            return too_few(&tally, samples.count(), self.min_samples);
        }
        if enough {
            faults.extend(self.too_slow(samples, observation.elapsed));
        }
        let bottleneck = samples.bottleneck().map_or_else(String::new, |bottleneck| {
            let (phase, percent) = (bottleneck.phase, bottleneck.percent);
            format!("; the slowest spend {percent}% of their time in phase {phase}")
        });
        if faults.is_empty() {
            let summary = summary(samples, tally.errors.len(), observation.elapsed);
            return Finding::pass(format!("{summary}{bottleneck}"));
        }
        let reason = if wrong {
            FindingReason::UnexpectedValue
        } else {
            FindingReason::TooSlow
        };
        let count = samples.count();
        let message = format!("{} ({count} good answers{bottleneck})", faults.join(", "));
        Finding::fail(reason, message)
    }

    fn too_many_errors(&self, tally: &Tally<'_>, good: usize) -> Option<String> {
        let (errors, all) = (tally.errors.len(), good + tally.errors.len());
        let first = tally.errors.first()?;
        if all < self.min_samples || errors * 1000 <= self.max_errors * all {
            return None;
        }
        Some(format!(
            "{errors} of {all} requests went wrong, {}, expected at most {}; the first: {}",
            percentage(errors * 1000 / all),
            percentage(self.max_errors),
            first.message
        ))
    }

    fn too_slow(&self, samples: &Samples, elapsed: Duration) -> Vec<String> {
        let mut faults = self.percentiles.faults(samples);
        if let Some(baseline) = &self.baseline {
            for (percent, before) in [(50, baseline.p50), (95, baseline.p95)] {
                faults.extend(regression(baseline, percent, before, samples));
            }
        }
        if let Some(least) = self.min_throughput {
            let rate = per_second(samples.count(), elapsed);
            // In millionths, so that 9.9 in a second are under 10.
            let seen = samples.count() as u128 * 1_000_000;
            if seen < u128::from(least) * elapsed.as_micros() {
                faults.push(format!("{rate} good answers in a second, under {least}"));
            }
        }
        faults
    }
}

impl Observation {
    /// The phases of the sample at the 95th percentile.
    pub(super) fn typical_phases(&self) -> Phases {
        let samples = self.tally().samples;
        samples.map_or_else(Phases::default, |samples| samples.at(95).phases)
    }

    fn tally(&self) -> Tally<'_> {
        let mut good = Vec::new();
        let mut tally = Tally {
            samples: None,
            errors: Vec::new(),
            ours: None,
            cut_off: None,
        };
        for outcome in &self.outcomes {
            match outcome {
                Outcome::Answered(sample) => good.push(*sample),
                Outcome::Failed(finding) if is_fault(finding) => tally.errors.push(finding),
                Outcome::Failed(finding) => {
                    tally.ours.get_or_insert(finding);
                }
                Outcome::CutOff(finding) => {
                    tally.cut_off.get_or_insert(finding);
                }
            }
        }
        tally.samples = Samples::new(good);
        tally
    }
}

fn is_fault(finding: &Finding) -> bool {
    finding.verdict == Verdict::Fail
}

/// Without a good answer, the first error is what the check says.
fn nothing_answered(tally: &Tally<'_>, observation: &Observation) -> Finding {
    let said = tally.errors.first().copied();
    let said = said.or(tally.ours).or(tally.cut_off);
    match said.or(observation.before.as_ref()) {
        Some(finding) => finding.clone(),
        None => Finding::unknown(
            FindingReason::NoData,
            "no request was answered by the deadline",
        ),
    }
}

fn too_few(tally: &Tally<'_>, good: usize, least: usize) -> Finding {
    let trouble = tally.ours.or(tally.cut_off);
    let trouble = trouble.or(tally.errors.first().copied());
    let why = trouble.map_or_else(String::new, |finding| format!("; {}", finding.message));
    Finding::unknown(
        FindingReason::NoData,
        format!("{good} good answers by the deadline, under {least}{why}"),
    )
}

fn regression(
    baseline: &PerformanceBaseline,
    percent: usize,
    before: api::Duration,
    samples: &Samples,
) -> Option<String> {
    let taken = samples.percentile(percent);
    let (now, then) = (taken.as_micros(), before.get().as_micros());
    let (most, noise) = (baseline.max_regression_percent, baseline.noise);
    let above = now.saturating_sub(then);
    if above * 100 <= then * u128::from(most) || above <= noise.get().as_micros() {
        return None;
    }
    let grown = (above * 100).checked_div(then)?;
    Some(format!(
        "p{percent} {}, {grown}% over its baseline of {before}, expected at most {most}% or {noise}",
        readable(taken)
    ))
}

fn summary(samples: &Samples, errors: usize, elapsed: Duration) -> String {
    let (count, rate) = (samples.count(), per_second(samples.count(), elapsed));
    let share = percentage(errors * 1000 / (count + errors));
    let spread = samples.spread();
    format!("{spread} good answers, {rate} in a second, {share} went wrong")
}

fn per_second(count: usize, elapsed: Duration) -> String {
    let tenths = (count as u128 * 10_000_000)
        .checked_div(elapsed.as_micros())
        .unwrap_or_default();
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Reads `0.5%` as 5 of a thousand.
fn permille(text: &str) -> Option<usize> {
    let number = text.strip_suffix('%')?;
    let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str, most: usize| -> Option<usize> {
        let right = (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        right.then(|| text.parse().ok())?
    };
    let permille = digits(whole, 3)? * 10 + digits(tenth, 1)?;
    (permille <= 1000).then_some(permille)
}

fn percentage(permille: usize) -> String {
    match (permille / 10, permille % 10) {
        (whole, 0) => format!("{whole}%"),
        (whole, tenth) => format!("{whole}.{tenth}%"),
    }
}

#[cfg(test)]
mod tests;
