//! What an exposition must hold, and the judgement on it: pure.

use std::collections::BTreeMap;

use super::exposition::{Format, Sample, read};
use crate::{
    api::{self, MetricsCheck, SeriesExpectation, SeriesMatch},
    checks::{
        invalid::InvalidCheck,
        net::Target,
        threshold::Threshold,
        verdict::{Finding, FindingReason, Verdict, printable},
    },
};

/// The most bytes of a selector in a message.
const LONGEST_SHOWN: usize = 120;

const MOST_LABELS: usize = 16;
const LONGEST_NAME: usize = 1024;
const MOST_SERIES: usize = 32;

/// What the endpoint answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) content_type: Option<&'a str>,
    /// `None` when it was too long.
    pub(super) body: Option<&'a [u8]>,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// Whether credentials were sent along.
    pub(super) authorized: bool,
}

/// A compiled check.
#[derive(Debug)]
pub(super) struct Expectation {
    required: Vec<Required>,
    longest: Option<api::Duration>,
    age_of: Option<Selector>,
}

#[derive(Debug)]
struct Required {
    selector: Selector,
    values: Values,
    at_least: usize,
}

/// What the values must be.
#[derive(Debug)]
enum Values {
    Anything,
    Compared(Threshold),
    /// Times, this long ago at most.
    Within(api::Duration, SeriesMatch),
}

#[derive(Debug)]
struct Selector {
    name: String,
    labels: Vec<(String, String)>,
    shown: String,
}

/// A sample that was selected: its value, and its time in seconds since 1970.
#[derive(Clone, Copy)]
struct Found {
    value: f64,
    time: Option<f64>,
}

impl Expectation {
    pub(super) fn new(check: &MetricsCheck) -> Result<Self, InvalidCheck> {
        if check.series.is_empty() || check.series.len() > MOST_SERIES {
            let problem = format!("has no entry, or more than {MOST_SERIES}");
            return Err(InvalidCheck::new("metrics.series", problem));
        }
        let required = check.series.iter().enumerate();
        let required = required.map(|(place, expected)| Required::new(place, expected));
        if check.age_of.is_some() && check.max_age.is_none() {
            return Err(InvalidCheck::new("metrics.ageOf", "needs maxAge"));
        }
        let age_of = check.age_of.as_ref();
        let age_of = age_of.map(|it| Selector::new(&it.name, &it.labels, "metrics.ageOf"));
        Ok(Self {
            required: required.collect::<Result<_, _>>()?,
            longest: check.max_age,
            age_of: age_of.transpose()?,
        })
    }

    /// The finding of a check on `answer`.
    pub(super) fn judge(&self, answer: Answer<'_>, target: &Target) -> Finding {
        let status = answer.status;
        if answer.authorized && [401, 403].contains(&status) {
            return Finding::unknown(
                FindingReason::CredentialsRefused,
                format!("status {status}: {target} refuses the check's credentials"),
            );
        }
        if status != 200 {
            return Finding::fail(
                FindingReason::UnexpectedStatus,
                format!("{target} answers with status {status}, expected 200"),
            );
        }
        let Some(body) = answer.body else {
            return Finding::unknown(
                FindingReason::NoData,
                format!("{target} exposes more than 1 MiB, the most that is read"),
            );
        };
        match self.select(body, Format::of(answer.content_type)) {
            Ok((required, ages)) => self.judge_found(&required, &ages, answer.now),
            Err(problem) => Finding::fail(
                FindingReason::UnexpectedBody,
                format!("{target} exposes no metrics that can be read: {problem}"),
            ),
        }
    }

    /// What each of the required series has, and `ageOf`.
    fn select(
        &self,
        body: &[u8],
        format: Format,
    ) -> Result<(Vec<Vec<Found>>, Vec<Found>), super::exposition::Malformed> {
        let mut found = vec![Vec::new(); self.required.len()];
        let mut ages = Vec::new();
        read(body, format, |sample| {
            let Sample { value, time, .. } = sample;
            for (required, found) in self.required.iter().zip(&mut found) {
                if required.selector.selects(&sample) {
                    found.push(Found { value, time });
                }
            }
            let age_of = self.age_of.as_ref();
            if age_of.is_some_and(|selector| selector.selects(&sample)) {
                ages.push(Found { value, time });
            }
        })?;
        Ok((found, ages))
    }

    fn judge_found(&self, required: &[Vec<Found>], ages: &[Found], now: i64) -> Finding {
        if let (Some(selector), Some(longest)) = (&self.age_of, self.longest)
            && let Err(finding) = gathered_lately(selector, ages, longest, now)
        {
            return finding;
        }
        let judged = self.required.iter().zip(required);
        let judged = judged.map(|(required, found)| required.judge(found, self.longest, now));
        worst(&judged.collect::<Vec<_>>())
    }
}

/// The worst verdict of `findings`, and what was found of it.
fn worst(findings: &[Finding]) -> Finding {
    for verdict in [Verdict::Fail, Verdict::Unknown, Verdict::Pass] {
        let mut same = findings.iter().filter(|it| it.verdict == verdict);
        if let Some(first) = same.next() {
            let mut finding = first.clone();
            let others = same.map(|it| format!("; {}", it.message));
            finding.message.extend(others);
            return match verdict {
                Verdict::Fail => Finding::fail(finding.reason, finding.message),
                Verdict::Unknown => Finding::unknown(finding.reason, finding.message),
                Verdict::Pass => Finding::pass(finding.message),
            };
        }
    }
    Finding::unknown(FindingReason::NoData, "no series was asked for")
}

impl Required {
    fn new(place: usize, expected: &SeriesExpectation) -> Result<Self, InvalidCheck> {
        let field = format!("metrics.series[{place}]");
        let values = match (expected.operator, &expected.value, expected.within) {
            (None, None, None) => Values::Anything,
            (None, None, Some(within)) => Values::Within(within, expected.must_hold),
            (Some(operator), Some(value), None) => Values::Compared(Threshold::new(
                operator,
                value,
                expected.must_hold,
                &format!("{field}.value"),
            )?),
            (Some(_), Some(_), Some(_)) => {
                let problem = "at most one of operator, within may be set";
                return Err(InvalidCheck::new(field, problem));
            }
            _ => return Err(InvalidCheck::new(field, "operator goes with value")),
        };
        Ok(Self {
            selector: Selector::new(&expected.name, &expected.labels, &field)?,
            values,
            at_least: expected.min_series.unwrap_or(1).max(1).into(),
        })
    }

    fn judge(&self, found: &[Found], longest: Option<api::Duration>, now: i64) -> Finding {
        let mut finding = self.judge_values(found, longest, now);
        finding.message = printable(
            &format!("{}: {}", self.selector.shown, finding.message),
            finding.message.len() + LONGEST_SHOWN,
        );
        finding
    }

    fn judge_values(&self, found: &[Found], longest: Option<api::Duration>, now: i64) -> Finding {
        let count = found.len();
        if count < self.at_least {
            let message = format!("{count} series, expected at least {}", self.at_least);
            return Finding::fail(FindingReason::UnexpectedValue, message);
        }
        let stale = |found: &&Found| match (found.time, longest) {
            (Some(time), Some(longest)) => age(time, longest, now).is_nan(),
            _ => false,
        };
        let old = found.iter().filter(stale).count();
        // What is old decides nothing, as what is no number.
        let values = found
            .iter()
            .map(|it| if stale(&it) { f64::NAN } else { it.value });
        let finding = match &self.values {
            Values::Anything if old == 0 => Finding::pass(format!("{count} series")),
            Values::Anything => Finding::unknown(FindingReason::NoData, ""),
            Values::Compared(threshold) => threshold.judge(&values.collect::<Vec<_>>()),
            Values::Within(within, series) => judge_heartbeat(values, *within, *series, now),
        };
        match longest {
            Some(longest) if old > 0 && finding.verdict == Verdict::Unknown => Finding::unknown(
                FindingReason::NoData,
                format!("{old} of {count} samples are not of the last {longest}"),
            ),
            _ => finding,
        }
    }
}

/// Heartbeats: the seconds since each of `times` against `within`. One that lies ahead by more than that tells nothing.
fn judge_heartbeat(
    times: impl Iterator<Item = f64>,
    within: api::Duration,
    series: SeriesMatch,
    now: i64,
) -> Finding {
    let limit = within.get().as_secs_f64();
    let ages: Vec<f64> = times
        .map(|time| seconds_since(time, now))
        .map(|age| if age < -limit { f64::NAN } else { age })
        .collect();
    let finding = Threshold::at_most(limit, series).judge(&ages);
    Finding {
        message: format!("seconds since it: {}", finding.message),
        ..finding
    }
}

/// Whether everything that `selector` selects is a time that is not too old. A missing one fails, as a missing series does.
fn gathered_lately(
    selector: &Selector,
    found: &[Found],
    longest: api::Duration,
    now: i64,
) -> Result<(), Finding> {
    let shown = &selector.shown;
    if found.is_empty() {
        let message = format!("{shown}: 0 series, expected at least 1");
        return Err(Finding::fail(FindingReason::UnexpectedValue, message));
    }
    let old = found
        .iter()
        .filter(|it| age(it.value, longest, now).is_nan());
    match old.count() {
        0 => Ok(()),
        old => Err(Finding::unknown(
            FindingReason::NoData,
            format!(
                "{shown}: {old} of {} metrics were not gathered in the last {longest}",
                found.len()
            ),
        )),
    }
}

/// How long ago `time` is; no number when that is longer than `longest`, or as far ahead.
fn age(time: f64, longest: api::Duration, now: i64) -> f64 {
    let age = seconds_since(time, now);
    if age.abs() <= longest.get().as_secs_f64() {
        age
    } else {
        f64::NAN
    }
}

fn seconds_since(time: f64, now: i64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time of our age in seconds has 31 bits"
    )]
    let now = now as f64;
    (now - time).round()
}

impl Selector {
    fn new(
        name: &str,
        labels: &BTreeMap<String, String>,
        field: &str,
    ) -> Result<Self, InvalidCheck> {
        let invalid =
            |part: &str, problem: &str| Err(InvalidCheck::new(format!("{field}.{part}"), problem));
        let bad = |name: &str| {
            name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control)
        };
        if bad(name) {
            return invalid("name", "is empty, too long, or holds a control character");
        }
        if labels.len() > MOST_LABELS {
            return invalid("labels", "has more than 16 entries");
        }
        if labels
            .iter()
            .any(|(name, value)| bad(name) || value.len() > LONGEST_NAME)
        {
            return invalid(
                "labels",
                "has a name or a value that is too long, or no name",
            );
        }
        let shown = labels
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"));
        let shown = match shown.collect::<Vec<_>>().join(",") {
            labels if labels.is_empty() => name.to_owned(),
            labels => format!("{name}{{{labels}}}"),
        };
        Ok(Self {
            name: name.to_owned(),
            labels: labels.clone().into_iter().collect(),
            shown: printable(&shown, LONGEST_SHOWN),
        })
    }

    fn selects(&self, sample: &Sample<'_>) -> bool {
        let has = |(name, value): &(String, String)| {
            let found = sample.labels.iter().find(|(label, _)| label == name);
            found.map_or("", |(_, value)| value) == value
        };
        self.name == sample.name && self.labels.iter().all(has)
    }
}

#[cfg(test)]
mod tests;
