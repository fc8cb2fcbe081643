//! `/services/{serviceId}/events`: what happened to a service.

use jiff::{SignedDuration, Timestamp};

use super::services;
use crate::simulator::{
    answer::{Answer, Refusal},
    keys::Reach,
    paging::Page,
    query::Query,
    wire,
    world::World,
};

/// How far back the list reaches when the call does not say.
const DEFAULT_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// `GET /services/{serviceId}/events`.
pub(super) fn list(
    world: &World,
    reach: &Reach,
    service: &str,
    query: &Query,
    now: Timestamp,
) -> Result<Answer, Refusal> {
    let service = services::find(world, reach, service)?;
    let page = Page::of(query)?;
    let wanted_type = query.single("type")?;
    let starts = query.time("startTime")?.unwrap_or(now - DEFAULT_WINDOW);
    let ends = query.time("endTime")?;
    let wanted = world.events.iter().filter(|event| {
        event.service_id == service.id
            && world.is_shown(event.timestamp, now)
            && wanted_type.is_none_or(|wanted| wanted == event.r#type)
            && event.timestamp >= starts
            && ends.is_none_or(|ends| event.timestamp <= ends)
    });
    let items = wanted.map(|event| (event.timestamp, event.id.as_str(), event));
    Ok(Answer::ok(page.cut("event", items, wire::event)))
}
