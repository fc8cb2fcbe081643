//! Databases: login, and a question in a transaction that cannot write.

use std::path::Path;

use sqlx::{
    ConnectOptions, Connection, MySqlConnection, PgConnection,
    mysql::{MySqlConnectOptions, MySqlSslMode},
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};

use super::{
    Broken,
    comparison::{Comparison, Kind},
    support::{checks, postgres::PASSWORD},
    web::held,
    world::{World, probe},
};

pub async fn measure(comparison: &mut Comparison, world: &World) -> Result<(), Broken> {
    let port = world.ports.postgres;
    let kind = Kind::new("sql (PostgreSQL)", Some(port));
    let compiled = |port| probe(&checks::sql("postgres", port), None);
    comparison
        .compare(kind, compiled, || postgres(port))
        .await?;
    let port = world.ports.mariadb;
    let kind = Kind::new("sql (MariaDB)", Some(port));
    let compiled = |port| probe(&checks::sql("mysql", port), None);
    comparison.compare(kind, compiled, || mariadb(port)).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("app.db");
    let created = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut connection = created.connect().await?;
    sqlx::raw_sql("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    let kind = Kind::new("sql (SQLite)", None);
    let text = path.display().to_string();
    let compiled = |_| probe(&checks::sqlite(&text), None);
    comparison.compare(kind, compiled, || sqlite(&path)).await
}

/// A transaction that cannot write, nor take long.
pub const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 9000";

/// A connection of the user `plumbline`.
pub async fn log_in(port: u16) -> Result<PgConnection, Broken> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .ssl_mode(PgSslMode::Disable)
        .username("plumbline")
        .password(PASSWORD)
        .database("postgres")
        .disable_statement_logging();
    Ok(options.connect().await?)
}

async fn postgres(port: u16) -> Result<(), Broken> {
    let mut connection = log_in(port).await?;
    sqlx::raw_sql(BEGIN).execute(&mut connection).await?;
    let one: i32 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    held(one == 1)
}

async fn mariadb(port: u16) -> Result<(), Broken> {
    let options = MySqlConnectOptions::new()
        .host("127.0.0.1")
        .port(port)
        .ssl_mode(MySqlSslMode::Disabled)
        .username("plumbline")
        .password(PASSWORD)
        .database("app")
        .disable_statement_logging();
    let mut connection: MySqlConnection = options.connect().await?;
    for statement in [
        "SET SESSION max_statement_time = 9",
        "SET SESSION TRANSACTION READ ONLY",
        "START TRANSACTION READ ONLY",
        "SET SESSION sql_select_limit = 1",
    ] {
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    let one: i64 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    held(one == 1)
}

async fn sqlite(path: &Path) -> Result<(), Broken> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    let one: i64 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    held(one == 1)
}
