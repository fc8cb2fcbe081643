//! Opens the file, creates it where it is missing, and brings its schema up to date.
//!
//! The version of the schema is the file's `user_version`, set by each migration within its transaction. sqlx's migrator is not
//! used: it takes no lock on `SQLite`, so that two processes that open a new file at once get into each other's way, and it
//! writes into a file before it knows whose that is.

use std::{
    io,
    path::{Path, PathBuf, absolute},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{sleep, timeout};

/// Longest time of one call, and of opening the file.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a statement waits while another process writes. Shorter than a call may take, so that a file that stays locked
/// is an answer and no doubt.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections of one process: `SQLite` lets one write at a time.
const MAX_CONNECTIONS: u32 = 4;

/// The schema's versions, from 1; each is reached from the one before.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_attempts.sql")];

/// `application_id` of this program's files: "plum".
const APPLICATION_ID: i64 = 0x706c_756d;

/// Primary result codes of `SQLite`: <https://www.sqlite.org/rescode.html>.
mod code {
    pub const BUSY: i32 = 5;
    pub const INPUT_OUTPUT: i32 = 10;
    pub const CORRUPT: i32 = 11;
    pub const NOT_A_DATABASE: i32 = 26;
}

/// The file could not be opened. Whatever was in it still is.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be created.
    #[error("could not create {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else, or is damaged.
    #[error("{} is not a SQLite database, or is damaged", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What `SQLite` says.
        source: sqlx::Error,
    },
    /// It is a database, but none of this program's.
    #[error("{} is the database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of this program has written it.
    #[error(
        "{} was written by a newer version of plumbline: its schema has version {found}, and this one knows {known}",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of its schema.
        found: i64,
        /// The newest version that this program knows.
        known: usize,
    },
    /// The file system lacks what a write-ahead log needs.
    #[error(
        "{} cannot have a write-ahead log: keep it on a local file system", path.display()
    )]
    NoWriteAheadLog {
        /// The file.
        path: PathBuf,
    },
    /// It could not be read or written.
    #[error("could not open {} as a database", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// Another process held it for too long, or the disk did not answer.
    #[error("could not open {} in time", path.display())]
    NoAnswer {
        /// The file.
        path: PathBuf,
    },
}

/// What a file holds, as far as this program may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contents {
    /// Nothing, or this program's tables up to a migration.
    Usable {
        migrations: usize,
    },
    Foreign,
    Newer(i64),
}

/// Opens the file at `path`, which is created with mode 0600 if it is missing, and brings its schema up to date.
pub(super) async fn open(path: &Path) -> Result<SqlitePool, StoreError> {
    let prepared = async {
        create(path).await?;
        let options = options(path)?;
        prepare(path, &options).await?;
        Ok(pool(options))
    };
    timeout(CALL_TIMEOUT, prepared)
        .await
        .unwrap_or_else(|_| Err(StoreError::NoAnswer { path: path.into() }))
}

/// Whether `SQLite` is sure that a statement that ended with `error` has changed nothing: it takes back one that fails. What
/// of a commit has reached a disk that fails is anybody's guess.
pub(super) fn changed_nothing(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code != code::INPUT_OUTPUT)
}

async fn create(path: &Path) -> Result<(), StoreError> {
    let created = tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::Create {
            path: path.into(),
            source,
        }),
    }
}

fn options(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    // An absolute path begins with a slash, and so is no `file:` URL to SQLite.
    let file = absolute(path).map_err(|source| StoreError::Create {
        path: path.into(),
        source,
    })?;
    Ok(SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        // What is on record must be there after a power failure too: the platform is asked only after it.
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging())
}

fn pool(options: SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(CALL_TIMEOUT)
        .connect_lazy_with(options)
}

async fn prepare(path: &Path, options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let describe = |source| describe(path, source);
    let mut connection = options.connect().await.map_err(describe)?;
    // Looked at before anything is written, and closed before anything is told: the file is as it was then.
    let ended = match look(path, &mut connection).await {
        Ok(_) => bring_up_to_date(path, &mut connection).await,
        Err(refused) => Err(refused),
    };
    let closed = connection.close().await.map_err(describe);
    ended.and(closed)
}

async fn bring_up_to_date(
    path: &Path,
    connection: &mut SqliteConnection,
) -> Result<(), StoreError> {
    let describe = |source| describe(path, source);
    if !write_ahead(connection).await.map_err(describe)? {
        return Err(StoreError::NoWriteAheadLog { path: path.into() });
    }
    // From its beginning on this transaction is the only one that writes: another process that wanted the same has done it,
    // or comes after.
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(describe)?;
    let done = look(path, &mut transaction).await?;
    for migration in &MIGRATIONS[done..] {
        sqlx::raw_sql(*migration)
            .execute(&mut *transaction)
            .await
            .map_err(describe)?;
    }
    transaction.commit().await.map_err(describe)
}

/// How many migrations the file has seen, unless it is not for this program.
async fn look(path: &Path, connection: &mut SqliteConnection) -> Result<usize, StoreError> {
    let path = path.to_owned();
    match contents(connection).await {
        Ok(Contents::Usable { migrations }) => Ok(migrations),
        Ok(Contents::Foreign) => Err(StoreError::Foreign { path }),
        Ok(Contents::Newer(found)) => Err(StoreError::Newer {
            path,
            found,
            known: MIGRATIONS.len(),
        }),
        Err(source) => Err(describe(&path, source)),
    }
}

async fn contents(connection: &mut SqliteConnection) -> Result<Contents, sqlx::Error> {
    // In one statement, and so at one moment: another process may be in the middle of making its tables.
    let statement = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) \
        FROM pragma_application_id, pragma_user_version";
    let (application, version, objects) = sqlx::query_as(statement).fetch_one(connection).await?;
    Ok(judge(application, version, objects))
}

fn judge(application: i64, version: i64, objects: i64) -> Contents {
    if (application, version, objects) == (0, 0, 0) {
        return Contents::Usable { migrations: 0 };
    }
    match usize::try_from(version) {
        _ if application != APPLICATION_ID => Contents::Foreign,
        Ok(migrations) if (1..=MIGRATIONS.len()).contains(&migrations) => {
            Contents::Usable { migrations }
        }
        _ if version < 1 => Contents::Foreign,
        _ => Contents::Newer(version),
    }
}

/// Whether the file has a write-ahead log now. To give it one needs the file for oneself, and `SQLite` does not wait for that.
async fn write_ahead(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    const PAUSE: Duration = Duration::from_millis(50);
    let tries = BUSY_TIMEOUT.as_millis() / PAUSE.as_millis();
    for _ in 1..tries {
        match switch(connection).await {
            Err(error) if result_code(&error) == Some(code::BUSY) => sleep(PAUSE).await,
            other => return other,
        }
    }
    switch(connection).await
}

async fn switch(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = wal")
        .fetch_one(connection)
        .await?;
    Ok(mode == "wal")
}

fn describe(path: &Path, source: sqlx::Error) -> StoreError {
    let path = path.to_owned();
    match result_code(&source) {
        Some(code::NOT_A_DATABASE | code::CORRUPT) => StoreError::NotADatabase { path, source },
        _ => StoreError::Open { path, source },
    }
}

/// The primary result code, which is the last byte of the extended one.
fn result_code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_sets_the_version_that_it_leads_to() {
        for (number, migration) in (1..).zip(MIGRATIONS) {
            let said = format!("PRAGMA user_version = {number};");
            assert!(migration.contains(&said), "migration {number}");
        }
        let mark = format!("PRAGMA application_id = {APPLICATION_ID};");
        assert!(MIGRATIONS[0].contains(&mark));
    }

    #[test]
    fn a_path_is_never_taken_for_a_url() {
        let options = options(Path::new("file:attempts.db?mode=memory")).unwrap();
        assert!(options.get_filename().is_absolute());
    }

    #[test]
    fn only_an_empty_file_and_this_programs_own_are_used() {
        let newest = i64::try_from(MIGRATIONS.len()).unwrap();
        let usable = |migrations| Contents::Usable { migrations };
        assert_eq!(judge(0, 0, 0), usable(0));
        assert_eq!(judge(APPLICATION_ID, 1, 5), usable(1));
        assert_eq!(judge(APPLICATION_ID, newest, 5), usable(MIGRATIONS.len()));
        assert_eq!(
            judge(APPLICATION_ID, newest + 1, 5),
            Contents::Newer(newest + 1)
        );
        for foreign in [
            (0, 0, 1),
            (0, 1, 0),
            (7, 0, 0),
            (7, 1, 5),
            (APPLICATION_ID, 0, 0),
            (APPLICATION_ID, -1, 5),
        ] {
            let (application, version, objects) = foreign;
            assert_eq!(
                judge(application, version, objects),
                Contents::Foreign,
                "{foreign:?}"
            );
        }
    }
}
