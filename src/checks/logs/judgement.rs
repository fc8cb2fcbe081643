//! How many lines match, and the judgement on it: pure. No line gets into a message.

use std::time::Duration;

use regex::bytes::Regex;

use crate::{
    checks::verdict::{Finding, FindingReason},
    platforms::LinesRead,
};

/// Lines that there must not be too many of.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) name: String,
    pub(super) regex: Regex,
    pub(super) max_per_minute: u8,
}

impl Pattern {
    /// How many of these lines match.
    pub(super) fn count(&self, lines: &[String]) -> usize {
        let matching = lines
            .iter()
            .filter(|line| self.regex.is_match(line.as_bytes()));
        matching.count()
    }
}

/// The judgement on one pattern, whichever way it was counted. `unfiltered` are the newest lines of the service; `filtered`
/// those that the platform took to match, where the former are not all there are.
pub(super) fn judge(
    service: &str,
    pattern: &Pattern,
    unfiltered: &LinesRead,
    filtered: Option<&LinesRead>,
    span: Duration,
) -> Finding {
    let seen = pattern.count(&unfiltered.lines);
    let (count, is_whole) = match filtered {
        Some(filtered) => (pattern.count(&filtered.lines), filtered.is_whole),
        None => (seen, unfiltered.is_whole),
    };
    let Pattern {
        name,
        max_per_minute,
        ..
    } = pattern;
    // Less than a minute is not yet a rate.
    let minutes = span.as_secs_f64().max(60.0) / 60.0;
    let most = f64::from(*max_per_minute) * minutes;
    let found = count.max(seen);
    if to_number(found) > most {
        return Finding::fail(
            FindingReason::UnexpectedValue,
            format!(
                "service {service}: {found} lines in {minutes:.1} minutes match {name}, expected at most {max_per_minute} a minute"
            ),
        );
    }
    let unknown = |why: &str| {
        Finding::unknown(
            FindingReason::NoData,
            format!("service {service}: lines that match {name} cannot be counted: {why}"),
        )
    };
    if unfiltered.lines.is_empty() {
        return unknown("the service wrote nothing");
    }
    if count < seen {
        return unknown("the platform reads the pattern otherwise");
    }
    if !is_whole {
        return unknown("there are too many");
    }
    Finding::pass(format!(
        "service {service}: {count} lines in {minutes:.1} minutes match {name}"
    ))
}

fn to_number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    fn lines(matching: usize, others: usize, is_whole: bool) -> LinesRead {
        let matching = std::iter::repeat_n("ERROR canary".to_owned(), matching);
        let others = std::iter::repeat_n("fine".to_owned(), others);
        LinesRead {
            lines: matching.chain(others).collect(),
            is_whole,
        }
    }

    fn said(unfiltered: &LinesRead, filtered: Option<&LinesRead>, seconds: u64) -> Finding {
        let pattern = Pattern {
            name: "errors".to_owned(),
            regex: Regex::new("ERROR").unwrap(),
            max_per_minute: 2,
        };
        let span = Duration::from_secs(seconds);
        judge("api", &pattern, unfiltered, filtered, span)
    }

    #[test]
    fn a_rate_is_over_the_whole_window_and_no_line_is_shown() {
        for (matching, seconds, verdict) in [
            (0, 300, Verdict::Pass),
            (10, 300, Verdict::Pass),
            (11, 300, Verdict::Fail),
            (2, 60, Verdict::Pass),
            (3, 60, Verdict::Fail),
            (2, 5, Verdict::Pass),
            (3, 5, Verdict::Fail),
        ] {
            let finding = said(&lines(matching, 1, true), None, seconds);
            assert_eq!(finding.verdict, verdict, "{matching} in {seconds}");
            assert!(!finding.message.contains("canary"), "{}", finding.message);
        }
        let finding = said(&lines(3, 0, true), None, 60);
        assert_eq!(
            finding.message,
            "service api: 3 lines in 1.0 minutes match errors, expected at most 2 a minute"
        );
    }

    #[test]
    fn a_service_that_writes_nothing_is_no_pass() {
        let finding = said(&lines(0, 0, true), None, 60);
        assert_eq!(
            (finding.verdict, finding.reason),
            (Verdict::Unknown, FindingReason::NoData)
        );
    }

    #[test]
    fn of_more_lines_than_were_read_enough_is_a_failure_and_too_few_is_no_pass() {
        let newest = lines(1, 99, false);
        assert_eq!(said(&newest, None, 60).verdict, Verdict::Unknown);
        for (filtered, verdict) in [
            (lines(2, 0, true), Verdict::Pass),
            (lines(2, 0, false), Verdict::Unknown),
            (lines(3, 0, false), Verdict::Fail),
            (lines(0, 0, true), Verdict::Unknown),
        ] {
            let finding = said(&newest, Some(&filtered), 60);
            assert_eq!(finding.verdict, verdict, "{filtered:?}");
        }
    }

    #[test]
    fn what_the_platform_filters_wrongly_is_counted_here() {
        let newest = lines(0, 100, false);
        let astray = lines(1, 50, true);
        let finding = said(&newest, Some(&astray), 60);
        assert_eq!(
            finding.message,
            "service api: 1 lines in 1.0 minutes match errors"
        );
    }
}
