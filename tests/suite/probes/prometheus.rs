//! The `prometheus` check against Debian's server, which scrapes an exporter of this process, and against servers that misbehave.

use std::time::Duration;

use jiff::Timestamp;
use plumbline::{
    api::PrometheusCheck,
    checks::{
        prometheus::PrometheusProbe,
        verdict::{
            FindingReason::{self, *},
            Measurement,
            Verdict::{self, *},
        },
    },
};
use secrecy::SecretString;

use super::{assert_says, measure, measure_within, network};
use crate::support::{
    eventually::eventually,
    hostile::{Behaviour, Server},
    prometheus::{PASSWORD, Prometheus, USER},
};

fn compile(yaml: &str, secret: Option<&str>) -> Result<PrometheusProbe, String> {
    let check: PrometheusCheck = serde_yaml::from_str(yaml).unwrap();
    PrometheusProbe::new(&check, &|_| secret.map(SecretString::from))
        .map_err(|error| error.to_string())
}

async fn ask(url: &str, rest: &str) -> Measurement {
    let probe = compile(&format!("url: {url}\n{rest}"), Some(PASSWORD)).unwrap();
    measure(&probe, &network().session()).await
}

async fn scraped(server: &Prometheus, query: &str) {
    let rest = format!("query: '{query}'\noperator: AtLeast\nvalue: '-1000000'");
    eventually("the exporter is scraped", || async {
        let measured = ask(&server.url(), &rest).await;
        (measured.finding.verdict == Pass)
            .then_some(())
            .ok_or(measured.finding)
    })
    .await;
}

/// Queries, how their results are held, and what comes of it.
const QUERIES: [(&str, &str, Verdict, FindingReason); 19] = [
    ("depth", "operator: AtMost\nvalue: '40'", Pass, Passed),
    (
        "depth",
        "operator: AtMost\nvalue: '39.5'",
        Fail,
        UnexpectedValue,
    ),
    (
        "depth",
        "operator: AtMost\nvalue: '39'\nseries: Any",
        Pass,
        Passed,
    ),
    (
        "depth",
        "operator: LessThan\nvalue: '4'\nseries: Any",
        Fail,
        UnexpectedValue,
    ),
    (
        "sum(depth) # both",
        "operator: Equals\nvalue: '44'",
        Pass,
        Passed,
    ),
    (
        "scalar(sum(depth))",
        "operator: Equals\nvalue: '44'",
        Pass,
        Passed,
    ),
    (
        "depth",
        "operator: AtMost\nvalue: '40'\nmaxAge: 30s",
        Pass,
        Passed,
    ),
    (
        "depth # both",
        "operator: AtMost\nvalue: '40'\nmaxAge: 30s",
        Pass,
        Passed,
    ),
    ("beat", "operator: AtLeast\nvalue: '0'", Pass, Passed),
    (
        "beat",
        "operator: AtLeast\nvalue: '0'\nmaxAge: 1m",
        Unknown,
        NoData,
    ),
    (
        "beat",
        "operator: AtLeast\nvalue: '0'\nmaxAge: 1h",
        Pass,
        Passed,
    ),
    ("missing", "operator: AtMost\nvalue: '1'", Unknown, NoData),
    (
        "missing",
        "operator: AtMost\nvalue: '1'\nmaxAge: 1m",
        Unknown,
        NoData,
    ),
    ("broken", "operator: AtMost\nvalue: '1'", Unknown, NoData),
    (
        "0 / (depth - depth) * 0",
        "operator: AtMost\nvalue: '1'",
        Unknown,
        NoData,
    ),
    (
        "depth[1m]",
        "operator: AtMost\nvalue: '1'",
        Unknown,
        InvalidQuery,
    ),
    (
        "\"text\"",
        "operator: AtMost\nvalue: '1'",
        Unknown,
        InvalidQuery,
    ),
    (
        "canary(",
        "operator: AtMost\nvalue: '1'",
        Unknown,
        InvalidQuery,
    ),
    (
        "depth * on() depth",
        "operator: AtMost\nvalue: '1'",
        Unknown,
        InvalidQuery,
    ),
];

#[tokio::test]
async fn a_result_is_held_to_its_threshold_and_no_data_is_unknown() {
    let old = (Timestamp::now() - Duration::from_mins(2)).as_millisecond();
    let metrics =
        format!("depth{{queue=\"a\"}} 4\ndepth{{queue=\"b\"}} 40\nbroken NaN\nbeat {old} {old}\n");
    let Some(server) = Prometheus::start(&metrics, false).await else {
        return;
    };
    scraped(&server, "depth").await;
    for (query, rest, verdict, reason) in QUERIES {
        let measured = ask(&server.url(), &format!("query: '{query}'\n{rest}")).await;
        let found = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            found,
            (verdict, reason),
            "{query}: {}",
            measured.finding.message
        );
        assert!(!measured.finding.message.contains("canary"));
    }
    let phases = ask(
        &server.url(),
        "query: depth\noperator: AtMost\nvalue: '40'\nmaxAge: 1m",
    )
    .await
    .phases;
    assert!(phases.connect.is_some() && phases.first_byte.is_some());
}

#[tokio::test]
async fn a_series_that_is_no_longer_exposed_is_no_data() {
    let Some(server) = Prometheus::start("depth 4\n", false).await else {
        return;
    };
    scraped(&server, "depth").await;
    server.expose("other 1\n");
    eventually("the series is gone", || async {
        let measured = ask(&server.url(), "query: depth\noperator: AtMost\nvalue: '4'").await;
        let said = (measured.finding.verdict, measured.finding.reason);
        (said == (Unknown, NoData)).then_some(()).ok_or(said)
    })
    .await;
}

#[tokio::test]
async fn credentials_let_in_and_refused_ones_are_unknown() {
    let Some(server) = Prometheus::start("depth 4\n", true).await else {
        return;
    };
    let rest = "query: vector(1)\noperator: Equals\nvalue: '1'";
    let basic = format!(
        "url: {}\n{rest}\nbasic: {{user: {USER}, password: {{secretKeyRef: {{name: a, key: b}}}}}}",
        server.url()
    );
    for (secret, verdict, reason) in [
        (PASSWORD, Pass, Passed),
        ("canary-wrong", Unknown, CredentialsRefused),
    ] {
        let probe = compile(&basic, Some(secret)).unwrap();
        let measured = measure(&probe, &network().session()).await;
        assert_says(&measured, verdict, reason);
        assert!(!format!("{probe:?}{}", measured.finding.message).contains("canary"));
    }
    let measured = ask(&server.url(), rest).await;
    assert_says(&measured, Fail, UnexpectedStatus);
}

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let server = Server::start(Behaviour::Echo).await;
    let yaml = format!(
        "url: {}\nquery: canary\noperator: Equals\nvalue: '1'\nbearerToken: {{secretKeyRef: {{name: a, key: b}}}}",
        server.url("/prefix/")
    );
    let probe = compile(&yaml, Some(PASSWORD)).unwrap();
    let measured = measure(&probe, &network().session()).await;
    assert_says(&measured, Fail, UnexpectedBody);
    assert!(!format!("{probe:?}{}", measured.finding.message).contains("canary"));
    let request = server.requests()[0].clone();
    assert!(
        request
            .head
            .starts_with("POST /prefix/api/v1/query HTTP/1.1")
    );
    assert!(
        request
            .head
            .contains(&format!("authorization: Bearer {PASSWORD}"))
    );
    assert_eq!(request.body, b"query=canary");
    for secret in [None, Some(""), Some("canary\r\nx: y")] {
        let error = compile(&yaml, secret).unwrap_err();
        assert!(error.starts_with("prometheus.bearerToken: "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_misbehaves_fails_within_its_bounds() {
    let cases: [(Behaviour, Verdict, FindingReason); 8] = [
        (Behaviour::Hang, Fail, TimedOut),
        (Behaviour::Drip(Duration::from_millis(50)), Fail, TimedOut),
        (Behaviour::CloseInBody, Fail, ConnectionReset),
        (Behaviour::ResetInBody, Fail, ConnectionReset),
        (
            Behaviour::Raw(b"SSH-2.0-x\r\n".to_vec()),
            Fail,
            ProtocolError,
        ),
        (
            Behaviour::Json(503, "{}".to_owned()),
            Fail,
            UnexpectedStatus,
        ),
        (Behaviour::Ok, Fail, UnexpectedBody),
        (Behaviour::Endless, Unknown, InvalidQuery),
    ];
    for (behaviour, verdict, reason) in cases {
        let server = Server::start(behaviour).await;
        let yaml = format!(
            "url: {}\nquery: up\noperator: Equals\nvalue: '1'",
            server.url("")
        );
        let probe = compile(&yaml, None).unwrap();
        let limit = Duration::from_secs(2);
        let measured = measure_within(limit, &probe, &network().session()).await;
        assert_says(&measured, verdict, reason);
    }
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_field() {
    for (yaml, field) in [
        (
            "{url: 'ftp://a', query: up, operator: Equals, value: '1'}",
            "url",
        ),
        (
            "{url: 'http://u:p@a', query: up, operator: Equals, value: '1'}",
            "url",
        ),
        (
            "{url: 'http://a/?x=1', query: up, operator: Equals, value: '1'}",
            "url",
        ),
        (
            "{url: 'http://a/#x', query: up, operator: Equals, value: '1'}",
            "url",
        ),
        (
            "{url: 'http://a', query: ' ', operator: Equals, value: '1'}",
            "query",
        ),
        (
            "{url: 'http://a', query: up, operator: Equals, value: 'NaN'}",
            "value",
        ),
        (
            "{url: 'http://a', query: up, operator: Equals, value: 'inf'}",
            "value",
        ),
        (
            "{url: 'http://a', query: up, operator: Equals, value: '1e999'}",
            "value",
        ),
        (
            "{url: 'http://a', query: up, operator: Equals, value: ''}",
            "value",
        ),
    ] {
        let error = compile(yaml, None).unwrap_err();
        assert!(
            error.starts_with(&format!("prometheus.{field}: ")),
            "{error}"
        );
    }
}
