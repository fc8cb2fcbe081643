//! How many instances of a service run, and which of them crashed.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    client::{Call, Client, Route},
    wire::{Event, EventItem, OnlyId, Page},
};
use crate::platforms::{Crash, MalformedReply, PlatformError, Service};

/// The most that a page may hold.
const PAGE_LENGTH: usize = 100;

/// Render's word for an instance that ended and should not have.
const FAILED: &str = "server_failed";

/// How many instances of a service run now.
pub(super) async fn count(client: &Client, service: &Service) -> Result<usize, PlatformError> {
    let call = Call {
        route: Route::ListInstances,
        path: &["services", &service.id, "instances"],
        query: &[],
        service: &service.label,
    };
    // The one list of Render that has no pages.
    let Page(instances) = client.get::<Page<OnlyId>>(&call, client.deadline()).await?;
    if instances.iter().any(|instance| instance.id.is_none()) {
        return Err(call.malformed(MalformedReply::Missing("the id of an instance")));
    }
    Ok(instances.len())
}

/// The crashes of a service since a time, until there are more than `most`.
pub(super) async fn crashes(
    client: &Client,
    service: &Service,
    since: Timestamp,
    most: usize,
) -> Result<Vec<Crash>, PlatformError> {
    let starts = since.to_string();
    let call = Call {
        route: Route::ListEvents,
        path: &["services", &service.id, "events"],
        query: &[("type", FAILED), ("startTime", &starts)],
        service: &service.label,
    };
    let enough = |items: &[EventItem]| {
        let crashes = items.iter().filter_map(|item| crash(item, since));
        crashes.count() > most
    };
    let deadline = client.deadline();
    let items = client
        .list_until(&call, PAGE_LENGTH, deadline, enough)
        .await?;
    Ok(items.iter().filter_map(|item| crash(item, since)).collect())
}

/// The crash that an event tells of. The filter of the call is not relied upon. An event without a time counts, since it was
/// asked for by its time.
fn crash(item: &EventItem, since: Timestamp) -> Option<Crash> {
    let Event {
        r#type,
        timestamp,
        details,
    } = item.event.as_ref()?;
    let at = timestamp.unwrap_or(since);
    (r#type.as_deref() == Some(FAILED) && at >= since).then(|| Crash {
        at,
        out_of_memory: details
            .pointer("/reason/oomKilled")
            .is_some_and(|reason| !matches!(reason, Value::Null | Value::Bool(false))),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(event: &Value) -> Option<Crash> {
        let item = serde_json::from_value(json!({"event": event, "cursor": "c"})).unwrap();
        crash(&item, "2026-03-01T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_crash_is_told_from_other_events_and_from_older_ones() {
        let at = "2026-03-01T12:00:00Z";
        for (event, out_of_memory) in [
            (json!({"type": FAILED, "timestamp": at}), Some(false)),
            (
                json!({"type": FAILED, "timestamp": at, "details": {"reason": {"nonZeroExit": 1}}}),
                Some(false),
            ),
            (
                json!({"type": FAILED, "timestamp": at, "details": {"reason": {"oomKilled": null}}}),
                Some(false),
            ),
            (
                json!({"type": FAILED, "timestamp": at, "details": {"reason": {"oomKilled": {"memoryLimit": "512Mi"}}}}),
                Some(true),
            ),
            (json!({"type": FAILED}), Some(false)),
            (
                json!({"type": FAILED, "timestamp": "2026-03-01T11:59:59Z"}),
                None,
            ),
            (json!({"type": "server_restarted", "timestamp": at}), None),
            (json!({}), None),
            (Value::Null, None),
        ] {
            let crash = read(&event.clone());
            assert_eq!(crash.map(|it| it.out_of_memory), out_of_memory, "{event}");
        }
    }

    #[test]
    fn the_word_for_a_crash_is_of_the_description() {
        let description = include_str!("../../../tests/data/render-openapi.json");
        let description: Value = serde_json::from_str(description).unwrap();
        let types = "/components/parameters/eventTypeParam/schema/anyOf/0/enum";
        let types = description.pointer(types).and_then(Value::as_array);
        assert!(types.unwrap().contains(&json!(FAILED)));
    }
}
