//! What an answer can be held against, over real connections.

use std::time::Duration;

use plumbline::checks::verdict::{FindingReason, Verdict};

use super::{assert_says, check, measure, network, network_trusting, probe, says};
use crate::support::hostile::{Authority, Behaviour, Server};

#[tokio::test]
async fn each_phase_is_held_against_its_own_limit() {
    let server = Server::start(Behaviour::Slow(Duration::from_millis(60))).await;
    let limited = |limit: &str| format!("url: {}\nexpect: {{maxPhases: {limit}}}", server.url("/"));
    let measured = check(&limited("{firstByte: 20ms}")).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TooSlow);
    let message = &measured.finding.message;
    assert!(message.starts_with("sent the first byte in "), "{message}");
    assert!(message.ends_with(", over 20ms"), "{message}");
    let patient = "{dns: 5s, connect: 5s, tls: 1ms, firstByte: 5s, body: 5s}";
    let measured = check(&limited(patient)).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    assert!(measured.phases.body.is_some());
}

#[tokio::test]
async fn the_certificate_of_the_connection_is_judged_also_when_it_is_used_again() {
    let authority = Authority::new();
    let session = network_trusting(&authority).session();
    let server = Server::start_tls(Behaviour::Ok, &authority.expiring_in_days(29)).await;
    let judging = |days: u16| {
        probe(&format!(
            "url: {}\nexpect: {{minCertificateDays: {days}}}",
            server.url("/")
        ))
    };
    for _ in 0..2 {
        let measured = measure(&judging(29), &session).await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
        let measured = measure(&judging(30), &session).await;
        assert_says(&measured, Verdict::Fail, FindingReason::CertificateExpiring);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_check_of_the_certificate_fails_without_a_good_one() {
    let authority = Authority::new();
    let session = network_trusting(&authority).session();
    let server = Server::start_tls(Behaviour::Ok, &authority.expired()).await;
    let judged = |server: &Server| {
        probe(&format!(
            "url: {}\nexpect: {{minCertificateDays: 1}}",
            server.url("/")
        ))
    };
    let measured = measure(&judged(&server), &session).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
    let plain = Server::start(Behaviour::Ok).await;
    let measured = measure(&judged(&plain), &session).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
}

#[tokio::test]
async fn a_request_that_changes_something_is_sent_once_and_to_one_address() {
    let session = network().session();
    for (method, body) in [
        ("POST", "body: sent"),
        ("PUT", "body: sent"),
        ("PATCH", "body: sent"),
        ("DELETE", ""),
    ] {
        let server = Server::start(Behaviour::Ok).await;
        let url = server.url("/");
        let asked = probe(&format!("url: {url}\nmethod: {method}\n{body}"));
        let measured = measure(&asked, &session).await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
        server.behave(Behaviour::CloseBeforeAnswer);
        let measured = measure(&asked, &session).await;
        assert_says(&measured, Verdict::Fail, FindingReason::ConnectionReset);
        let requests = server.requests();
        assert_eq!(requests.len(), 2, "{method}");
        assert!(requests[0].head.starts_with(&format!("{method} / ")));
        let sent: &[u8] = if body.is_empty() { b"" } else { b"sent" };
        assert_eq!(requests[0].body, sent);
        server.behave(Behaviour::Redirect(307, server.url("/elsewhere")));
        let following = probe(&format!(
            "url: {url}\nmethod: {method}\n{body}\nredirects: {{follow: 2}}"
        ));
        let measured = measure(&following, &session).await;
        let said = "status 307, expected 200-299";
        let expected = (Verdict::Fail, FindingReason::UnexpectedStatus, said);
        assert_eq!(says(&measured), expected);
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn expressions_are_held_against_the_answer_and_show_none_of_it() {
    let server = Server::start(Behaviour::Json(
        201,
        r#"{"depth": 7, "token": "canary"}"#.to_owned(),
    ))
    .await;
    let judged = |expression: &str| {
        format!(
            "url: {}\nexpect: {{cel: [\"{expression}\"]}}",
            server.url("/?q=canary")
        )
    };
    let holds = "status == 201 && json.depth < 10 && latency < 20000 && headers['content-type'] == 'application/json'";
    let measured = check(&judged(holds)).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let measured = check(&judged("json.token == 'other'")).await;
    let said = "json.token == 'other' is false";
    let expected = (Verdict::Fail, FindingReason::UnexpectedValue, said);
    assert_eq!(says(&measured), expected);
    let measured = check(&judged("json.token + 1 == body")).await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedValue);
    assert!(!measured.finding.message.contains("canary"));
}

#[tokio::test]
async fn an_expression_that_would_take_too_long_is_unknown() {
    let list = format!("[{}]", vec!["1"; 100_000].join(","));
    let server = Server::start(Behaviour::Json(200, list)).await;
    let yaml = format!(
        "url: {}\nexpect: {{cel: ['json.all(a, json.all(b, a == b))']}}",
        server.url("/")
    );
    let measured = check(&yaml).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::OutOfResources);
}
