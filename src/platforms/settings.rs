//! The administrator's settings for platforms.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use url::Url;

use crate::api::Duration;

/// How each platform is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlatformSettings {
    /// Render.
    pub render: RenderSettings,
}

/// How Render is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RenderSettings {
    /// Where its API is. Default: `https://api.render.com/v1`.
    pub url: BaseUrl,
    /// Longest time for one reading with all its tries and waits, and for one change with the wait for its turn. 1s to 1m,
    /// default 10s.
    #[serde(deserialize_with = "timeout")]
    pub timeout: Duration,
    /// How often to look for a new release between runs. 1s to 1h, default 30s.
    #[serde(deserialize_with = "poll_interval")]
    pub poll_interval: Duration,
    /// How long after a change without an answer its effect may take to show when it is read. 0s to 10m, default 2m.
    #[serde(deserialize_with = "consistency_window")]
    pub consistency_window: Duration,
}

impl Default for RenderSettings {
    fn default() -> Self {
        Self {
            url: BaseUrl(
                Url::parse("https://api.render.com/v1").expect("a constant that is tested"),
            ),
            timeout: Duration::from_secs(10),
            poll_interval: Duration::from_secs(30),
            consistency_window: Duration::from_secs(120),
        }
    }
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    between(
        deserializer,
        "timeout",
        Duration::from_secs(1),
        Duration::from_secs(60),
    )
}

fn poll_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    between(
        deserializer,
        "pollInterval",
        Duration::from_secs(1),
        Duration::from_secs(3600),
    )
}

fn consistency_window<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    between(
        deserializer,
        "consistencyWindow",
        Duration::from_secs(0),
        Duration::from_secs(600),
    )
}

fn between<'de, D: Deserializer<'de>>(
    deserializer: D,
    field: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, D::Error> {
    let duration = Duration::deserialize(deserializer)?;
    if (least..=most).contains(&duration) {
        Ok(duration)
    } else {
        Err(D::Error::custom(format_args!(
            "{field} is {duration}, but must be between {least} and {most}"
        )))
    }
}

/// Where an API is: an `http` or `https` URL to which paths are appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(Url);

/// A text that is not the base of an API. Does not repeat the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the base URL of an API: write http or https, a host, and no user, query or fragment")]
pub struct InvalidBaseUrl;

impl BaseUrl {
    /// The URL of a path below it. Each segment is one segment, whatever characters it has.
    pub(super) fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidBaseUrl)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if plain && url.has_host() && matches!(url.scheme(), "http" | "https") {
            Ok(Self(url))
        } else {
            Err(InvalidBaseUrl)
        }
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidBaseUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<BaseUrl> for String {
    fn from(base: BaseUrl) -> Self {
        base.0.into()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<PlatformSettings, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let settings = read(r#"{"render": {"timeout": "3s"}}"#).unwrap();
        assert_eq!(settings.render.timeout, Duration::from_secs(3));
        assert_eq!(settings.render.poll_interval, Duration::from_secs(30));
        assert_eq!(settings.render.consistency_window, Duration::from_secs(120));
        let none = read(r#"{"render": {"consistencyWindow": "0s"}}"#).unwrap();
        assert_eq!(none.render.consistency_window, Duration::from_secs(0));
        assert_eq!(settings.render.url.to_string(), "https://api.render.com/v1");
        assert_eq!(read("{}").unwrap(), PlatformSettings::default());
    }

    #[test]
    fn a_value_that_cannot_work_is_refused() {
        for json in [
            r#"{"rendr": {}}"#,
            r#"{"render": {"pollinterval": "30s"}}"#,
            r#"{"render": {"timeout": "0s"}}"#,
            r#"{"render": {"timeout": "2m"}}"#,
            r#"{"render": {"pollInterval": "500ms"}}"#,
            r#"{"render": {"consistencyWindow": "11m"}}"#,
            r#"{"render": {"url": "api.render.com/v1"}}"#,
            r#"{"render": {"url": "ftp://api.render.com/v1"}}"#,
            r#"{"render": {"url": "https://user:password@api.render.com/v1"}}"#,
            r#"{"render": {"url": "https://api.render.com/v1?key=1"}}"#,
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(!error.contains("password"), "{error}");
        }
    }

    #[test]
    fn a_segment_cannot_leave_its_place_in_the_path() {
        let base: BaseUrl = "http://127.0.0.1:1/v1/".parse().unwrap();
        let url = base.join(["services", "../owners?x=y#z", "deploys"]);
        assert_eq!(url.path(), "/v1/services/..%2Fowners%3Fx=y%23z/deploys");
        assert_eq!(url.query(), None);
    }

    #[test]
    fn every_address_of_a_platform_is_plain_and_read_as_it_is_written() {
        crate::fuzz::hold_text("base_url", |text| {
            let Ok(base) = text.parse::<BaseUrl>() else {
                return;
            };
            let written = String::from(base.clone());
            assert!(!written.contains(['?', '#']), "{text:?}");
            assert_eq!(written.parse::<BaseUrl>().unwrap().to_string(), written);
            let joined = base.join(["a/../b?c#d", "e"]);
            assert_eq!((joined.query(), joined.fragment()), (None, None));
            assert_eq!(joined.path_segments().unwrap().next_back(), Some("e"));
        });
    }
}
