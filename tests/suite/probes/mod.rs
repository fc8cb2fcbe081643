//! Probes against targets of this process, over real sockets.

mod connections;
mod counted;
mod deadlines;
mod dns;
mod egress;
mod expectations;
mod external;
mod grpc;
mod hostile;
mod http2;
mod metrics;
mod performance;
mod prometheus;
mod redirects;
mod redis;
mod secrets;
mod security;
mod sql;
mod steps;
mod storage;
mod tls;
mod worker;
mod worker_sql;

use std::time::Duration;

use plumbline::{
    api::{HttpCheck, TcpCheck},
    checks::{
        http::HttpProbe,
        net::{Network, NetworkSettings, Session},
        suite::Probe,
        tcp::TcpProbe,
        verdict::{FindingReason, Measurement, Verdict},
    },
};
use tokio::time::Instant;

use crate::support::hostile::{Authority, NameServer};

/// Long enough for anything that ends by itself.
const AMPLE: Duration = Duration::from_secs(20);

/// A network that may reach this machine, as no controller may by default.
pub fn network() -> Network {
    network_with(NetworkSettings::default())
}

pub fn network_with(mut settings: NetworkSettings) -> Network {
    settings.egress.allow = ["127.0.0.1/32", "::1/128"]
        .map(|network| network.parse().unwrap())
        .to_vec();
    Network::new(&settings, Vec::new()).unwrap()
}

fn network_trusting(authority: &Authority) -> Network {
    let mut settings = NetworkSettings::default();
    settings.tls.certificate_authorities = Some(authority.file());
    network_with(settings)
}

pub fn settings_asking(server: &NameServer) -> NetworkSettings {
    let mut settings = NetworkSettings::default();
    settings.dns.servers = vec![server.address()];
    settings
}

fn probe(yaml: &str) -> HttpProbe {
    let check: HttpCheck = serde_yaml::from_str(yaml).unwrap();
    HttpProbe::new(&check, &|_| None).unwrap()
}

fn probe_tcp(host: &str, port: u16) -> TcpProbe {
    TcpProbe::new(&TcpCheck {
        host: host.to_owned(),
        port,
        max_latency: None,
    })
    .unwrap()
}

pub async fn measure(probe: &dyn Probe, session: &Session) -> Measurement {
    measure_within(AMPLE, probe, session).await
}

async fn measure_within(limit: Duration, probe: &dyn Probe, session: &Session) -> Measurement {
    probe.measure(session, Instant::now() + limit).await
}

/// One HTTP check over a session of its own.
async fn check(yaml: &str) -> Measurement {
    measure(&probe(yaml), &network().session()).await
}

fn says(measurement: &Measurement) -> (Verdict, FindingReason, &str) {
    let finding = &measurement.finding;
    (finding.verdict, finding.reason, &finding.message)
}

#[track_caller]
fn assert_says(measurement: &Measurement, verdict: Verdict, reason: FindingReason) {
    assert_eq!(
        (measurement.finding.verdict, measurement.finding.reason),
        (verdict, reason),
        "{}",
        measurement.finding.message
    );
}

/// Waits until `condition` holds, for a few seconds at most.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
