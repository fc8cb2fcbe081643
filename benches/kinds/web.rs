//! Kinds over HTTP.

use serde_json::Value;

use super::{
    Broken,
    comparison::{Comparison, HTTP_GOAL, Kind},
    support::{checks, postgres::PASSWORD},
    world::{World, probe},
};

/// A check, as text, for a port of its server.
type Written = fn(u16) -> String;

pub async fn measure(comparison: &mut Comparison, world: &World) -> Result<(), Broken> {
    let ports = &world.ports;
    let of = |check: Written| move |port| probe(&check(port), None);
    let port = ports.http;
    let kind = Kind {
        goal: HTTP_GOAL,
        ..Kind::new("http", Some(port))
    };
    comparison
        .compare(kind, of(checks::http), || http(port))
        .await?;
    let port = ports.prometheus;
    let kind = Kind::new("prometheus", Some(port));
    comparison
        .compare(kind, of(checks::prometheus), || prometheus(port))
        .await?;
    let port = ports.metrics;
    let kind = Kind::new("metrics", Some(port));
    comparison
        .compare(kind, of(checks::metrics), || metrics(port))
        .await?;
    let port = ports.external;
    let kind = Kind::new("external", Some(port));
    comparison
        .compare(kind, of(checks::external), || external(port))
        .await?;
    let port = ports.http;
    let kind = Kind {
        exchanges: 2,
        samples: checks::SAMPLES,
        ..Kind::new("performance, of one sample", Some(port))
    };
    comparison
        .compare(kind, of(checks::performance), || performance(port))
        .await
}

/// A request, and one member of its answer.
async fn http(port: u16) -> Result<(), Broken> {
    let answer = client()?.get(format!("http://127.0.0.1:{port}/"));
    let answer: Value = answer.send().await?.error_for_status()?.json().await?;
    held(answer["queue"]["depth"].as_i64() <= Some(9))
}

/// A query, and its value.
async fn prometheus(port: u16) -> Result<(), Broken> {
    let request = client()?.post(format!("http://127.0.0.1:{port}/api/v1/query"));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body("query=vector%281%29");
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    held(answer["data"]["result"][0]["value"][1] == "1")
}

/// The same two series of all, by their lines; every value is read, as by a scraper.
async fn metrics(port: u16) -> Result<(), Broken> {
    let answer = client()?.get(format!("http://127.0.0.1:{port}/metrics"));
    let text = answer.send().await?.error_for_status()?.text().await?;
    let mut found = (false, false);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').ok_or("a line without a value")?;
        let value: f64 = value.parse()?;
        found.0 |= series == "queue_depth" && value <= 9.0;
        found.1 |=
            series.starts_with("requests_total{") && series.contains("handler=\"/orders/7\"");
    }
    held(found == (true, true))
}

/// The models that a key may use.
async fn external(port: u16) -> Result<(), Broken> {
    let request = client()?.get(format!("http://127.0.0.1:{port}/v1/models"));
    let answer = request.bearer_auth(PASSWORD).send().await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    held(answer["data"].is_array())
}

/// As many requests on one connection, and the time of each.
async fn performance(port: u16) -> Result<(), Broken> {
    let client = client()?;
    let url = format!("http://127.0.0.1:{port}/");
    let mut times = Vec::with_capacity(checks::SAMPLES.into());
    for _ in 0..checks::SAMPLES {
        let begun = std::time::Instant::now();
        let answer = client.get(&url).send().await?.error_for_status()?;
        answer.bytes().await?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    held(times[usize::from(checks::SAMPLES) * 95 / 100].as_secs() < 5)
}

/// A client without a connection so far, which trusts nobody: reading the machine's roots is not part of an exchange.
pub fn client() -> Result<reqwest::Client, Broken> {
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    Ok(client.build()?)
}

/// An error unless the bare client saw what the check expects.
pub fn held(holds: bool) -> Result<(), Broken> {
    if holds {
        Ok(())
    } else {
        Err("the bare client got another answer".into())
    }
}
