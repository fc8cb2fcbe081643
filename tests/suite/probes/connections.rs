//! What a connection costs is seen, connections are shared within a session and closed with it.

use std::{net::SocketAddr, time::Duration};

use plumbline::checks::verdict::{FindingReason, Verdict};
use tokio::net::{TcpListener, TcpStream};

use super::{
    assert_says, check, eventually, measure, network, network_trusting, probe, probe_tcp, says,
};
use crate::support::hostile::{Authority, Behaviour, Server};

#[tokio::test]
async fn a_good_answer_passes_and_every_phase_is_timed() {
    let server = Server::start(Behaviour::Ok).await;
    let url = server.url("/health");
    let measured = check(&format!(
        r"
        url: {url}
        expect:
          headers: [{{name: content-type, matches: json}}]
          bodyMatches: ok
          json: [{{path: $.status, value: ok}}]
          maxLatency: 10s"
    ))
    .await;
    assert_eq!(
        says(&measured),
        (Verdict::Pass, FindingReason::Passed, "status 200")
    );
    let phases = measured.phases;
    assert!(phases.connect.is_some() && phases.first_byte.is_some() && phases.body.is_some());
    assert_eq!((phases.dns, phases.tls), (None, None));
}

#[tokio::test]
async fn a_reused_connection_has_no_phases_of_connecting() {
    let authority = Authority::new();
    let server = Server::start_tls(Behaviour::Ok, &authority.good()).await;
    let session = network_trusting(&authority).session();
    let probe = probe(&format!("url: {}", server.url("/")));
    let first = measure(&probe, &session).await;
    assert_says(&first, Verdict::Pass, FindingReason::Passed);
    assert!(first.phases.dns.is_some() && first.phases.connect.is_some());
    assert!(first.phases.tls.is_some());
    let second = measure(&probe, &session).await;
    assert_says(&second, Verdict::Pass, FindingReason::Passed);
    assert_eq!(
        (second.phases.dns, second.phases.connect, second.phases.tls),
        (None, None, None)
    );
    assert!(second.phases.first_byte.is_some());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn connections_are_closed_with_their_session() {
    let server = Server::start(Behaviour::Ok).await;
    let network = network();
    let probe = probe(&format!("url: {}", server.url("/")));
    let session = network.session();
    measure(&probe, &session).await;
    assert_eq!(server.open_connections(), 1);
    drop(session);
    eventually("the connection is closed", || {
        server.open_connections() == 0
    })
    .await;
    measure(&probe, &network.session()).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_kept_connection_that_the_target_closes_fails_no_check() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
    for behaviour in [Behaviour::RawThenClose(answer), Behaviour::OnceAConnection] {
        let server = Server::start(behaviour).await;
        let session = network().session();
        let probe = probe(&format!("url: {}", server.url("/")));
        for _ in 0..20 {
            let measured = measure(&probe, &session).await;
            assert_says(&measured, Verdict::Pass, FindingReason::Passed);
        }
        assert_eq!(server.connections(), 20);
    }
}

/// Passes the first connection on, and leaves further ones without an answer.
async fn pass_one_connection(to: SocketAddr) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(to).await.unwrap();
        let (_second, ()) = tokio::join!(listener.accept(), async {
            let _ = tokio::io::copy_bidirectional(&mut first, &mut server).await;
        });
    });
    (port, task)
}

#[tokio::test]
async fn a_connection_that_another_request_made_has_no_phases_of_this_one() {
    let authority = Authority::new();
    let slow = Behaviour::Slow(Duration::from_millis(200));
    let server = Server::start_tls(slow, &authority.good()).await;
    let (port, passing) = pass_one_connection(server.address()).await;
    let session = network_trusting(&authority).session();
    let probe = probe(&format!("url: https://localhost:{port}/"));
    let first = measure(&probe, &session);
    let second = async {
        eventually("the first request is on its way", || {
            !server.requests().is_empty()
        })
        .await;
        measure(&probe, &session).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_says(&first, Verdict::Pass, FindingReason::Passed);
    assert!(first.phases.tls.is_some());
    // Its own connection stands without TLS, when that of the first request becomes free.
    assert_says(&second, Verdict::Pass, FindingReason::Passed);
    assert_eq!((second.phases.connect, second.phases.tls), (None, None));
    passing.abort();
}

#[tokio::test]
async fn what_follows_an_answer_is_never_taken_for_the_next_one() {
    let smuggled = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500 Smuggled\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(Behaviour::Raw(smuggled.to_vec())).await;
    let session = network().session();
    let probe = probe(&format!("url: {}", server.url("/")));
    for _ in 0..10 {
        let measured = measure(&probe, &session).await;
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    }
    assert_eq!(server.connections(), 10);
}

#[tokio::test]
async fn a_post_is_never_sent_twice_by_itself() {
    let server = Server::start(Behaviour::Ok).await;
    let session = network().session();
    let url = server.url("/");
    measure(&probe(&format!("url: {url}")), &session).await;
    server.behave(Behaviour::CloseBeforeAnswer);
    let post = probe(&format!("url: {url}\nmethod: POST\nbody: marker"));
    let measured = measure(&post, &session).await;
    assert_says(&measured, Verdict::Fail, FindingReason::ConnectionReset);
    let requests = server.requests();
    let posts = requests.iter().filter(|request| request.body == b"marker");
    assert_eq!(posts.count(), 1);
}

#[tokio::test]
async fn a_tcp_check_passes_when_the_connection_stands() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let measured = measure(&probe_tcp("127.0.0.1", port), &network().session()).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    assert!(measured.phases.connect.is_some());
    drop(listener);
    let measured = measure(&probe_tcp("127.0.0.1", port), &network().session()).await;
    assert_says(&measured, Verdict::Fail, FindingReason::ConnectionRefused);
    assert!(measured.finding.reason.needs_reference());
}

#[tokio::test]
async fn a_refused_connection_fails_an_http_check() {
    let server = Server::start(Behaviour::Ok).await;
    let url = server.url("/secret-path?token=1");
    let port = server.port();
    drop(server);
    // The listener is gone once its task has ended.
    eventually("the listener is gone", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
    })
    .await;
    let measured = check(&format!("url: {url}")).await;
    assert_eq!(
        says(&measured),
        (
            Verdict::Fail,
            FindingReason::ConnectionRefused,
            format!("127.0.0.1:{port} refused the connection").as_str()
        )
    );
}

#[tokio::test]
async fn a_slow_answer_is_too_slow_though_right() {
    let server = Server::start(Behaviour::Slow(Duration::from_millis(80))).await;
    let measured = check(&format!(
        "url: {}\nexpect: {{maxLatency: 20ms}}",
        server.url("/")
    ))
    .await;
    assert_says(&measured, Verdict::Fail, FindingReason::TooSlow);
    assert!(measured.finding.message.ends_with("ms, over 20ms"));
}
