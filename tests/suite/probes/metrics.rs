//! The `metrics` check against what Debian's Prometheus server exposes of itself, and against endpoints that misbehave.

use std::time::Duration;

use jiff::Timestamp;
use plumbline::{
    api::MetricsCheck,
    checks::{
        metrics::MetricsProbe,
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
    prometheus::Prometheus,
};

const TOKEN: &str = "canary-4f1d";

fn compile(yaml: &str, secret: Option<&str>) -> Result<MetricsProbe, String> {
    let check: MetricsCheck = serde_yaml::from_str(yaml).unwrap();
    MetricsProbe::new(&check, &|_| secret.map(SecretString::from))
        .map_err(|error| error.to_string())
}

async fn ask(url: &str, rest: &str) -> Measurement {
    let probe = compile(&format!("url: {url}\n{rest}"), None).unwrap();
    measure(&probe, &network().session()).await
}

fn exposed(content_type: &str, metrics: &[u8]) -> Behaviour {
    let length = metrics.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    );
    Behaviour::Raw([head.as_bytes(), metrics].concat())
}

/// What is true of any Prometheus server, and what is not.
const OF_ITSELF: [(&str, Verdict, FindingReason); 12] = [
    (
        "{name: prometheus_build_info, operator: Equals, value: '1'}",
        Pass,
        Passed,
    ),
    (
        "{name: go_goroutines, operator: GreaterThan, value: '0'}",
        Pass,
        Passed,
    ),
    (
        "{name: go_goroutines, operator: GreaterThan, value: '1e9'}",
        Fail,
        UnexpectedValue,
    ),
    (
        "{name: process_start_time_seconds, within: 1h}",
        Pass,
        Passed,
    ),
    (
        "{name: go_gc_duration_seconds, labels: {quantile: '0.5'}}",
        Pass,
        Passed,
    ),
    ("{name: go_gc_duration_seconds, minSeries: 5}", Pass, Passed),
    (
        "{name: go_gc_duration_seconds, minSeries: 6}",
        Fail,
        UnexpectedValue,
    ),
    (
        "{name: prometheus_http_request_duration_seconds_bucket, labels: {handler: /metrics, le: +Inf}}",
        Pass,
        Passed,
    ),
    (
        "{name: prometheus_http_requests_total, labels: {code: '200'}}",
        Pass,
        Passed,
    ),
    (
        "{name: prometheus_http_requests_total, labels: {code: '299'}}",
        Fail,
        UnexpectedValue,
    ),
    (
        "{name: promhttp_metric_handler_requests_in_flight, operator: AtLeast, value: '1'}",
        Pass,
        Passed,
    ),
    ("{name: missing}", Fail, UnexpectedValue),
];

#[tokio::test]
async fn what_prometheus_exposes_of_itself_is_read() {
    let Some(server) = Prometheus::start("up 1\n", false).await else {
        return;
    };
    let url = format!("{}/metrics", server.url());
    // Series of requests are there once there was one.
    ask(&url, "series: [{name: go_goroutines}]").await;
    for (entry, verdict, reason) in OF_ITSELF {
        let measured = ask(&url, &format!("series: [{entry}]")).await;
        let found = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            found,
            (verdict, reason),
            "{entry}: {}",
            measured.finding.message
        );
    }
}

#[tokio::test]
async fn the_content_type_decides_how_times_and_the_end_are_read() {
    let open_metrics = "application/openmetrics-text; version=1.0.0";
    let seconds = Timestamp::now().as_second();
    let whole = format!("up 1 {seconds}\n# EOF\n");
    let cut_off = format!("up 1 {seconds}\n");
    let text = format!("up 1 {seconds}000\n");
    for (content_type, metrics, verdict, reason) in [
        (open_metrics, &whole, Pass, Passed),
        (open_metrics, &cut_off, Fail, UnexpectedBody),
        (open_metrics, &text, Fail, UnexpectedBody),
        ("text/plain", &text, Pass, Passed),
        // Seconds taken for milliseconds.
        ("text/plain", &whole, Unknown, NoData),
    ] {
        let server = Server::start(exposed(content_type, metrics.as_bytes())).await;
        let measured = ask(&server.url("/"), "series: [{name: up}]\nmaxAge: 1m").await;
        assert_says(&measured, verdict, reason);
    }
}

#[tokio::test]
async fn what_the_server_scrapes_and_exposes_again_is_as_old_as_its_time_says() {
    let Some(server) = Prometheus::start("depth 4\n", false).await else {
        return;
    };
    let url = format!("{}/federate?match[]=depth", server.url());
    let rest =
        "series: [{name: depth, labels: {job: api}, operator: Equals, value: '4'}]\nmaxAge: 1m";
    eventually("the exporter is scraped", || async {
        let measured = ask(&url, rest).await;
        let found = (measured.finding.verdict, measured.finding.reason);
        (found == (Pass, Passed))
            .then_some(())
            .ok_or(measured.finding)
    })
    .await;
    let old = rest.replace("maxAge: 1m", "maxAge: 1s");
    server.expose("other 1\n");
    eventually("the sample is old, or gone", || async {
        let finding = ask(&url, &old).await.finding;
        (finding.verdict != Pass).then_some(()).ok_or(finding)
    })
    .await;
}

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let server = Server::start(Behaviour::Echo).await;
    let yaml = format!(
        "url: {}\nseries: [{{name: up}}]\nbearerToken: {{secretKeyRef: {{name: a, key: b}}}}",
        server.url("/metrics?canary=1")
    );
    let probe = compile(&yaml, Some(TOKEN)).unwrap();
    let measured = measure(&probe, &network().session()).await;
    assert_says(&measured, Fail, UnexpectedBody);
    assert!(!format!("{probe:?}{}", measured.finding.message).contains("canary"));
    let head = server.requests()[0].head.clone();
    assert!(head.starts_with("GET /metrics?canary=1 HTTP/1.1"), "{head}");
    assert!(
        head.contains(&format!("authorization: Bearer {TOKEN}")),
        "{head}"
    );
    assert!(head.contains("accept: text/plain;version=0.0.4, application/openmetrics-text"));
    for (status, verdict, reason) in [
        (401, Unknown, CredentialsRefused),
        (403, Unknown, CredentialsRefused),
        (500, Fail, UnexpectedStatus),
    ] {
        server.behave(Behaviour::Json(status, "canary".to_owned()));
        let measured = measure(&probe, &network().session()).await;
        assert_says(&measured, verdict, reason);
        assert!(!measured.finding.message.contains("canary"));
    }
    for secret in [None, Some(""), Some("canary\r\nx: y")] {
        let error = compile(&yaml, secret).unwrap_err();
        assert!(error.starts_with("metrics.bearerToken: "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn an_endpoint_that_misbehaves_is_judged_within_its_bounds() {
    let cases: [(Behaviour, Verdict, FindingReason); 13] = [
        (Behaviour::Hang, Fail, TimedOut),
        (Behaviour::Drip(Duration::from_millis(50)), Fail, TimedOut),
        (Behaviour::CloseInBody, Fail, ConnectionReset),
        (Behaviour::ResetInBody, Fail, ConnectionReset),
        (
            Behaviour::Raw(b"SSH-2.0-x\r\n".to_vec()),
            Fail,
            ProtocolError,
        ),
        (Behaviour::InterimFlood, Fail, ProtocolError),
        (Behaviour::Ok, Fail, UnexpectedBody),
        (Behaviour::Endless, Unknown, NoData),
        (Behaviour::Long(1024 * 1024 + 1), Unknown, NoData),
        (
            Behaviour::Redirect(302, "http://127.0.0.1:1/".to_owned()),
            Fail,
            UnexpectedStatus,
        ),
        (
            exposed("text/plain", b"up{a=\"\xff\"} 1\n"),
            Fail,
            UnexpectedBody,
        ),
        (
            exposed("text/plain", &b"up{a=\"b\"} 1,".repeat(80_000)),
            Fail,
            UnexpectedBody,
        ),
        (Behaviour::GzipBomb(10 << 20), Fail, UnexpectedBody),
    ];
    for (behaviour, verdict, reason) in cases {
        let server = Server::start(behaviour).await;
        let probe = compile(
            &format!("url: {}\nseries: [{{name: up}}]", server.url("/")),
            None,
        );
        let limit = Duration::from_secs(2);
        let measured = measure_within(limit, &probe.unwrap(), &network().session()).await;
        assert_says(&measured, verdict, reason);
    }
}

#[test]
fn an_address_that_is_none_is_refused_with_its_field() {
    for url in ["ftp://a", "http://u:p@a", "http://a/#x", "http://a b", "a"] {
        let error = compile(&format!("url: '{url}'\nseries: [{{name: up}}]"), None).unwrap_err();
        assert!(error.starts_with("metrics.url: "), "{error}");
    }
}
