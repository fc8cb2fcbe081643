//! MySQL, as MariaDB speaks it.

use std::time::Duration;

use plumbline::checks::{
    net::Network,
    verdict::{FindingReason, Measurement, Verdict},
};
use sqlx::Executor as _;

use super::{
    super::{assert_says, network, says},
    Impostor, Then, ask, ask_within, trusting,
};
use crate::support::{eventually::eventually, mariadb::MariaDb};

const SCHEMA: &str = "
USE app;
CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, email varchar(64) NOT NULL, plan varchar(8) DEFAULT 'free', note text);
CREATE VIEW paying AS SELECT id FROM users WHERE plan <> 'free';
INSERT INTO users (email) VALUES ('a@example.com'), ('b@example.com');";

pub(super) fn check(server: &MariaDb, more: &str) -> String {
    with_tls(server, "VerifyFull", more)
}

pub(super) fn with_tls(server: &MariaDb, tls: &str, more: &str) -> String {
    format!(
        "{{engine: mysql, host: 127.0.0.1, port: {}, database: app, user: plumbline, tls: {tls}, \
         password: {{secretKeyRef: {{name: database, key: password}}}}{}{more}}}",
        server.port(),
        if more.is_empty() { "" } else { ", " },
    )
}

async fn of_query(server: &MariaDb, network: &Network, statement: &str) -> Measurement {
    let query = serde_json::json!({"statement": statement, "operator": "Exists"});
    ask(network, &check(server, &format!("query: {query}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_holds_what_it_must_passes_and_shows_its_phases_and_schema() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    let network = trusting(server.authority());
    let all = "query: {statement: 'SELECT count(*), 1 AS id, 2 AS id FROM users;', operator: AtLeast, value: '2'}, \
               tables: [{name: users, columns: [id, email]}, {name: paying}], fingerprint: true, \
               activity: {maxConnectionsPercent: 50}";
    let measured = ask(&network, &check(&server, all)).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let phases = measured.phases;
    for phase in [phases.connect, phases.authenticate, phases.query] {
        assert!(phase.is_some(), "{phases:?}");
    }
    assert_eq!(
        serde_json::to_string(&measured.schema.unwrap()).unwrap(),
        r#"{"paying":{"id":"bigint(20)="},"users":{"email":"varchar(64)","id":"bigint(20)=","note":"text?","plan":"varchar(8)?="}}"#
    );
    for (expected, message) in [
        (
            "query: {statement: 'SELECT avg(id) FROM users', operator: AtLeast, value: '1.6'}",
            "the query's value 1.5 < 1.6",
        ),
        (
            "query: {statement: 'SELECT email FROM users ORDER BY id', value: x}",
            "the query's value is a string that differs from x",
        ),
        (
            "tables: [{name: users, columns: [age]}, {name: orders}]",
            "table users has no column age; table orders is missing",
        ),
    ] {
        let measured = ask(&network, &check(&server, expected)).await;
        assert_eq!(
            says(&measured),
            (Verdict::Fail, FindingReason::UnexpectedValue, message)
        );
    }
    let measured = of_query(&server, &network, "SELECT 1 FROM invoices").await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedValue);
    for nothing in [
        "SELECT 1 WHERE false",
        "SELECT syntax error here",
        "SELECT point(1, 2)",
    ] {
        let measured = of_query(&server, &network, nothing).await;
        assert_says(&measured, Verdict::Unknown, FindingReason::NoData);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_tries_to_write_fails_and_changes_nothing() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    // The user may do everything, so that nothing but the transaction stands in the way.
    server.run("GRANT ALL ON *.* TO plumbline").await;
    server
        .run("CREATE SEQUENCE app.numbers; CREATE FUNCTION app.take_away() RETURNS bigint DETERMINISTIC BEGIN DELETE FROM app.users; RETURN 1; END")
        .await;
    let network = trusting(server.authority());
    for statement in [
        "SELECT take_away()",
        "SELECT take_away() + 1 FROM users",
        "SELECT NEXT VALUE FOR numbers",
        "SELECT id FROM users FOR UPDATE",
        "SELECT 1 INTO OUTFILE 'written'",
        "SELECT 1 INTO DUMPFILE 'written'",
        "SELECT 1 INTO @copied",
        "SELECT 1; DELETE FROM users",
        "WITH x AS (SELECT 1) DELETE FROM users",
        "SELECT 1; COMMIT; DELETE FROM users",
    ] {
        let measured = of_query(&server, &network, statement).await;
        let said = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            said,
            (Verdict::Unknown, FindingReason::NoData),
            "{statement}: {measured:?}"
        );
    }
    assert_eq!(server.number("SELECT count(*) FROM app.users").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_recognised() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let network = trusting(server.authority());
    for (table, rows, tool, good, bad) in [
        (
            "_sqlx_migrations",
            "(version bigint, success boolean); INSERT INTO _sqlx_migrations VALUES (9, true), (10, true)",
            "",
            "10",
            "11",
        ),
        (
            "flyway_schema_history",
            "(installed_rank int, version varchar(50), success boolean); INSERT INTO flyway_schema_history VALUES (1, '1.9', true), (2, '1.10', true)",
            "",
            "1.10",
            "1.11",
        ),
        (
            "schema_migrations",
            "(version bigint, dirty boolean); INSERT INTO schema_migrations VALUES (20240101000000, false)",
            "",
            "20240101000000",
            "20250101000000",
        ),
        (
            "django_migrations",
            "(id int, app text, name text); INSERT INTO django_migrations VALUES (1, 'shop', '0042_b'), (2, 'auth', '0099_c')",
            "tool: Django, app: shop, ",
            "0042",
            "0043",
        ),
    ] {
        server
            .run(&format!("USE app; CREATE TABLE {table} {rows}"))
            .await;
        for (version, verdict) in [(good, Verdict::Pass), (bad, Verdict::Fail)] {
            let wanted = format!("migration: {{{tool}version: '{version}'}}");
            let measured = ask(&network, &check(&server, &wanted)).await;
            assert_eq!(measured.finding.verdict, verdict, "{table}: {measured:?}");
        }
        server.run(&format!("DROP TABLE app.{table}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_block_and_linger_are_seen() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    let network = trusting(server.authority());
    let change = "UPDATE app.users SET note = 'x' WHERE id = 1";
    let mut holder = server.administrator().await.unwrap();
    holder.execute("START TRANSACTION").await.unwrap();
    holder.execute(change).await.unwrap();
    let mut waiter = server.administrator().await.unwrap();
    let waiting = tokio::spawn(async move { waiter.execute(change).await.map(drop) });
    let both = check(
        &server,
        "activity: {maxBlockedSessions: 0, maxTransactionAge: 1s}",
    );
    let measured = ask(&network, &both).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::NoData);
    server.run("GRANT PROCESS ON *.* TO plumbline").await;
    eventually(
        "the waiting session and the open transaction are seen",
        async || {
            let measured = ask(&network, &both).await;
            let said = &measured.finding.message;
            (said.contains("a transaction is open for 1.")
                && said.contains("1 sessions wait for a lock, over 0"))
            .then_some(())
            .ok_or(measured)
        },
    )
    .await;
    holder.execute("ROLLBACK").await.unwrap();
    waiting.await.unwrap().unwrap();
    let endless = "SELECT count(*) FROM (SELECT sleep(60)) AS long_one";
    let query = serde_json::json!({"statement": endless, "operator": "Exists"});
    let slow = check(&server, &format!("query: {query}"));
    let measured = ask_within(Duration::from_secs(1), &network, &slow).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    let left = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%sleep(60)%' AND id <> connection_id()";
    eventually("the server ends the statement", async || {
        match server.number(left).await {
            0 => Ok(()),
            more => Err(more),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_is_unknown_and_a_database_that_is_missing_fails() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let network = trusting(server.authority());
    let stranger = check(&server, "").replace("user: plumbline", "user: nobody");
    assert_says(
        &ask(&network, &stranger).await,
        Verdict::Unknown,
        FindingReason::CredentialsRefused,
    );
    let denied = check(&server, "").replace("database: app", "database: mysql");
    assert_says(
        &ask(&network, &denied).await,
        Verdict::Unknown,
        FindingReason::CredentialsRefused,
    );
    server.run("GRANT ALL ON *.* TO plumbline").await;
    let missing = check(&server, "").replace("database: app", "database: missing");
    assert_says(
        &ask(&network, &missing).await,
        Verdict::Fail,
        FindingReason::UnexpectedValue,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_what_the_check_asks_for() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let strangers = network();
    let measured = ask(&strangers, &check(&server, "")).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::TlsFailed);
    let other = check(&server, "").replace("host: 127.0.0.1", "host: localhost");
    let measured = ask(&trusting(server.authority()), &other).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::TlsFailed);
    for tls in ["Require", "Disable"] {
        let cipher = "SELECT variable_value <> '' FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'";
        let value = if tls == "Require" { "1" } else { "0" };
        let query = serde_json::json!({"statement": cipher, "value": value});
        let wanted = with_tls(&server, tls, &format!("query: {query}"));
        assert_says(
            &ask(&strangers, &wanted).await,
            Verdict::Pass,
            FindingReason::Passed,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mysql_fails_and_costs_little() {
    let network = network();
    let packets = [&[0xff, 0xff, 0xff, 0][..], &vec![b'x'; 60_000]].concat();
    for (words, then, reason) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            Then::Closes,
            FindingReason::ConnectionReset,
        ),
        (
            b"\x05\0\0\0hello",
            Then::Waits,
            FindingReason::ProtocolError,
        ),
        (&packets, Then::Repeats, FindingReason::ProtocolError),
        (b"", Then::Closes, FindingReason::ConnectionReset),
        (b"", Then::Waits, FindingReason::TimedOut),
    ] {
        let server = Impostor::start(words, then).await;
        let yaml = format!(
            "{{engine: mysql, host: 127.0.0.1, port: {}, database: d, user: u}}",
            server.port
        );
        let measured = ask_within(Duration::from_millis(500), &network, &yaml).await;
        let said = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(said, (Verdict::Fail, reason), "{then:?}: {measured:?}");
    }
}
