//! The fields of a `metrics` check.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{
    http::SecretValueSource,
    prometheus::{SeriesMatch, ThresholdOperator},
};
use crate::api::{Duration, SecretKeyReference, bounds, duration::between};

/// An endpoint with metrics, in the text format of Prometheus or as `OpenMetrics`: it can be read in full, has the series that
/// are asked for, and their values hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.ageOf) || has(self.maxAge)").message("ageOf needs maxAge"))]
pub struct MetricsCheck {
    /// Address of the endpoint, `http://` or `https://`, without user, password or fragment. At most 2048 characters. The query
    /// is sent, and never shown in status.
    #[schemars(
        length(min = 8, max = 2048),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][^\x00-\x20\x7F#\\]*)?$"
        )
    )]
    pub url: String,
    /// Bearer token that is sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretValueSource>,
    /// The series that must be there, 1 to 32.
    #[schemars(length(min = 1, max = 32))]
    pub series: Vec<SeriesExpectation>,
    /// Oldest sample that counts, 1s to 24h; an older one leaves the check unknown. It is told from the time beside the
    /// sample: one without a time, as most are, is as old as the answer. Default: any age.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxAge", "1s", "24h"))]
    pub max_age: Option<Duration>,
    /// Series whose value says when the metrics were gathered, in seconds since 1970, such as `push_time_seconds`. When one of
    /// them is older than `maxAge`, the check is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_of: Option<SeriesSelector>,
}

impl MetricsCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let sources = self.bearer_token.as_ref().into_iter();
        sources.map(|source| &source.secret_key_ref).collect()
    }
}

/// Series by name and labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeriesSelector {
    /// Name as it is exposed, with its suffix: `http_requests_total`. At most 256 characters.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub name: String,
    /// Labels that they have, beside others, with their values; an empty value stands for a label that is not there. At most
    /// 16, values of at most 256 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub labels: BTreeMap<String, String>,
}

/// Series that must be there, and what their values must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.operator) == has(self.value)").message("operator goes with value"))]
#[x_kube(validation = Rule::new("!has(self.operator) || !has(self.within)")
    .message("at most one of operator, within may be set"))]
pub struct SeriesExpectation {
    /// Name as it is exposed, with its suffix: `http_requests_total`. At most 256 characters.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub name: String,
    /// Labels that they have, beside others, with their values; an empty value stands for a label that is not there. At most
    /// 16, values of at most 256 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub labels: BTreeMap<String, String>,
    /// How a value is compared. Default: values are not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<ThresholdOperator>,
    /// The threshold: a decimal number as a string, such as `"0.05"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 32),
        regex(pattern = r"^[-+]?[0-9]{1,15}(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?$")
    )]
    pub value: Option<String>,
    /// For a heartbeat, whose value is a time in seconds since 1970: how long ago it may be, 1s to 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("within", "1s", "24h"))]
    pub within: Option<Duration>,
    /// Which of the series must hold. Default `All`.
    #[serde(default)]
    pub must_hold: SeriesMatch,
    /// How many series there must be at least, 1 to 10000. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::one_to_ten_thousand")]
    pub min_series: Option<u16>,
}

fn labels(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": {"type": "string", "maxLength": 256},
    })
}
