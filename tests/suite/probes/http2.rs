//! HTTP/2 targets.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::future::join_all;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use plumbline::checks::verdict::{FindingReason, Verdict};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use super::{assert_says, eventually, measure, network_trusting, probe};
use crate::support::hostile::{Authority, Behaviour, Server};

/// Serves HTTP/2 alone, one connection after the other, and counts them.
async fn serve_http2(
    authority: &Authority,
) -> (u16, Arc<AtomicUsize>, tokio::task::JoinHandle<()>) {
    let mut config = (*authority.good().server()).clone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let task = tokio::spawn(async move {
        let mut serving = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let acceptor = acceptor.clone();
            serving.spawn(async move {
                let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
                let answer =
                    service_fn(|request| async move { Ok::<_, Infallible>(respond(&request)) });
                // The client goes away in the end.
                let _ = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(stream, answer)
                    .await;
            });
        }
    });
    (port, connections, task)
}

fn respond(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let body = match request.uri().path() {
        "/long" => "a".repeat(64 << 20),
        _ => format!("{:?}", request.version()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    if request.uri().path() == "/head" {
        let value = "a".repeat(60_000).parse().unwrap();
        response.headers_mut().insert("x-long", value);
    }
    response
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered_over_one_connection() {
    let authority = Authority::new();
    let (port, connections, server) = serve_http2(&authority).await;
    let session = network_trusting(&authority).session();
    let yaml = format!("url: https://localhost:{port}/\nexpect: {{bodyMatches: 'HTTP/2.0'}}");
    let probe = probe(&yaml);
    let first = measure(&probe, &session).await;
    assert_says(&first, Verdict::Pass, FindingReason::Passed);
    assert!(first.phases.tls.is_some() && first.phases.first_byte.is_some());
    let second = measure(&probe, &session).await;
    assert_says(&second, Verdict::Pass, FindingReason::Passed);
    assert_eq!(second.phases.tls, None);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_start_together_share_one_http2_connection() {
    let authority = Authority::new();
    let (port, connections, server) = serve_http2(&authority).await;
    let session = network_trusting(&authority).session();
    let probe = probe(&format!("url: https://localhost:{port}/"));
    for measured in join_all((0..8).map(|_| measure(&probe, &session))).await {
        assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    server.abort();
}

#[tokio::test]
async fn over_http1_nobody_waits_for_the_answer_to_another() {
    let authority = Authority::new();
    let server = Server::start_tls(Behaviour::Hang, &authority.good()).await;
    let session = network_trusting(&authority).session();
    let probe = probe(&format!("url: {}", server.url("/")));
    let all = join_all((0..4).map(|_| measure(&probe, &session)));
    let asked = eventually("all have asked", || server.requests().len() == 4);
    tokio::select! {
        () = asked => {}
        _ = all => panic!("the server answers nobody"),
    }
}

#[tokio::test]
async fn the_caps_hold_over_http2() {
    let authority = Authority::new();
    let (port, _, server) = serve_http2(&authority).await;
    let session = network_trusting(&authority).session();
    for (path, reason) in [
        ("/long", FindingReason::UnexpectedBody),
        ("/head", FindingReason::ProtocolError),
    ] {
        let yaml = format!("url: https://localhost:{port}{path}\nexpect: {{bodyMatches: a}}");
        let measured = measure(&probe(&yaml), &session).await;
        assert_says(&measured, Verdict::Fail, reason);
    }
    server.abort();
}
