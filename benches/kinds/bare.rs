//! Bare clients: the same exchange as a check, by the library that anybody would take.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use tokio::{net::TcpStream, time::timeout};

use super::{
    Broken,
    support::{postgres, redis},
};

/// A request on a connection of its own, and one member of its answer.
pub async fn http(address: SocketAddr) -> Result<(), Broken> {
    let answer = client()?.get(format!("http://{address}/")).send().await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    held(answer["queue"]["depth"].as_i64() <= Some(9))
}

/// A connection.
pub async fn tcp(address: SocketAddr) -> Result<(), Broken> {
    timeout(Duration::from_secs(10), TcpStream::connect(address)).await??;
    Ok(())
}

/// Login and a sign of life.
pub async fn redis(port: u16) -> Result<(), Broken> {
    let client = ::redis::Client::open(format!(
        "redis://plumbline:{}@127.0.0.1:{port}/",
        redis::PASSWORD
    ))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let answer: String = ::redis::cmd("PING").query_async(&mut connection).await?;
    held(answer == "PONG")
}

/// Login, and a question in a transaction that cannot write.
pub async fn postgres(port: u16) -> Result<(), Broken> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .ssl_mode(sqlx::postgres::PgSslMode::Disable)
        .username("plumbline")
        .password(postgres::PASSWORD)
        .database("postgres")
        .disable_statement_logging();
    let mut connection = options.connect().await?;
    sqlx::query("BEGIN READ ONLY")
        .execute(&mut connection)
        .await?;
    sqlx::query("SET LOCAL statement_timeout = 9000")
        .execute(&mut connection)
        .await?;
    let one: i32 = sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    held(one == 1)
}

/// A query, and its value.
pub async fn prometheus(url: &str) -> Result<(), Broken> {
    let request = client()?.post(format!("{url}/api/v1/query"));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body("query=vector%281%29");
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    held(answer["data"]["result"][0]["value"][1] == "1")
}

/// A client without a connection so far, which trusts nobody: reading the machine's roots is not part of an exchange.
fn client() -> Result<reqwest::Client, Broken> {
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    Ok(client.build()?)
}

fn held(holds: bool) -> Result<(), Broken> {
    if holds {
        Ok(())
    } else {
        Err("the bare client got another answer".into())
    }
}
