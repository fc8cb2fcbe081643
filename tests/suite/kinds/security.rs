//! The sample of `security` against a server of the test's own, with and without faults.

use super::{Sample, fails, validates};
use crate::support::{
    hostile::{Authority, Behaviour, Lookup, NameServer, Server},
    scenario::Scenario,
};

const GOOD: &str = "strict-transport-security: max-age=31536000\r\n\
    content-security-policy: default-src 'self'; frame-ancestors 'none'\r\n\
    x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n";

/// A site whose page is sent with `headers`, and which has one more path.
fn site(headers: &'static str, path: &'static str) -> Behaviour {
    Behaviour::by_head(move |head| {
        let (status, body) = match head.split(' ').nth(1) {
            Some("/") => (200, "<html>welcome"),
            Some(asked) if asked == path => (200, "SECRET_KEY=canary-4f1d\n"),
            _ => (404, "<html>not found"),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} Test\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        );
        Behaviour::Raw(answer.into_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail() {
    let authority = Authority::new();
    let certificate = authority.good_for("www.example.com");
    let server = Server::start_tls(site(GOOD, "/"), &certificate).await;
    let secure = format!("https://www.example.com:{}/", server.port());
    let plain = Server::start(Behaviour::Redirect(301, secure.clone())).await;
    let names = NameServer::always(Lookup::Addresses(vec!["127.0.0.1".parse().unwrap()])).await;
    let settings = format!(
        "network: {{egress: {{allow: ['127.0.0.1/32']}}, dns: {{servers: ['{}']}}, tls: {{certificateAuthorities: '{}'}}}}",
        names.address(),
        authority.file().display()
    );
    let scenario = Scenario::start_with(&settings).await;
    let spec = Sample::of("security")
        .with("https://www.example.com/", &secure)
        .with(
            "http://www.example.com/",
            &format!("http://www.example.com:{}/", plain.port()),
        )
        .spec();
    validates(&scenario, "security", spec.clone()).await;
    for (name, behaviour, reason) in [
        ("bare", site("", "/"), "UnexpectedHeader"),
        ("exposed", site(GOOD, "/.env"), "UnexpectedBody"),
        ("silent", Behaviour::CloseBeforeAnswer, "ConnectionReset"),
    ] {
        server.behave(behaviour);
        fails(&scenario, name, spec.clone(), "public-site", reason).await;
    }
    server.behave(site(GOOD, "/"));
    plain.behave(Behaviour::Ok);
    fails(
        &scenario,
        "plain",
        spec.clone(),
        "public-site",
        "UnexpectedStatus",
    )
    .await;
    certificate.exchange(&authority.expired());
    fails(&scenario, "expired", spec, "public-site", "TlsFailed").await;
    scenario.leaks_nothing(&["canary-4f1d"]).await;
    scenario.finish().await;
}
