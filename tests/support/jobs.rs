//! Small workers: over a table of jobs in PostgreSQL, and over a list in Redis.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::{postgres::Postgres, redis::Redis};

/// The tables, and what the role `plumbline` may do there.
pub const SCHEMA: &str = "
CREATE TABLE workers (seen_at timestamptz NOT NULL);
CREATE TABLE jobs (id bigserial PRIMARY KEY, kind text NOT NULL, mark text,
                   state text NOT NULL DEFAULT 'waiting', created_at timestamptz NOT NULL DEFAULT now());
GRANT SELECT ON workers TO plumbline;
GRANT SELECT, INSERT, DELETE ON jobs TO plumbline;
GRANT USAGE ON SEQUENCE jobs_id_seq TO plumbline;";

/// Says that it lives and does jobs, until it is aborted.
pub async fn work(server: &Postgres) -> JoinHandle<()> {
    let mut connection = server.administrator("postgres").await.unwrap();
    server.run("INSERT INTO workers VALUES (now())").await;
    tokio::spawn(async move {
        loop {
            let round = "INSERT INTO workers VALUES (now()); UPDATE jobs SET state = 'done' WHERE state = 'waiting'";
            sqlx::raw_sql(round).execute(&mut connection).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

/// Says that it lives, takes jobs, and says of each that it is done; ends when it is aborted.
pub async fn take_from_list(redis: &Redis) -> JoinHandle<()> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    beat(redis).await;
    tokio::spawn(async move {
        loop {
            let job: Option<String> = redis::cmd("RPOP")
                .arg("jobs")
                .query_async(&mut connection)
                .await
                .unwrap();
            let Some(job) = job else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let job: serde_json::Value = serde_json::from_str(&job).unwrap();
            if let Some(id) = job["id"].as_str() {
                let mut done = redis::cmd("SET");
                done.arg(format!("done:{id}")).arg("1").arg("EX").arg("60");
                done.query_async::<()>(&mut connection).await.unwrap();
            }
        }
    })
}

/// Leaves a sign of life.
pub async fn beat(redis: &Redis) {
    let time: Vec<String> = redis.ask(&["TIME"]).await;
    redis.ask::<()>(&["SET", "beat", &time[0]]).await;
}
