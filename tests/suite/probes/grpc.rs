//! gRPC servers, real ones and such as misbehave.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Response, body::Frame, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use plumbline::{
    api::GrpcCheck,
    checks::{
        grpc::GrpcProbe,
        verdict::{FindingReason, Measurement, Verdict},
    },
};
use secrecy::SecretString;
use tokio::net::TcpListener;

use super::{assert_says, measure, measure_within, network, network_trusting, says};
use crate::support::{
    grpc::{GrpcServer, TOKEN},
    hostile::{Authority, Behaviour, Server},
    redis::{Stub, stub},
    services::free_port,
};

const WITH_TOKEN: &str =
    "metadata: [{name: authorization, valueFrom: {secretKeyRef: {name: grpc, key: token}}}]";

fn probe_with(yaml: &str, secret: &str) -> GrpcProbe {
    let check: GrpcCheck = serde_yaml::from_str(yaml).unwrap();
    GrpcProbe::new(&check, &|_| Some(SecretString::from(secret))).unwrap()
}

async fn check(port: u16, more: &str) -> Measurement {
    let probe = probe_with(&format!("host: 127.0.0.1\nport: {port}\n{more}"), "");
    measure(&probe, &network().session()).await
}

#[tokio::test]
async fn every_service_is_asked_for_over_one_connection() {
    let server = GrpcServer::start().await;
    let port = server.port();
    server.say("orders", true).await;
    let whole = check(port, "").await;
    assert_eq!(
        says(&whole),
        (
            Verdict::Pass,
            FindingReason::Passed,
            "the server is SERVING"
        )
    );
    assert!(whole.phases.connect.is_some() && whole.phases.query.is_some());
    let both = check(port, "services: ['', orders]").await;
    assert_says(&both, Verdict::Pass, FindingReason::Passed);
    assert_eq!(server.connections(), 2);
    server.say("orders", false).await;
    let stopped = check(port, "services: ['', orders]").await;
    let message = format!("127.0.0.1:{port}: service orders is NOT_SERVING, expected SERVING");
    assert_eq!(
        says(&stopped),
        (Verdict::Fail, FindingReason::UnexpectedValue, &*message)
    );
    let unknown = check(port, "services: [carts]").await;
    let message = format!("127.0.0.1:{port} does not know service carts");
    assert_eq!(
        says(&unknown),
        (Verdict::Fail, FindingReason::UnexpectedValue, &*message)
    );
    let without = GrpcServer::without_health().await;
    let measured = check(without.port(), "").await;
    let message = format!(
        "127.0.0.1:{} has no health service: UNIMPLEMENTED",
        without.port()
    );
    assert_eq!(
        says(&measured),
        (Verdict::Fail, FindingReason::UnexpectedStatus, &*message)
    );
}

#[tokio::test]
async fn tls_needs_a_certificate_that_names_the_host_and_http2() {
    let authority = Authority::new();
    let server = GrpcServer::start_tls(&authority.good(), &["h2"]).await;
    let session = network_trusting(&authority).session();
    let of = |port: u16, host: &str, more: &str| {
        probe_with(
            &format!("host: {host}\nport: {port}\ntls: true\n{more}"),
            "",
        )
    };
    let named = measure(&of(server.port(), "localhost", ""), &session).await;
    assert_says(&named, Verdict::Pass, FindingReason::Passed);
    assert!(named.phases.tls.is_some());
    let unnamed = measure(&of(server.port(), "127.0.0.1", ""), &session).await;
    assert_says(&unnamed, Verdict::Unknown, FindingReason::TlsFailed);
    let renamed = of(server.port(), "127.0.0.1", "serverName: localhost");
    let renamed = measure(&renamed, &session).await;
    assert_says(&renamed, Verdict::Pass, FindingReason::Passed);
    let plain = check(server.port(), "").await;
    assert_eq!(plain.finding.verdict, Verdict::Fail);
    for (protocols, reason) in [
        (&[][..], FindingReason::ProtocolError),
        (&["http/1.1"], FindingReason::TlsFailed),
    ] {
        let server = GrpcServer::start_tls(&authority.good(), protocols).await;
        let measured = measure(&of(server.port(), "localhost", ""), &session).await;
        assert_says(&measured, Verdict::Fail, reason);
    }
}

#[tokio::test]
async fn credentials_that_are_refused_leave_it_unknown_and_are_not_shown() {
    let server = GrpcServer::asking_for_a_token().await;
    let yaml = format!("host: 127.0.0.1\nport: {}\n", server.port());
    let of = |more: &str, secret: &str| probe_with(&format!("{yaml}{more}"), secret);
    let session = network().session();
    let right = of(WITH_TOKEN, &format!("Bearer {TOKEN}"));
    let measured = measure(&right, &session).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    assert!(!format!("{right:?}").contains(TOKEN));
    let wrong = measure(&of(WITH_TOKEN, "Bearer canary"), &session).await;
    assert_says(&wrong, Verdict::Unknown, FindingReason::CredentialsRefused);
    let anonymous = measure(&of("", ""), &session).await;
    assert_says(&anonymous, Verdict::Fail, FindingReason::UnexpectedStatus);
    for measured in [wrong, anonymous] {
        let message = measured.finding.message;
        assert!(!message.contains("canary"), "{message}");
    }
}

#[tokio::test]
async fn what_is_no_grpc_server_is_a_protocol_error_and_is_not_quoted() {
    for answer in [
        "HTTP/1.1 400 canary\r\n\r\n",
        "SSH-2.0-canary\r\n",
        "\0\0\0\0",
        "\0\0\x06\x04\0\0\0\0\0canary",
        "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}canary",
    ] {
        let port = stub(Stub::SaysThenCloses(answer.into())).await;
        let measured = check(port, "").await;
        let (verdict, reason, message) = says(&measured);
        assert_eq!(verdict, Verdict::Fail, "{answer:?}: {message}");
        let expected = [FindingReason::ProtocolError, FindingReason::ConnectionReset];
        assert!(expected.contains(&reason), "{answer:?}: {message}");
        assert!(!message.contains("canary"), "{answer:?}: {message}");
    }
    let http1 = Server::start(Behaviour::Ok).await;
    let measured = check(http1.port(), "").await;
    assert_says(&measured, Verdict::Fail, FindingReason::ProtocolError);
    let endless = stub(Stub::Endless(Vec::new(), b"canary".repeat(4096))).await;
    let measured = check(endless, "").await;
    assert_says(&measured, Verdict::Fail, FindingReason::ProtocolError);
}

#[tokio::test]
async fn silence_refusal_and_a_closed_connection_are_told_apart() {
    let limit = Duration::from_millis(200);
    // A server that has sent its settings is silent as well.
    for start in ["", "\0\0\0\x04\0\0\0\0\0"] {
        let port = stub(Stub::Says(start.into())).await;
        let probe = probe_with(&format!("host: 127.0.0.1\nport: {port}"), "");
        let silent = measure_within(limit, &probe, &network().session()).await;
        assert_says(&silent, Verdict::Fail, FindingReason::TimedOut);
        let port = stub(Stub::SaysThenCloses(start.into())).await;
        let closed = check(port, "services: ['', orders]").await;
        assert_says(&closed, Verdict::Fail, FindingReason::ConnectionReset);
    }
    let refused = check(free_port(), "").await;
    assert_says(&refused, Verdict::Fail, FindingReason::ConnectionRefused);
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_bound() {
    let answer = |frame: &[u8]| Bytes::copy_from_slice(frame);
    for (name, head, more) in [
        (
            "a long message",
            answer(b"\0\x00\x01\0\0"),
            answer(&[0; 4096]),
        ),
        (
            "a message of gigabytes",
            answer(b"\0\x7f\xff\xff\xff"),
            answer(&[0; 4096]),
        ),
        ("no message", answer(b"canary"), answer(b"canary")),
        (
            "no protocol buffer",
            answer(b"\0\0\0\0\x03\xff\xff\xff"),
            Bytes::new(),
        ),
    ] {
        let port = serve(200, head, more).await;
        let measured = check(port, "").await;
        let (verdict, _, message) = says(&measured);
        assert_eq!(verdict, Verdict::Fail, "{name}: {message}");
        assert!(!message.contains("canary"), "{name}: {message}");
    }
    let port = serve(404, Bytes::new(), Bytes::new()).await;
    let measured = check(port, "").await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedStatus);
}

/// A server of HTTP/2 whose answers begin with `head` and go on with `more`, for a mebibyte at most; its port.
async fn serve(status: u16, head: Bytes, more: Bytes) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (head, more) = (head.clone(), more.clone());
            let service = service_fn(move |_| {
                let response = Response::builder()
                    .status(status)
                    .header("content-type", "application/grpc");
                let answer = response.body(body(head.clone(), more.clone())).unwrap();
                async { Ok::<_, Infallible>(answer) }
            });
            let connection = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    port
}

fn body(head: Bytes, more: Bytes) -> UnsyncBoxBody<Bytes, Infallible> {
    let frames = if more.is_empty() { 0 } else { 256 };
    let frames = std::iter::once(head).chain(std::iter::repeat_n(more, frames));
    let frames = frames.map(|bytes| Ok(Frame::data(bytes)));
    StreamBody::new(futures::stream::iter(frames)).boxed_unsync()
}

#[test]
fn a_server_that_cannot_be_asked_is_refused_without_showing_a_secret() {
    for yaml in [
        "host: a b\nport: 1",
        "host: ''\nport: 1",
        "host: user@api\nport: 1",
        "host: api\nport: 0",
        "host: api\nport: 1\nserverName: a/b",
        "host: api\nport: 1\nservices: [a, a]",
        "host: api\nport: 1\nservices: [\"a\\n\"]",
        "host: api\nport: 1\nmetadata: [{name: grpc-timeout, value: 1S}]",
        "host: api\nport: 1\nmetadata: [{name: Content-Type, value: text}]",
        "host: api\nport: 1\nmetadata: [{name: token-bin, value: AA}]",
        "host: api\nport: 1\nmetadata: [{name: authorization, value: canary}]",
        "host: api\nport: 1\nmetadata: [{name: te, value: canary}]",
        &format!("host: api\nport: 1\n{WITH_TOKEN}"),
    ] {
        let check: GrpcCheck = serde_yaml::from_str(yaml).unwrap();
        let error = GrpcProbe::new(&check, &|_| None).unwrap_err();
        assert!(error.field.starts_with("grpc."), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
