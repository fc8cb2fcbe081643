//! Nothing secret reaches a message, and a target that refuses our credentials is not blamed.

use std::collections::BTreeMap;

use plumbline::{
    api::{HttpCheck, SecretKeyReference},
    checks::{
        http::HttpProbe,
        verdict::{FindingReason, Verdict},
    },
};
use secrecy::SecretString;

use super::{assert_says, check, measure, network};
use crate::support::hostile::{Behaviour, Server};

const CANARY: &str = "canary-4f1d";

fn reference() -> SecretKeyReference {
    SecretKeyReference {
        name: "api".to_owned(),
        key: "token".to_owned(),
    }
}

fn with_secret(yaml: &str, value: &str) -> Result<HttpProbe, String> {
    let check: HttpCheck = serde_yaml::from_str(yaml).unwrap();
    let secrets = BTreeMap::from([(reference(), SecretString::from(value))]);
    HttpProbe::new(&check, &|reference| secrets.get(reference).cloned())
        .map_err(|error| error.to_string())
}

const HEADER: &str =
    "headers: [{name: X-Token, valueFrom: {secretKeyRef: {name: api, key: token}}}]";

#[tokio::test]
async fn no_message_shows_what_was_sent_or_what_came_back() {
    let server = Server::start(Behaviour::Echo).await;
    for expect in [
        "{bodyMatches: nothing}",
        "{json: [{path: $.head, value: other}]}",
        "{json: [{path: $.head, operator: LessThan, value: '1'}]}",
        "{json: [{path: $, value: other}]}",
        "{headers: [{name: content-type, matches: nothing}]}",
        "{status: ['500']}",
    ] {
        let yaml = format!(
            "url: {}\n{HEADER}\nexpect: {expect}",
            server.url(&format!("/{CANARY}?key={CANARY}"))
        );
        let probe = with_secret(&yaml, CANARY).unwrap();
        let measured = measure(&probe, &network().session()).await;
        assert_eq!(measured.finding.verdict, Verdict::Fail, "{expect}");
        assert!(
            !measured.finding.message.contains(CANARY),
            "{}",
            measured.finding.message
        );
        assert!(!format!("{probe:?}").contains(CANARY));
    }
    let sent = server.requests()[0].head.clone();
    assert!(sent.contains(&format!("x-token: {CANARY}")), "{sent}");
}

#[tokio::test]
async fn refused_credentials_are_unknown_and_a_refusal_without_any_fails() {
    for status in [401, 403] {
        let server = Server::start(Behaviour::Json(status, "{}".to_owned())).await;
        let url = server.url("/");
        let probe = with_secret(&format!("url: {url}\n{HEADER}"), CANARY).unwrap();
        let measured = measure(&probe, &network().session()).await;
        assert_says(
            &measured,
            Verdict::Unknown,
            FindingReason::CredentialsRefused,
        );
        let anonymous = check(&format!("url: {url}")).await;
        assert_says(&anonymous, Verdict::Fail, FindingReason::UnexpectedStatus);
        let expected = format!("url: {url}\n{HEADER}\nexpect: {{status: ['{status}']}}");
        let probe = with_secret(&expected, CANARY).unwrap();
        let measured = measure(&probe, &network().session()).await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    }
}

#[test]
fn a_secret_that_cannot_stand_in_a_header_is_refused_without_being_shown() {
    let yaml = format!("url: http://example.com\n{HEADER}");
    for value in ["", "a\nb", "a\r\nX-Evil: 1", "nul\0"] {
        let error = with_secret(&yaml, value).unwrap_err();
        assert!(error.starts_with("http.headers[0]: valueFrom: key token of Secret api"));
        assert!(value.is_empty() || !error.contains(value));
    }
    let check: HttpCheck = serde_yaml::from_str(&yaml).unwrap();
    assert!(HttpProbe::new(&check, &|_| None).is_err());
}

#[test]
fn headers_that_frame_the_message_or_carry_a_literal_secret_are_refused() {
    for header in [
        "{name: Host, value: evil}",
        "{name: Transfer-Encoding, value: chunked}",
        "{name: Content-Length, value: '1'}",
        "{name: Connection, value: close}",
        "{name: Authorization, value: Bearer x}",
        "{name: Cookie, value: a=b}",
        "{name: 'a b', value: x}",
        "{name: X-A, value: \"a\\r\\nb\"}",
        "{name: X-A}",
    ] {
        let yaml = format!("url: http://example.com\nheaders: [{header}]");
        assert!(with_secret(&yaml, CANARY).is_err(), "{header}");
    }
    let many: Vec<String> = (0..1000)
        .map(|place| format!("- {{name: X-{place}, value: x}}"))
        .collect();
    let yaml = format!("url: http://example.com\nheaders:\n{}", many.join("\n"));
    assert!(with_secret(&yaml, CANARY).is_err());
}
