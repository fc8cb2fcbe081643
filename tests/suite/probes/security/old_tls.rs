//! Servers that speak old versions of TLS, or answer the hello of one with something else.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::support::{hostile::Versions, services::Service};

const CODE: SecurityCode = SecurityCode::OldTlsAccepted;

/// OpenSSL's server, from one version to another; `None` where it cannot be had.
fn openssl(authority: &Authority, from: &str, to: &str) -> Option<Service> {
    Service::start("openssl", |folder, port| {
        let (certificate, key) = authority.write_good_for("localhost", folder);
        let accept = format!("127.0.0.1:{port}");
        let words = [
            "s_server",
            "-www",
            "-accept",
            &accept,
            "-cert",
            &certificate,
            "-key",
            &key,
            "-min_protocol",
            from,
            "-max_protocol",
            to,
            "-cipher",
            "ALL:@SECLEVEL=0",
        ];
        words.map(str::to_owned).to_vec()
    })
}

#[tokio::test]
async fn a_server_that_takes_an_old_version_is_found() {
    let authority = Authority::new();
    let network = network_trusting(&authority);
    for (from, to, accepted) in [
        ("TLSv1", "TLSv1.3", Some("TLS 1.1")),
        ("TLSv1", "TLSv1", Some("TLS 1.0")),
        ("TLSv1.1", "TLSv1.1", Some("TLS 1.1")),
        ("TLSv1.1", "TLSv1.2", Some("TLS 1.1")),
        ("TLSv1.2", "TLSv1.3", None),
        ("TLSv1.3", "TLSv1.3", None),
    ] {
        let Some(server) = openssl(&authority, from, to) else {
            return;
        };
        let yaml = format!(
            "url: https://localhost:{}/\nminSeverity: High",
            server.port()
        );
        let measured = measure(&probe(&yaml), &network.session()).await;
        match accepted {
            Some(version) => {
                assert_says(&measured, Fail, TlsFailed);
                let message = &measured.finding.message;
                let begin = format!("OldTlsAccepted ({version}) at localhost:");
                assert!(message.starts_with(&begin), "{from} {to}: {message}");
            }
            None => assert!(!codes(&measured).contains(&CODE), "{from} {to}"),
        }
    }
}

#[tokio::test]
async fn the_floor_may_be_higher() {
    for (versions, spoken) in [
        (Versions::Both, true),
        (Versions::Only12, true),
        (Versions::Only13, false),
    ] {
        let site = Site::showing(good(), |authority| authority.good().over(versions)).await;
        site.passes("minTlsVersion: '1.2'").await;
        if spoken {
            site.finds(CODE, TlsFailed, "minTlsVersion: '1.3'").await;
        } else {
            site.passes("minTlsVersion: '1.3'").await;
        }
    }
}

/// Passes on whoever offers TLS from 1.2 on, and says `answer` to everybody else before it closes the connection, or is silent.
async fn gate(server: SocketAddr, answer: Option<Vec<u8>>) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = [0; 11];
                client.read_exact(&mut head).await.unwrap();
                if head[9..] == [3, 3] {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    server.write_all(&head).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                } else if let Some(answer) = answer {
                    let _ = client.write_all(&answer).await;
                } else {
                    let _ = client.read_to_end(&mut Vec::new()).await;
                }
            });
        }
    });
    (port, task)
}

#[tokio::test]
async fn another_answer_to_an_old_hello_than_yes_or_no_tells_nothing() {
    let site = Site::start(good()).await;
    for (answer, verdict, reason) in [
        (
            Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
            Unknown,
            NoData,
        ),
        (Some(vec![22, 3, 1, 0, 80, 2]), Unknown, NoData),
        (None, Unknown, NoData),
        (Some(Vec::new()), Pass, Passed),
        (Some(vec![21, 3, 1, 0, 2, 2, 70]), Pass, Passed),
        (
            Some(vec![22, 3, 1, 0, 80, 2, 0, 0, 76, 3, 1]),
            Fail,
            TlsFailed,
        ),
    ] {
        let (port, task) = gate(site.server.address(), answer.clone()).await;
        let yaml = format!("url: https://localhost:{port}/");
        let limit = Duration::from_secs(2);
        let measured = measure_within(limit, &probe(&yaml), &site.network.session()).await;
        task.abort();
        assert_says(&measured, verdict, reason);
    }
}
