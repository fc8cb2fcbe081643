//! What only a file can show: whose it is, who may read it, and what else may be in it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicI64, Ordering},
};

use futures::future::join_all;
use k8s_openapi::jiff::Timestamp;
use plumbline::{
    api::RollbackState,
    clock,
    rollback::ledger::{AttemptLedger, Attempts, LedgerError},
    store::{SqliteLedger, StoreError},
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::bench::{Bench, File, new_uid, open, spec, status, told};

/// A connection past the ledger.
async fn connection(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    options.create_if_missing(true).connect().await.unwrap()
}

async fn execute(path: &Path, statement: &'static str) {
    let mut connection = connection(path).await;
    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
    done.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn nobody_else_may_read_the_file() {
    let bench = File::start().await;
    bench.recorded("web-1").await;
    let mut files = 0;
    for entry in fs::read_dir(bench.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
        files += 1;
    }
    assert!(files > 1, "the write-ahead log is looked at as well");
}

#[tokio::test]
async fn what_was_recorded_is_there_when_the_file_is_opened_again() {
    let bench = File::start().await;
    let attempt = bench.recorded("web-1").await;
    let wanted = status(RollbackState::Issued, "asked");
    let attempt = bench.ledger().advance(&attempt, wanted).await.unwrap();
    bench.ledger().close().await;
    let ledger = open(&bench.path()).await;
    assert_eq!(ledger.read(&attempt.name).await.unwrap(), Some(attempt));
}

#[tokio::test]
async fn a_file_that_is_not_for_this_program_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("text"), "not a database").unwrap();
    fs::write(at("long text"), "not a database ".repeat(1000)).unwrap();
    execute(&at("foreign"), "CREATE TABLE other (a)").await;
    execute(
        &at("foreign log"),
        "PRAGMA journal_mode = wal; CREATE TABLE attempts (a)",
    )
    .await;
    execute(&at("marked"), "PRAGMA application_id = 7").await;
    open(&at("newer")).await.close().await;
    execute(&at("newer"), "PRAGMA user_version = 99").await;
    for (name, expected) in [
        ("text", "is not a SQLite database, or is damaged"),
        ("long text", "is not a SQLite database, or is damaged"),
        ("foreign", "is the database of another program"),
        ("foreign log", "is the database of another program"),
        ("marked", "is the database of another program"),
        (
            "newer",
            "was written by a newer version of plumbline: its schema has version 99, and this one knows 1",
        ),
    ] {
        let path = at(name);
        let before = fs::read(&path).unwrap();
        let refused = SqliteLedger::open(&path, clock::now, new_uid)
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("{} {expected}", path.display())
        );
        assert!(fs::read(&path).unwrap() == before, "{name} was changed");
    }
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing/attempts.db");
    let refused = SqliteLedger::open(&missing, clock::now, new_uid).await;
    assert!(matches!(refused, Err(StoreError::Create { .. })));
    let refused = SqliteLedger::open(folder.path(), clock::now, new_uid).await;
    assert!(
        matches!(refused, Err(StoreError::Open { .. })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_can_be_opened_by_several_at_once() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("attempts.db");
        let opened = join_all((0..6).map(|_| SqliteLedger::open(&path, clock::now, new_uid))).await;
        for ledger in opened {
            let ledger = ledger.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
            let listed = ledger.list("shop", Attempts::OfPolicy("careful")).await;
            assert_eq!(listed.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn a_row_that_does_not_decode_is_named_and_not_skipped() {
    for (column, statement) in [
        (
            "spec",
            "UPDATE attempts SET spec = '{}' WHERE name = 'broken'",
        ),
        (
            "status",
            "UPDATE attempts SET status = '7' WHERE name = 'broken'",
        ),
        (
            "created",
            "UPDATE attempts SET created = 'soon' WHERE name = 'broken'",
        ),
    ] {
        let bench = File::start().await;
        let sound = bench.recorded("sound").await;
        let broken = bench.recorded("broken").await.name;
        execute(&bench.path(), statement).await;
        let listed = bench
            .ledger()
            .list("shop", Attempts::OfValidation("u-1"))
            .await;
        let listed = listed.map(|_| None);
        for failed in [listed, bench.ledger().read(&broken).await] {
            let Err(LedgerError::Unreadable { name, source }) = failed else {
                panic!("{failed:?}");
            };
            assert_eq!(name, broken);
            assert_eq!(source.to_string(), format!("its {column} cannot be read"));
        }
        assert_eq!(bench.read(&sound.name).await, Some(sound));
    }
}

#[tokio::test]
async fn an_approval_leaves_what_a_newer_version_has_written_into_the_spec() {
    let bench = File::start().await;
    let attempt = bench.recorded("web-1").await;
    execute(
        &bench.path(),
        "UPDATE attempts SET spec = json_set(spec, '$.plan.later', 7)",
    )
    .await;
    bench.approve(&attempt.name, true).await;
    let mut connection = connection(&bench.path()).await;
    let read =
        sqlx::query_as("SELECT spec ->> '$.plan.later', spec ->> '$.approved' FROM attempts");
    let read: (i64, i64) = read.fetch_one(&mut connection).await.unwrap();
    assert_eq!(read, (7, 1));
}

#[tokio::test]
async fn an_approval_of_what_is_not_there_says_so() {
    let bench = File::start().await;
    let approved = bench.ledger().approve(&bench.name("web-1"), true).await;
    assert_eq!(told(&approved), "gone");
}

#[tokio::test]
async fn attempts_are_listed_by_the_ledgers_clock_and_then_by_name() {
    static NOW: AtomicI64 = AtomicI64::new(1_000);
    let folder = tempfile::tempdir().unwrap();
    let clock = || Timestamp::from_second(NOW.load(Ordering::Relaxed)).unwrap();
    let ledger = SqliteLedger::open(&folder.path().join("attempts.db"), clock, new_uid).await;
    let ledger = ledger.unwrap();
    let bench = File::start().await;
    for (second, name) in [
        (9, "c"),
        (10, "b"),
        (10, "a"),
        (9_999_999_999, "late"),
        (-1, "early"),
    ] {
        NOW.store(second, Ordering::Relaxed);
        ledger
            .create(&bench.name(name), &spec("u-1", "careful"))
            .await
            .unwrap();
    }
    let listed = ledger
        .list("shop", Attempts::OfPolicy("careful"))
        .await
        .unwrap();
    let names: Vec<&str> = listed
        .iter()
        .map(|attempt| attempt.name.name.as_str())
        .collect();
    assert_eq!(names, ["early", "c", "a", "b", "late"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_stays_locked_is_an_answer_and_nothing_is_written() {
    let bench = File::start().await;
    let attempt = bench.recorded("web-1").await;
    let mut other = connection(&bench.path()).await;
    let lock = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other);
    lock.await.unwrap();
    let (name, spec) = (bench.name("web-2"), spec("u-1", "careful"));
    let (create, advance, remove) = tokio::join!(
        bench.ledger().create(&name, &spec),
        bench
            .ledger()
            .advance(&attempt, status(RollbackState::Issued, "asked")),
        bench.ledger().remove(&attempt),
    );
    assert_eq!(
        [told(&create), told(&advance), told(&remove)],
        ["failed"; 3]
    );
    // Reading goes on meanwhile, and afterwards nothing of it has happened.
    assert_eq!(bench.read(&name).await, None);
    other.close().await.unwrap();
    assert_eq!(bench.read(&name).await, None);
    assert_eq!(bench.read(&attempt.name).await, Some(attempt));
}
