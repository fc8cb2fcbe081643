//! What the platform is asked: how a service runs, and what it wrote. The connection to a platform outlives runs, on both sides.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use plumbline::{
    checks::suite::Probe,
    platforms::{
        Hub, PlatformMetrics, PlatformSettings, PlatformView, RenderSettings, RenderTarget, Target,
    },
};
use regex::Regex;
use reqwest::Client;
use secrecy::SecretString;
use serde_json::Value;

use super::{
    Broken,
    comparison::{Comparison, Kind},
    support::checks,
    web::{client, held},
    world::{self, World, probe},
};

pub async fn measure(comparison: &mut Comparison, world: &World) -> Result<(), Broken> {
    let port = world.platform.port;
    let bare = Bare {
        client: client()?,
        base: format!("http://127.0.0.1:{port}/v1"),
        world: world.platform.clone(),
        patterns: checks::PATTERNS
            .map(Regex::new)
            .into_iter()
            .collect::<Result<_, _>>()?,
    };
    let kind = Kind::new("platform", Some(port));
    let compiled = |port| over_platform(&checks::platform(), port);
    comparison
        .compare(kind, compiled, || bare.platform())
        .await?;
    let kind = Kind::new("logs", Some(port));
    let compiled = |port| over_platform(&checks::logs(), port);
    comparison.compare(kind, compiled, || bare.logs()).await
}

/// The probe of a check that asks the platform at `port`.
fn over_platform(check: &str, port: u16) -> Result<Arc<dyn Probe>, Broken> {
    let settings = PlatformSettings {
        render: RenderSettings {
            url: format!("http://127.0.0.1:{port}/v1").parse()?,
            ..RenderSettings::default()
        },
    };
    let target = Target::Render(RenderTarget {
        api_key: SecretString::from(world::KEY),
        owner_id: None,
        services: vec!["api".to_owned()],
    });
    let hub = Hub::new(settings, PlatformMetrics::default())?;
    let observer = hub.observer(&target).ok_or("no platform")?;
    let view: Arc<dyn PlatformView> = Arc::new(observer);
    probe(check, Some(&view))
}

/// Asks the same by itself.
struct Bare {
    client: Client,
    base: String,
    world: world::Platform,
    patterns: Vec<Regex>,
}

impl Bare {
    async fn ask(&self, path: &str) -> Result<Value, Broken> {
        let request = self.client.get(format!("{}/{path}", self.base));
        let answer = request.bearer_auth(world::KEY).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// When the live deploy went live.
    async fn live_since(&self) -> Result<Timestamp, Broken> {
        let service = &self.world.service;
        let path = format!("services/{service}/deploys?status=live&limit=20");
        let deploys = self.ask(&path).await?;
        let since = deploys[0]["deploy"]["finishedAt"].as_str();
        Ok(since.ok_or("no live deploy")?.parse()?)
    }

    async fn platform(&self) -> Result<(), Broken> {
        let service = &self.world.service;
        let settings = self.ask(&format!("services/{service}")).await?;
        let since = self.live_since().await?;
        let instances = self.ask(&format!("services/{service}/instances")).await?;
        let path =
            format!("services/{service}/events?type=server_failed&startTime={since}&limit=100");
        let crashes = self.ask(&path).await?;
        let length = |list: &Value| list.as_array().map(Vec::len);
        held(
            settings["suspended"] == "not_suspended"
                && length(&instances) >= Some(1)
                && length(&crashes) == Some(0),
        )
    }

    async fn logs(&self) -> Result<(), Broken> {
        let now = Timestamp::now();
        let since = self.live_since().await?;
        let since = since.max(now - SignedDuration::from_mins(10));
        let world::Platform { service, owner, .. } = &self.world;
        let path = format!(
            "logs?ownerId={owner}&resource={service}&type=app&direction=backward&limit=100\
             &startTime={since}&endTime={now}"
        );
        let page = self.ask(&path).await?;
        let lines = page["logs"].as_array().ok_or("no lines")?;
        let messages = lines.iter().filter_map(|line| line["message"].as_str());
        let matching =
            messages.filter(|it| self.patterns.iter().any(|pattern| pattern.is_match(it)));
        held(matching.count() == 0 && page["hasMore"] == false && !lines.is_empty())
    }
}
