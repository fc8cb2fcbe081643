//! PostgreSQL.

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
use crate::support::{eventually::eventually, postgres::Postgres};

const SCHEMA: &str = "
CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL, plan varchar(8) DEFAULT 'free');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id uuid NOT NULL, paid boolean NOT NULL DEFAULT false);
CREATE VIEW paying AS SELECT id FROM users WHERE plan <> 'free';
CREATE EXTENSION pg_stat_statements;
INSERT INTO users (email) VALUES ('a@example.com'), ('b@example.com');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO plumbline;";

/// A check of the server, under full TLS.
pub(super) fn check(server: &Postgres, more: &str) -> String {
    with_tls(server, "VerifyFull", more)
}

pub(super) fn with_tls(server: &Postgres, tls: &str, more: &str) -> String {
    format!(
        "{{engine: postgres, host: 127.0.0.1, port: {}, database: postgres, user: plumbline, tls: {tls}, \
         password: {{secretKeyRef: {{name: database, key: password}}}}{}{more}}}",
        server.port(),
        if more.is_empty() { "" } else { ", " },
    )
}

async fn of_query(server: &Postgres, network: &Network, query: &str) -> Measurement {
    ask(network, &check(server, &format!("query: {query}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_holds_what_it_must_passes_and_shows_its_phases_and_schema() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    let network = trusting(server.authority());
    let all = "query: {statement: 'SELECT count(*), 1 AS count FROM users;', operator: AtLeast, value: '2'}, \
               tables: [{name: users, columns: [id, email]}, {name: shop.orders}, {name: paying}], \
               extensions: [plpgsql, pg_stat_statements], fingerprint: true, \
               activity: {maxConnectionsPercent: 50, maxBlockedSessions: 0}";
    let measured = ask(&network, &check(&server, all)).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let phases = measured.phases;
    for phase in [
        phases.connect,
        phases.tls,
        phases.authenticate,
        phases.query,
    ] {
        assert!(phase.is_some(), "{phases:?}");
    }
    let schema = serde_json::to_string(&measured.schema.unwrap()).unwrap();
    assert_eq!(
        schema,
        r#"{"paying":{"id":"bigint?"},"shop.orders":{"id":"uuid","paid":"boolean="},"users":{"email":"text","id":"bigint=","plan":"character varying(8)?="}}"#
    );
    assert!(!server.log().contains("unexpected EOF"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_it_must_be_fails_with_value_operator_and_threshold() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    let network = trusting(server.authority());
    for (expected, message) in [
        (
            "query: {statement: 'SELECT count(*) FROM users', operator: AtLeast, value: '3'}",
            "the query's value 2 < 3",
        ),
        (
            "tables: [{name: users, columns: [plan, age]}, {name: invoices}], extensions: [pgcrypto]",
            "table users has no column age; table invoices is missing; extension pgcrypto is not installed",
        ),
        (
            "migration: {version: '1'}",
            "no table of migrations is there, expected 1",
        ),
    ] {
        let measured = ask(&network, &check(&server, expected)).await;
        assert_eq!(
            says(&measured),
            (Verdict::Fail, FindingReason::UnexpectedValue, message)
        );
    }
    let gone = "{statement: 'SELECT name FROM users', operator: Exists}";
    let measured = of_query(&server, &network, gone).await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedValue);
    let secret = "{statement: \"SELECT 'a-value-to-hide'\", value: other}";
    let measured = of_query(&server, &network, secret).await;
    assert_eq!(
        measured.finding.message,
        "the query's value is a string that differs from other"
    );
    for nothing in [
        "SELECT 1 WHERE false",
        "SELECT syntax error here",
        "SELECT 1/0",
    ] {
        let query = format!("{{statement: '{nothing}', operator: Exists}}");
        let measured = of_query(&server, &network, &query).await;
        assert_says(&measured, Verdict::Unknown, FindingReason::NoData);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_tries_to_write_fails_and_changes_nothing() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    // The role may do everything, so that nothing but the transaction stands in the way.
    server.run("ALTER ROLE plumbline SUPERUSER").await;
    let network = trusting(server.authority());
    server
        .run("CREATE FUNCTION remove() RETURNS bigint LANGUAGE sql AS 'DELETE FROM users RETURNING id'")
        .await;
    for statement in [
        "SELECT remove()",
        "WITH gone AS (DELETE FROM users RETURNING id) SELECT count(*) FROM gone",
        "SELECT 1; DELETE FROM users",
        "SELECT 1) SELECT 1; DELETE FROM users; --",
        "SELECT 1); COMMIT; DELETE FROM users; --",
        "SELECT set_config('transaction_read_only', 'off', false) || remove()",
        "SELECT nextval('users_id_seq')",
        "SELECT 1 INTO copied",
        "SELECT id FROM users FOR UPDATE",
    ] {
        let query = serde_json::json!({"statement": statement, "operator": "Exists"});
        let measured = of_query(&server, &network, &query.to_string()).await;
        let said = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            said,
            (Verdict::Unknown, FindingReason::NoData),
            "{statement}: {measured:?}"
        );
    }
    // Servers before 16 let a read-only transaction make large objects; it is never committed.
    let object = "{statement: 'SELECT lo_create(4242)', operator: Exists}";
    of_query(&server, &network, object).await;
    assert_eq!(server.number("SELECT count(*) FROM users").await, 2);
    assert_eq!(
        server.number("SELECT last_value FROM users_id_seq").await,
        2
    );
    assert_eq!(
        server
            .number("SELECT count(*) FROM pg_largeobject_metadata")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_of_migrations_is_recognised() {
    let Some(server) = Postgres::start().await else {
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
            "(installed_rank int, version text, success boolean); INSERT INTO flyway_schema_history VALUES (1, '1.9', true), (2, '1.10', true), (3, NULL, true)",
            "",
            "1.10",
            "1.11",
        ),
        (
            "schema_migrations",
            "(version text); INSERT INTO schema_migrations VALUES ('20240101000000')",
            "",
            "20240101000000",
            "20250101000000",
        ),
        (
            "_prisma_migrations",
            "(migration_name text, started_at timestamptz, finished_at timestamptz, rolled_back_at timestamptz); INSERT INTO _prisma_migrations VALUES ('20240101000000_a', now(), now(), NULL), ('20250101000000_b', now(), now(), now())",
            "",
            "20240101000000",
            "20250101000000",
        ),
        (
            "alembic_version",
            "(version_num text); INSERT INTO alembic_version VALUES ('ae1027a6acf')",
            "",
            "ae1027a6acf",
            "27c6a30d7c24",
        ),
        (
            "django_migrations",
            "(id int, app text, name text); INSERT INTO django_migrations VALUES (1, 'shop', '0041_a'), (2, 'shop', '0042_b'), (3, 'auth', '0099_c')",
            "tool: Django, app: shop, ",
            "0042",
            "0043",
        ),
        (
            "settings",
            "(schema_version int); INSERT INTO settings VALUES (7), (NULL)",
            "tool: Column, table: settings, column: schema_version, ",
            "7",
            "8",
        ),
    ] {
        server
            .run(&format!(
                "CREATE TABLE {table} {rows}; GRANT SELECT ON {table} TO plumbline"
            ))
            .await;
        for (version, verdict) in [(good, Verdict::Pass), (bad, Verdict::Fail)] {
            let wanted = format!("migration: {{{tool}version: '{version}'}}");
            let measured = ask(&network, &check(&server, &wanted)).await;
            assert_eq!(measured.finding.verdict, verdict, "{table}: {measured:?}");
        }
        server.run(&format!("DROP TABLE {table}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_block_and_linger_are_seen() {
    let Some(server) = Postgres::start_with(&["max_connections=10"]).await else {
        return;
    };
    server.run(SCHEMA).await;
    let network = trusting(server.authority());
    let mut holder = server.administrator("postgres").await.unwrap();
    holder
        .execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let mut waiter = server.administrator("postgres").await.unwrap();
    let waiting =
        tokio::spawn(async move { waiter.execute("SELECT * FROM users").await.map(drop) });
    let blocked = check(&server, "activity: {maxBlockedSessions: 0}");
    eventually("the waiting session is seen", async || {
        let measured = ask(&network, &blocked).await;
        (says(&measured)
            == (
                Verdict::Fail,
                FindingReason::UnexpectedValue,
                "1 sessions wait for a lock, over 0",
            ))
            .then_some(())
            .ok_or(measured)
    })
    .await;
    let old = check(&server, "activity: {maxTransactionAge: 1s}");
    let measured = ask(&network, &old).await;
    assert_eq!(
        says(&measured),
        (
            Verdict::Unknown,
            FindingReason::NoData,
            "the role may not look into 2 sessions"
        )
    );
    server.run("GRANT pg_monitor TO plumbline").await;
    eventually("the open transaction is seen", async || {
        let measured = ask(&network, &old).await;
        measured
            .finding
            .message
            .starts_with("a transaction is open for 1.")
            .then_some(())
            .ok_or(measured)
    })
    .await;
    let many = check(&server, "activity: {maxConnectionsPercent: 20}");
    let measured = ask(&network, &many).await;
    assert_eq!(
        measured.finding.message,
        "3 of 10 connections are used, over 20%"
    );
    let replicas = check(&server, "activity: {maxReplicationLag: 10s}");
    assert_says(
        &ask(&network, &replicas).await,
        Verdict::Unknown,
        FindingReason::NoData,
    );
    let locked = check(
        &server,
        "query: {statement: 'SELECT count(*) FROM users', operator: Exists}",
    );
    let measured = ask_within(Duration::from_secs(1), &network, &locked).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    holder.execute("ROLLBACK").await.unwrap();
    waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_is_unknown_and_a_database_that_is_missing_fails() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let network = trusting(server.authority());
    server.run("ALTER ROLE plumbline PASSWORD 'another'").await;
    let measured = ask(&network, &check(&server, "")).await;
    assert_says(
        &measured,
        Verdict::Unknown,
        FindingReason::CredentialsRefused,
    );
    server
        .run(&format!(
            "ALTER ROLE plumbline PASSWORD '{}'",
            crate::support::postgres::PASSWORD
        ))
        .await;
    let missing = check(&server, "").replace("database: postgres", "database: missing");
    assert_says(
        &ask(&network, &missing).await,
        Verdict::Fail,
        FindingReason::UnexpectedValue,
    );
    server.run("CREATE TABLE hidden (id int)").await;
    let denied = check(
        &server,
        "query: {statement: 'TABLE hidden ', operator: Exists}",
    );
    assert_says(
        &ask(&network, &denied).await,
        Verdict::Unknown,
        FindingReason::CredentialsRefused,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_what_the_check_asks_for() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let strangers = network();
    let measured = ask(&strangers, &check(&server, "")).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::TlsFailed);
    let under_tls =
        "query: {statement: 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', value: ";
    for (tls, value) in [("Require", "true"), ("Disable", "false")] {
        let wanted = with_tls(&server, tls, &format!("{under_tls}'{value}'}}"));
        assert_says(
            &ask(&strangers, &wanted).await,
            Verdict::Pass,
            FindingReason::Passed,
        );
    }
    let Some(plain) = Postgres::start_with(&["ssl=off"]).await else {
        return;
    };
    for tls in ["Require", "VerifyFull"] {
        let measured = ask(&trusting(plain.authority()), &with_tls(&plain, tls, "")).await;
        assert_says(&measured, Verdict::Fail, FindingReason::TlsFailed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answering_ends_its_own_check_in_time() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let network = trusting(server.authority());
    server.service().signal("STOP");
    let begun = std::time::Instant::now();
    let measured = ask_within(Duration::from_millis(700), &network, &check(&server, "")).await;
    server.service().signal("CONT");
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    assert!(
        begun.elapsed() < Duration::from_millis(950),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_postgres_fails_and_costs_little() {
    let network = network();
    let large = [b"D\x7f\xff\xff\xff".to_vec(), vec![0; 64]].concat();
    let text = [&b"M"[..], &vec![b'x'; 60_000], b"\0\0"].concat();
    let length = u32::try_from(text.len() + 4).unwrap().to_be_bytes();
    let notice = [&b"N"[..], &length, &text].concat();
    for (words, then, tls, reason) in [
        (
            &b"N"[..],
            Then::Waits,
            "VerifyFull",
            FindingReason::TlsFailed,
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            Then::Waits,
            "VerifyFull",
            FindingReason::ProtocolError,
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            Then::Waits,
            "Disable",
            FindingReason::ProtocolError,
        ),
        (&large, Then::Waits, "Disable", FindingReason::ProtocolError),
        (
            &notice,
            Then::Repeats,
            "Disable",
            FindingReason::ProtocolError,
        ),
        (
            b"R\0\0\0",
            Then::Closes,
            "Disable",
            FindingReason::ConnectionReset,
        ),
        (
            b"",
            Then::Closes,
            "VerifyFull",
            FindingReason::ConnectionReset,
        ),
        (b"", Then::Waits, "Disable", FindingReason::TimedOut),
        (b"", Then::Waits, "VerifyFull", FindingReason::TimedOut),
        (b"S", Then::Waits, "VerifyFull", FindingReason::TimedOut),
    ] {
        let server = Impostor::start(words, then).await;
        let yaml = format!(
            "{{engine: postgres, host: 127.0.0.1, port: {}, database: d, user: u, tls: {tls}}}",
            server.port
        );
        let measured = ask_within(Duration::from_millis(500), &network, &yaml).await;
        let said = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            said,
            (Verdict::Fail, reason),
            "{then:?} {tls}: {measured:?}"
        );
    }
}
