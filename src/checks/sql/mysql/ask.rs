//! What is asked of a MySQL or MariaDB server, in one read-only transaction.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, Column as _, Error, MySqlConnection, Row, TypeInfo, ValueRef,
    mysql::{MySqlDatabaseError, MySqlRow},
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
    quote: '`',
    text: "char",
};

/// Tables and views of the database with their columns. MariaDB writes a default of NULL as the word.
const CATALOG: &str = "
SELECT CAST(table_name AS char), CAST(column_name AS char), CAST(column_type AS char),
       CAST(is_nullable = 'YES' AS signed),
       CAST((column_default IS NOT NULL AND column_default <> 'NULL') OR extra LIKE '%auto_increment%'
            OR extra LIKE '%GENERATED%' AS signed)
FROM information_schema.columns WHERE table_schema = DATABASE()
ORDER BY table_name, ordinal_position
LIMIT ?";

const CONNECTIONS: &str = "SHOW GLOBAL STATUS LIKE 'Threads_connected'";
const CONNECTION_LIMIT: &str = "SELECT CAST(@@max_connections AS signed)";

/// Needs the privilege PROCESS.
const TRANSACTIONS: &str = "
SELECT CAST(COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND, trx_started, NOW(6))), 0) AS signed)
FROM information_schema.innodb_trx WHERE trx_mysql_thread_id <> CONNECTION_ID()";

/// The two lists are of locks on rows and of locks on whole tables; the first needs the privilege PROCESS.
const BLOCKED: &str = "
SELECT CAST((SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT')
          + (SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%lock') AS signed)";

/// MySQL since 8.0.22 and MariaDB since 10.5; the first needs the privilege REPLICATION CLIENT, the second REPLICA MONITOR.
const REPLICA: &str = "SHOW REPLICA STATUS";

/// What MySQL and MariaDB call the lag there. It is null when replication has stopped.
const BEHIND: [&str; 2] = ["Seconds_Behind_Source", "Seconds_Behind_Master"];

/// The number of an error for want of a privilege.
const ACCESS_DENIED: u16 = 1227;

/// Everything that is expected of the database, in one transaction that cannot write.
pub(super) async fn everything(
    connection: &mut MySqlConnection,
    target: &Target,
    expectation: &Expectation,
    deadline: Instant,
) -> Result<Observation, Finding> {
    let looked = look(connection, expectation, deadline).await;
    let mut seen = looked.map_err(|error| finding(error, target, Stage::Look))?;
    if let Some(question) = &expectation.question {
        let answer = answer(connection, question).await;
        seen.answer = Some(answer.map_err(|error| finding(error, target, Stage::Question))?);
    }
    Ok(seen)
}

/// How long the answers to one statement take, in the transaction that [`everything`] has begun.
pub(super) async fn latencies(
    connection: &mut MySqlConnection,
    target: &Target,
    performance: &Performance,
) -> Result<Vec<Duration>, Finding> {
    let fault = |error| finding(error, target, Stage::Question);
    one_row(connection).await.map_err(fault)?;
    let mut laps = performance.laps();
    while laps.remain() {
        let answered = first(connection, &performance.statement).await;
        answered.map_err(fault)?;
        laps.end();
    }
    Ok(laps.latencies())
}

async fn look(
    connection: &mut MySqlConnection,
    expectation: &Expectation,
    deadline: Instant,
) -> Result<Observation, Error> {
    begin(connection, deadline).await?;
    let mut seen = Observation::default();
    if expectation.needs_catalog() {
        seen.catalog = Some(catalog(connection).await?);
    }
    if let (Some(expected), Some(catalog)) = (&expectation.migration, &seen.catalog) {
        seen.migration = Some(migrations(connection, expected, catalog).await?);
    }
    if expectation.needs_activity() {
        let mut activity = activity(connection).await?;
        if expectation.needs_replication() {
            activity.replication = replication(connection).await?;
        }
        seen.activity = Some(activity);
    }
    Ok(seen)
}

/// MySQL and MariaDB have each its own limit for statements, which the other takes for a comment.
async fn begin(connection: &mut MySqlConnection, deadline: Instant) -> Result<(), Error> {
    let left = deadline.saturating_duration_since(Instant::now());
    let milliseconds = left.as_millis().clamp(1, 24 * 60 * 60 * 1000);
    let seconds = left.as_secs_f64().clamp(0.001, 24.0 * 60.0 * 60.0);
    let whole_seconds = left.as_secs().clamp(1, 24 * 60 * 60);
    let limits = format!(
        "SET SESSION lock_wait_timeout = {whole_seconds}, SESSION time_zone = 'SYSTEM' \
         /*!50708 , SESSION max_execution_time = {milliseconds} */ \
         /*M!100101 , SESSION max_statement_time = {seconds} */"
    );
    sqlx::raw_sql(AssertSqlSafe(limits))
        .execute(&mut *connection)
        .await?;
    for statement in [
        "SET SESSION TRANSACTION READ ONLY",
        "START TRANSACTION READ ONLY",
    ] {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn catalog(connection: &mut MySqlConnection) -> Result<Catalog, Error> {
    let most = u64::try_from(MOST_COLUMNS).unwrap_or(u64::MAX);
    let query = sqlx::query(CATALOG).bind(most.saturating_add(1));
    let rows = query.persistent(false).fetch_all(connection).await?;
    let mut catalog = Catalog {
        is_cut: rows.len() > MOST_COLUMNS,
        ..Catalog::default()
    };
    for row in &rows {
        let column = Column {
            type_: row.try_get(2)?,
            nullable: row.try_get::<i64, _>(3)? != 0,
            has_default: row.try_get::<i64, _>(4)? != 0,
        };
        let table = catalog.all.tables.entry(row.try_get(0)?).or_default();
        table.insert(row.try_get(1)?, column);
    }
    Ok(catalog)
}

async fn migrations(
    connection: &mut MySqlConnection,
    expected: &SqlMigration,
    catalog: &Catalog,
) -> Result<Migrations, Error> {
    let (tool, statement) = match inquiry(expected, catalog, DIALECT) {
        Inquiry::Known(migrations) => return Ok(migrations),
        Inquiry::Ask(tool, statement) => (tool, statement),
    };
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    let rows = query.fetch_all(connection).await?;
    let migration = |row: &MySqlRow| {
        let done: String = row.try_get(1)?;
        Ok(Migration {
            version: row.try_get(0)?,
            is_done: done == "done",
        })
    };
    let applied: Result<_, Error> = rows.iter().map(migration).collect();
    Ok(Migrations::Applied(tool, applied?))
}

async fn activity(connection: &mut MySqlConnection) -> Result<Activity, Error> {
    let row = sqlx::query(CONNECTIONS)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await?;
    let connections: String = row.try_get(1)?;
    let connections = connections
        .parse()
        .map_err(|_| Error::Protocol("no number".to_owned()))?;
    let connection_limit = number(connection, CONNECTION_LIMIT).await?;
    let longest = permitted(number(connection, TRANSACTIONS).await)?;
    let microseconds = u64::try_from(longest.unwrap_or_default()).unwrap_or_default();
    Ok(Activity {
        connections,
        connection_limit,
        longest_transaction: Duration::from_micros(microseconds).as_secs_f64(),
        hidden_sessions: if longest.is_none() { connections } else { 0 },
        blocked_sessions: permitted(number(connection, BLOCKED).await)?,
        replication: Replication::None,
    })
}

/// How far this server is behind those that it follows, each of which has a row.
async fn replication(connection: &mut MySqlConnection) -> Result<Replication, Error> {
    let rows = sqlx::raw_sql(REPLICA).fetch_all(connection).await;
    let Some(rows) = permitted(rows)? else {
        return Ok(Replication::Hidden);
    };
    let mut seen = Replication::None;
    for row in &rows {
        let is_lag = |column: &&sqlx::mysql::MySqlColumn| BEHIND.contains(&column.name());
        let column = row.columns().iter().find(is_lag);
        let column = column.ok_or_else(|| Error::ColumnNotFound(BEHIND[0].to_owned()))?;
        let behind: Option<u32> = row.try_get_unchecked(column.ordinal())?;
        let behind = behind.map_or(Replication::Stopped, |it| Replication::Behind(it.into()));
        seen = seen.worse(behind);
    }
    Ok(seen)
}

/// `None` when the user may not know.
fn permitted<Answer>(answer: Result<Answer, Error>) -> Result<Option<Answer>, Error> {
    let is_denied = |error: &MySqlDatabaseError| error.number() == ACCESS_DENIED;
    match answer {
        Err(Error::Database(error)) if error.try_downcast_ref().is_some_and(is_denied) => Ok(None),
        other => other.map(Some),
    }
}

async fn number(connection: &mut MySqlConnection, statement: &'static str) -> Result<i64, Error> {
    let query = sqlx::query(statement).persistent(false);
    query.fetch_one(connection).await?.try_get(0)
}

/// From here on an answer ends with its first row.
async fn one_row(connection: &mut MySqlConnection) -> Result<(), Error> {
    let limit = "SET SESSION sql_select_limit = 1";
    sqlx::raw_sql(limit).execute(connection).await.map(drop)
}

/// One statement, prepared: the server takes no second one with it.
async fn first(
    connection: &mut MySqlConnection,
    statement: &str,
) -> Result<Option<MySqlRow>, Error> {
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    query.fetch_optional(connection).await
}

async fn answer(connection: &mut MySqlConnection, question: &Question) -> Result<Answer, Error> {
    one_row(connection).await?;
    let Some(row) = first(connection, &question.statement).await? else {
        return Ok(Answer::NoRow);
    };
    let value = row.try_get_raw(0)?;
    if value.is_null() {
        return Ok(Answer::of_text(None));
    }
    let name = value.type_info().name().to_owned();
    Ok(match name.as_str() {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
            Answer::Value(row.try_get_unchecked::<i64, _>(0)?.into())
        }
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED"
        | "BIGINT UNSIGNED" => Answer::Value(row.try_get_unchecked::<u64, _>(0)?.into()),
        "FLOAT" => Answer::Value(row.try_get_unchecked::<f32, _>(0)?.into()),
        "DOUBLE" => Answer::Value(row.try_get_unchecked::<f64, _>(0)?.into()),
        "DECIMAL" | "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT"
        | "ENUM" | "SET" => Answer::of_text(Some(row.try_get_unchecked(0)?)),
        _ => Answer::Unreadable(name),
    })
}
