//! TLS targets, good and bad: what a check of certificates says, and what an HTTP check says.

use plumbline::{
    api::TlsCheck,
    checks::{
        net::{Network, NetworkSettings},
        tls::TlsProbe,
        verdict::{FindingReason, Measurement, Verdict},
    },
};

use super::{assert_says, measure, network_trusting, probe};
use crate::support::hostile::{Authority, Behaviour, Certificate, Server, Versions};

async fn inspect(server: &Server, network: &Network, more: &str) -> Measurement {
    let yaml = format!("host: localhost\nport: {}\n{more}", server.port());
    let check: TlsCheck = serde_yaml::from_str(&yaml).unwrap();
    measure(&TlsProbe::new(&check).unwrap(), &network.session()).await
}

async fn serve(certificate: &Certificate) -> Server {
    Server::start_tls(Behaviour::Ok, certificate).await
}

#[tokio::test]
async fn a_good_certificate_passes_over_both_versions() {
    let authority = Authority::new();
    let network = network_trusting(&authority);
    for versions in [Versions::Both, Versions::Only12, Versions::Only13] {
        let server = serve(&authority.good().over(versions)).await;
        let measured = inspect(&server, &network, "minDaysLeft: 30").await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
        assert!(measured.phases.tls.is_some());
        let request = probe(&format!("url: {}", server.url("/")));
        let measured = measure(&request, &network.session()).await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    }
}

#[tokio::test]
async fn a_bad_certificate_fails_its_own_check_and_no_http_check() {
    let authority = Authority::new();
    let network = network_trusting(&authority);
    for (certificate, message) in [
        (authority.expired(), "the certificate has expired"),
        (
            authority.not_yet_valid(),
            "the certificate is not valid yet",
        ),
        (
            authority.wrong_host(),
            "the certificate does not name this host",
        ),
        (
            Authority::self_signed(),
            "the certificate's issuer is not known here",
        ),
    ] {
        let server = serve(&certificate).await;
        let measured = inspect(&server, &network, "").await;
        assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
        assert_eq!(
            measured.finding.message,
            format!("localhost:{}: {message}", server.port())
        );
        let request = probe(&format!("url: {}", server.url("/")));
        let measured = measure(&request, &network.session()).await;
        assert_says(&measured, Verdict::Unknown, FindingReason::TlsFailed);
        assert_eq!(server.requests().len(), 0);
    }
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_fails_the_check_of_its_certificate() {
    let server = serve(&Authority::new().good()).await;
    let measured = inspect(&server, &network_trusting(&Authority::new()), "").await;
    assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
}

#[tokio::test]
async fn the_version_the_expiry_and_the_name_are_held_against_the_expectation() {
    let authority = Authority::new();
    let network = network_trusting(&authority);
    let old = serve(&authority.good().over(Versions::Only12)).await;
    let measured = inspect(&old, &network, "minVersion: '1.3'").await;
    assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
    let server = serve(&authority.expiring_in_days(10)).await;
    let measured = inspect(&server, &network, "minDaysLeft: 30").await;
    assert_says(&measured, Verdict::Fail, FindingReason::CertificateExpiring);
    let measured = inspect(&server, &network, "minDaysLeft: 5").await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let server = serve(&authority.wrong_host()).await;
    let measured = inspect(&server, &network, "serverName: elsewhere.example.com").await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
}

#[tokio::test]
async fn a_certificate_that_is_exchanged_is_seen_at_once() {
    let authority = Authority::new();
    let network = network_trusting(&authority);
    for versions in [Versions::Only12, Versions::Only13] {
        let certificate = authority.good().over(versions);
        let server = serve(&certificate).await;
        let measured = inspect(&server, &network, "").await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
        certificate.exchange(&authority.expired());
        let measured = inspect(&server, &network, "").await;
        assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
    }
}

#[tokio::test]
async fn what_is_no_tls_says_so() {
    let authority = Authority::new();
    let network = network_trusting(&authority);
    let speaking = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = speaking.local_addr().unwrap().port();
    let greeting = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = speaking.accept().await {
            let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n").await;
        }
    });
    let url = format!("url: https://localhost:{port}/");
    let measured = measure(&probe(&url), &network.session()).await;
    greeting.abort();
    assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
    assert!(measured.finding.message.ends_with("does not speak TLS"));
}

#[tokio::test]
async fn oversized_certificates_and_chains_end_the_handshake() {
    let authority = Authority::new();
    let network = network_trusting(&authority);
    let server = serve(&authority.with_names(100_000)).await;
    let measured = inspect(&server, &network, "").await;
    assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
    let server = serve(&authority.with_long_chain(20)).await;
    let measured = inspect(&server, &network, "").await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
}

#[tokio::test]
async fn a_file_of_authorities_that_cannot_be_read_stops_the_start() {
    let mut settings = NetworkSettings::default();
    settings.tls.certificate_authorities = Some("/nonexistent/ca.pem".into());
    let error = Network::new(&settings, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/ca.pem"));
}
