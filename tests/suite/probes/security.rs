//! The `security` check against servers with each fault, and without.

mod misbehaving;
mod old_tls;
mod redirects;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use plumbline::{
    api::{SecurityCheck, SecurityCode},
    checks::{
        net::Network,
        security::SecurityProbe,
        verdict::{
            FindingReason::{self, *},
            Measurement,
            Verdict::*,
        },
    },
};

use super::{assert_says, measure, measure_within, network, network_trusting};
use crate::support::{
    hostile::{Authority, Behaviour, Certificate, Server},
    services::free_port,
};

const PAGE: &str = "<html><img src=/a.png>";

/// Everything that a page should say.
const GOOD: [&str; 7] = [
    "content-type: text/html",
    "strict-transport-security: max-age=31536000",
    "x-content-type-options: nosniff",
    "content-security-policy: default-src 'self'; frame-ancestors 'none'",
    "referrer-policy: no-referrer",
    "set-cookie: canary-cookie=canary; Secure; HttpOnly; SameSite=Lax",
    "server: canary",
];

/// What it should say, with `line` in the place of the one of the same name; without that one when `line` is but a name.
fn with(line: &'static str) -> Vec<&'static str> {
    let name = line.split(':').next().unwrap();
    let mut lines = GOOD.to_vec();
    lines.retain(|good| !good.starts_with(&format!("{name}:")));
    lines.extend(line.contains(':').then_some(line));
    lines
}

fn answer(status: u16, lines: &[impl AsRef<str>], body: &str) -> Behaviour {
    let length = body.len();
    let mut answer = format!("HTTP/1.1 {status} Test\r\ncontent-length: {length}\r\n");
    for line in lines {
        answer.push_str(line.as_ref());
        answer.push_str("\r\n");
    }
    answer.push_str("\r\n");
    answer.push_str(body);
    Behaviour::Raw(answer.into_bytes())
}

fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

fn origin(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("origin: "))
}

/// A site with one page, which is sent with these lines.
fn site(lines: Vec<&'static str>, page: &'static str) -> Behaviour {
    Behaviour::by_head(move |head| match path(head).split('?').next() {
        Some("/") => answer(200, &lines, page),
        _ => answer(404, &GOOD, "nothing"),
    })
}

fn good() -> Behaviour {
    site(GOOD.to_vec(), PAGE)
}

/// The good site, where one more path is given.
fn giving(given: &'static str, body: &'static str) -> Behaviour {
    Behaviour::by_head(move |head| match path(head) {
        "/" => answer(200, &GOOD, PAGE),
        asked if asked == given => answer(200, &GOOD, body),
        _ => answer(404, &GOOD, "nothing"),
    })
}

/// The good site, which says this to those who name their origin.
fn allowing(say: impl Fn(&str) -> String + Send + Sync + 'static) -> Behaviour {
    Behaviour::by_head(move |head| {
        let mut lines = GOOD.map(str::to_owned).to_vec();
        lines.extend(origin(head).map(&say));
        match path(head) {
            "/" => answer(200, &lines, PAGE),
            _ => answer(404, &lines, "nothing"),
        }
    })
}

fn probe(yaml: &str) -> SecurityProbe {
    let check: SecurityCheck = serde_yaml::from_str(yaml).unwrap();
    SecurityProbe::new(&check).unwrap()
}

/// Which certificate a site shows.
type Shown = fn(&Authority) -> Certificate;

/// A site under TLS, whose authority the network trusts.
struct Site {
    authority: Authority,
    network: Network,
    server: Server,
}

impl Site {
    async fn start(behaviour: Behaviour) -> Self {
        Self::showing(behaviour, Authority::good).await
    }

    async fn showing(
        behaviour: Behaviour,
        certificate: impl Fn(&Authority) -> Certificate,
    ) -> Self {
        let authority = Authority::new();
        let server = Server::start_tls(behaviour, &certificate(&authority)).await;
        Self {
            network: network_trusting(&authority),
            authority,
            server,
        }
    }

    async fn measure(&self, more: &str) -> Measurement {
        let yaml = format!("url: '{}'\n{more}", self.server.url("/?canary-query"));
        measure(&probe(&yaml), &self.network.session()).await
    }

    async fn passes(&self, more: &str) {
        let measured = self.measure(more).await;
        assert_says(&measured, Pass, Passed);
    }

    /// Finds this code alone.
    async fn finds(&self, code: SecurityCode, reason: FindingReason, more: &str) {
        let measured = self.measure(more).await;
        assert_says(&measured, Fail, reason);
        assert_eq!(codes(&measured), [code], "{}", measured.finding.message);
        let message = &measured.finding.message;
        assert!(message.ends_with(code.advice()), "{message}");
        assert!(!message.contains("canary"), "{message}");
        // It can be accepted.
        let measured = self.measure(&format!("{more}\nignore: [{code:?}]")).await;
        assert_says(&measured, Pass, Passed);
    }
}

/// The codes that a message names.
fn codes(measured: &Measurement) -> Vec<SecurityCode> {
    let message = &measured.finding.message;
    let named = |code: &SecurityCode| {
        message
            .split(|it: char| !it.is_alphanumeric())
            .any(|word| word == code.as_str())
    };
    SecurityCode::ALL.iter().copied().filter(named).collect()
}

#[tokio::test]
async fn a_site_without_faults_passes() {
    let site = Site::start(good()).await;
    let plain = Server::start(Behaviour::Redirect(301, site.server.url("/"))).await;
    let measured = site
        .measure(&format!("httpUrl: '{}'", plain.url("/")))
        .await;
    assert_says(&measured, Pass, Passed);
    let said = format!("nothing was found at localhost:{}", site.server.port());
    assert_eq!(measured.finding.message, said);
    assert!(measured.phases.first_byte.is_some());
    assert_eq!(plain.requests().len(), 1);
}

#[tokio::test]
async fn what_a_page_does_not_say_is_found() {
    use SecurityCode as Code;
    for (line, code) in [
        ("strict-transport-security", Code::HstsMissing),
        (
            "strict-transport-security: max-age=86400",
            Code::HstsTooShort,
        ),
        ("x-content-type-options", Code::ContentTypeOptionsMissing),
        (
            "content-security-policy: default-src 'self'; frame-ancestors *",
            Code::FramingAllowed,
        ),
        (
            "content-security-policy: frame-ancestors 'none'",
            Code::ContentSecurityPolicyMissing,
        ),
        ("referrer-policy", Code::ReferrerPolicyMissing),
        (
            "set-cookie: canary=canary; HttpOnly; SameSite=Lax",
            Code::CookieNotSecure,
        ),
        (
            "set-cookie: canary=canary; Secure; SameSite=Lax",
            Code::CookieNotHttpOnly,
        ),
        (
            "set-cookie: canary=canary; Secure; HttpOnly",
            Code::CookieWithoutSameSite,
        ),
        ("server: canary/1.25", Code::VersionShown),
        ("x-powered-by: canary/8.1", Code::VersionShown),
    ] {
        let site = Site::start(site(with(line), PAGE)).await;
        site.finds(code, UnexpectedHeader, "").await;
    }
}

#[tokio::test]
async fn what_is_no_page_needs_no_headers_of_pages() {
    let lines = vec!["content-type: application/json", GOOD[1], GOOD[2]];
    Site::start(site(lines, "{}")).await.passes("").await;
}

#[tokio::test]
async fn lesser_findings_are_told_and_do_not_fail_the_check() {
    let site = Site::start(site(with("server: canary/1.25"), PAGE)).await;
    let measured = site.measure("minSeverity: Medium").await;
    assert_says(&measured, Pass, Passed);
    assert_eq!(codes(&measured), [SecurityCode::VersionShown]);
}

#[tokio::test]
async fn what_a_page_loads_without_tls_is_found() {
    let page = "<html><script src='http://canary.example/a.js'></script>";
    let site = Site::start(site(GOOD.to_vec(), page)).await;
    site.finds(SecurityCode::MixedContent, UnexpectedBody, "")
        .await;
}

fn reflected(origin: &str) -> String {
    format!("access-control-allow-origin: {origin}")
}

fn trusted(origin: &str) -> String {
    let allowed = reflected(origin);
    format!("{allowed}\r\naccess-control-allow-credentials: true")
}

#[tokio::test]
async fn an_origin_that_nobody_named_is_not_allowed() {
    let site = Site::start(allowing(reflected)).await;
    let code = SecurityCode::CorsReflectsOrigin;
    site.finds(code, UnexpectedHeader, "").await;
    site.server.behave(allowing(trusted));
    let code = SecurityCode::CorsCredentialsForAnyOrigin;
    site.finds(code, UnexpectedHeader, "").await;
    site.server.behave(allowing(|origin| match origin {
        "null" => trusted(origin),
        _ => reflected("https://canary.example"),
    }));
    site.finds(code, UnexpectedHeader, "").await;
    site.server.behave(allowing(|_| reflected("*")));
    site.passes("").await;
    site.server
        .behave(allowing(|_| trusted("https://app.example")));
    site.passes("").await;
}

#[tokio::test]
async fn a_path_that_shows_what_it_holds_is_exposed() {
    let site = Site::start(good()).await;
    for (path, body) in [
        ("/.env", "DATABASE_URL=canary\n"),
        ("/.git/config", "[core]\n\tcanary = 1\n"),
        (
            "/metrics",
            "# HELP canary A.\n# TYPE canary gauge\ncanary 1\n",
        ),
        ("/debug", "<html>canary"),
    ] {
        site.server.behave(giving(path, body));
        let code = SecurityCode::PathExposed;
        site.finds(code, UnexpectedBody, "").await;
        let measured = site.measure("").await;
        let message = &measured.finding.message;
        assert!(message.contains(&format!("({path})")), "{message}");
    }
    site.server.behave(giving("/admin", "<html>canary"));
    site.passes("").await;
    let code = SecurityCode::PathExposed;
    site.finds(code, UnexpectedBody, "exposedPaths: [/admin, /other]")
        .await;
    site.server.behave(giving("/.env", "<html>nothing here"));
    site.passes("").await;
}

#[tokio::test]
async fn a_page_that_answers_every_path_alike_exposes_nothing() {
    let index = Behaviour::by_head(|_| answer(200, &GOOD, PAGE));
    let site = Site::start(index).await;
    site.passes("").await;
    site.passes("exposedPaths: [/debug, /admin]").await;
    let count = AtomicUsize::new(0);
    let index = Behaviour::by_head(move |_| {
        let nonce = count.fetch_add(1, Ordering::SeqCst);
        answer(200, &GOOD, &format!("{PAGE}<!-- {nonce} -->"))
    });
    site.server.behave(index);
    site.passes("exposedPaths: [/debug, /admin, /.env]").await;
}

#[tokio::test]
async fn a_certificate_that_is_not_acceptable_is_found_and_nothing_is_sent_under_it() {
    use SecurityCode as Code;
    let cases: [(Shown, Code); 4] = [
        (Authority::expired, Code::CertificateOutOfDate),
        (Authority::not_yet_valid, Code::CertificateOutOfDate),
        (Authority::wrong_host, Code::CertificateWrongHost),
        (|_| Authority::self_signed(), Code::CertificateNotTrusted),
    ];
    for (certificate, code) in cases {
        let site = Site::showing(good(), certificate).await;
        let measured = site.measure("").await;
        assert_says(&measured, Fail, TlsFailed);
        assert_eq!(codes(&measured), [code]);
        assert_eq!(site.server.requests().len(), 0);
        // Without a request, nothing can be told of the rest.
        let measured = site.measure(&format!("ignore: [{code:?}]")).await;
        assert_says(&measured, Unknown, TlsFailed);
    }
}

#[tokio::test]
async fn what_is_ignored_is_not_asked_for() {
    let site = Site::start(good()).await;
    let plain = Server::start(Behaviour::Ok).await;
    let codes: Vec<String> = SecurityCode::ALL
        .iter()
        .map(|code| format!("{code:?}"))
        .collect();
    let more = format!(
        "httpUrl: '{}'\nignore: [{}]",
        plain.url("/"),
        codes.join(", ")
    );
    site.passes(&more).await;
    assert_eq!(site.server.requests().len(), 1);
    assert_eq!(site.server.connections(), 1);
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn nothing_that_the_target_or_the_author_wrote_is_shown() {
    let lines = vec![
        "content-type: text/html; canary",
        "set-cookie: canary=canary",
        "server: canary/1.0",
        "strict-transport-security: canary; max-age=1",
        "content-security-policy: canary",
        "x-frame-options: canary",
        "access-control-allow-origin: canary",
    ];
    let page = "<img src=http://canary.example/canary>canary";
    let site = Site::start(site(lines, page)).await;
    let yaml = format!("url: '{}'", site.server.url("/?canary-query"));
    let probe = probe(&yaml);
    let measured = measure(&probe, &site.network.session()).await;
    assert_eq!(measured.finding.verdict, Fail);
    let shown = format!("{probe:?}{measured:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_field() {
    for (yaml, field) in [
        ("url: 'ftp://a'", "url"),
        ("url: 'https://u:p@a'", "url"),
        ("url: 'https://a/#x'", "url"),
        ("{url: 'https://a', httpUrl: 'https://a'}", "httpUrl"),
        ("{url: 'https://a', httpUrl: 'http://u:p@a'}", "httpUrl"),
        ("{url: 'http://a', httpUrl: 'http://a'}", "httpUrl"),
        ("{url: 'https://a', exposedPaths: ['/']}", "exposedPaths[0]"),
        (
            "{url: 'https://a', exposedPaths: ['/a', '/../b']}",
            "exposedPaths[1]",
        ),
    ] {
        let check: SecurityCheck = serde_yaml::from_str(yaml).unwrap();
        let error = SecurityProbe::new(&check)
            .map(|_| ())
            .unwrap_err()
            .to_string();
        let expected = format!("security.{field}: ");
        assert!(error.starts_with(&expected), "{yaml}: {error}");
    }
}
