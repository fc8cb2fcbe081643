//! SQLite: a file of this machine.

use std::io;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Error, Row, SqliteConnection, TypeInfo,
    ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use tokio::time::{Instant, timeout_at};

use super::{
    expectation::{Expectation, Question},
    failure::Stage,
    migration::{Dialect, Inquiry, inquiry},
    observation::{Answer, Catalog, Migration, Migrations, Observation, Times},
};
use crate::{
    api::SqlMigration,
    checks::{
        net::{Network, progress::Progress},
        schema::{Column, MOST_COLUMNS},
        verdict::{Finding, FindingReason},
    },
};

const DIALECT: Dialect = Dialect {
    quote: '"',
    text: "text",
};

/// Tables and views with their columns. The key of a table that is one whole number is filled in.
const CATALOG: &str = "
SELECT m.name, c.name, lower(c.type), c.\"notnull\" = 0 AND c.pk = 0,
       c.dflt_value IS NOT NULL OR (c.pk = 1 AND upper(c.type) = 'INTEGER')
FROM sqlite_master m JOIN pragma_table_info(m.name) c
WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY m.name, c.cid
LIMIT $1";

/// Steps of the database's machine between two looks at the clock.
const STEPS: i32 = 1000;

/// Opens the file, if checks may, and asks.
pub(super) async fn observe(
    path: &str,
    expectation: &Expectation,
    network: &Network,
    progress: &Progress,
    times: &Times,
) -> Result<Observation, Finding> {
    if !network.allows_files() {
        return Err(Finding::unknown(
            FindingReason::TargetNotAllowed,
            format!("{path} is a file of this machine, which the settings deny to checks"),
        ));
    }
    is_file(path).await?;
    let deadline = progress.deadline();
    let work = converse(path, expectation, deadline, times);
    let outcome = timeout_at(deadline, work).await;
    outcome.unwrap_or_else(|_| Err(timed_out(path)))
}

/// A pipe or a device would keep whoever opens it waiting.
async fn is_file(path: &str) -> Result<(), Finding> {
    let metadata = tokio::fs::metadata(path).await;
    match metadata {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{path} is no file"),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Finding::fail(
            FindingReason::UnexpectedValue,
            format!("there is no file {path}"),
        )),
        Err(_) => Err(Finding::unknown(
            FindingReason::CredentialsRefused,
            format!("{path} may not be looked at"),
        )),
    }
}

async fn converse(
    path: &str,
    expectation: &Expectation,
    deadline: Instant,
    times: &Times,
) -> Result<Observation, Finding> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(deadline.saturating_duration_since(Instant::now()))
        .disable_statement_logging();
    let begun = Instant::now();
    let looked = async {
        let mut connection = options.connect().await?;
        // A statement runs in a thread of its own, which ends only when it is told.
        let in_time = move || Instant::now() < deadline;
        connection
            .lock_handle()
            .await?
            .set_progress_handler(STEPS, in_time);
        let seen = look(&mut connection, expectation).await?;
        Ok((connection, seen))
    };
    let (mut connection, mut seen) = looked
        .await
        .map_err(|error| finding(&error, path, Stage::Look))?;
    if let Some(question) = &expectation.question {
        let answer = answer(&mut connection, question).await;
        seen.answer = Some(answer.map_err(|error| finding(&error, path, Stage::Question))?);
    }
    times.queried(begun.elapsed());
    if let Some(performance) = &expectation.performance {
        let mut laps = performance.laps();
        while laps.remain() {
            let answered = first(&mut connection, &performance.statement).await;
            answered.map_err(|error| finding(&error, path, Stage::Question))?;
            laps.end();
        }
        seen.latencies = Some(laps.latencies());
    }
    let _ = connection.close().await;
    Ok(seen)
}

async fn look(
    connection: &mut SqliteConnection,
    expectation: &Expectation,
) -> Result<Observation, Error> {
    // Opened for reading, the file cannot be written; this holds for what a statement may attach, too.
    sqlx::raw_sql("PRAGMA query_only = 1")
        .execute(&mut *connection)
        .await?;
    // What is no database shows itself here, even when nothing else is asked.
    sqlx::query("SELECT count(*) FROM sqlite_master")
        .fetch_one(&mut *connection)
        .await?;
    let mut seen = Observation::default();
    if expectation.needs_catalog() {
        seen.catalog = Some(catalog(connection).await?);
    }
    if let (Some(expected), Some(catalog)) = (&expectation.migration, &seen.catalog) {
        seen.migration = Some(migrations(connection, expected, catalog).await?);
    }
    Ok(seen)
}

async fn catalog(connection: &mut SqliteConnection) -> Result<Catalog, Error> {
    let most = i64::try_from(MOST_COLUMNS).unwrap_or(i64::MAX);
    let query = sqlx::query(CATALOG).bind(most.saturating_add(1));
    let rows = query.fetch_all(connection).await?;
    let mut catalog = Catalog {
        is_cut: rows.len() > MOST_COLUMNS,
        ..Catalog::default()
    };
    for row in &rows {
        let column = Column {
            type_: row.try_get(2)?,
            nullable: row.try_get(3)?,
            has_default: row.try_get(4)?,
        };
        let table = catalog.all.tables.entry(row.try_get(0)?).or_default();
        table.insert(row.try_get(1)?, column);
    }
    Ok(catalog)
}

async fn migrations(
    connection: &mut SqliteConnection,
    expected: &SqlMigration,
    catalog: &Catalog,
) -> Result<Migrations, Error> {
    let (tool, statement) = match inquiry(expected, catalog, DIALECT) {
        Inquiry::Known(migrations) => return Ok(migrations),
        Inquiry::Ask(tool, statement) => (tool, statement),
    };
    let rows = sqlx::query(AssertSqlSafe(statement))
        .fetch_all(connection)
        .await?;
    let migration = |row: &SqliteRow| {
        let done: String = row.try_get(1)?;
        Ok(Migration {
            version: row.try_get(0)?,
            is_done: done == "done",
        })
    };
    let applied: Result<_, Error> = rows.iter().map(migration).collect();
    Ok(Migrations::Applied(tool, applied?))
}

async fn first(
    connection: &mut SqliteConnection,
    statement: &str,
) -> Result<Option<SqliteRow>, Error> {
    let query = sqlx::query(AssertSqlSafe(statement));
    query.fetch_optional(connection).await
}

async fn answer(connection: &mut SqliteConnection, question: &Question) -> Result<Answer, Error> {
    let Some(row) = first(connection, &question.statement).await? else {
        return Ok(Answer::NoRow);
    };
    let value = row.try_get_raw(0)?;
    if value.is_null() {
        return Ok(Answer::of_text(None));
    }
    let name = value.type_info().name().to_owned();
    Ok(match name.as_str() {
        "INTEGER" | "INT8" | "INT4" | "BOOLEAN" => {
            Answer::Value(row.try_get_unchecked::<i64, _>(0)?.into())
        }
        "REAL" | "NUMERIC" => Answer::Value(row.try_get_unchecked::<f64, _>(0)?.into()),
        "TEXT" => Answer::of_text(Some(row.try_get_unchecked(0)?)),
        _ => Answer::Unreadable(name),
    })
}

fn timed_out(path: &str) -> Finding {
    Finding::fail(
        FindingReason::TimedOut,
        format!("{path} did not answer within the timeout"),
    )
}

/// What a result code amounts to: <https://www.sqlite.org/rescode.html>. Extended codes have the code in their last byte.
fn finding(error: &Error, path: &str, stage: Stage) -> Finding {
    let Error::Database(error) = error else {
        return Finding::unknown(
            FindingReason::OutOfResources,
            format!("{path} cannot be read"),
        );
    };
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    let names_what_is_not_there = error.message().starts_with("no such ");
    let fail = |reason, says: &str| Finding::fail(reason, format!("{path} {says}"));
    match code.map(|code| code & 0xff) {
        Some(8) => Finding::unknown(
            FindingReason::NoData,
            "the query tries to write, which no check may",
        ),
        Some(5 | 6) => fail(FindingReason::TimedOut, "is locked by another program"),
        Some(9) => timed_out(path),
        Some(11) => fail(FindingReason::UnexpectedValue, "is damaged"),
        Some(26) => fail(FindingReason::ProtocolError, "is no SQLite database"),
        Some(1) if names_what_is_not_there => Finding::fail(
            FindingReason::UnexpectedValue,
            format!("the query names something that {path} does not have"),
        ),
        _ if stage == Stage::Question => Finding::unknown(
            FindingReason::NoData,
            format!("{path} does not answer the query"),
        ),
        _ => Finding::unknown(FindingReason::NoData, format!("{path} cannot be read")),
    }
}
