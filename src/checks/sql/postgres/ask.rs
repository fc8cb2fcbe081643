//! What is asked of a PostgreSQL server, in one read-only transaction.

use std::{collections::BTreeSet, time::Duration};

use sqlx::{
    AssertSqlSafe, Error, FromRow, PgConnection, Postgres, Row, postgres::PgRow, query::Query,
};
use tokio::time::Instant;

use super::super::{
    expectation::{Expectation, Question},
    failure::{Stage, finding},
    migration::{Dialect, Inquiry, inquiry},
    observation::{Activity, Answer, Catalog, Migration, Migrations, Observation, Replication},
    performance::Performance,
};
use crate::{
    api::SqlMigration,
    checks::{
        net::Target,
        schema::{Column, MOST_COLUMNS},
        verdict::Finding,
    },
};

const DIALECT: Dialect = Dialect {
    quote: '"',
    text: "text",
};

/// Tables and views with their columns, without partitions, which come and go.
const CATALOG: &str = "
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname::text || '.' || c.relname::text END,
       a.attname::text,
       pg_catalog.format_type(a.atttypid, a.atttypmod),
       NOT a.attnotnull,
       a.atthasdef OR a.attidentity <> '',
       EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
               WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY 1, a.attnum
LIMIT $1";

const EXTENSIONS: &str = "SELECT extname::text FROM pg_catalog.pg_extension LIMIT 1000";

/// Of a session of another role only its existence is seen, unless the role may read all statistics (`pg_monitor`).
const ACTIVITY: &str = "
WITH client AS (
    SELECT pid, backend_type, xact_start FROM pg_catalog.pg_stat_activity
    WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
)
SELECT (SELECT count(*) + 1 FROM client WHERE backend_type IS NULL OR backend_type = 'client backend'),
       pg_catalog.current_setting('max_connections')::bigint,
       (SELECT coalesce(max(extract(epoch FROM pg_catalog.clock_timestamp() - xact_start)), 0)::float8
        FROM client WHERE backend_type = 'client backend'),
       (SELECT count(*) FROM client WHERE backend_type IS NULL),
       (SELECT count(*) FROM client WHERE pg_catalog.cardinality(pg_catalog.pg_blocking_pids(pid)) > 0),
       pg_catalog.pg_is_in_recovery(),
       (SELECT count(*) FROM pg_catalog.pg_stat_replication),
       (SELECT count(*) FROM pg_catalog.pg_stat_replication WHERE state IS NULL),
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN
           CASE WHEN pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() THEN 0
           ELSE extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END
       ELSE (SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_catalog.pg_stat_replication)
       END::float8";

/// Characters of an answer that are fetched: one more than what it is compared with can have.
const MOST_CHARACTERS: usize = 1025;

/// Everything that is expected of the database, in one transaction that cannot write.
pub(super) async fn everything(
    connection: &mut PgConnection,
    target: &Target,
    expectation: &Expectation,
    deadline: Instant,
) -> Result<Observation, Finding> {
    let looked = look(connection, expectation, deadline).await;
    let mut seen = looked.map_err(|error| finding(error, target, Stage::Look))?;
    if let Some(question) = &expectation.question {
        // Last, because an error ends the transaction, and so that nothing is asked in a session that it has changed.
        let answer = answer(connection, question).await;
        seen.answer = Some(answer.map_err(|error| finding(error, target, Stage::Question))?);
    }
    Ok(seen)
}

/// How long the answers to one statement take, in the transaction that [`everything`] has begun.
pub(super) async fn latencies(
    connection: &mut PgConnection,
    target: &Target,
    performance: &Performance,
) -> Result<Vec<Duration>, Finding> {
    let mut laps = performance.laps();
    while laps.remain() {
        let answered = first(connection, &performance.statement, None).await;
        answered.map_err(|error| finding(error, target, Stage::Question))?;
        laps.end();
    }
    Ok(laps.latencies())
}

async fn look(
    connection: &mut PgConnection,
    expectation: &Expectation,
    deadline: Instant,
) -> Result<Observation, Error> {
    begin(connection, deadline).await?;
    let mut seen = Observation::default();
    if expectation.needs_catalog() {
        seen.catalog = Some(catalog(connection).await?);
    }
    if expectation.needs_extensions() {
        seen.extensions = Some(extensions(connection).await?);
    }
    if let (Some(expected), Some(catalog)) = (&expectation.migration, &seen.catalog) {
        seen.migration = Some(migrations(connection, expected, catalog).await?);
    }
    if expectation.needs_activity() {
        seen.activity = Some(activity(connection).await?);
    }
    Ok(seen)
}

/// The transaction has a snapshot when this is done: from then on the server refuses to make it one that writes.
pub(super) async fn begin(connection: &mut PgConnection, deadline: Instant) -> Result<(), Error> {
    begin_as(connection, "READ ONLY", deadline).await
}

/// Begins a transaction of this `mode`, in which nothing takes longer than until `deadline`.
pub(super) async fn begin_as(
    connection: &mut PgConnection,
    mode: &'static str,
    deadline: Instant,
) -> Result<(), Error> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = left.as_millis().clamp(1, 24 * 60 * 60 * 1000);
    let statements = format!(
        "BEGIN TRANSACTION {mode}; \
         SET LOCAL statement_timeout = {left}; \
         SET LOCAL lock_timeout = {left}; \
         SET LOCAL idle_in_transaction_session_timeout = {left}; \
         SELECT 1"
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(connection)
        .await
        .map(drop)
}

async fn catalog(connection: &mut PgConnection) -> Result<Catalog, Error> {
    let most = i64::try_from(MOST_COLUMNS).unwrap_or(i64::MAX);
    let rows = unnamed(CATALOG)
        .bind(most.saturating_add(1))
        .fetch_all(connection)
        .await?;
    let mut catalog = Catalog {
        is_cut: rows.len() > MOST_COLUMNS,
        ..Catalog::default()
    };
    for row in &rows {
        let table: String = row.try_get(0)?;
        if row.try_get(5)? {
            catalog.foreign.insert(table.clone());
        }
        let columns = catalog.all.tables.entry(table).or_default();
        // A table may have no column at all.
        if let Some(column) = row.try_get::<Option<String>, _>(1)? {
            columns.insert(
                column,
                Column {
                    type_: row.try_get(2)?,
                    nullable: row.try_get(3)?,
                    has_default: row.try_get(4)?,
                },
            );
        }
    }
    Ok(catalog)
}

async fn extensions(connection: &mut PgConnection) -> Result<BTreeSet<String>, Error> {
    let rows = unnamed(EXTENSIONS).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn migrations(
    connection: &mut PgConnection,
    expected: &SqlMigration,
    catalog: &Catalog,
) -> Result<Migrations, Error> {
    let (tool, statement) = match inquiry(expected, catalog, DIALECT) {
        Inquiry::Known(migrations) => return Ok(migrations),
        Inquiry::Ask(tool, statement) => (tool, statement),
    };
    let rows = sqlx::query(AssertSqlSafe(statement))
        .persistent(false)
        .fetch_all(connection)
        .await?;
    let migration = |row: &PgRow| {
        let done: String = row.try_get(1)?;
        Ok(Migration {
            version: row.try_get(0)?,
            is_done: done == "done",
        })
    };
    let applied: Result<_, Error> = rows.iter().map(migration).collect();
    Ok(Migrations::Applied(tool, applied?))
}

async fn activity(connection: &mut PgConnection) -> Result<Activity, Error> {
    let row = unnamed(ACTIVITY).fetch_one(connection).await?;
    let (replicas, hidden): (i64, i64) = (row.try_get(6)?, row.try_get(7)?);
    let is_replica: bool = row.try_get(5)?;
    let behind: Option<f64> = row.try_get(8)?;
    let replication = match behind {
        _ if hidden > 0 => Replication::Hidden,
        Some(behind) if is_replica || replicas > 0 => Replication::Behind(behind),
        _ => Replication::None,
    };
    Ok(Activity {
        connections: row.try_get(0)?,
        connection_limit: row.try_get(1)?,
        longest_transaction: row.try_get(2)?,
        hidden_sessions: row.try_get(3)?,
        blocked_sessions: Some(row.try_get(4)?),
        replication,
    })
}

async fn answer(connection: &mut PgConnection, question: &Question) -> Result<Answer, Error> {
    let row = first(connection, &question.statement, None).await?;
    Ok(row.map_or(Answer::NoRow, Answer::of_text))
}

/// The first column of the first row as a text, whatever its type; `None` without a row. One statement, prepared: the server
/// takes no second one with it. `bound` is what `$1` stands for.
pub(super) async fn first(
    connection: &mut PgConnection,
    statement: &str,
    bound: Option<&str>,
) -> Result<Option<Option<String>>, Error> {
    let statement = format!(
        "WITH plumbline_answer(plumbline_value) AS (\n{statement}\n) \
         SELECT pg_catalog.left(plumbline_value::text, {MOST_CHARACTERS}) FROM plumbline_answer LIMIT 1"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    if let Some(bound) = bound {
        query = query.bind(bound);
    }
    let row = query.fetch_optional(connection).await?;
    let text = row.map(|row| <(Option<String>,)>::from_row(&row));
    Ok(text.transpose()?.map(|(text,)| text))
}

/// A statement that leaves nothing behind, which a pooler would hand to somebody else.
fn unnamed(statement: &'static str) -> Query<'static, Postgres, sqlx::postgres::PgArguments> {
    sqlx::query(statement).persistent(false)
}

/// Runs one statement, whatever it gives. `bound` is what `$1` stands for.
pub(super) async fn execute(
    connection: &mut PgConnection,
    statement: &str,
    bound: &str,
) -> Result<(), Error> {
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    query.bind(bound).execute(connection).await.map(drop)
}
