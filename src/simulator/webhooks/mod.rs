//! Webhooks: who is told of what happens, and what came of telling them.

pub(super) mod delivery;
mod signature;

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;

use super::{
    control::ControlError,
    identity,
    model::Event,
    operations::{below_capacity, written},
    world::World,
};

/// The most deliveries that wait.
const CAPACITY: usize = 10_000;

/// The newest attempts that are kept of each webhook.
const ATTEMPTS: usize = 1_000;

/// How long after one attempt the next one follows: eight attempts over about 33 hours.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(15),
];

/// A webhook.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) owner_id: String,
    pub(super) name: String,
    pub(super) url: String,
    pub(super) enabled: bool,
    /// The types of events that it is told of; empty for all.
    pub(super) event_filter: Vec<String>,
    #[serde(skip)]
    pub(super) secret: String,
    #[serde(skip)]
    pub(super) created_at: Timestamp,
}

// Written by hand, so that a secret never reaches a log.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Webhook")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

/// What a webhook is to be; what is not given stays as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct WebhookChange {
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) event_filter: Option<Vec<String>>,
}

/// One try to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) event_type: &'static str,
    pub(super) sent_at: Timestamp,
    pub(super) outcome: Outcome,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered { status: u16, body: String },
    Failed(String),
}

/// Something that a webhook is still to be told.
#[derive(Debug, Clone)]
struct Delivery {
    webhook: String,
    event: Event,
    body: Value,
    due: Timestamp,
    attempts: usize,
}

/// The webhooks and what they are to be told.
#[derive(Debug)]
pub(super) struct Webhooks {
    count: watch::Sender<usize>,
    registered: Vec<Webhook>,
    waiting: Vec<Delivery>,
    attempts: BTreeMap<String, VecDeque<Attempt>>,
}

impl Webhooks {
    /// No webhooks, counted where a former world counted its own.
    pub(super) fn new(count: watch::Sender<usize>) -> Self {
        count.send_replace(0);
        Self {
            count,
            registered: Vec::new(),
            waiting: Vec::new(),
            attempts: BTreeMap::new(),
        }
    }

    pub(super) fn registered(&self) -> &[Webhook] {
        &self.registered
    }

    /// The attempts to tell a webhook, oldest first.
    pub(super) fn attempts_of(&self, webhook: &str) -> impl Iterator<Item = &Attempt> {
        self.attempts.get(webhook).into_iter().flatten()
    }

    fn position(&self, id: &str) -> Result<usize, ControlError> {
        self.registered
            .iter()
            .position(|webhook| webhook.id == id)
            .ok_or_else(|| ControlError::UnknownWebhook(id.to_owned()))
    }
}

impl World {
    pub(super) fn create_webhook(
        &mut self,
        owner: &str,
        change: WebhookChange,
        now: Timestamp,
    ) -> Result<Webhook, ControlError> {
        below_capacity("webhooks", self.webhooks.registered.len())?;
        let id = self.identities.next("whk");
        let digest = identity::hexadecimal(&format!("secret of {id}"));
        let mut webhook = Webhook {
            owner_id: owner.to_owned(),
            name: String::new(),
            url: String::new(),
            enabled: true,
            event_filter: Vec::new(),
            secret: format!("whsec_{}", STANDARD.encode(&digest[..32])),
            created_at: self.stamp(now),
            id,
        };
        apply(&mut webhook, change)?;
        self.webhooks.registered.push(webhook.clone());
        let count = self.webhooks.registered.len();
        self.webhooks.count.send_replace(count);
        self.created(now, "create webhook", &webhook.id, &webhook);
        Ok(webhook)
    }

    pub(super) fn change_webhook(
        &mut self,
        id: &str,
        change: WebhookChange,
        now: Timestamp,
    ) -> Result<Webhook, ControlError> {
        let index = self.webhooks.position(id)?;
        let mut webhook = self.webhooks.registered[index].clone();
        let before = written(&webhook);
        apply(&mut webhook, change)?;
        if !webhook.enabled {
            self.webhooks.waiting.retain(|wait| wait.webhook != id);
        }
        self.webhooks.registered[index] = webhook.clone();
        let after = written(&webhook);
        self.changed(now, "change webhook", id, before, after);
        Ok(webhook)
    }

    pub(super) fn delete_webhook(&mut self, id: &str, now: Timestamp) -> Result<(), ControlError> {
        let index = self.webhooks.position(id)?;
        let webhook = self.webhooks.registered.remove(index);
        let count = self.webhooks.registered.len();
        self.webhooks.count.send_replace(count);
        self.webhooks.waiting.retain(|wait| wait.webhook != id);
        self.webhooks.attempts.remove(id);
        let before = written(&webhook);
        self.changed(now, "delete webhook", id, before, Value::Null);
        Ok(())
    }

    /// Lets every webhook know of an event that wants to.
    pub(super) fn announce(&mut self, event: &Event) {
        let Ok((_, owner)) = self.resource(&event.service_id) else {
            return;
        };
        let body = self.announcement(event);
        for webhook in &self.webhooks.registered {
            let filter = &webhook.event_filter;
            let wanted = filter.is_empty() || filter.iter().any(|own| own == event.r#type);
            if webhook.enabled
                && webhook.owner_id == owner
                && wanted
                && self.webhooks.waiting.len() < CAPACITY
            {
                self.webhooks.waiting.push(Delivery {
                    webhook: webhook.id.clone(),
                    event: event.clone(),
                    body: body.clone(),
                    // At once: the time of an event can be a little ahead of the clock.
                    due: Timestamp::MIN,
                    attempts: 0,
                });
            }
        }
    }

    fn announcement(&self, event: &Event) -> Value {
        let name = self
            .service_at(&event.service_id)
            .map(|index| self.services[index].name.clone())
            .or_else(|_| {
                let index = self.database_at(&event.service_id)?;
                Ok::<_, ControlError>(self.databases[index].name.clone())
            });
        let mut data = json!({
            "id": event.id,
            "serviceId": event.service_id,
            "serviceName": name.unwrap_or_default(),
        });
        let outcome = match event.r#type {
            "deploy_ended" => &event.details["deployStatus"],
            "build_ended" => &event.details["buildStatus"],
            _ => &Value::Null,
        };
        if outcome.is_string() {
            data["status"] = outcome.clone();
        }
        json!({"type": event.r#type, "timestamp": event.timestamp, "data": data})
    }

    /// Takes note of what came of an attempt. A failed one is repeated later; after the last one the webhook is disabled.
    fn attempted(&mut self, mut delivery: Delivery, outcome: Outcome, now: Timestamp) {
        let Ok(index) = self.webhooks.position(&delivery.webhook) else {
            return;
        };
        let arrived =
            matches!(outcome, Outcome::Answered { status, .. } if (200..300).contains(&status));
        let attempt = Attempt {
            id: self.identities.next("whe"),
            event_id: delivery.event.id.clone(),
            event_type: delivery.event.r#type,
            sent_at: self.stamp(now),
            outcome,
        };
        let attempts = self.webhooks.attempts.entry(delivery.webhook.clone());
        let attempts = attempts.or_default();
        if attempts.len() == ATTEMPTS {
            attempts.pop_front();
        }
        attempts.push_back(attempt);
        if arrived {
            return;
        }
        let pause = PAUSES.get(delivery.attempts);
        let due = pause.and_then(|pause| now.checked_add(self.pace.quickened(*pause)).ok());
        if let Some(due) = due {
            delivery.due = due;
            delivery.attempts += 1;
            self.webhooks.waiting.push(delivery);
        } else {
            self.webhooks.registered[index].enabled = false;
            let waiting = &mut self.webhooks.waiting;
            waiting.retain(|wait| wait.webhook != delivery.webhook);
        }
    }

    /// Takes out deliveries that are due, at most this many, with where they go and the secret to sign them with.
    fn due_deliveries(&mut self, most: usize, now: Timestamp) -> Vec<(Delivery, String, String)> {
        let mut due = Vec::new();
        let mut waiting = Vec::new();
        for delivery in std::mem::take(&mut self.webhooks.waiting) {
            if delivery.due > now || due.len() == most {
                waiting.push(delivery);
                continue;
            }
            let mut registered = self.webhooks.registered.iter();
            let webhook = registered.find(|webhook| webhook.id == delivery.webhook);
            if let Some(webhook) = webhook.filter(|webhook| webhook.enabled) {
                due.push((delivery, webhook.url.clone(), webhook.secret.clone()));
            }
        }
        self.webhooks.waiting = waiting;
        due
    }
}

fn apply(webhook: &mut Webhook, change: WebhookChange) -> Result<(), ControlError> {
    let WebhookChange {
        name,
        url,
        enabled,
        event_filter,
    } = change;
    if let Some(name) = name {
        webhook.name = name;
    }
    if let Some(url) = url {
        if !is_loopback(&url) {
            return Err(ControlError::Invalid(
                "a webhook to anything but http on a loopback address",
            ));
        }
        webhook.url = url;
    }
    if let Some(enabled) = enabled {
        webhook.enabled = enabled;
    }
    if let Some(filter) = event_filter {
        webhook.event_filter = filter;
    }
    Ok(())
}

/// The simulator calls nobody but the machine it runs on.
fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        let address = url.host().and_then(|host| match host {
            url::Host::Ipv4(address) => Some(IpAddr::V4(address)),
            url::Host::Ipv6(address) => Some(IpAddr::V6(address)),
            url::Host::Domain(_) => None,
        });
        url.scheme() == "http" && address.is_some_and(|address| address.is_loopback())
    })
}
