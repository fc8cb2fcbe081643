use FindingReason::{
    CredentialsRefused, NoData, Passed, UnexpectedBody, UnexpectedStatus, UnexpectedValue,
};
use Verdict::{Fail, Pass, Unknown};

use super::*;

const NOW: i64 = 1_800_000_000;

fn expectation(yaml: &str) -> Result<Expectation, InvalidCheck> {
    let check: MetricsCheck = serde_yaml::from_str(&format!("url: http://a\n{yaml}")).unwrap();
    Expectation::new(&check)
}

fn answer(body: &str) -> Answer<'_> {
    Answer {
        status: 200,
        content_type: Some("text/plain"),
        body: Some(body.as_bytes()),
        now: NOW,
        authorized: true,
    }
}

fn judge(yaml: &str, answer: Answer<'_>) -> Finding {
    let target = Target::new("api.example.com", 9100).unwrap();
    expectation(yaml).unwrap().judge(answer, &target)
}

const METRICS: &str = "up 1\n\
    depth{queue=\"mail\",shard=\"a\"} 4\n\
    depth{queue=\"mail\",shard=\"b\"} 40\n\
    depth{queue=\"print\"} NaN\n\
    beat{job=\"a\"} 1799999970\n\
    beat{job=\"b\"} 1799999000.5\n\
    ahead 1800003600\n\
    milliseconds 1800000000000\n\
    fresh 1 1799999995000\n\
    old 1 1799999000000\n\
    later 1 1800001000000\n\
    mixed{a=\"1\"} 1 1799999995000\n\
    mixed{a=\"2\"} 2 1799999000000\n";

#[test]
fn series_must_be_there_and_their_values_hold() {
    for (entry, verdict, reason) in [
        ("{name: up}", Pass, Passed),
        ("{name: upp}", Fail, UnexpectedValue),
        (
            "{name: missing, operator: AtLeast, value: '0'}",
            Fail,
            UnexpectedValue,
        ),
        ("{name: depth, minSeries: 3}", Pass, Passed),
        ("{name: depth, minSeries: 4}", Fail, UnexpectedValue),
        (
            "{name: depth, labels: {queue: mail}, minSeries: 2}",
            Pass,
            Passed,
        ),
        (
            "{name: depth, labels: {queue: mail, shard: a}, operator: Equals, value: '4'}",
            Pass,
            Passed,
        ),
        (
            "{name: depth, labels: {queue: mail, shard: c}}",
            Fail,
            UnexpectedValue,
        ),
        (
            "{name: depth, labels: {queue: mail, shard: ''}}",
            Fail,
            UnexpectedValue,
        ),
        (
            "{name: depth, labels: {queue: print, shard: ''}}",
            Pass,
            Passed,
        ),
        (
            "{name: depth, labels: {queue: mail}, operator: AtMost, value: '40'}",
            Pass,
            Passed,
        ),
        (
            "{name: depth, labels: {queue: mail}, operator: AtMost, value: '39'}",
            Fail,
            UnexpectedValue,
        ),
        (
            "{name: depth, labels: {queue: mail}, operator: AtMost, value: '4', mustHold: Any}",
            Pass,
            Passed,
        ),
        (
            "{name: depth, operator: AtMost, value: '40'}",
            Unknown,
            NoData,
        ),
        (
            "{name: depth, operator: AtMost, value: '39'}",
            Fail,
            UnexpectedValue,
        ),
        (
            "{name: depth, operator: AtMost, value: '39', mustHold: Any}",
            Pass,
            Passed,
        ),
        (
            "{name: depth, operator: AtMost, value: '3', mustHold: Any}",
            Unknown,
            NoData,
        ),
        (
            "{name: depth, labels: {queue: print}, operator: AtMost, value: '1'}",
            Unknown,
            NoData,
        ),
    ] {
        let finding = judge(&format!("series: [{entry}]"), answer(METRICS));
        let found = (finding.verdict, finding.reason);
        assert_eq!(found, (verdict, reason), "{entry}: {}", finding.message);
    }
}

#[test]
fn a_heartbeat_is_of_late_and_one_from_the_future_tells_nothing() {
    for (entry, verdict, reason) in [
        ("{name: beat, labels: {job: a}, within: 30s}", Pass, Passed),
        (
            "{name: beat, labels: {job: a}, within: 29s}",
            Fail,
            UnexpectedValue,
        ),
        ("{name: beat, within: 1m}", Fail, UnexpectedValue),
        ("{name: beat, within: 1m, mustHold: Any}", Pass, Passed),
        ("{name: beat, within: 1h}", Pass, Passed),
        ("{name: ahead, within: 59m}", Unknown, NoData),
        ("{name: milliseconds, within: 24h}", Unknown, NoData),
        (
            "{name: depth, labels: {queue: print}, within: 1m}",
            Unknown,
            NoData,
        ),
    ] {
        let finding = judge(&format!("series: [{entry}]"), answer(METRICS));
        let found = (finding.verdict, finding.reason);
        assert_eq!(found, (verdict, reason), "{entry}: {}", finding.message);
    }
}

#[test]
fn what_is_too_old_decides_nothing() {
    for (entry, verdict, reason) in [
        ("{name: up}", Pass, Passed),
        ("{name: fresh}", Pass, Passed),
        ("{name: old}", Unknown, NoData),
        ("{name: later}", Unknown, NoData),
        ("{name: old, operator: Equals, value: '1'}", Unknown, NoData),
        ("{name: old, operator: Equals, value: '2'}", Unknown, NoData),
        ("{name: mixed}", Unknown, NoData),
        (
            "{name: mixed, operator: AtMost, value: '2'}",
            Unknown,
            NoData,
        ),
        (
            "{name: mixed, operator: AtMost, value: '0'}",
            Fail,
            UnexpectedValue,
        ),
        (
            "{name: mixed, operator: AtMost, value: '1', mustHold: Any}",
            Pass,
            Passed,
        ),
    ] {
        let finding = judge(&format!("series: [{entry}]\nmaxAge: 1m"), answer(METRICS));
        let found = (finding.verdict, finding.reason);
        assert_eq!(found, (verdict, reason), "{entry}: {}", finding.message);
        let finding = judge(&format!("series: [{entry}]\nmaxAge: 1h"), answer(METRICS));
        assert_ne!(finding.verdict, Unknown, "{entry}: {}", finding.message);
    }
}

#[test]
fn metrics_that_were_not_gathered_lately_tell_nothing() {
    for (age_of, verdict, reason) in [
        ("{name: beat, labels: {job: a}}", Fail, UnexpectedValue),
        ("{name: beat}", Unknown, NoData),
        ("{name: ahead}", Unknown, NoData),
        ("{name: milliseconds}", Unknown, NoData),
        ("{name: depth, labels: {queue: print}}", Unknown, NoData),
        ("{name: missing}", Fail, UnexpectedValue),
    ] {
        let yaml = format!(
            "series: [{{name: up, operator: Equals, value: '2'}}]\nmaxAge: 1m\nageOf: {age_of}"
        );
        let finding = judge(&yaml, answer(METRICS));
        let found = (finding.verdict, finding.reason);
        assert_eq!(found, (verdict, reason), "{age_of}: {}", finding.message);
    }
}

#[test]
fn the_worst_of_several_counts_and_all_of_its_kind_are_told() {
    let yaml = "series:\n- {name: up}\n- {name: depth, operator: AtMost, value: '1'}\n- {name: gone}\n\
                - {name: depth, labels: {queue: print}, operator: Equals, value: '1'}";
    let finding = judge(yaml, answer(METRICS));
    assert_eq!(finding.verdict, Fail);
    assert_eq!(
        finding.message,
        "depth: value 4, expected at most 1 of all 3 series; gone: 0 series, expected at least 1"
    );
    let yaml = "series:\n- {name: up}\n- {name: depth, labels: {queue: print}, operator: Equals, value: '1'}";
    let finding = judge(yaml, answer(METRICS));
    assert_eq!(finding.verdict, Unknown);
    assert_eq!(
        finding.message,
        "depth{queue=\"print\"}: 1 of 1 values are no number"
    );
    let finding = judge("series: [{name: up}, {name: beat}]", answer(METRICS));
    assert_eq!(finding.message, "up: 1 series; beat: 2 series");
}

#[test]
fn an_answer_without_metrics_is_no_pass() {
    let yaml = "series: [{name: up}]";
    let good = answer(METRICS);
    let cases = [
        (
            Answer {
                status: 401,
                ..good
            },
            Unknown,
            CredentialsRefused,
        ),
        (
            Answer {
                status: 403,
                ..good
            },
            Unknown,
            CredentialsRefused,
        ),
        (
            Answer {
                status: 403,
                authorized: false,
                ..good
            },
            Fail,
            UnexpectedStatus,
        ),
        (
            Answer {
                status: 204,
                ..good
            },
            Fail,
            UnexpectedStatus,
        ),
        (
            Answer {
                status: 302,
                ..good
            },
            Fail,
            UnexpectedStatus,
        ),
        (
            Answer {
                status: 503,
                ..good
            },
            Fail,
            UnexpectedStatus,
        ),
        (Answer { body: None, ..good }, Unknown, NoData),
        (answer(""), Fail, UnexpectedValue),
        (answer("up 1"), Fail, UnexpectedBody),
        (answer("<html>canary</html>"), Fail, UnexpectedBody),
        (answer("up 1\ncanary\n"), Fail, UnexpectedBody),
        (
            Answer {
                content_type: Some("application/openmetrics-text"),
                ..answer("up 1\n")
            },
            Fail,
            UnexpectedBody,
        ),
    ];
    for (answer, verdict, reason) in cases {
        let finding = judge(yaml, answer);
        let found = (finding.verdict, finding.reason);
        assert_eq!(found, (verdict, reason), "{answer:?}: {}", finding.message);
        assert!(!finding.message.contains("canary"), "{}", finding.message);
    }
}

#[test]
fn a_message_is_bounded_however_long_the_selectors_are() {
    let long = "é".repeat(256);
    let entry = format!("{{name: '{long}', labels: {{a: '{long}'}}}}");
    let yaml = format!("series: [{}]", [&*entry; 32].join(","));
    let finding = judge(&yaml, answer(METRICS));
    assert!(finding.message.len() <= crate::checks::verdict::MAX_MESSAGE_BYTES);
}

#[test]
fn what_cannot_be_expected_is_refused_with_its_field() {
    let labels = (0..17).map(|place| format!("l{place}: x"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    for (yaml, field) in [
        ("series: []".to_owned(), "series"),
        (
            format!("series: [{}]", ["{name: a}"; 33].join(",")),
            "series",
        ),
        ("series: [{name: ''}]".to_owned(), "series[0].name"),
        (
            "series: [{name: a}, {name: \"a\\nb\"}]".to_owned(),
            "series[1].name",
        ),
        (
            format!("series: [{{name: a, labels: {{{labels}}}}}]"),
            "series[0].labels",
        ),
        (
            "series: [{name: a, labels: {'': x}}]".to_owned(),
            "series[0].labels",
        ),
        (
            "series: [{name: a, operator: Equals}]".to_owned(),
            "series[0]",
        ),
        ("series: [{name: a, value: '1'}]".to_owned(), "series[0]"),
        (
            "series: [{name: a, operator: Equals, value: NaN}]".to_owned(),
            "series[0].value",
        ),
        (
            "series: [{name: a, operator: Equals, value: '1', within: 1m}]".to_owned(),
            "series[0]",
        ),
        ("series: [{name: a}]\nageOf: {name: b}".to_owned(), "ageOf"),
        (
            "series: [{name: a}]\nmaxAge: 1m\nageOf: {name: ''}".to_owned(),
            "ageOf.name",
        ),
    ] {
        let error = expectation(&yaml).err().unwrap();
        assert_eq!(error.field, format!("metrics.{field}"), "{yaml}");
    }
}
