//! Render's answers, as far as they are read. Tolerant, since the description and the answers disagree: everything but an
//! id may be missing, and a list may be null.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::platforms::Phase;

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Option::<Vec<T>>::deserialize(deserializer)?;
        Ok(Self(items.unwrap_or_default()))
    }
}

/// What each item of a list has.
pub(super) trait Item {
    /// Where the list goes on after this item.
    fn cursor(&self) -> Option<&str>;
}

/// An item of the list of services.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceItem {
    pub(super) service: Option<Service>,
    cursor: Option<String>,
}

impl Item for ServiceItem {
    fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// A service.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) owner_id: Option<String>,
}

/// A service, as far as it matters for changing it. What is not of the expected type is as if it were missing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    pub(super) id: String,
    pub(super) r#type: Option<String>,
    #[serde(default)]
    pub(super) auto_deploy: Value,
    #[serde(default)]
    pub(super) auto_deploy_trigger: Value,
    #[serde(default)]
    pub(super) suspended: Value,
    #[serde(default)]
    pub(super) suspenders: Value,
    #[serde(default)]
    pub(super) repo: Value,
    #[serde(default)]
    pub(super) image_path: Value,
    #[serde(default)]
    pub(super) registry_credential: Value,
    #[serde(default)]
    pub(super) service_details: Value,
}

/// Anything, of which no more is asked than whether it has an id.
#[derive(Debug, Deserialize)]
pub(super) struct OnlyId {
    pub(super) id: Option<String>,
}

/// An item of the list of deploys.
#[derive(Debug, Deserialize)]
pub(super) struct DeployItem {
    pub(super) deploy: Option<Deploy>,
    cursor: Option<String>,
}

impl Item for DeployItem {
    fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// A deploy.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deploy {
    pub(super) id: String,
    #[serde(default, deserialize_with = "phase")]
    pub(super) status: Option<Phase>,
    pub(super) trigger: Option<String>,
    pub(super) commit: Option<Commit>,
    pub(super) image: Option<Image>,
    #[serde(default, deserialize_with = "timestamp")]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "timestamp")]
    pub(super) finished_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "timestamp")]
    pub(super) updated_at: Option<Timestamp>,
}

/// What a deploy was built from.
#[derive(Debug, Deserialize)]
pub(super) struct Commit {
    pub(super) id: Option<String>,
}

/// What a deploy runs.
#[derive(Debug, Deserialize)]
pub(super) struct Image {
    #[serde(rename = "ref")]
    pub(super) reference: Option<String>,
    pub(super) sha: Option<String>,
}

/// An item of the list of events.
#[derive(Debug, Deserialize)]
pub(super) struct EventItem {
    pub(super) event: Option<Event>,
    cursor: Option<String>,
}

impl Item for EventItem {
    fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// Something that happened to a service.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) r#type: Option<String>,
    #[serde(default, deserialize_with = "timestamp")]
    pub(super) timestamp: Option<Timestamp>,
    #[serde(default)]
    pub(super) details: Value,
}

/// A page of lines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lines {
    pub(super) has_more: Option<bool>,
    #[serde(default, deserialize_with = "timestamp")]
    pub(super) next_start_time: Option<Timestamp>,
    #[serde(default, deserialize_with = "timestamp")]
    pub(super) next_end_time: Option<Timestamp>,
    pub(super) logs: Option<Vec<Line>>,
}

/// A line that a service wrote. It may hold anything, and is never shown.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) message: Option<String>,
    #[serde(default, deserialize_with = "timestamp")]
    pub(super) timestamp: Option<Timestamp>,
}

/// Where a deploy stands, by Render's word for it.
fn phase<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Phase>, D::Error> {
    let status = Option::<String>::deserialize(deserializer)?;
    Ok(status.map(|status| match status.as_str() {
        "created" | "queued" => Phase::Waiting,
        "build_in_progress" | "pre_deploy_in_progress" | "update_in_progress" => Phase::InProgress,
        "live" => Phase::Live,
        "deactivated" => Phase::Replaced,
        "build_failed" | "pre_deploy_failed" | "update_failed" => Phase::Failed,
        "canceled" => Phase::Canceled,
        // A word that came after this was written.
        _ => Phase::Unknown,
    }))
}

/// A time that nothing depends on: one that cannot be read is none.
fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deploys(json: &str) -> Result<Vec<DeployItem>, serde_json::Error> {
        serde_json::from_str::<Page<DeployItem>>(json).map(|page| page.0)
    }

    #[test]
    fn everything_but_the_id_may_be_missing_or_null() {
        let json = r#"[
            {"deploy": {"id": "dep-1"}},
            {"deploy": {"id": "dep-2", "status": null, "commit": null, "image": null, "finishedAt": null}, "cursor": null},
            {"deploy": {"id": "dep-3", "commit": {}, "image": {}, "updatedAt": "yesterday", "new": [1]}, "cursor": "c"},
            {}
        ]"#;
        let items = deploys(json).unwrap();
        assert_eq!(items.len(), 4);
        assert!(items[3].deploy.is_none());
        assert_eq!(items[2].deploy.as_ref().unwrap().updated_at, None);
        assert_eq!(items[2].cursor(), Some("c"));
        assert!(deploys(r#"[{"deploy": {"status": "live"}}]"#).is_err());
    }

    #[test]
    fn null_is_an_empty_list_and_an_error_body_is_none() {
        assert!(deploys("null").unwrap().is_empty());
        assert!(deploys(r#"{"message": "internal error"}"#).is_err());
    }

    #[test]
    fn every_status_of_the_description_has_its_phase() {
        let description = include_str!("../../../tests/data/render-openapi.json");
        let description: Value = serde_json::from_str(description).unwrap();
        let statuses = &description["components"]["schemas"]["deployStatus"]["enum"];
        for status in statuses.as_array().unwrap() {
            let phase = phase(status.clone()).unwrap().unwrap();
            assert_ne!(phase, Phase::Unknown, "{status}");
            let over = [
                "deactivated",
                "build_failed",
                "pre_deploy_failed",
                "update_failed",
                "canceled",
            ];
            assert_eq!(phase.is_over(), over.contains(&status.as_str().unwrap()));
        }
        assert_eq!(statuses.as_array().unwrap().len(), 11);
    }

    #[test]
    fn a_status_of_tomorrow_is_neither_an_end_nor_an_error() {
        for status in ["live_partially", "", "LIVE"] {
            let phase = phase(Value::from(status)).unwrap().unwrap();
            assert_eq!(phase, Phase::Unknown, "{status}");
        }
    }

    #[test]
    fn of_a_service_everything_but_the_id_may_be_missing_or_of_another_type() {
        for json in [
            r#"{"id": "srv-1"}"#,
            r#"{"id": "srv-1", "type": null, "autoDeploy": false, "suspenders": null, "serviceDetails": []}"#,
        ] {
            assert!(serde_json::from_str::<Configuration>(json).is_ok());
        }
    }
}
