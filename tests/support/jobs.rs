//! A table of jobs in PostgreSQL, and a small worker.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::postgres::Postgres;

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
