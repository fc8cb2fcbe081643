//! Checks of databases, against the real servers.

mod mysql;
mod performance;
mod postgres;
mod replication;
mod sqlite;

use std::{net::Ipv4Addr, time::Duration};

use plumbline::checks::{
    net::{Network, NetworkSettings},
    sql::SqlProbe,
    verdict::Measurement,
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

use super::{measure, measure_within, network_with};
use crate::support::{hostile::Authority, postgres::PASSWORD};

fn compiled(yaml: &str) -> SqlProbe {
    let check = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    SqlProbe::new(&check, &|_| Some(SecretString::from(PASSWORD))).unwrap()
}

fn trusting(authority: &Authority) -> Network {
    let mut settings = NetworkSettings::default();
    settings.tls.certificate_authorities = Some(authority.file());
    network_with(settings)
}

async fn ask(network: &Network, yaml: &str) -> Measurement {
    let measured = measure(&compiled(yaml), &network.session()).await;
    assert!(!measured.finding.message.contains(PASSWORD));
    measured
}

async fn ask_within(limit: Duration, network: &Network, yaml: &str) -> Measurement {
    measure_within(limit, &compiled(yaml), &network.session()).await
}

/// What a server that is none does once it has said its words.
#[derive(Clone, Copy, Debug)]
enum Then {
    Waits,
    Closes,
    Repeats,
}

/// A server that says its words to whoever connects, until it is dropped.
struct Impostor {
    port: u16,
    task: JoinHandle<()>,
}

impl Impostor {
    async fn start(words: &[u8], then: Then) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let words = words.to_vec();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                while stream.write_all(&words).await.is_ok() && matches!(then, Then::Repeats) {}
                if matches!(then, Then::Waits) {
                    // Until the other side has had enough.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            }
        });
        Self { port, task }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.task.abort();
    }
}
