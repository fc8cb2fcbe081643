use proptest::prelude::*;

use super::*;
use crate::checks::{
    net::Target,
    performance::statistics::Sample,
    verdict::Verdict::{self, *},
};

fn limits(yaml: &str) -> Result<Limits, InvalidCheck> {
    let check: PerformanceCheck = serde_yaml::from_str(&format!("url: http://a\n{yaml}")).unwrap();
    Limits::new(&check)
}

fn good(millis: &[u64]) -> Vec<Outcome> {
    let sample = |millis: &u64| {
        let latency = Duration::from_millis(*millis);
        let phases = Phases {
            first_byte: Some(latency),
            ..Phases::default()
        };
        Outcome::Answered(Sample { latency, phases })
    };
    millis.iter().map(sample).collect()
}

fn refused() -> Outcome {
    Outcome::Failed(Finding::fail(
        FindingReason::ConnectionRefused,
        format!("{} refused the connection", Target::new("a", 80).unwrap()),
    ))
}

fn ours() -> Outcome {
    Outcome::Failed(Finding::unknown(FindingReason::ResolverFailed, "no answer"))
}

fn cut_off() -> Outcome {
    Outcome::CutOff(Finding::fail(FindingReason::TimedOut, "a:80 timed out"))
}

fn judged(yaml: &str, outcomes: Vec<Outcome>) -> (Verdict, FindingReason, String) {
    let observation = Observation {
        outcomes,
        elapsed: Duration::from_secs(2),
        before: None,
    };
    let finding = limits(yaml).unwrap().judge(&observation);
    (finding.verdict, finding.reason, finding.message)
}

#[test]
fn each_percentile_has_a_threshold_of_its_own() {
    let hundred: Vec<u64> = (1..=100).collect();
    for (yaml, verdict) in [
        ("maxP50: 50ms", Pass),
        ("maxP50: 49ms", Fail),
        ("maxP95: 95ms", Pass),
        ("maxP95: 94ms", Fail),
        ("maxP99: 99ms", Pass),
        ("maxP99: 98ms", Fail),
    ] {
        let (found, reason, message) = judged(&format!("samples: 100\n{yaml}"), good(&hundred));
        assert_eq!(found, verdict, "{yaml}: {message}");
        assert_eq!(reason == FindingReason::TooSlow, verdict == Fail);
    }
    let (_, _, message) = judged("samples: 100\nmaxP95: 90ms", good(&hundred));
    let expected = "p95 95ms, over 90ms (100 good answers; the slowest spend 100% of their time in phase first byte)";
    assert_eq!(message, expected);
}

#[test]
fn a_regression_is_above_both_the_percentage_and_the_noise() {
    let yaml = |noise: &str| {
        format!(
            "baseline: {{p50: 100ms, p95: 100ms, samples: 20, maxRegressionPercent: 20, noise: {noise}}}"
        )
    };
    for (millis, noise, verdict) in [
        (100, "0s", Pass),
        (90, "0s", Pass),
        (120, "0s", Pass),
        (121, "0s", Fail),
        (121, "21ms", Pass),
        (122, "21ms", Fail),
        // Far above the noise, and not above the percentage.
        (120, "1ms", Pass),
    ] {
        let (found, _, message) = judged(&yaml(noise), good(&[millis; 20]));
        assert_eq!(found, verdict, "{millis} with {noise}: {message}");
    }
    let (_, reason, message) = judged(&yaml("10ms"), good(&[150; 20]));
    assert_eq!(reason, FindingReason::TooSlow);
    let start =
        "p50 150ms, 50% over its baseline of 100ms, expected at most 20% or 10ms, p95 150ms";
    assert!(message.starts_with(start), "{message}");
}

#[test]
fn errors_are_held_against_their_rate_and_none_is_allowed_unless_said() {
    let outcomes = |errors: usize| {
        let mut outcomes = good(&vec![10; 20 - errors]);
        outcomes.extend(vec![refused(); errors]);
        outcomes
    };
    for (yaml, errors, verdict) in [
        ("maxP50: 1s", 0, Pass),
        ("maxP50: 1s", 1, Fail),
        ("maxErrorRate: 5%", 1, Pass),
        ("maxErrorRate: 4.9%", 1, Fail),
        ("maxErrorRate: 100%", 10, Pass),
        // So many errors that latency has too few samples, yet the errors decide.
        ("maxErrorRate: 50%", 15, Fail),
        ("maxErrorRate: 80%", 15, Unknown),
    ] {
        let (found, reason, message) = judged(yaml, outcomes(errors));
        assert_eq!(found, verdict, "{yaml}, {errors}: {message}");
        match verdict {
            Fail => assert_eq!(reason, FindingReason::UnexpectedValue),
            Unknown => assert_eq!(reason, FindingReason::NoData),
            Pass => {}
        }
    }
    let (_, _, message) = judged("maxErrorRate: 0.5%", outcomes(1));
    let expected = "1 of 20 requests went wrong, 5%, expected at most 0.5%; the first: a:80 refused the connection";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn throughput_counts_good_answers_over_the_whole_time() {
    for (least, verdict) in [(10, Pass), (11, Fail)] {
        let yaml = format!("minThroughput: {least}");
        let (found, _, message) = judged(&yaml, good(&[10; 20]));
        assert_eq!(found, verdict, "{message}");
    }
    // 19 in two seconds are 9.5.
    let yaml = "minThroughput: 10\nmaxErrorRate: 100%";
    let (found, _, message) = judged(yaml, [good(&[10; 19]), vec![refused()]].concat());
    assert_eq!(found, Fail);
    assert!(message.starts_with("9.5 good answers in a second, under 10"));
}

#[test]
fn too_few_good_answers_decide_nothing() {
    for (count, verdict) in [(9, Unknown), (10, Pass)] {
        let (found, reason, _) = judged("maxP50: 1s", good(&vec![10; count]));
        assert_eq!(found, verdict);
        assert_eq!(reason == FindingReason::NoData, verdict == Unknown);
    }
    // Slow ones as well.
    assert_eq!(judged("maxP50: 1ms", good(&[10; 9])).0, Unknown);
    let (found, _, message) = judged("maxP50: 1s\nminSamples: 5", good(&[10; 4]));
    assert_eq!(found, Unknown);
    assert_eq!(message, "4 good answers by the deadline, under 5");
}

#[test]
fn what_is_cut_off_or_our_own_trouble_is_no_error() {
    for extra in [cut_off(), ours()] {
        let outcomes = [good(&[10; 12]), vec![extra; 8]].concat();
        assert_eq!(judged("maxP50: 1s", outcomes).0, Pass);
    }
}

#[test]
fn without_an_answer_it_is_the_first_error_that_counts() {
    let reason = |outcomes| judged("maxP50: 1s", outcomes).1;
    let status = || Outcome::Failed(Finding::fail(FindingReason::UnexpectedStatus, "500"));
    assert_eq!(
        reason(vec![refused(), status()]),
        FindingReason::ConnectionRefused
    );
    assert_eq!(
        reason(vec![ours(), status()]),
        FindingReason::UnexpectedStatus
    );
    assert_eq!(
        reason(vec![cut_off(), ours()]),
        FindingReason::ResolverFailed
    );
    assert_eq!(reason(vec![cut_off()]), FindingReason::TimedOut);
    assert_eq!(reason(Vec::new()), FindingReason::NoData);
    let observation = Observation {
        outcomes: Vec::new(),
        elapsed: Duration::ZERO,
        before: Some(Finding::fail(FindingReason::TimedOut, "warming up")),
    };
    let finding = limits("maxP50: 1s").unwrap().judge(&observation);
    assert_eq!(finding.reason, FindingReason::TimedOut);
}

#[test]
fn what_cannot_be_judged_is_refused_with_its_field() {
    for (yaml, field) in [
        ("samples: 20", "performance"),
        ("maxP50: 1s\nminSamples: 21", "performance.minSamples"),
        ("maxP50: 1s\nminSamples: 4", "performance.minSamples"),
        ("maxErrorRate: 101%", "performance.maxErrorRate"),
        (
            "baseline: {p50: 2ms, p95: 1ms, samples: 20}",
            "performance.baseline.p50",
        ),
        (
            "baseline: {p50: 0s, p95: 1ms, samples: 20}",
            "performance.baseline.p50",
        ),
        (
            "baseline: {p50: 1ms, p95: 2ms, samples: 9}",
            "performance.baseline.samples",
        ),
    ] {
        assert_eq!(limits(yaml).err().unwrap().field, field, "{yaml}");
    }
}

#[test]
fn a_rate_is_a_percentage_with_one_decimal() {
    for (text, expected) in [
        ("0%", Some(0)),
        ("0.5%", Some(5)),
        ("99.9%", Some(999)),
        ("100%", Some(1000)),
        ("100.0%", Some(1000)),
        ("100.1%", None),
        ("5", None),
        ("%", None),
        (".5%", None),
        ("5.%", None),
        ("0.05%", None),
        ("-1%", None),
        ("+1%", None),
        ("1e1%", None),
        ("٣%", None),
    ] {
        assert_eq!(permille(text), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reading_of_a_rate(text in ".*") {
        let percent = format!("{text}%");
        prop_assert!(permille(&text).is_none_or(|it| it <= 1000));
        prop_assert!(permille(&percent).is_none_or(|it| it <= 1000));
    }

    #[test]
    fn every_rate_reads_what_it_writes(rate in 0_usize..=1000) {
        prop_assert_eq!(permille(&percentage(rate)), Some(rate));
    }
}

#[test]
fn every_rate_is_read_as_the_schema_reads_it() {
    let pattern = regex::Regex::new(r"^(100|[0-9]{1,2}(\.[0-9])?)%$").unwrap();
    crate::fuzz::hold_text("error_rate", |text| match permille(text) {
        Some(rate) => assert_eq!(permille(&percentage(rate)), Some(rate), "{text:?}"),
        None => assert!(!pattern.is_match(text), "{text:?}"),
    });
}
