//! The ledger of attempts in a `SQLite` file. Several processes may use one file; what one has written, the others see.

use std::{error::Error, future::Future, path::Path};

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{
    Row, Sqlite, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteQueryResult, SqliteRow},
};
use tokio::time::timeout;

use super::file::{self, CALL_TIMEOUT, StoreError};
use crate::{
    api::{RollbackSpec, RollbackStatus},
    clock::whole_seconds,
    rollback::ledger::{
        Attempt, AttemptLedger, AttemptName, Attempts, Created, LedgerError, MAX_LISTED, Refusal,
    },
};

const CREATE: &str = "INSERT INTO attempts \
    (namespace, name, uid, version, generation, created, validation_uid, policy, spec, status) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (namespace, name) DO NOTHING";

const READ: &str = "SELECT * FROM attempts WHERE namespace = ?1 AND name = ?2";

const ADVANCE: &str = "UPDATE attempts SET status = ?5, version = version + 1 \
    WHERE namespace = ?1 AND name = ?2 AND uid = ?3 AND version = ?4";

// What says the same changes nothing. What else the spec holds stays as it was written, by whichever version of this program.
const APPROVE: &str = "UPDATE attempts SET spec = json_set(spec, '$.approved', json(?3)), \
    generation = generation + 1, version = version + 1 \
    WHERE namespace = ?1 AND name = ?2 AND coalesce(json_extract(spec, '$.approved'), 0) <> json_extract(?3, '$')";

const REMOVE: &str =
    "DELETE FROM attempts WHERE namespace = ?1 AND name = ?2 AND uid = ?3 AND version = ?4";

const OF_VALIDATION: &str = "SELECT * FROM attempts WHERE namespace = ?1 AND validation_uid = ?2 \
    ORDER BY created, name LIMIT ?3";

const OF_POLICY: &str = "SELECT * FROM attempts WHERE namespace = ?1 AND policy = ?2 \
    ORDER BY created, name LIMIT ?3";

/// The ledger in a `SQLite` file on a local file system.
#[derive(Debug)]
pub struct SqliteLedger {
    pool: SqlitePool,
    clock: fn() -> Timestamp,
    new_uid: fn() -> String,
}

/// A row that is no attempt.
#[derive(Debug, thiserror::Error)]
#[error("its {column} cannot be read")]
struct Undecodable {
    column: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl SqliteLedger {
    /// Opens the file at `path`, or creates it with mode 0600. `clock` is the wall clock; `new_uid` gives another text each
    /// time that it is asked, in this process and in every other.
    pub async fn open(
        path: &Path,
        clock: fn() -> Timestamp,
        new_uid: fn() -> String,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            pool: file::open(path).await?,
            clock,
            new_uid,
        })
    }

    /// Closes the file. Without it, that happens in the background once the ledger is dropped.
    pub async fn close(&self) {
        // What is left of a call that was given up may hold a connection for long; it ends by itself.
        let _ = timeout(CALL_TIMEOUT, self.pool.close()).await;
    }

    /// Sets or takes back a person's approval of the attempt `name`. Gives the record as it is then.
    pub async fn approve(
        &self,
        name: &AttemptName,
        approved: bool,
    ) -> Result<Attempt, LedgerError> {
        let statement = sqlx::query(APPROVE)
            .bind(&name.namespace)
            .bind(&name.name)
            .bind(if approved { "true" } else { "false" });
        self.write(name, statement).await?;
        let found = self.read(name).await?;
        found.ok_or_else(|| LedgerError::Gone(name.clone()))
    }

    async fn connection(&self, name: &AttemptName) -> Result<PoolConnection<Sqlite>, LedgerError> {
        // The pool has a deadline of its own.
        let connection = self.pool.acquire().await;
        connection.map_err(|source| LedgerError::failed(name, source))
    }

    /// Carries out a statement that writes; how many rows it has changed. It always runs to its end, which is when it is
    /// committed: sqlx drops the error of a commit when it is asked for the first row alone.
    async fn write(
        &self,
        name: &AttemptName,
        statement: Statement<'_>,
    ) -> Result<u64, LedgerError> {
        let mut connection = self.connection(name).await?;
        let done = written(name, statement.execute(&mut *connection)).await?;
        Ok(done.rows_affected())
    }

    /// All rows that `statement` gives.
    async fn rows(
        &self,
        name: &AttemptName,
        statement: Statement<'_>,
    ) -> Result<Vec<SqliteRow>, LedgerError> {
        let mut connection = self.connection(name).await?;
        match timeout(CALL_TIMEOUT, statement.fetch_all(&mut *connection)).await {
            Ok(rows) => rows.map_err(|source| LedgerError::failed(name, source)),
            Err(_) => Err(LedgerError::failed(name, Refusal::NoAnswer)),
        }
    }

    async fn put(&self, name: &AttemptName, spec: &RollbackSpec) -> Result<Created, LedgerError> {
        let Some(validation_uid) = &spec.validation_ref.uid else {
            return Err(LedgerError::failed(name, Refusal::NoValidation));
        };
        let attempt = Attempt {
            name: name.clone(),
            uid: (self.new_uid)(),
            version: "1".to_owned(),
            generation: 1,
            created: whole_seconds((self.clock)()),
            spec: spec.clone(),
            status: untouched(name)?,
        };
        let statement = sqlx::query(CREATE)
            .bind(&name.namespace)
            .bind(&name.name)
            .bind(&attempt.uid)
            .bind(1)
            .bind(attempt.generation)
            .bind(attempt.created.to_string())
            .bind(validation_uid)
            .bind(spec.policy_ref.as_ref().map(|policy| &policy.name))
            .bind(json(name, spec)?)
            .bind(json(name, &attempt.status)?);
        if self.write(name, statement).await? == 1 {
            return Ok(Created::New(attempt));
        }
        let found = self.find(name).await?;
        let found = found.ok_or_else(|| LedgerError::Gone(name.clone()))?;
        Ok(Created::Existing(found))
    }

    async fn find(&self, name: &AttemptName) -> Result<Option<Attempt>, LedgerError> {
        let statement = sqlx::query(READ).bind(&name.namespace).bind(&name.name);
        let rows = self.rows(name, statement).await?;
        rows.first().map(decoded).transpose()
    }

    async fn replace_status(
        &self,
        attempt: &Attempt,
        status: RollbackStatus,
    ) -> Result<Attempt, LedgerError> {
        let version = version(attempt)?;
        let statement = addressed(ADVANCE, attempt, version).bind(json(&attempt.name, &status)?);
        if self.write(&attempt.name, statement).await? == 0 {
            return Err(self.why_untouched(attempt).await?);
        }
        // Nothing else has changed since it was read, or else the version would have.
        Ok(Attempt {
            version: (version + 1).to_string(),
            status,
            ..attempt.clone()
        })
    }

    async fn listed(
        &self,
        namespace: &str,
        which: &Attempts<'_>,
    ) -> Result<Vec<Attempt>, LedgerError> {
        let asked = which.asked_for_in(namespace);
        let (query, value) = match which {
            Attempts::OfValidation(uid) => (OF_VALIDATION, uid),
            Attempts::OfPolicy(name) => (OF_POLICY, name),
        };
        let limit = i64::try_from(MAX_LISTED + 1).unwrap_or(i64::MAX);
        let statement = sqlx::query(query).bind(namespace).bind(*value).bind(limit);
        let rows = self.rows(&asked, statement).await?;
        if rows.len() > MAX_LISTED {
            return Err(LedgerError::failed(&asked, Refusal::TooMany));
        }
        rows.iter().map(decoded).collect()
    }

    async fn take_off(&self, attempt: &Attempt) -> Result<(), LedgerError> {
        let statement = addressed(REMOVE, attempt, version(attempt)?);
        if self.write(&attempt.name, statement).await? == 0 {
            return Err(self.why_untouched(attempt).await?);
        }
        Ok(())
    }

    /// Why a statement found nothing to change.
    async fn why_untouched(&self, attempt: &Attempt) -> Result<LedgerError, LedgerError> {
        let name = attempt.name.clone();
        Ok(match self.find(&name).await? {
            Some(_) => LedgerError::Conflict(name),
            None => LedgerError::Gone(name),
        })
    }
}

impl AttemptLedger for SqliteLedger {
    fn create<'a>(
        &'a self,
        name: &'a AttemptName,
        spec: &'a RollbackSpec,
    ) -> BoxFuture<'a, Result<Created, LedgerError>> {
        Box::pin(self.put(name, spec))
    }

    fn read<'a>(
        &'a self,
        name: &'a AttemptName,
    ) -> BoxFuture<'a, Result<Option<Attempt>, LedgerError>> {
        Box::pin(self.find(name))
    }

    fn advance<'a>(
        &'a self,
        attempt: &'a Attempt,
        status: RollbackStatus,
    ) -> BoxFuture<'a, Result<Attempt, LedgerError>> {
        Box::pin(self.replace_status(attempt, status))
    }

    fn list<'a>(
        &'a self,
        namespace: &'a str,
        which: Attempts<'a>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, LedgerError>> {
        Box::pin(async move { self.listed(namespace, &which).await })
    }

    fn remove<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.take_off(attempt))
    }
}

type Statement<'a> = sqlx::query::Query<'a, Sqlite, sqlx::sqlite::SqliteArguments>;

/// A statement about `attempt` as it was read.
fn addressed<'a>(statement: &'static str, attempt: &'a Attempt, version: i64) -> Statement<'a> {
    sqlx::query(statement)
        .bind(&attempt.name.namespace)
        .bind(&attempt.name.name)
        .bind(&attempt.uid)
        .bind(version)
}

/// A version that is none of this ledger's is one that no record has.
fn version(attempt: &Attempt) -> Result<i64, LedgerError> {
    let version = attempt.version.parse();
    version.map_err(|_| LedgerError::Conflict(attempt.name.clone()))
}

/// Waits for a statement that writes; sure of its failure only when `SQLite` is.
async fn written(
    name: &AttemptName,
    statement: impl Future<Output = Result<SqliteQueryResult, sqlx::Error>>,
) -> Result<SqliteQueryResult, LedgerError> {
    match timeout(CALL_TIMEOUT, statement).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) if file::changed_nothing(&error) => Err(LedgerError::failed(name, error)),
        Ok(Err(error)) => Err(LedgerError::in_doubt(name, Some(error.into()))),
        Err(_) => Err(LedgerError::in_doubt(name, None)),
    }
}

/// The status of an attempt that nobody has looked at, as the API server writes it.
fn untouched(name: &AttemptName) -> Result<RollbackStatus, LedgerError> {
    let status = serde_json::from_value(serde_json::json!({"observedGeneration": -1}));
    status.map_err(|source| LedgerError::failed(name, source))
}

fn json(name: &AttemptName, value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|source| LedgerError::failed(name, source))
}

fn decoded(row: &SqliteRow) -> Result<Attempt, LedgerError> {
    let text = |column: &'static str| -> Result<String, Undecodable> {
        row.try_get(column).map_err(unreadable(column))
    };
    let number = |column: &'static str| -> Result<i64, Undecodable> {
        row.try_get(column).map_err(unreadable(column))
    };
    let name = AttemptName {
        namespace: row.try_get("namespace").unwrap_or_default(),
        name: row.try_get("name").unwrap_or_default(),
    };
    let attempt = || {
        Ok(Attempt {
            name: name.clone(),
            uid: text("uid")?,
            version: number("version")?.to_string(),
            generation: number("generation")?,
            created: text("created")?.parse().map_err(unreadable("created"))?,
            spec: serde_json::from_str(&text("spec")?).map_err(unreadable("spec"))?,
            status: serde_json::from_str(&text("status")?).map_err(unreadable("status"))?,
        })
    };
    attempt().map_err(|problem: Undecodable| LedgerError::unreadable(&name, problem))
}

fn unreadable<E: Into<Box<dyn Error + Send + Sync>>>(
    column: &'static str,
) -> impl FnOnce(E) -> Undecodable {
    move |source| Undecodable {
        column,
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> AttemptName {
        AttemptName {
            namespace: "shop".into(),
            name: "web-1".into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_statement_without_an_answer_is_in_doubt() {
        let told = written(&name(), std::future::pending()).await;
        assert!(matches!(
            told,
            Err(LedgerError::InDoubt { source: None, .. })
        ));
    }

    #[tokio::test]
    async fn a_statement_whose_connection_is_lost_is_in_doubt() {
        for error in [
            sqlx::Error::WorkerCrashed,
            std::io::Error::other("disk").into(),
        ] {
            let told = written(&name(), async { Err(error) }).await;
            assert!(matches!(
                told,
                Err(LedgerError::InDoubt {
                    source: Some(_),
                    ..
                })
            ));
        }
    }
}
