//! The connections that a run opens, by kind: one for each host, where the protocol allows it.

use std::sync::Arc;

use plumbline::{
    api,
    checks::{
        compile::compile,
        net::Session,
        suite::Probe,
        verdict::{FindingReason, Verdict},
    },
};
use secrecy::SecretString;
use url::Url;

use super::{assert_says, measure, network, network_trusting};
use crate::support::{
    checks,
    grpc::GrpcServer,
    hostile::{Authority, Behaviour, Server},
    jobs::{SCHEMA, beat},
    mariadb::MariaDb,
    postgres::{self, Postgres},
    proxy::Proxy,
    redis::{self, Redis},
    storage::{self, Storage},
};

/// A probe of a check as it is written, with the Secrets of the tests' servers.
fn compiled(check: &str) -> Arc<dyn Probe> {
    let check: api::Check = serde_yaml::from_str(&format!("{{name: a, {check}}}")).unwrap();
    let secret = |reference: &api::SecretKeyReference| {
        let value = match (reference.name.as_str(), reference.key.as_str()) {
            ("cache", _) => redis::PASSWORD,
            ("storage", "id") => storage::OWNER,
            ("storage", _) => storage::SECRET,
            _ => postgres::PASSWORD,
        };
        Some(SecretString::from(value))
    };
    compile(&check, &secret, None).unwrap()
}

async fn passes(check: &str, session: &Session) {
    let measured = measure(compiled(check).as_ref(), session).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
}

/// How many connections the check opens on its way to `port`, in a run of its own.
async fn opened(port: u16, check: impl Fn(u16) -> String) -> usize {
    let counter = Proxy::start(&format!("tcp://127.0.0.1:{port}")).await;
    let address: Url = counter.url().parse().unwrap();
    passes(&check(address.port().unwrap()), &network().session()).await;
    counter.accepted()
}

fn answer(kind: &str, body: &str) -> Behaviour {
    let length = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    Behaviour::Raw((head + body).into_bytes())
}

#[tokio::test]
async fn checks_of_every_kind_over_http_share_one_connection_to_a_host() {
    let server = Server::start(Behaviour::Ok).await;
    let port = server.port();
    let session = network().session();
    let json = "application/json";
    let series = "queue_depth 3\nrequests_total{handler=\"/orders/7\"} 7\n";
    let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}"#;
    for (check, answer) in [
        (checks::http(port), answer(json, r#"{"queue":{"depth":3}}"#)),
        (checks::metrics(port), answer("text/plain", series)),
        (checks::external(port), answer(json, r#"{"data":[]}"#)),
        (checks::prometheus(port), answer(json, vector)),
        (checks::http(port), answer(json, r#"{"queue":{"depth":3}}"#)),
    ] {
        server.behave(answer);
        passes(&check, &session).await;
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn samples_one_after_the_other_take_one_connection() {
    let server = Server::start(Behaviour::Ok).await;
    passes(&checks::performance(server.port()), &network().session()).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_check_of_the_transport_opens_one_connection() {
    let authority = Authority::new();
    let certificate = authority.good_for("127.0.0.1");
    let server = Server::start_tls(Behaviour::Ok, &certificate).await;
    let session = network_trusting(&authority).session();
    passes(&checks::tls(server.port()), &session).await;
    assert_eq!(server.connections(), 1);
    let server = GrpcServer::start().await;
    passes(&checks::grpc(server.port()), &session).await;
    assert_eq!(server.connections(), 1);
    let server = Server::start(Behaviour::Hang).await;
    passes(&checks::tcp(server.port()), &session).await;
    super::eventually("the connection is accepted", || server.connections() > 0).await;
    // The next one is behind all that the check has opened.
    let last = tokio::net::TcpStream::connect(server.address()).await;
    super::eventually("the next one is accepted", || server.connections() > 1).await;
    assert_eq!(server.connections(), 2);
    drop(last);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_asked_over_one_connection() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    beat(&redis).await;
    assert_eq!(opened(redis.port(), checks::redis).await, 1);
    assert_eq!(opened(redis.port(), checks::worker_redis).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_asked_over_one_connection() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    server.run("INSERT INTO workers VALUES (now())").await;
    let sql = |port| checks::sql("postgres", port);
    assert_eq!(opened(server.port(), sql).await, 1);
    assert_eq!(opened(server.port(), checks::worker_postgres).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_is_asked_over_one_connection() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let sql = |port| checks::sql("mysql", port);
    assert_eq!(opened(server.port(), sql).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_is_put_read_and_deleted_over_one_connection() {
    let Some(server) = Storage::start().await else {
        return;
    };
    let address: Url = server.url().parse().unwrap();
    let bucket = |port| checks::bucket(port, storage::REGION);
    assert_eq!(opened(address.port().unwrap(), bucket).await, 1);
}
