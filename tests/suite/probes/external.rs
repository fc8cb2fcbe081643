//! The `external` check against servers that answer as the services document, and against ones that misbehave.

use std::time::Duration;

use plumbline::{
    api::ExternalCheck,
    checks::{
        external::ExternalProbe,
        suite::Probe,
        verdict::{
            FindingReason::{self, *},
            Verdict::{self, *},
        },
    },
};
use secrecy::SecretString;

use super::{assert_says, measure, measure_within, network};
use crate::support::hostile::{Behaviour, Server};

const KEY: &str = "canary-4f1d";

fn compile(yaml: &str, secret: Option<&str>) -> Result<ExternalProbe, String> {
    let check: ExternalCheck = serde_yaml::from_str(yaml).unwrap();
    ExternalProbe::new(&check, &|_| secret.map(SecretString::from))
        .map_err(|error| error.to_string())
}

fn of(preset: &str, server: &Server, rest: &str) -> ExternalProbe {
    let key = if preset == "s3" {
        ""
    } else {
        "apiKey: {secretKeyRef: {name: a, key: b}}"
    };
    let url = server.url("/gateway/");
    compile(
        &format!("preset: {preset}\nurl: {url}\n{key}\n{rest}"),
        Some(KEY),
    )
    .unwrap()
}

#[tokio::test]
async fn each_preset_asks_as_its_service_documents() {
    let credits = r#"{"remain":200,"total":200,"overage":0}"#;
    let limits = r#"{"resources":{"core":{"limit":60,"remaining":59,"reset":1}}}"#;
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    let bearer = "authorization: Bearer canary-4f1d";
    for (preset, status, body, path, header) in [
        ("openai", 200, r#"{"data":[]}"#, "v1/models", bearer),
        (
            "anthropic",
            200,
            r#"{"data":[]}"#,
            "v1/models",
            "x-api-key: canary-4f1d",
        ),
        (
            "anthropic",
            200,
            r#"{"data":[]}"#,
            "v1/models",
            "anthropic-version: 2023-06-01",
        ),
        ("llamaparse", 200, "[]", "api/v1/projects", bearer),
        ("stripe", 200, r#"{"available":[]}"#, "v1/balance", bearer),
        ("sendgrid", 200, credits, "v3/user/credits", bearer),
        ("github", 200, limits, "rate_limit", bearer),
        ("s3", 403, denied, "?list-type=2&max-keys=0", "accept: */*"),
    ] {
        let server = Server::start(Behaviour::Json(status, body.to_owned())).await;
        let probe = of(preset, &server, "");
        let measured = measure(&probe, &network().session()).await;
        assert_says(&measured, Pass, Passed);
        assert!(measured.phases.connect.is_some() && measured.phases.body.is_some());
        let head = server.requests()[0].head.clone();
        let line = format!("GET /gateway/{path} HTTP/1.1\r\n");
        assert!(head.starts_with(&line), "{preset}: {head}");
        assert!(
            head.contains(&format!("\r\n{header}\r\n")),
            "{preset}: {head}"
        );
        assert_eq!(head.contains("canary"), preset != "s3", "{head}");
    }
}

#[tokio::test]
async fn without_an_address_of_the_check_the_service_itself_is_asked() {
    let key = "apiKey: {secretKeyRef: {name: a, key: b}}";
    for (preset, host) in [
        ("openai", "api.openai.com:443"),
        ("anthropic", "api.anthropic.com:443"),
        ("llamaparse", "api.cloud.llamaindex.ai:443"),
        ("stripe", "api.stripe.com:443"),
        ("sendgrid", "api.sendgrid.com:443"),
        ("github", "api.github.com:443"),
    ] {
        let probe = compile(&format!("preset: {preset}\n{key}"), Some(KEY)).unwrap();
        assert_eq!(probe.host(), host);
    }
}

#[tokio::test]
async fn a_generic_service_is_asked_at_its_address_with_the_key_as_it_is_told() {
    let server = Server::start(Behaviour::Ok).await;
    let url = server.url("/status?deep=1");
    for (rest, line) in [
        ("keyHeader: X-Token", "\r\nx-token: canary-4f1d\r\n"),
        (
            "keyHeader: Authorization\nkeyPrefix: Bearer",
            "\r\nauthorization: Bearer canary-4f1d\r\n",
        ),
    ] {
        let yaml = format!(
            "preset: generic\nurl: {url}\napiKey: {{secretKeyRef: {{name: a, key: b}}}}\n{rest}"
        );
        let probe = compile(&yaml, Some(KEY)).unwrap();
        let measured = measure(&probe, &network().session()).await;
        assert_says(&measured, Pass, Passed);
        let head = server.requests().last().unwrap().head.clone();
        assert!(
            head.starts_with("GET /status?deep=1 HTTP/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains(line), "{head}");
        let shown = format!("{probe:?}{}", measured.finding.message);
        assert!(
            !shown.contains("canary") && !shown.contains("deep"),
            "{shown}"
        );
    }
    let probe = compile(&format!("preset: generic\nurl: {url}"), None).unwrap();
    measure(&probe, &network().session()).await;
    assert!(!server.requests().last().unwrap().head.contains("canary"));
}

#[tokio::test]
async fn what_a_service_says_of_itself_is_its_finding_and_no_secret_is_shown() {
    let body = r#"{"error":{"type":"insufficient_quota","message":"canary"},"canary":"canary"}"#;
    for (status, verdict, reason) in [
        (200, Fail, UnexpectedBody),
        (302, Fail, UnexpectedStatus),
        (401, Unknown, CredentialsRefused),
        (403, Unknown, CredentialsRefused),
        (404, Fail, UnexpectedStatus),
        (429, Fail, QuotaSpent),
        (503, Fail, Degraded),
        (529, Fail, Degraded),
    ] {
        let server = Server::start(Behaviour::Json(status, body.to_owned())).await;
        let probe = of("openai", &server, "");
        let measured = measure(&probe, &network().session()).await;
        assert_says(&measured, verdict, reason);
        let shown = format!("{probe:?}{}", measured.finding.message);
        assert!(!shown.contains("canary"), "{shown}");
    }
    let limited = b"HTTP/1.1 403 Forbidden\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(Behaviour::Raw(limited.to_vec())).await;
    let measured = measure(&of("github", &server, ""), &network().session()).await;
    assert_says(&measured, Unknown, RateLimited);
}

#[tokio::test]
async fn a_redirect_does_not_take_the_key_elsewhere() {
    let elsewhere = Server::start(Behaviour::Ok).await;
    let server = Server::start(Behaviour::Redirect(307, elsewhere.url("/"))).await;
    let measured = measure(&of("openai", &server, ""), &network().session()).await;
    assert_says(&measured, Fail, UnexpectedStatus);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_service_that_misbehaves_fails_within_its_bounds() {
    let cases: [(Behaviour, Verdict, FindingReason); 9] = [
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
        (Behaviour::Endless, Fail, UnexpectedBody),
        (
            Behaviour::Json(200, "[".repeat(100_000)),
            Fail,
            UnexpectedBody,
        ),
    ];
    for (behaviour, verdict, reason) in cases {
        let server = Server::start(behaviour).await;
        let limit = Duration::from_secs(2);
        let probe = of("openai", &server, "");
        let measured = measure_within(limit, &probe, &network().session()).await;
        assert_says(&measured, verdict, reason);
    }
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_field() {
    let key = "apiKey: {secretKeyRef: {name: a, key: b}}";
    for (yaml, field) in [
        ("preset: openai".to_owned(), "apiKey"),
        (format!("preset: s3\nurl: 'http://a'\n{key}"), "apiKey"),
        (format!("preset: generic\nurl: 'http://a'\n{key}"), "apiKey"),
        (
            "preset: generic\nurl: 'http://a'\nkeyHeader: x-key".to_owned(),
            "apiKey",
        ),
        ("preset: s3".to_owned(), "url"),
        ("preset: generic".to_owned(), "url"),
        (format!("preset: openai\nurl: 'ftp://a'\n{key}"), "url"),
        (format!("preset: openai\nurl: 'http://u:p@a'\n{key}"), "url"),
        (
            format!("preset: openai\nurl: 'http://a/?x=1'\n{key}"),
            "url",
        ),
        (format!("preset: openai\nurl: 'http://a/#x'\n{key}"), "url"),
        (
            format!("preset: openai\nkeyHeader: x-key\n{key}"),
            "keyHeader",
        ),
        (
            format!("preset: github\nkeyPrefix: token\n{key}"),
            "keyHeader",
        ),
        (
            format!("preset: generic\nurl: 'http://a'\nkeyPrefix: x\n{key}"),
            "keyHeader",
        ),
        (
            format!("preset: generic\nurl: 'http://a'\nkeyHeader: 'a b'\n{key}"),
            "keyHeader",
        ),
        (
            format!("preset: generic\nurl: 'http://a'\nkeyHeader: Host\n{key}"),
            "keyHeader",
        ),
        (
            format!("preset: generic\nurl: 'http://a'\nkeyHeader: Content-Length\n{key}"),
            "keyHeader",
        ),
    ] {
        let error = compile(&yaml, Some(KEY)).unwrap_err();
        assert!(
            error.starts_with(&format!("external.{field}: ")),
            "{yaml}: {error}"
        );
        assert!(!error.contains("canary"), "{error}");
    }
    for secret in [None, Some(""), Some("canary\r\nx: y")] {
        let error = compile(&format!("preset: openai\n{key}"), secret).unwrap_err();
        assert!(error.starts_with("external.apiKey: "), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}
