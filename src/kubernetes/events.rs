//! Events on objects.
//!
//! kube's `Recorder` is not used: it takes an event with the reason and action of an earlier one for its repetition and
//! keeps the earlier one's note, it remembers every event for minutes (6 MiB after the start with a thousand objects), and
//! it names an event by its object, which fails for names of more than 236 characters. Here an event tells of a transition,
//! and no two transitions are the same event.

use std::fmt;

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};

/// The longest note that the API server takes, in bytes.
const MAX_NOTE_BYTES: usize = 1024;

/// The longest part of an event's name that is its object's: a name has at most 253 characters, and the time that makes
/// this one unique at most 19.
const MAX_NAME_BYTES: usize = 230;

/// Whether an event tells of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// It does not.
    Normal,
    /// It does.
    Warning,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Whether it is trouble.
    pub type_: EventType,
    /// Why, in one word.
    pub reason: String,
    /// For people.
    pub note: String,
    /// What the controller was at, in one word.
    pub action: &'static str,
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        })
    }
}

/// Publishes events.
#[derive(Clone)]
pub struct Events {
    client: Client,
    controller: &'static str,
    instance: String,
}

impl Events {
    /// Publishes as `controller`.
    #[must_use]
    pub fn new(client: Client, controller: &'static str) -> Self {
        // The pod's name; anywhere else the controller's own will do.
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| controller.to_owned());
        Self {
            client,
            controller,
            instance,
        }
    }

    /// Publishes what happened to `object`, at `now`.
    pub async fn publish(
        &self,
        transition: Transition,
        object: ObjectReference,
        now: Timestamp,
    ) -> kube::Result<()> {
        let namespace = object.namespace.clone().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let event = self.event(transition, object, now);
        events.create(&PostParams::default(), &event).await?;
        Ok(())
    }

    fn event(&self, transition: Transition, object: ObjectReference, now: Timestamp) -> Event {
        let Transition {
            type_,
            reason,
            note,
            action,
        } = transition;
        Event {
            action: Some(action.to_owned()),
            event_time: Some(MicroTime(now)),
            metadata: ObjectMeta {
                name: Some(name(object.name.as_deref().unwrap_or_default(), now)),
                namespace: object.namespace.clone(),
                ..ObjectMeta::default()
            },
            note: Some(crate::checks::verdict::printable(&note, MAX_NOTE_BYTES)),
            reason: Some(reason),
            regarding: Some(object),
            reporting_controller: Some(self.controller.to_owned()),
            reporting_instance: Some(self.instance.chars().take(128).collect()),
            type_: Some(type_.to_string()),
            ..Event::default()
        }
    }
}

/// `{object}.{nanoseconds, in hexadecimal}`, as other clients name events. Names of objects are ASCII.
fn name(object: &str, now: Timestamp) -> String {
    let stem = object.get(..MAX_NAME_BYTES).unwrap_or(object);
    let stem = stem.trim_end_matches(['.', '-']);
    format!("{stem}.{:x}", now.as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_name_however_long_its_objects_is() {
        let now = Timestamp::MAX;
        assert!(name(&"x".repeat(253), now).len() <= 253);
        let dotted = format!("{}.{}", "x".repeat(235), "y".repeat(17));
        assert!(!name(&dotted, now).contains(".."));
        assert_eq!(
            name("web", Timestamp::from_second(1).unwrap()),
            "web.3b9aca00"
        );
    }
}
