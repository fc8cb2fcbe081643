//! Every phase that can hang ends at the deadline, and the message names it.

use std::time::{Duration, Instant};

use plumbline::{
    api::TlsCheck,
    checks::{
        net::Network,
        suite::Probe,
        tls::TlsProbe,
        verdict::{FindingReason, Measurement, Verdict},
    },
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{
    assert_says, measure_within, network, network_with, probe, probe_tcp, settings_asking,
};
use crate::support::hostile::{Behaviour, Lookup, NameServer, Server};

const LIMIT: Duration = Duration::from_millis(300);

/// How much later than its deadline a probe may end on a busy machine.
const LATE: Duration = Duration::from_millis(700);

async fn timed(probe: &dyn Probe, network: &Network) -> Measurement {
    let began = Instant::now();
    let measured = measure_within(LIMIT, probe, &network.session()).await;
    let taken = began.elapsed();
    assert!(taken >= LIMIT && taken < LIMIT + LATE, "took {taken:?}");
    measured
}

#[tokio::test]
async fn a_silent_name_server_ends_at_the_deadline_and_is_not_the_targets_fault() {
    let names = NameServer::always(Lookup::Silence).await;
    let network = network_with(settings_asking(&names));
    let measured = timed(&probe("url: http://silent.example/"), &network).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::ResolverFailed);
    let measured = timed(&probe_tcp("silent.example", 80), &network).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::ResolverFailed);
}

/// A listener whose backlog is full: the kernel leaves further connections without an answer.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(Ok(stream)) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the backlog never fills");
    }
    (listener, waiting)
}

#[tokio::test]
async fn a_connection_without_an_answer_ends_at_the_deadline() {
    let (listener, _waiting) = full().await;
    let port = listener.local_addr().unwrap().port();
    let url = format!("url: http://127.0.0.1:{port}/");
    for probe in [
        Box::new(probe(&url)) as Box<dyn Probe>,
        Box::new(probe_tcp("127.0.0.1", port)),
    ] {
        let measured = timed(&*probe, &network()).await;
        assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
        assert!(measured.finding.message.ends_with("timed out connecting"));
        assert!(measured.finding.reason.needs_reference());
    }
}

#[tokio::test]
async fn a_stalled_handshake_ends_at_the_deadline() {
    let server = Server::start(Behaviour::Hang).await;
    let url = format!("url: https://127.0.0.1:{}/", server.port());
    let measured = timed(&probe(&url), &network()).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    let message = &measured.finding.message;
    assert!(
        message.ends_with("timed out in the TLS handshake"),
        "{message}"
    );
    assert!(measured.phases.connect.is_some());
    let yaml = format!("{{host: localhost, port: {}}}", server.port());
    let check: TlsCheck = serde_yaml::from_str(&yaml).unwrap();
    let measured = timed(&TlsProbe::new(&check).unwrap(), &network()).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    assert!(measured.finding.message.ends_with("in the TLS handshake"));
}

#[tokio::test]
async fn an_answer_that_does_not_come_ends_at_the_deadline() {
    let server = Server::start(Behaviour::Hang).await;
    let measured = timed(&probe(&format!("url: {}", server.url("/"))), &network()).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    let message = &measured.finding.message;
    assert!(
        message.ends_with("timed out waiting for the answer"),
        "{message}"
    );
    assert!(measured.phases.connect.is_some());
}

#[tokio::test]
async fn a_judged_body_that_drips_ends_at_the_deadline() {
    let server = Server::start(Behaviour::Drip(Duration::from_millis(50))).await;
    for expect in ["bodyMatches: b", "maxLatency: 10s"] {
        let yaml = format!("url: {}\nexpect: {{{expect}}}", server.url("/"));
        let measured = timed(&probe(&yaml), &network()).await;
        assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
        let message = &measured.finding.message;
        assert!(message.ends_with("timed out reading the body"), "{message}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_judges_is_not_waited_for() {
    let server = Server::start(Behaviour::Drip(Duration::from_millis(50))).await;
    let probe = probe(&format!("url: {}", server.url("/")));
    let began = Instant::now();
    let limit = Duration::from_secs(30);
    let measured = measure_within(limit, &probe, &network().session()).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    assert_eq!(measured.phases.body, None);
    assert!(began.elapsed() < Duration::from_secs(5));
    super::eventually("the connection is closed", || {
        server.open_connections() == 0
    })
    .await;
}
