//! What the result of a query must be, and the judgement on it: pure.

use super::result::Sample;
use crate::{
    api::{self, PrometheusCheck, SeriesMatch, ThresholdOperator},
    checks::{
        invalid::InvalidCheck,
        verdict::{Finding, FindingReason},
    },
};

/// A compiled threshold.
pub(super) struct Expectation {
    operator: ThresholdOperator,
    threshold: f64,
    series: SeriesMatch,
}

impl Expectation {
    pub(super) fn new(check: &PrometheusCheck) -> Result<Self, InvalidCheck> {
        let threshold = check.value.parse().ok().filter(|it: &f64| it.is_finite());
        Ok(Self {
            operator: check.operator,
            threshold: threshold
                .ok_or_else(|| InvalidCheck::new("prometheus.value", "is not a decimal number"))?,
            series: check.series,
        })
    }

    /// The judgement. A value that is no number decides nothing: what the others decide stands.
    pub(super) fn judge(&self, samples: &[Sample]) -> Finding {
        let values = || samples.iter().map(|sample| sample.value);
        let numbers = || values().filter(|value| !value.is_nan());
        let right = numbers().find(|value| self.holds(*value));
        let wrong = numbers().find(|value| !self.holds(*value));
        let deciding = match self.series {
            SeriesMatch::All => wrong.map(|value| (false, value)),
            SeriesMatch::Any => right.map(|value| (true, value)),
        };
        if let Some((holds, value)) = deciding {
            return self.say(holds, value, samples.len());
        }
        if samples.is_empty() {
            return Finding::unknown(FindingReason::NoData, "the result is empty");
        }
        let lacking = values().filter(|value| value.is_nan()).count();
        match right.or(wrong) {
            Some(value) if lacking == 0 => self.say(right.is_some(), value, samples.len()),
            _ => Finding::unknown(
                FindingReason::NoData,
                format!("{lacking} of {} values are no number", samples.len()),
            ),
        }
    }

    fn holds(&self, value: f64) -> bool {
        let threshold = self.threshold;
        #[expect(
            clippy::float_cmp,
            reason = "a user who asks for equality means the very number"
        )]
        match self.operator {
            ThresholdOperator::Equals => value == threshold,
            ThresholdOperator::NotEquals => value != threshold,
            ThresholdOperator::LessThan => value < threshold,
            ThresholdOperator::AtMost => value <= threshold,
            ThresholdOperator::GreaterThan => value > threshold,
            ThresholdOperator::AtLeast => value >= threshold,
        }
    }

    fn say(&self, holds: bool, value: f64, series: usize) -> Finding {
        let operator = match self.operator {
            ThresholdOperator::Equals => "equal to",
            ThresholdOperator::NotEquals => "other than",
            ThresholdOperator::LessThan => "less than",
            ThresholdOperator::AtMost => "at most",
            ThresholdOperator::GreaterThan => "greater than",
            ThresholdOperator::AtLeast => "at least",
        };
        let which = match (self.series, series) {
            (_, 1) => String::new(),
            (SeriesMatch::All, count) => format!(" of all {count} series"),
            (SeriesMatch::Any, count) => format!(" of any of {count} series"),
        };
        let threshold = self.threshold;
        let message = format!("value {value}, expected {operator} {threshold}{which}");
        if holds {
            Finding::pass(message)
        } else {
            Finding::fail(FindingReason::UnexpectedValue, message)
        }
    }
}

/// Whether no sample is older than `longest`: each value of `times` is the time of a sample, in seconds since 1970.
pub(super) fn judge_age(times: &[Sample], longest: api::Duration) -> Result<(), Finding> {
    let oldest = times
        .iter()
        .map(|sample| sample.evaluated - sample.value)
        .max_by(f64::total_cmp);
    match oldest {
        Some(age) if age <= longest.get().as_secs_f64() => Ok(()),
        Some(age) => Err(Finding::unknown(
            FindingReason::NoData,
            format!("the newest sample of a series is {age:.0}s old, over {longest}"),
        )),
        None => Err(Finding::unknown(
            FindingReason::NoData,
            "the result is empty",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    fn samples(values: &[f64]) -> Vec<Sample> {
        let sample = |value: &f64| Sample {
            evaluated: 1000.0,
            value: *value,
        };
        values.iter().map(sample).collect()
    }

    fn expectation(operator: ThresholdOperator, series: SeriesMatch) -> Expectation {
        Expectation {
            operator,
            threshold: 0.05,
            series,
        }
    }

    #[test]
    fn each_operator_compares_as_it_says() {
        use ThresholdOperator as Operator;
        for (operator, below, equal, above) in [
            (Operator::Equals, false, true, false),
            (Operator::NotEquals, true, false, true),
            (Operator::LessThan, true, false, false),
            (Operator::AtMost, true, true, false),
            (Operator::GreaterThan, false, false, true),
            (Operator::AtLeast, false, true, true),
        ] {
            let expectation = expectation(operator, SeriesMatch::All);
            let held = [-1.0, 0.05, f64::INFINITY].map(|value| expectation.holds(value));
            assert_eq!(held, [below, equal, above], "{operator:?}");
        }
    }

    #[test]
    fn all_or_any_series_must_hold_and_what_is_no_number_is_never_a_pass() {
        let nan = f64::NAN;
        for (values, all, any) in [
            (&[0.01, 0.02][..], Verdict::Pass, Verdict::Pass),
            (&[0.01, 0.07], Verdict::Fail, Verdict::Pass),
            (&[0.06, 0.07], Verdict::Fail, Verdict::Fail),
            (&[nan, 0.01], Verdict::Unknown, Verdict::Pass),
            (&[nan, 0.07], Verdict::Fail, Verdict::Unknown),
            (&[nan], Verdict::Unknown, Verdict::Unknown),
            (&[], Verdict::Unknown, Verdict::Unknown),
        ] {
            for (series, verdict) in [(SeriesMatch::All, all), (SeriesMatch::Any, any)] {
                let finding =
                    expectation(ThresholdOperator::AtMost, series).judge(&samples(values));
                assert_eq!(finding.verdict, verdict, "{series:?} of {values:?}");
                if verdict == Verdict::Unknown {
                    assert_eq!(finding.reason, FindingReason::NoData);
                }
            }
        }
    }

    #[test]
    fn the_message_has_value_operator_and_threshold() {
        let all = expectation(ThresholdOperator::AtMost, SeriesMatch::All);
        let finding = all.judge(&samples(&[0.01, 0.07]));
        assert_eq!(finding.reason, FindingReason::UnexpectedValue);
        let message = "value 0.07, expected at most 0.05 of all 2 series";
        assert_eq!(finding.message, message);
    }

    #[test]
    fn one_sample_that_is_too_old_is_no_data() {
        let longest = api::Duration::from_secs(60);
        assert_eq!(judge_age(&samples(&[940.0, 1000.0]), longest), Ok(()));
        for times in [&[939.0, 1000.0][..], &[f64::NAN], &[]] {
            let finding = judge_age(&samples(times), longest).unwrap_err();
            assert_eq!(
                (finding.verdict, finding.reason),
                (Verdict::Unknown, FindingReason::NoData)
            );
        }
    }
}
