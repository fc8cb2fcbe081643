//! A measured number against a threshold, and the judgement on several: pure.

use super::{
    invalid::InvalidCheck,
    verdict::{Finding, FindingReason},
};
use crate::api::{SeriesMatch, ThresholdOperator};

/// A compiled threshold.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    operator: ThresholdOperator,
    limit: f64,
    series: SeriesMatch,
}

impl Threshold {
    /// Reads the threshold. An error names `field`.
    pub fn new(
        operator: ThresholdOperator,
        value: &str,
        series: SeriesMatch,
        field: &str,
    ) -> Result<Self, InvalidCheck> {
        let limit = value.parse().ok().filter(|it: &f64| it.is_finite());
        Ok(Self {
            operator,
            limit: limit.ok_or_else(|| InvalidCheck::new(field, "is not a decimal number"))?,
            series,
        })
    }

    /// At most `limit`.
    #[must_use]
    pub const fn at_most(limit: f64, series: SeriesMatch) -> Self {
        Self {
            operator: ThresholdOperator::AtMost,
            limit,
            series,
        }
    }

    /// The judgement. A value that is no number decides nothing: what the others decide stands.
    #[must_use]
    pub fn judge(&self, values: &[f64]) -> Finding {
        let numbers = || values.iter().copied().filter(|value| !value.is_nan());
        let right = numbers().find(|value| self.holds(*value));
        let wrong = numbers().find(|value| !self.holds(*value));
        let deciding = match self.series {
            SeriesMatch::All => wrong.map(|value| (false, value)),
            SeriesMatch::Any => right.map(|value| (true, value)),
        };
        if let Some((holds, value)) = deciding {
            return self.say(holds, value, values.len());
        }
        if values.is_empty() {
            return Finding::unknown(FindingReason::NoData, "the result is empty");
        }
        let lacking = values.len() - numbers().count();
        match right.or(wrong) {
            Some(value) if lacking == 0 => self.say(right.is_some(), value, values.len()),
            _ => Finding::unknown(
                FindingReason::NoData,
                format!("{lacking} of {} values are no number", values.len()),
            ),
        }
    }

    fn holds(&self, value: f64) -> bool {
        let threshold = self.limit;
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
        let threshold = self.limit;
        let message = format!("value {value}, expected {operator} {threshold}{which}");
        if holds {
            Finding::pass(message)
        } else {
            Finding::fail(FindingReason::UnexpectedValue, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    fn threshold(operator: ThresholdOperator, series: SeriesMatch) -> Threshold {
        Threshold {
            operator,
            limit: 0.05,
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
            let threshold = threshold(operator, SeriesMatch::All);
            let held = [-1.0, 0.05, f64::INFINITY].map(|value| threshold.holds(value));
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
                let finding = threshold(ThresholdOperator::AtMost, series).judge(values);
                assert_eq!(finding.verdict, verdict, "{series:?} of {values:?}");
                if verdict == Verdict::Unknown {
                    assert_eq!(finding.reason, FindingReason::NoData);
                }
            }
        }
    }

    #[test]
    fn the_message_has_value_operator_and_threshold() {
        let all = threshold(ThresholdOperator::AtMost, SeriesMatch::All);
        let finding = all.judge(&[0.01, 0.07]);
        assert_eq!(finding.reason, FindingReason::UnexpectedValue);
        let message = "value 0.07, expected at most 0.05 of all 2 series";
        assert_eq!(finding.message, message);
    }

    #[test]
    fn every_text_that_the_schema_admits_is_a_number_and_every_limit_is_finite() {
        let pattern =
            regex::Regex::new(r"^[-+]?[0-9]{1,15}(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?$").unwrap();
        crate::fuzz::hold_text("threshold", |text| {
            let operator = ThresholdOperator::Equals;
            match Threshold::new(operator, text, SeriesMatch::All, "field") {
                Ok(threshold) => {
                    let finding = threshold.judge(&[threshold.limit]);
                    assert_eq!(finding.verdict, Verdict::Pass, "{text:?}");
                }
                Err(_) => assert!(!pattern.is_match(text), "{text:?}"),
            }
        });
    }
}
