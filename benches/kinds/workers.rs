//! Redis, and what is kept there or in PostgreSQL of a worker: its heartbeat and its queue.

use redis::{FromRedisValue, aio::MultiplexedConnection};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use super::{
    Broken,
    comparison::{Comparison, Kind},
    databases,
    support::{checks, redis::PASSWORD},
    web::held,
    world::{World, probe},
};

pub async fn measure(comparison: &mut Comparison, world: &World) -> Result<(), Broken> {
    let port = world.ports.redis;
    let kind = Kind::new("redis", Some(port));
    let compiled = |port| probe(&checks::redis(port), None);
    comparison.compare(kind, compiled, || ping(port)).await?;
    let kind = Kind::new("worker (Redis)", Some(port));
    let compiled = |port| probe(&checks::worker_redis(port), None);
    comparison
        .compare(kind, compiled, || over_redis(port))
        .await?;
    let port = world.ports.postgres;
    let kind = Kind::new("worker (PostgreSQL)", Some(port));
    let compiled = |port| probe(&checks::worker_postgres(port), None);
    comparison
        .compare(kind, compiled, || over_postgres(port))
        .await
}

/// Login and a sign of life.
async fn ping(port: u16) -> Result<(), Broken> {
    let mut connection = log_in(port).await?;
    held(ask::<String>(&mut connection, &["PING"]).await? == "PONG")
}

async fn log_in(port: u16) -> Result<MultiplexedConnection, Broken> {
    let address = format!("redis://plumbline:{PASSWORD}@127.0.0.1:{port}/");
    let client = redis::Client::open(address)?;
    Ok(client.get_multiplexed_async_connection().await?)
}

async fn ask<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    words: &[&str],
) -> Result<T, Broken> {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    Ok(command.query_async(connection).await?)
}

/// The questions of the check, in its order.
async fn over_redis(port: u16) -> Result<(), Broken> {
    let connection = &mut log_in(port).await?;
    ask::<String>(connection, &["PING"]).await?;
    let now: Vec<String> = ask(connection, &["TIME"]).await?;
    let now: i64 = now[0].parse()?;
    let beat: String = ask(connection, &["GET", "beat"]).await?;
    let depth: u64 = ask(connection, &["LLEN", "jobs"]).await?;
    let job: String = ask(connection, &["LINDEX", "jobs", "-1"]).await?;
    let job: Value = serde_json::from_str(&job)?;
    let dead: String = ask(connection, &["TYPE", "dead"]).await?;
    let half_a_day = 12 * 60 * 60;
    let is_alive = now - beat.parse::<i64>()? < half_a_day;
    let is_young = job["at"].as_i64().is_some_and(|at| now - at < half_a_day);
    held(is_alive && is_young && depth == 1 && dead == "none")
}

/// The same of tables.
async fn over_postgres(port: u16) -> Result<(), Broken> {
    let mut connection = databases::log_in(port).await?;
    sqlx::raw_sql(databases::BEGIN)
        .execute(&mut connection)
        .await?;
    let now = seconds(&mut connection, "SELECT now()").await?;
    let beat = seconds(&mut connection, checks::HEARTBEAT).await?;
    let depth: i64 = sqlx::query_scalar(checks::DEPTH)
        .fetch_one(&mut connection)
        .await?;
    let oldest = seconds(&mut connection, checks::OLDEST).await?;
    let dead: i64 = sqlx::query_scalar(checks::DEAD)
        .fetch_one(&mut connection)
        .await?;
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await?;
    connection.close().await?;
    let half_a_day = 12.0 * 60.0 * 60.0;
    held(now - beat < half_a_day && now - oldest < half_a_day && depth == 1 && dead == 0)
}

/// The time that a statement gives.
async fn seconds(connection: &mut PgConnection, statement: &str) -> Result<f64, Broken> {
    let statement = format!("SELECT extract(epoch FROM ({statement}))::float8");
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(statement));
    Ok(query.fetch_one(connection).await?)
}
