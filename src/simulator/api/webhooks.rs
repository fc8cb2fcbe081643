//! `/webhooks`: who is told of what happens.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, not_found, owners};
use crate::simulator::{
    answer::{Answer, Refusal},
    event_types::EVENT_TYPES,
    keys::Reach,
    paging::Page,
    query::invalid,
    webhooks::{Attempt, Outcome, Webhook, WebhookChange},
    world::World,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewWebhook {
    owner_id: String,
    name: String,
    url: String,
    enabled: bool,
    event_filter: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WebhookPatch {
    name: Option<String>,
    url: Option<String>,
    enabled: Option<bool>,
    event_filter: Option<Vec<String>>,
}

/// `POST /webhooks`.
pub(super) fn create(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let NewWebhook {
        owner_id,
        name,
        url,
        enabled,
        event_filter,
    } = asked.body.parse()?;
    owners::get(world, &asked.reach, &owner_id)?;
    check(&event_filter)?;
    let change = WebhookChange {
        name: Some(name),
        url: Some(url),
        enabled: Some(enabled),
        event_filter: Some(event_filter),
    };
    let webhook = world.create_webhook(&owner_id, change, asked.now)?;
    Ok(Answer::with(StatusCode::CREATED, written(&webhook)))
}

/// `GET /webhooks`.
pub(super) fn list(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let page = Page::of(&asked.query)?;
    let owners = asked.query.joined("ownerId")?;
    let wanted = world.webhooks.registered().iter().filter(|webhook| {
        asked.reach.covers(&webhook.owner_id)
            && (owners.is_empty() || owners.contains(&webhook.owner_id.as_str()))
    });
    let items = wanted.map(|webhook| (webhook.created_at, webhook.id.as_str(), webhook));
    Ok(Answer::ok(page.cut("webhook", items, written)))
}

/// `GET /webhooks/{webhookId}`.
pub(super) fn get(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let webhook = find(world, &asked.reach, asked.call.variables[0])?;
    Ok(Answer::ok(written(webhook)))
}

/// `PATCH /webhooks/{webhookId}`.
pub(super) fn patch(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = find(world, &asked.reach, asked.call.variables[0])?
        .id
        .clone();
    let WebhookPatch {
        name,
        url,
        enabled,
        event_filter,
    } = asked.body.parse()?;
    check(event_filter.as_deref().unwrap_or_default())?;
    let change = WebhookChange {
        name,
        url,
        enabled,
        event_filter,
    };
    let webhook = world.change_webhook(&id, change, asked.now)?;
    Ok(Answer::ok(written(&webhook)))
}

/// `DELETE /webhooks/{webhookId}`.
pub(super) fn delete(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = find(world, &asked.reach, asked.call.variables[0])?
        .id
        .clone();
    world.delete_webhook(&id, asked.now)?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// `GET /webhooks/{webhookId}/events`: the attempts to tell it.
pub(super) fn attempts(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let webhook = find(world, &asked.reach, asked.call.variables[0])?;
    let page = Page::of(&asked.query)?;
    let sent = asked.query.between("sent")?;
    let wanted = world.webhooks.attempts_of(&webhook.id);
    let wanted = wanted.filter(|attempt| sent.holds(attempt.sent_at));
    let items = wanted.map(|attempt| (attempt.sent_at, attempt.id.as_str(), attempt));
    Ok(Answer::ok(page.cut("webhookEvent", items, told)))
}

fn find<'world>(
    world: &'world World,
    reach: &Reach,
    wanted: &str,
) -> Result<&'world Webhook, Refusal> {
    let mut registered = world.webhooks.registered().iter();
    registered
        .find(|webhook| webhook.id == wanted && reach.covers(&webhook.owner_id))
        .ok_or_else(|| not_found("webhook", wanted))
}

fn check(filter: &[String]) -> Result<(), Refusal> {
    let unknown = filter
        .iter()
        .find(|name| !EVENT_TYPES.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| {
        Err(invalid(format!(
            "eventFilter has {name:?}, which is no event"
        )))
    })
}

/// A `webhook`. A filter of nothing is null, against the description.
fn written(webhook: &Webhook) -> Value {
    let filter = (!webhook.event_filter.is_empty()).then_some(&webhook.event_filter);
    json!({
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "enabled": webhook.enabled,
        "eventFilter": filter,
        "secret": webhook.secret,
    })
}

/// A `webhookEvent`.
fn told(attempt: &Attempt) -> Value {
    let mut told = json!({
        "id": attempt.id,
        "eventId": attempt.event_id,
        "eventType": attempt.event_type,
        "sentAt": attempt.sent_at,
    });
    match &attempt.outcome {
        Outcome::Answered { status, body } => {
            told["statusCode"] = json!(status);
            told["responseBody"] = json!(body);
        }
        Outcome::Failed(why) => told["error"] = json!(why),
    }
    told
}
