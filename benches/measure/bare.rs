//! The same checks by a bare HTTP client in a loop: what the engine is held against.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Client;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Broken, role::answer, target::JUDGED};

/// When the checks begin.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Rhythm {
    /// Many at once, once a second.
    Slots,
    /// One by one, as far apart as the interval allows.
    Spread,
}

/// How to check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// One check each.
    pub ports: Vec<u16>,
    /// Time between two checks of one port, in whole seconds.
    pub interval: u64,
    /// When they begin.
    pub rhythm: Rhythm,
    /// Whether connections are kept for the next check.
    pub keep: bool,
}

/// Checks until standard input ends, and tells how many checks have passed.
pub async fn play(order: Order) -> Result<(), Broken> {
    let client = Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .pool_max_idle_per_host(if order.keep { 8 } else { 0 })
        .build()?;
    let passed = Arc::new(AtomicU64::new(0));
    let counted = passed.clone();
    let beat = beat(order, client, passed);
    tokio::select! {
        never = beat => never,
        ended = answer(move || counted.load(Ordering::Relaxed)) => ended,
    }
}

async fn beat(order: Order, client: Client, passed: Arc<AtomicU64>) -> Result<(), Broken> {
    let urls: Vec<Arc<str>> = order
        .ports
        .iter()
        .map(|port| format!("http://127.0.0.1:{port}/health").into())
        .collect();
    let interval = Duration::from_secs(order.interval);
    let beats = match order.rhythm {
        Rhythm::Slots => usize::try_from(order.interval)?,
        Rhythm::Spread => urls.len(),
    };
    let mut beat = tokio::time::interval(interval / u32::try_from(beats)?);
    for first in (0..beats).cycle() {
        beat.tick().await;
        for url in urls.iter().skip(first).step_by(beats) {
            let (client, url, passed) = (client.clone(), url.clone(), passed.clone());
            tokio::spawn(async move {
                if passes(&client, &url).await.unwrap_or(false) {
                    passed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    Ok(())
}

async fn passes(client: &Client, url: &str) -> Result<bool, reqwest::Error> {
    let response = client.get(url).send().await?;
    let accepted = response.status().is_success();
    let body = response.bytes().await?;
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(accepted && document[JUDGED.0] == JUDGED.1)
}
