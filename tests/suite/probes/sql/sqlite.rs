//! SQLite.

use std::{fs, time::Duration};

use plumbline::checks::{
    net::{Network, NetworkSettings},
    verdict::{FindingReason, Measurement, Verdict},
};
use sqlx::{ConnectOptions as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{
    super::{assert_says, network, says},
    ask, ask_within,
};

const SCHEMA: &str = "
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, plan TEXT DEFAULT 'free');
CREATE TABLE schema_migrations (version TEXT);
INSERT INTO users (email) VALUES ('a@example.com'), ('b@example.com');
INSERT INTO schema_migrations VALUES ('20240101000000');";

/// A folder with `app.db`, and the connection that made it.
pub(super) async fn database() -> (TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("app.db"));
    let mut connection = options.create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(SCHEMA)
        .execute(&mut connection)
        .await
        .unwrap();
    (folder, connection)
}

pub(super) fn check(folder: &TempDir, more: &str) -> String {
    let path = folder.path().join("app.db");
    let comma = if more.is_empty() { "" } else { ", " };
    format!("{{engine: sqlite, path: {}{comma}{more}}}", path.display())
}

pub(super) fn permitted() -> Network {
    Network::new(&NetworkSettings::everything_allowed(), Vec::new()).unwrap()
}

async fn of_query(folder: &TempDir, statement: &str) -> Measurement {
    let query = serde_json::json!({"statement": statement, "operator": "Exists"});
    ask(&permitted(), &check(folder, &format!("query: {query}"))).await
}

#[tokio::test]
async fn a_file_that_holds_what_it_must_passes_and_shows_its_schema() {
    let (folder, _connection) = database().await;
    let all = "query: {statement: 'SELECT count(*) FROM users', value: '2'}, migration: {version: '20240101000000'}, \
               tables: [{name: users, columns: [id, email]}], fingerprint: true";
    let measured = ask(&permitted(), &check(&folder, all)).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    assert!(measured.phases.query.is_some());
    assert_eq!(
        serde_json::to_string(&measured.schema.unwrap()).unwrap(),
        r#"{"schema_migrations":{"version":"text?"},"users":{"email":"text","id":"integer=","plan":"text?="}}"#
    );
    for (expected, message) in [
        (
            "query: {statement: 'SELECT count(*) FROM users', operator: AtLeast, value: '3'}",
            "the query's value 2 < 3",
        ),
        (
            "tables: [{name: users, columns: [age]}, {name: orders}]",
            "table users has no column age; table orders is missing",
        ),
        (
            "migration: {version: '20250101000000'}",
            "the migration is 20240101000000 < 20250101000000",
        ),
    ] {
        let measured = ask(&permitted(), &check(&folder, expected)).await;
        assert_eq!(
            says(&measured),
            (Verdict::Fail, FindingReason::UnexpectedValue, message)
        );
    }
}

#[tokio::test]
async fn a_query_that_tries_to_write_fails_and_changes_nothing() {
    let (folder, mut connection) = database().await;
    let before = fs::read(folder.path().join("app.db")).unwrap();
    let other = folder.path().join("other.db");
    let attach = format!(
        "SELECT 1; ATTACH 'file:{}?mode=rwc' AS other; CREATE TABLE other.t (a)",
        other.display()
    );
    let plain = format!(
        "SELECT 1; ATTACH '{}' AS other; CREATE TABLE other.t (a)",
        other.display()
    );
    for statement in [
        "WITH x AS (SELECT 1) DELETE FROM users",
        "SELECT 1 WHERE false; DELETE FROM users",
        "SELECT 1 WHERE false; PRAGMA query_only = 0; DELETE FROM users",
        &attach,
        &plain,
    ] {
        of_query(&folder, statement).await;
    }
    let deleted = of_query(
        &folder,
        "WITH x AS (SELECT 1) DELETE FROM users RETURNING id",
    )
    .await;
    assert_eq!(
        says(&deleted),
        (
            Verdict::Unknown,
            FindingReason::NoData,
            "the query tries to write, which no check may"
        )
    );
    assert_eq!(fs::read(folder.path().join("app.db")).unwrap(), before);
    assert!(!other.exists());
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(users, 2);
}

#[tokio::test]
async fn a_controller_opens_no_file_unless_it_is_allowed() {
    let (folder, _connection) = database().await;
    let measured = ask(&network(), &check(&folder, "")).await;
    assert_says(&measured, Verdict::Unknown, FindingReason::TargetNotAllowed);
}

#[tokio::test]
async fn what_is_no_database_is_told_from_what_is_missing() {
    let (folder, _connection) = database().await;
    let path = folder.path().join("app.db");
    fs::write(
        &path,
        "no database, but a text that is long enough to be looked at".repeat(20),
    )
    .unwrap();
    let measured = ask(&permitted(), &check(&folder, "")).await;
    assert_says(&measured, Verdict::Fail, FindingReason::ProtocolError);
    for path in ["/dev/zero", "/nowhere/app.db", "/tmp"] {
        let yaml = format!("{{engine: sqlite, path: {path}}}");
        let measured = ask(&permitted(), &yaml).await;
        assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedValue);
    }
}

#[tokio::test]
async fn a_query_without_end_is_ended() {
    let (folder, _connection) = database().await;
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let query = serde_json::json!({"statement": endless, "operator": "Exists"});
    let yaml = check(&folder, &format!("query: {query}"));
    let measured = ask_within(Duration::from_millis(300), &permitted(), &yaml).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
}
