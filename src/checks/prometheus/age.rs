//! How old the samples behind a result may be: pure.

use super::result::Sample;
use crate::{
    api,
    checks::verdict::{Finding, FindingReason},
};

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
