//! What the network does to a change: sent once or not at all, and told apart as far as it can be known.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use futures::future::join_all;
use plumbline::platforms::{
    Accepted, MutationError, Operations, Operator, Outage, PlatformError, Revision,
};
use serde_json::json;
use tokio::{net::TcpSocket, time::Instant};

use super::render::{KEY, hub, target};
use crate::support::hostile::{Behaviour, Server};

const SERVICE: &str = "srv-00000000000000000001";
const GOAL: &str = "dep-00000000000000000000";
const TIMEOUT: Duration = Duration::from_millis(1500);

fn operator(address: SocketAddr) -> Operator {
    let (hub, _) = hub(&format!("http://{address}/v1"), TIMEOUT);
    hub.operator(&target(KEY, None, &[SERVICE])).unwrap()
}

fn settings() -> String {
    json!({"id": SERVICE, "type": "web_service", "repo": "https://example.com/api"}).to_string()
}

/// Answers readings well, and changes so.
fn with_changes(behaviour: Behaviour) -> Behaviour {
    let reads = Behaviour::Json(200, settings());
    Behaviour::ByMethod(Box::new(reads), Box::new(behaviour))
}

/// Every change, under this behaviour; each has to reach the server once.
async fn changes(behaviour: Behaviour) -> Vec<Result<Accepted, MutationError>> {
    let server = Server::start(with_changes(behaviour.clone())).await;
    let operator = operator(server.address());
    let revision = Revision::Commit("4f1c2d3".to_owned());
    let mut results = Vec::new();
    for (number, path) in ["/rollback", "/deploys", ""].iter().enumerate() {
        let began = Instant::now();
        results.push(match number {
            0 => operator.roll_back(SERVICE, GOAL).await,
            1 => operator.deploy(SERVICE, &revision).await,
            _ => {
                let stopped = operator.stop_automatic_deploys(SERVICE).await;
                stopped.map(|()| Accepted { rollout: None })
            }
        });
        assert!(began.elapsed() < operator.sends_within(), "{behaviour:?}");
        let requests = server.requests();
        let sent: Vec<_> = requests
            .iter()
            .filter(|request| !request.head.starts_with("GET "))
            .collect();
        assert_eq!(sent.len(), number + 1, "{behaviour:?}");
        let head = &sent[number].head;
        assert!(
            head.contains(&format!("/v1/services/{SERVICE}{path} HTTP/1.1")),
            "{head}"
        );
        // On a connection of its own.
        assert_eq!(sent[number].place, 0, "{behaviour:?}");
    }
    results
}

#[tokio::test]
async fn a_connection_that_fails_once_it_is_made_leaves_open_what_was_done() {
    for behaviour in [
        Behaviour::Hang,
        Behaviour::CloseBeforeAnswer,
        Behaviour::CloseInBody,
        Behaviour::ResetInBody,
        Behaviour::Drip(Duration::from_millis(50)),
        Behaviour::Endless,
        Behaviour::Long(2 * 1024 * 1024),
        Behaviour::InterimFlood,
        Behaviour::EndlessHead,
        Behaviour::RawThenClose(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        Behaviour::RawThenClose(b"HTTP/1.1 201 Created\r\n".to_vec()),
        Behaviour::RawThenClose(
            b"HTTP/1.1 201 Created\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
        ),
        Behaviour::Slow(TIMEOUT * 2),
    ] {
        for result in changes(behaviour.clone()).await {
            assert!(
                matches!(result, Err(MutationError::Unknown(_))),
                "{behaviour:?}: {result:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_leaves_open_what_was_done() {
    let elsewhere = Server::start(Behaviour::Ok).await;
    for status in [301, 302, 303, 307, 308] {
        let behaviour = Behaviour::Redirect(status, elsewhere.url("/v1/elsewhere"));
        for result in changes(behaviour).await {
            assert!(
                matches!(result, Err(MutationError::Unknown(_))),
                "{status}: {result:?}"
            );
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_good_answer_may_end_with_its_connection() {
    let body = json!({"id": "dep-2", "status": "created", "trigger": "rollback"}).to_string();
    let head = "HTTP/1.1 201 Created\r\nconnection: close\r\n\r\n";
    let server = Server::start(with_changes(Behaviour::RawThenClose(
        format!("{head}{body}").into_bytes(),
    )))
    .await;
    let operator = operator(server.address());
    let accepted = operator.roll_back(SERVICE, GOAL).await.unwrap();
    assert_eq!(accepted.rollout.unwrap().id, "dep-2");
}

#[tokio::test]
async fn a_change_says_what_it_is_and_who_asks() {
    let server = Server::start(with_changes(Behaviour::Json(
        201,
        json!({"id": "dep-2"}).to_string(),
    )))
    .await;
    let operator = operator(server.address());
    operator.roll_back(SERVICE, GOAL).await.unwrap();
    let requests = server.requests();
    let request = requests.last().unwrap();
    let head = request.head.to_ascii_lowercase();
    for line in [
        "accept: application/json",
        "content-type: application/json",
        "user-agent: plumbline/",
        &format!("authorization: bearer {}", KEY.to_ascii_lowercase()),
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert_eq!(
        request.body,
        json!({"deployId": GOAL}).to_string().into_bytes()
    );
}

/// Answers every reading of one connection, which it gives up listening for, or keeps listening without an answer.
fn serve_one(listener: TcpListener, keep_listening: bool) -> io::Result<()> {
    let (mut connection, _) = listener.accept()?;
    let kept = keep_listening.then_some(listener);
    let body = settings();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut buffer = [0; 4096];
    while connection.read(&mut buffer)? > 0 {
        connection.write_all(answer.as_bytes())?;
    }
    drop(kept);
    Ok(())
}

#[tokio::test]
async fn a_change_that_finds_nobody_listening_was_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::task::spawn_blocking(move || serve_one(listener, false));
    let operator = operator(address);
    operator.circumstances(SERVICE).await.unwrap();
    let error = operator.roll_back(SERVICE, GOAL).await.unwrap_err();
    let refused = matches!(
        error,
        MutationError::NotSent(PlatformError::Unavailable {
            source: Outage::Connection(_),
            ..
        })
    );
    assert!(refused, "{error:?}");
    drop(operator);
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_change_that_cannot_connect_in_time_was_not_sent() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap().into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::task::spawn_blocking(move || serve_one(listener, true));
    let operator = operator(address);
    operator.circumstances(SERVICE).await.unwrap();
    // As many as the system queues for a server that takes no more; the next one is left without an answer.
    let mut queued = Vec::new();
    let connect = || {
        tokio::task::spawn_blocking(move || {
            TcpStream::connect_timeout(&address, Duration::from_millis(200))
        })
    };
    while let Ok(connection) = connect().await.unwrap() {
        queued.push(connection);
        assert!(queued.len() < 100, "the system queues without a bound");
    }
    let began = Instant::now();
    let error = operator.roll_back(SERVICE, GOAL).await.unwrap_err();
    assert!(began.elapsed() < TIMEOUT, "{:?}", began.elapsed());
    let timed_out = matches!(
        error,
        MutationError::NotSent(PlatformError::Unavailable {
            source: Outage::TimedOut,
            ..
        })
    );
    assert!(timed_out, "{error:?}");
    drop(operator);
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_bounded_number_of_changes_is_under_way_and_readings_do_not_wait_for_them() {
    let server = Server::start(with_changes(Behaviour::Hang)).await;
    let operator = operator(server.address());
    let sent = || {
        let requests = server.requests().into_iter();
        requests
            .filter(|request| request.head.starts_with("POST "))
            .count()
    };
    let changes = join_all((0..5).map(|_| operator.roll_back(SERVICE, GOAL)));
    let reading = async {
        while sent() < 4 {
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        operator.circumstances(SERVICE).await.unwrap();
        assert!(began.elapsed() < TIMEOUT / 4, "{:?}", began.elapsed());
    };
    let (results, ()) = tokio::join!(changes, reading);
    let crowded_out = results.iter().filter(|result| {
        matches!(
            result,
            Err(MutationError::NotSent(PlatformError::Unavailable {
                source: Outage::Crowded,
                ..
            }))
        )
    });
    assert_eq!(crowded_out.count(), 1, "{results:?}");
    assert_eq!(sent(), 4);
}
