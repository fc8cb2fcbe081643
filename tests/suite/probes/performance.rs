//! The `performance` check against servers whose pace a test sets, and against servers that misbehave.

use std::time::Duration;

use plumbline::{
    api::PerformanceCheck,
    checks::{
        net::NetworkSettings,
        performance::PerformanceProbe,
        verdict::{
            FindingReason::{self, *},
            Measurement,
            Verdict::{self, *},
        },
    },
};
use secrecy::SecretString;

use super::{assert_says, measure, measure_within, network, network_trusting, network_with, says};
use crate::support::{
    hostile::{Authority, Behaviour, Server},
    services::free_port,
};

const PAUSE: Duration = Duration::from_millis(120);

fn compile(url: &str, rest: &str, secret: Option<&str>) -> Result<PerformanceProbe, String> {
    let check: PerformanceCheck = serde_yaml::from_str(&format!("url: {url}\n{rest}")).unwrap();
    PerformanceProbe::new(&check, &|_| secret.map(SecretString::from))
        .map_err(|error| error.to_string())
}

async fn ask(server: &Server, rest: &str) -> Measurement {
    let probe = compile(&server.url("/"), rest, None).unwrap();
    measure(&probe, &network().session()).await
}

/// The first ones, and then good answers at once.
fn then_quick(first: &[Behaviour]) -> Behaviour {
    Behaviour::InTurn([first, &[Behaviour::Ok]].concat())
}

#[tokio::test]
async fn percentiles_are_those_of_the_latencies_that_the_server_sets() {
    let slow = || Behaviour::Slow(PAUSE);
    // Of ten, the 50th percentile is the fifth, and the 95th the slowest.
    for (slow_ones, rest, verdict) in [
        (1, "maxP95: 119ms", Fail),
        (1, "maxP50: 119ms", Pass),
        (6, "maxP50: 119ms", Fail),
        (6, "maxP50: 5s\nmaxP95: 5s\nmaxP99: 5s", Pass),
    ] {
        let server = Server::start(then_quick(&vec![slow(); slow_ones])).await;
        let rest = format!("samples: 10\nwarmup: 0\nconcurrency: 1\n{rest}");
        let measured = ask(&server, &rest).await;
        let reason = if verdict == Fail { TooSlow } else { Passed };
        assert_says(&measured, verdict, reason);
        assert_eq!(server.requests().len(), 10);
        assert!(measured.phases.first_byte.unwrap() >= PAUSE);
    }
}

#[tokio::test]
async fn requests_of_the_warmup_do_not_count() {
    let rest = |warmup| format!("samples: 5\nconcurrency: 1\nmaxP99: 119ms\nwarmup: {warmup}");
    let bad = [
        Behaviour::Slow(PAUSE),
        Behaviour::Json(500, "{}".to_owned()),
    ];
    let server = Server::start(then_quick(&bad)).await;
    assert_says(&ask(&server, &rest(2)).await, Pass, Passed);
    assert_eq!(server.requests().len(), 7);
    let server = Server::start(then_quick(&bad)).await;
    assert_says(&ask(&server, &rest(0)).await, Fail, UnexpectedValue);
}

#[tokio::test]
async fn the_phase_that_the_slowest_wait_in_is_named() {
    for (behaviour, phase) in [
        (Behaviour::Slow(PAUSE), "first byte"),
        (Behaviour::SlowBody(PAUSE), "body"),
    ] {
        let server = Server::start(behaviour).await;
        let measured = ask(&server, "samples: 5\nmaxP95: 50ms").await;
        assert_says(&measured, Fail, TooSlow);
        let expected = format!("of their time in phase {phase})");
        let message = &measured.finding.message;
        assert!(message.ends_with(&expected), "{message}");
    }
}

#[tokio::test]
async fn a_regression_is_told_from_noise() {
    let server = Server::start(Behaviour::Slow(PAUSE)).await;
    let baseline = |rest: &str| format!("samples: 6\nbaseline: {{{rest}}}");
    for (rest, verdict) in [
        ("p50: 40ms, p95: 40ms, samples: 50", Fail),
        ("p50: 40ms, p95: 40ms, samples: 50, noise: 10s", Pass),
        (
            "p50: 110ms, p95: 110ms, samples: 50, maxRegressionPercent: 1000, noise: 0s",
            Pass,
        ),
    ] {
        let measured = ask(&server, &baseline(rest)).await;
        assert_eq!(measured.finding.verdict, verdict, "{:?}", says(&measured));
    }
}

#[tokio::test]
async fn as_many_connections_as_requests_at_once_and_they_are_kept() {
    let server = Server::start(Behaviour::Slow(Duration::from_millis(5))).await;
    let rest = "samples: 40\nconcurrency: 4\nwarmup: 4\nmaxErrorRate: 0%";
    assert_says(&ask(&server, rest).await, Pass, Passed);
    assert_eq!(server.connections(), 4);
    assert_eq!(server.requests().len(), 44);
    // One that closes them makes the next request connect, which is part of its latency and no error.
    let server = Server::start(Behaviour::OnceAConnection).await;
    let measured = ask(&server, "samples: 6\nconcurrency: 1\nwarmup: 0\nmaxP99: 5s").await;
    assert_says(&measured, Pass, Passed);
    assert_eq!(server.connections(), 6);
}

#[tokio::test]
async fn requests_run_beside_each_other() {
    let server = Server::start(Behaviour::Slow(PAUSE)).await;
    // One after the other, eight are four seconds short of this rate.
    let rest = "samples: 16\nconcurrency: 8\nwarmup: 8\nminThroughput: 10";
    assert_says(&ask(&server, rest).await, Pass, Passed);
    let rest = "samples: 5\nconcurrency: 1\nwarmup: 1\nminThroughput: 10";
    let measured = ask(&server, rest).await;
    assert_says(&measured, Fail, TooSlow);
    let message = &measured.finding.message;
    assert!(message.contains(" good answers in a second, under 10"));
}

#[tokio::test]
async fn errors_count_and_when_all_fail_the_first_is_what_is_said() {
    let error = || Behaviour::Json(503, "canary".to_owned());
    for (rate, verdict, reason) in [("20%", Pass, Passed), ("19.9%", Fail, UnexpectedValue)] {
        let server = Server::start(then_quick(&[error(), error()])).await;
        let rest = format!("samples: 10\nwarmup: 0\nmaxErrorRate: '{rate}'");
        assert_says(&ask(&server, &rest).await, verdict, reason);
    }
    let server = Server::start(then_quick(&[error(), error()])).await;
    let measured = ask(
        &server,
        "samples: 10\nwarmup: 0\nmaxP50: 1s\nstatus: ['503', '200']",
    )
    .await;
    assert_says(&measured, Pass, Passed);
    let probe = compile(
        &format!("http://127.0.0.1:{}/", free_port()),
        "maxP50: 1s",
        None,
    );
    let measured = measure(&probe.unwrap(), &network().session()).await;
    assert_says(&measured, Fail, ConnectionRefused);
}

#[tokio::test]
async fn a_server_that_misbehaves_fails_with_the_reason_of_its_first_answer() {
    let cases: [(Behaviour, Verdict, FindingReason); 8] = [
        (Behaviour::Hang, Fail, TimedOut),
        (Behaviour::Drip(Duration::from_millis(20)), Fail, TimedOut),
        (Behaviour::CloseInBody, Fail, ConnectionReset),
        (Behaviour::ResetInBody, Fail, ConnectionReset),
        (Behaviour::CloseBeforeAnswer, Fail, ConnectionReset),
        (
            Behaviour::Raw(b"SSH-2.0-x\r\n".to_vec()),
            Fail,
            ProtocolError,
        ),
        (Behaviour::EndlessHead, Fail, ProtocolError),
        (
            Behaviour::Redirect(302, "http://canary.example.com/".to_owned()),
            Fail,
            UnexpectedStatus,
        ),
    ];
    for (behaviour, verdict, reason) in cases {
        // What must be cut off by its time alone is; the others must have the time that a busy machine takes.
        let timeout = if reason == TimedOut { "100ms" } else { "1m" };
        let rest = format!("samples: 6\nsampleTimeout: {timeout}\nmaxP50: 1s");
        let server = Server::start(behaviour).await;
        let probe = compile(&server.url("/?token=canary"), &rest, None).unwrap();
        let limit = Duration::from_mins(1);
        let measured = measure_within(limit, &probe, &network().session()).await;
        assert_says(&measured, verdict, reason);
        assert!(!measured.finding.message.contains("canary"));
    }
}

#[tokio::test]
async fn a_body_of_any_length_is_timed_to_its_first_mebibyte() {
    for behaviour in [Behaviour::Endless, Behaviour::Long(3 << 20)] {
        let server = Server::start(behaviour).await;
        let measured = ask(&server, "samples: 5\nmaxP50: 10s\nsampleTimeout: 10s").await;
        assert_says(&measured, Pass, Passed);
        assert!(measured.phases.body.is_some());
    }
}

#[tokio::test]
async fn what_is_done_by_the_deadline_counts_and_too_little_is_unknown() {
    let server = Server::start(Behaviour::Slow(Duration::from_millis(100))).await;
    let probe = |least: u8| {
        let rest = format!("samples: 200\nconcurrency: 8\nminSamples: {least}\nmaxP95: 10s");
        compile(&server.url("/"), &rest, None).unwrap()
    };
    for (least, verdict, reason) in [(5, Pass, Passed), (150, Unknown, NoData)] {
        let limit = Duration::from_millis(800);
        let begun = std::time::Instant::now();
        let measured = measure_within(limit, &probe(least), &network().session()).await;
        assert_says(&measured, verdict, reason);
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
    // A request that hangs until the deadline is no error when there are good answers, and the verdict when there are none.
    for (first, verdict, reason) in [(5, Pass, Passed), (0, Fail, TimedOut)] {
        let behaviours = [vec![Behaviour::Ok; first], vec![Behaviour::Hang]].concat();
        let server = Server::start(Behaviour::InTurn(behaviours)).await;
        let rest =
            "samples: 6\nconcurrency: 1\nwarmup: 0\nminSamples: 5\nsampleTimeout: 5m\nmaxP50: 1s";
        let probe = compile(&server.url("/"), rest, None).unwrap();
        let limit = Duration::from_millis(600);
        let measured = measure_within(limit, &probe, &network().session()).await;
        assert_says(&measured, verdict, reason);
    }
    // The warmup alone may take all the time.
    let server = Server::start(Behaviour::Hang).await;
    let probe = compile(&server.url("/"), "maxP50: 1s", None).unwrap();
    let limit = Duration::from_millis(200);
    let measured = measure_within(limit, &probe, &network().session()).await;
    assert_says(&measured, Fail, TimedOut);
}

#[tokio::test]
async fn connections_under_tls_are_kept_too_and_a_bad_certificate_is_unknown() {
    let authority = Authority::new();
    let server = Server::start_tls(Behaviour::Ok, &authority.good()).await;
    let rest = "samples: 10\nwarmup: 0\nmaxP50: 5s";
    let probe = compile(&server.url("/"), rest, None).unwrap();
    let measured = measure(&probe, &network_trusting(&authority).session()).await;
    assert_says(&measured, Pass, Passed);
    assert_eq!(server.connections(), 2);
    // With ten, the 95th percentile is the slowest: one of those that had to connect.
    assert!(measured.phases.tls.is_some());
    let measured = measure(&probe, &network().session()).await;
    assert_says(&measured, Unknown, TlsFailed);
}

#[tokio::test]
async fn what_the_egress_rule_denies_is_not_asked() {
    let server = Server::start(Behaviour::Ok).await;
    let url = format!("http://127.0.0.2:{}/", server.port());
    let probe = compile(&url, "maxP50: 1s", None).unwrap();
    let measured = measure(&probe, &network_with(NetworkSettings::default()).session()).await;
    assert_says(&measured, Unknown, TargetNotAllowed);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_secret_is_sent_and_never_shown_and_its_refusal_is_unknown() {
    let header = "headers: [{name: Authorization, valueFrom: {secretKeyRef: {name: a, key: b}}}]";
    let rest = format!("samples: 5\nmethod: HEAD\nmaxP50: 5s\n{header}");
    let server = Server::start(Behaviour::Json(401, String::new())).await;
    let probe = compile(&server.url("/"), &rest, Some("Bearer canary")).unwrap();
    let measured = measure(&probe, &network().session()).await;
    assert_says(&measured, Unknown, CredentialsRefused);
    assert!(!format!("{probe:?}{}", measured.finding.message).contains("canary"));
    let head = &server.requests()[0].head;
    assert!(head.starts_with("HEAD / "), "{head}");
    assert!(head.contains("authorization: Bearer canary"), "{head}");
    let measured = ask(&server, "samples: 5\nmaxP50: 5s").await;
    assert_says(&measured, Fail, UnexpectedStatus);
    for secret in [None, Some(""), Some("canary\r\nx: y")] {
        let error = compile("http://a", &rest, secret).unwrap_err();
        assert!(error.starts_with("performance.headers[0]: "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}

#[test]
fn what_cannot_be_sent_is_refused_with_its_field() {
    for (url, rest, field) in [
        ("ftp://a", "maxP50: 1s", "url"),
        ("http://u:p@a", "maxP50: 1s", "url"),
        ("http://a", "maxP50: 1s\nsamples: 4", "samples"),
        ("http://a", "maxP50: 1s\nsamples: 201", "samples"),
        ("http://a", "maxP50: 1s\nconcurrency: 0", "concurrency"),
        ("http://a", "maxP50: 1s\nconcurrency: 9", "concurrency"),
        ("http://a", "maxP50: 1s\nwarmup: 51", "warmup"),
        ("http://a", "maxP50: 1s\nstatus: [ok]", "status[0]"),
        ("http://a", "maxErrorRate: lots", "maxErrorRate"),
        (
            "http://a",
            "maxP50: 1s\nheaders: [{name: Host, value: b}]",
            "headers[0]",
        ),
    ] {
        let error = compile(url, rest, None).unwrap_err();
        let expected = format!("performance.{field}: ");
        assert!(error.starts_with(&expected), "{error}");
    }
}
