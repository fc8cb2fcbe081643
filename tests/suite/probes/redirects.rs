//! Redirects are followed only as far as asked for, and take no secret along.

use std::collections::BTreeMap;

use plumbline::{
    api::{HttpCheck, SecretKeyReference},
    checks::{
        http::HttpProbe,
        verdict::{FindingReason, Verdict},
    },
};
use secrecy::SecretString;

use super::{assert_says, check, measure, network, network_trusting, probe, says};
use crate::support::hostile::{Authority, Behaviour, Server};

const TOKEN: &str = "Bearer canary-token";

fn with_secrets(yaml: &str) -> HttpProbe {
    let check: HttpCheck = serde_yaml::from_str(yaml).unwrap();
    let secret = |key: &str| SecretKeyReference {
        name: "api".to_owned(),
        key: key.to_owned(),
    };
    let secrets = BTreeMap::from([
        (secret("token"), SecretString::from(TOKEN)),
        (secret("own"), SecretString::from("canary-own")),
    ]);
    HttpProbe::new(&check, &|reference| secrets.get(reference).cloned()).unwrap()
}

const SECRET_HEADERS: &str = "
headers:
- {name: Authorization, valueFrom: {secretKeyRef: {name: api, key: token}}}
- {name: X-Own, valueFrom: {secretKeyRef: {name: api, key: own}}}
- {name: X-Plain, value: plain}
redirects: {follow: 3}
";

#[tokio::test]
async fn a_redirect_is_an_answer_unless_it_is_followed() {
    let goal = Server::start(Behaviour::Ok).await;
    let server = Server::start(Behaviour::Redirect(302, goal.url("/"))).await;
    let measured = check(&format!("url: {}", server.url("/"))).await;
    assert_eq!(
        says(&measured),
        (
            Verdict::Fail,
            FindingReason::UnexpectedStatus,
            "status 302, expected 200-299"
        )
    );
    let expected = format!("url: {}\nexpect: {{status: ['302']}}", server.url("/"));
    assert_says(
        &check(&expected).await,
        Verdict::Pass,
        FindingReason::Passed,
    );
    assert_eq!(goal.connections(), 0);
    let followed = format!("url: {}\nredirects: {{follow: 1}}", server.url("/"));
    assert_says(
        &check(&followed).await,
        Verdict::Pass,
        FindingReason::Passed,
    );
    assert_eq!(goal.requests().len(), 1);
}

#[tokio::test]
async fn secrets_stay_with_their_origin() {
    let goal = Server::start(Behaviour::Ok).await;
    let server = Server::start(Behaviour::Redirect(307, goal.url("/"))).await;
    let probe = with_secrets(&format!("url: {}{SECRET_HEADERS}", server.url("/")));
    let measured = measure(&probe, &network().session()).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let sent = server.requests()[0].head.clone();
    assert!(sent.contains(TOKEN) && sent.contains("canary-own"));
    let leaked = goal.requests()[0].head.clone();
    assert!(!leaked.contains("canary"), "{leaked}");
    assert!(leaked.contains("x-plain: plain"));
}

#[tokio::test]
async fn secrets_that_were_dropped_do_not_come_back() {
    let first = Server::start(Behaviour::Ok).await;
    let second = Server::start(Behaviour::Redirect(302, first.url("/back"))).await;
    first.behave(Behaviour::Redirect(302, second.url("/")));
    let probe = with_secrets(&format!("url: {}{SECRET_HEADERS}", first.url("/")));
    let measured = measure(&probe, &network().session()).await;
    assert_says(&measured, Verdict::Fail, FindingReason::RedirectRefused);
    let returned = first.requests()[1].head.clone();
    assert!(returned.starts_with("GET /back "));
    assert!(!returned.contains("canary"), "{returned}");
}

#[tokio::test]
async fn secrets_are_kept_within_one_origin() {
    let server = Server::start(Behaviour::Redirect(302, "/elsewhere".to_owned())).await;
    let probe = with_secrets(&format!("url: {}{SECRET_HEADERS}", server.url("/")));
    measure(&probe, &network().session()).await;
    assert!(server.requests()[1].head.contains(TOKEN));
}

#[tokio::test]
async fn where_a_redirect_must_not_lead_is_not_followed() {
    let authority = Authority::new();
    let plain = Server::start(Behaviour::Ok).await;
    let secure = Server::start_tls(Behaviour::Ok, &authority.good()).await;
    for location in [
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
        "javascript:alert(1)".to_owned(),
        "http://".to_owned(),
        "https://a..b/".to_owned(),
        plain.url("/downgrade"),
    ] {
        secure.behave(Behaviour::Redirect(301, location.clone()));
        let yaml = format!("url: {}\nredirects: {{follow: 5}}", secure.url("/"));
        let measured = measure(&probe(&yaml), &network_trusting(&authority).session()).await;
        assert_says(&measured, Verdict::Fail, FindingReason::RedirectRefused);
        assert!(!measured.finding.message.contains("passwd"), "{location}");
    }
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn a_redirect_loop_ends_at_its_bound() {
    let server = Server::start(Behaviour::Redirect(302, "/again".to_owned())).await;
    let measured = check(&format!(
        "url: {}\nredirects: {{follow: 5}}",
        server.url("/")
    ))
    .await;
    assert_says(&measured, Verdict::Fail, FindingReason::RedirectRefused);
    assert_eq!(server.requests().len(), 6);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_post_is_never_repeated_at_another_address() {
    let goal = Server::start(Behaviour::Ok).await;
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(Behaviour::Redirect(status, goal.url("/"))).await;
        let measured = check(&format!(
            "url: {}\nmethod: POST\nbody: '{{}}'\nredirects: {{follow: 5}}",
            server.url("/")
        ))
        .await;
        assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedStatus);
        assert_eq!(server.requests().len(), 1);
    }
    assert_eq!(goal.connections(), 0);
}
