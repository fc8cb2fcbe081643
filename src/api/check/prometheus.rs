//! The fields of a `prometheus` check.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::SecretValueSource;
use crate::api::{Duration, SecretKeyReference, duration::between};

/// A query to a Prometheus server, or one that speaks its HTTP API: every series of the result, or one of them, must be on the
/// right side of a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.bearerToken) || !has(self.basic)")
    .message("at most one of bearerToken, basic may be set"))]
pub struct PrometheusCheck {
    /// Address under which the server has `/api/v1/query`, `http://` or `https://`, without user, password, query or fragment.
    /// At most 2048 characters.
    #[schemars(
        length(min = 8, max = 2048),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/[^\x00-\x20\x7F#?\\]*)?$"
        )
    )]
    pub url: String,
    /// `PromQL` of an instant query whose result is a vector or a scalar. Not for secrets: it can be read by whoever can read
    /// this object. It is never shown in status. At most 4096 characters.
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,
    /// How a value is compared.
    pub operator: ThresholdOperator,
    /// The threshold: a decimal number as a string, such as `"0.05"`.
    #[schemars(
        length(min = 1, max = 32),
        regex(pattern = r"^[-+]?[0-9]{1,15}(\.[0-9]{1,15})?([eE][-+]?[0-9]{1,2})?$")
    )]
    pub value: String,
    /// Which series of the result must hold. Default `All`.
    #[serde(default)]
    pub series: SeriesMatch,
    /// Oldest sample that counts, 1s to 24h; an older one leaves the check unknown. It can be told of a query that selects
    /// series and computes nothing, such as `up{job="api"}`: what is computed is as old as the query. Default: whatever the
    /// server still takes as current, which is five minutes unless it is set otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxAge", "1s", "24h"))]
    pub max_age: Option<Duration>,
    /// Bearer token that is sent with the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<SecretValueSource>,
    /// User and password that are sent with the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicCredentials>,
}

impl PrometheusCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let basic = self.basic.as_ref().map(|basic| &basic.password);
        let sources = self.bearer_token.as_ref().into_iter().chain(basic);
        sources.map(|source| &source.secret_key_ref).collect()
    }
}

/// A user and where the password is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicCredentials {
    /// User name, without a colon.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\x00-\x1F\x7F:]+$"))]
    pub user: String,
    /// Where the password is.
    pub password: SecretValueSource,
}

/// How a measured number is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum ThresholdOperator {
    Equals,
    NotEquals,
    LessThan,
    AtMost,
    GreaterThan,
    AtLeast,
}

/// Which series of a result must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum SeriesMatch {
    #[default]
    All,
    Any,
}
