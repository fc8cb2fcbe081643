//! A target that answers with too much, or with something else than HTTP, ends its own check and costs nothing else.

use std::{fs, time::Duration};

use plumbline::checks::verdict::{FindingReason, Verdict};

use super::{assert_says, check, eventually, measure, measure_within, network, probe, says};
use crate::support::hostile::{Behaviour, Server};

/// What the kernel may hold in the socket buffers of a loopback connection, at most.
const SOCKET_BUFFERS: usize = 12 << 20;

/// The part of this process that is in memory, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

async fn raw(bytes: &[u8]) -> plumbline::checks::verdict::Measurement {
    let server = Server::start(Behaviour::Raw(bytes.to_vec())).await;
    check(&format!("url: {}", server.url("/"))).await
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_cap() {
    let server = Server::start(Behaviour::Endless).await;
    let before = resident();
    let judged = format!("url: {}\nexpect: {{bodyMatches: b}}", server.url("/"));
    for _ in 0..20 {
        let measured = check(&judged).await;
        assert_eq!(
            says(&measured),
            (
                Verdict::Fail,
                FindingReason::UnexpectedBody,
                "the body is longer than 1 MiB"
            )
        );
    }
    eventually("connections are closed", || server.open_connections() == 0).await;
    assert!(server.bytes_sent() < 20 * ((2 << 20) + SOCKET_BUFFERS));
    assert!(resident() < before + (64 << 20));
    let unjudged = format!("url: {}", server.url("/"));
    assert_says(
        &check(&unjudged).await,
        Verdict::Pass,
        FindingReason::Passed,
    );
}

#[tokio::test]
async fn a_body_of_a_declared_length_over_the_cap_is_not_read() {
    let server = Server::start(Behaviour::Long(64 << 20)).await;
    let measured = check(&format!(
        "url: {}\nexpect: {{bodyMatches: b}}",
        server.url("/")
    ))
    .await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedBody);
    eventually("the connection is closed", || {
        server.open_connections() == 0
    })
    .await;
    assert!(server.bytes_sent() < SOCKET_BUFFERS);
}

#[tokio::test]
async fn a_body_up_to_the_cap_is_judged() {
    let server = Server::start(Behaviour::Long(1 << 20)).await;
    let measured = check(&format!(
        "url: {}\nexpect: {{bodyMatches: '^a+$'}}",
        server.url("/")
    ))
    .await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
}

#[tokio::test]
async fn a_packed_body_is_not_unpacked() {
    let server = Server::start(Behaviour::GzipBomb(512 << 20)).await;
    let before = resident();
    let measured = check(&format!(
        "url: {}\nexpect: {{bodyMatches: a}}",
        server.url("/")
    ))
    .await;
    assert_eq!(
        says(&measured),
        (
            Verdict::Fail,
            FindingReason::UnexpectedBody,
            "the body is encoded as gzip, though nothing asked for it"
        )
    );
    assert!(resident() < before + (64 << 20));
}

#[tokio::test]
async fn what_is_no_http_is_a_protocol_error() {
    let header_of = |bytes: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
            "a".repeat(bytes)
        )
    };
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "a: b\r\n".repeat(1000)
    );
    for bytes in [
        header_of(1 << 20),
        many,
        format!(
            "HTTP/1.1 200 {}\r\ncontent-length: 0\r\n\r\n",
            "a".repeat(1 << 17)
        ),
        "<html>hello</html>\r\n\r\n".to_owned(),
        "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        "HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            .to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n".to_owned(),
    ] {
        let measured = raw(bytes.as_bytes()).await;
        let start: String = bytes.chars().take(60).collect();
        assert_eq!(
            (measured.finding.verdict, measured.finding.reason),
            (Verdict::Fail, FindingReason::ProtocolError),
            "{start}: {}",
            measured.finding.message
        );
    }
}

#[tokio::test]
async fn a_head_without_an_end_is_cut() {
    let server = Server::start(Behaviour::EndlessHead).await;
    let measured = check(&format!("url: {}", server.url("/"))).await;
    assert_says(&measured, Verdict::Fail, FindingReason::ProtocolError);
    eventually("the connection is closed", || {
        server.open_connections() == 0
    })
    .await;
    assert!(server.bytes_sent() < SOCKET_BUFFERS);
}

#[tokio::test]
async fn interim_answers_are_bounded_and_a_few_are_fine() {
    let server = Server::start(Behaviour::InterimFlood).await;
    let probe = probe(&format!("url: {}", server.url("/")));
    let limit = Duration::from_mins(1);
    let measured = measure_within(limit, &probe, &network().session()).await;
    assert_says(&measured, Verdict::Fail, FindingReason::ProtocolError);
    eventually("the connection is closed", || {
        server.open_connections() == 0
    })
    .await;
    let few = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    assert_says(&raw(few).await, Verdict::Pass, FindingReason::Passed);
}

#[tokio::test]
async fn a_status_is_judged_by_its_number() {
    for (status, verdict) in [
        (204, Verdict::Pass),
        (304, Verdict::Fail),
        (101, Verdict::Fail),
        (503, Verdict::Fail),
        (999, Verdict::Fail),
    ] {
        let measured = raw(format!("HTTP/1.1 {status} Test\r\n\r\n").as_bytes()).await;
        let reason = match verdict {
            Verdict::Pass => FindingReason::Passed,
            _ => FindingReason::UnexpectedStatus,
        };
        assert_says(&measured, verdict, reason);
        assert!(
            measured
                .finding
                .message
                .starts_with(&format!("status {status}"))
        );
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_reset() {
    for behaviour in [
        Behaviour::CloseBeforeAnswer,
        Behaviour::CloseInBody,
        Behaviour::ResetInBody,
    ] {
        let server = Server::start(behaviour.clone()).await;
        for expect in ["{}", "{bodyMatches: half}"] {
            let yaml = format!("url: {}\nexpect: {expect}", server.url("/"));
            let measured = check(&yaml).await;
            assert_says(&measured, Verdict::Fail, FindingReason::ConnectionReset);
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_fails_and_breaks_nothing() {
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "<html></html>",
        "{\"status\":",
        &deep,
        "{\"n\": 1e999}",
        "{\"n\": NaN}",
        "\u{feff}{}",
    ] {
        let server = Server::start(Behaviour::Json(200, body.to_owned())).await;
        let yaml = format!(
            "url: {}\nexpect: {{json: [{{path: $.status, operator: Exists}}]}}",
            server.url("/")
        );
        let measured = check(&yaml).await;
        assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedBody);
        assert!(
            measured
                .finding
                .message
                .starts_with("the body cannot be read as JSON")
        );
    }
}

#[tokio::test]
async fn a_hostile_target_spoils_no_other_check_of_the_session() {
    let bad = Server::start(Behaviour::EndlessHead).await;
    let good = Server::start(Behaviour::Ok).await;
    let session = network().session();
    let bad_probe = probe(&format!("url: {}", bad.url("/")));
    let good_probe = probe(&format!("url: {}", good.url("/")));
    for _ in 0..3 {
        let failing = measure(&bad_probe, &session).await;
        assert_says(&failing, Verdict::Fail, FindingReason::ProtocolError);
        let passing = measure(&good_probe, &session).await;
        assert_says(&passing, Verdict::Pass, FindingReason::Passed);
    }
    assert_eq!(good.connections(), 1);
}
