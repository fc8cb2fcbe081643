//! No socket is opened towards a denied address, however the check comes to it.

use plumbline::{
    api::HttpCheck,
    checks::{
        http::HttpProbe,
        net::{Network, NetworkSettings, egress::Denial},
        suite::Probe,
        verdict::{FindingReason, Verdict},
    },
};

use super::{assert_says, measure, network, network_with, probe, probe_tcp, settings_asking};
use crate::support::hostile::{Behaviour, Lookup, NameServer, Server};

fn closed() -> Network {
    Network::new(&NetworkSettings::default(), Vec::new()).unwrap()
}

#[tokio::test]
async fn a_denied_address_is_never_dialled() {
    let server = Server::start(Behaviour::Ok).await;
    let port = server.port();
    let session = closed().session();
    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
    ] {
        let http = probe(&format!("url: 'http://{host}:{port}/'"));
        let measured = measure(&http, &session).await;
        assert_says(&measured, Verdict::Unknown, FindingReason::TargetNotAllowed);
        let tcp = probe_tcp(host, port);
        let measured = measure(&tcp, &session).await;
        assert_says(&measured, Verdict::Unknown, FindingReason::TargetNotAllowed);
        assert!(
            session.network().judge_literal(http.targets()[0]).is_err(),
            "{host}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_api_servers_address_is_denied() {
    let server = Server::start(Behaviour::Ok).await;
    let network = Network::new(&NetworkSettings::default(), vec![server.address()]).unwrap();
    let by_address = probe_tcp("127.0.0.1", server.port());
    let denied = network.judge_literal(by_address.targets()[0]).unwrap_err();
    assert_eq!(denied, Denial::ApiServer);
    let measured = measure(
        &probe_tcp("kubernetes.default.svc", 443),
        &network.session(),
    )
    .await;
    assert_says(&measured, Verdict::Unknown, FindingReason::TargetNotAllowed);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_with_one_denied_address_is_denied_as_a_whole() {
    let server = Server::start(Behaviour::Ok).await;
    let mixed = ["127.0.0.1", "169.254.169.254"].map(|address| address.parse().unwrap());
    let names = NameServer::always(Lookup::Addresses(mixed.to_vec())).await;
    let session = network_with(settings_asking(&names)).session();
    let url = format!("url: http://mixed.example:{}/", server.port());
    let measured = measure(&probe(&url), &session).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::TargetNotAllowed);
    assert!(!measured.finding.message.contains("169.254"));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_was_judged_is_what_is_dialled_even_when_the_name_changes_with_each_query() {
    let server = Server::start(Behaviour::Ok).await;
    let names = NameServer::start(|_, query| {
        let address = if query % 2 == 0 {
            "127.0.0.1"
        } else {
            "127.0.0.2"
        };
        Lookup::Addresses(vec![address.parse().unwrap()])
    })
    .await;
    let network = network_with(settings_asking(&names));
    let url = format!("url: http://rebinding.example:{}/", server.port());
    let first = measure(&probe(&url), &network.session()).await;
    assert_says(&first, Verdict::Pass, FindingReason::Passed);
    let second = measure(&probe(&url), &network.session()).await;
    assert_says(&second, Verdict::Unknown, FindingReason::TargetNotAllowed);
    assert_eq!((names.queries(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_redirect_is_judged_like_a_first_address() {
    let inner = Server::start(Behaviour::Ok).await;
    let metadata = "http://169.254.169.254/latest/meta-data/".to_owned();
    let by_name = format!("http://127.0.0.2:{}/", inner.port());
    for location in [metadata, by_name] {
        let server = Server::start(Behaviour::Redirect(302, location)).await;
        let yaml = format!("url: {}\nredirects: {{follow: 3}}", server.url("/"));
        let measured = measure(&probe(&yaml), &network().session()).await;
        assert_says(&measured, Verdict::Unknown, FindingReason::TargetNotAllowed);
        assert_eq!(server.requests().len(), 1);
    }
    assert_eq!(inner.connections(), 0);
}

#[test]
fn addresses_that_are_no_http_addresses_are_refused_with_their_field() {
    for url in [
        "file:///etc/passwd",
        "gopher://example.com",
        "unix:/run/x.sock",
        "ftp://example.com",
        "http:example.com",
        "http:///example.com",
        "example.com",
        "//example.com",
        "http://user@example.com",
        "http://user:password@example.com",
        "http://:password@example.com",
        "http://example.com/#fragment",
        "http://example.com/a b",
        "http://example.com/\t",
        "http://example.com\r\nHost: evil",
        "http://example.com\\@evil",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://",
        "http://exa mple.com",
        "http://[::1",
        "http://1.2.3.4.5/",
    ] {
        let check = HttpCheck {
            url: url.to_owned(),
            ..serde_yaml::from_str("url: http://example.com").unwrap()
        };
        let error = HttpProbe::new(&check, &|_| None).unwrap_err();
        assert_eq!(error.field, "http.url", "{url}");
        assert!(!error.to_string().contains("password@"), "{error}");
    }
    let long = format!("url: http://example.com/{}", "a".repeat(64 * 1024));
    let check: HttpCheck = serde_yaml::from_str(&long).unwrap();
    assert!(HttpProbe::new(&check, &|_| None).is_err());
}

#[test]
fn a_host_is_shown_as_it_is_dialled() {
    for (url, host) in [
        ("HTTP://Example.COM", "example.com:80"),
        ("https://example.com/path?query", "example.com:443"),
        ("https://аpple.example", "xn--pple-43d.example:443"),
        ("http://0x7f.1:81", "127.0.0.1:81"),
    ] {
        assert_eq!(probe(&format!("url: {url}")).host(), host);
    }
}
