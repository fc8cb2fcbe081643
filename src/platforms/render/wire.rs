//! Render's answers, as far as they are read. Tolerant, since the description and the answers disagree: everything but an
//! id may be missing, and a list may be null.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

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
    pub(super) status: Option<DeployStatus>,
    pub(super) commit: Option<Commit>,
    pub(super) image: Option<Image>,
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

/// Where a deploy stands, as far as a reader of what is live has to know.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) enum DeployStatus {
    /// It serves.
    Live,
    /// It does not serve, not any more, or not yet.
    NotLive,
    /// A word that came after this was written.
    Other(String),
}

impl From<String> for DeployStatus {
    fn from(status: String) -> Self {
        match status.as_str() {
            "live" => Self::Live,
            "created"
            | "queued"
            | "build_in_progress"
            | "pre_deploy_in_progress"
            | "update_in_progress"
            | "deactivated"
            | "build_failed"
            | "pre_deploy_failed"
            | "update_failed"
            | "canceled" => Self::NotLive,
            _ => Self::Other(status),
        }
    }
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
    fn a_status_of_tomorrow_is_neither_live_nor_an_error() {
        let items =
            deploys(r#"[{"deploy": {"id": "dep-1", "status": "live_partially"}}]"#).unwrap();
        let status = items[0].deploy.as_ref().unwrap().status.as_ref().unwrap();
        assert_eq!(*status, DeployStatus::Other("live_partially".to_owned()));
    }
}
