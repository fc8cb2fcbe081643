//! The fields of a `performance` check.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::{HttpCheck, HttpHeader, HttpMethod};
use crate::api::{
    Duration, SecretKeyReference, bounds,
    duration::{between, reads_as_duration},
};

/// One request, sent a number of times: how long its answers take, how many go wrong, and how many come in a second. At least
/// one of `maxP50`, `maxP95`, `maxP99`, `maxErrorRate`, `minThroughput`, `baseline` is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.maxP50) || has(self.maxP95) || has(self.maxP99) || has(self.maxErrorRate) || has(self.minThroughput) || has(self.baseline)")
    .message("at least one of maxP50, maxP95, maxP99, maxErrorRate, minThroughput, baseline must be set"))]
#[x_kube(validation = Rule::new("!has(self.minSamples) || self.minSamples <= self.samples")
    .message("minSamples must not be above samples"))]
pub struct PerformanceCheck {
    /// Address, `http://` or `https://`, without user, password or fragment. At most 2048 characters. The query is sent, and
    /// never shown in status. Redirects are not followed.
    #[schemars(
        length(min = 8, max = 2048),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][^\x00-\x20\x7F#\\]*)?$"
        )
    )]
    pub url: String,
    /// Request method. Default `GET`.
    #[serde(default)]
    pub method: PerformanceMethod,
    /// Request headers, at most 32. `Host`, `Authorization` with a literal value, and the headers that frame a message
    /// are refused; a secret comes from `valueFrom`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<HttpHeader>,
    /// Statuses of good answers: single ones (`204`) and ranges (`200-299`). Any other is an error. Default `200-299`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(max = 7), regex(pattern = r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"))
    )]
    #[x_kube(validation = Rule::new("self.all(range, !range.matches('^[0-9]{3}-[0-9]{3}$') || int(range.substring(0, 3)) <= int(range.substring(4, 7)))")
        .message("a status range must not end before it begins"))]
    #[x_kube(validation = Rule::new("self.size() > 0").message("name at least one status"))]
    pub status: Vec<String>,
    /// How many requests are measured, 5 to 200. Default 20.
    #[serde(default = "default_samples")]
    #[schemars(schema_with = "bounds::samples")]
    pub samples: u16,
    /// How many requests are under way at once, each over a connection of its own that is kept, 1 to 8. Default 2.
    #[serde(default = "default_concurrency")]
    #[schemars(schema_with = "bounds::performance_concurrency")]
    pub concurrency: u8,
    /// How many requests are sent before, and do not count, 0 to 50. Default 2.
    #[serde(default = "default_warmup")]
    #[schemars(schema_with = "bounds::warmup")]
    pub warmup: u8,
    /// Longest time of one request, 10ms to 5m; a longer one is an error. Default 2s.
    #[serde(default = "default_sample_timeout")]
    #[x_kube(validation = between("sampleTimeout", "10ms", "5m"))]
    pub sample_timeout: Duration,
    /// Good answers that there must be for a verdict on latency and throughput, 5 to 200. Default: half of `samples`, and at
    /// least 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::samples")]
    pub min_samples: Option<u16>,
    /// Longest median of the latency, connecting included where it was needed, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxP50", "1ms", "5m"))]
    pub max_p50: Option<Duration>,
    /// Longest 95th percentile of the latency, by nearest rank, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxP95", "1ms", "5m"))]
    pub max_p95: Option<Duration>,
    /// Longest 99th percentile of the latency, by nearest rank: below 100 samples, the slowest one. 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxP99", "1ms", "5m"))]
    pub max_p99: Option<Duration>,
    /// Highest share of requests that may go wrong, as a percentage with at most one decimal: `"0.5%"`. Default `0%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 2, max = 5),
        regex(pattern = r"^(100|[0-9]{1,2}(\.[0-9])?)%$")
    )]
    pub max_error_rate: Option<String>,
    /// Good answers in a second that there must be at least, 1 to 100000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::throughput")]
    pub min_throughput: Option<u32>,
    /// What was measured when all was well, and how much slower it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<PerformanceBaseline>,
}

impl PerformanceCheck {
    /// The request, as a check of the kind `http`.
    #[must_use]
    pub fn request(&self) -> HttpCheck {
        HttpCheck {
            steps: Vec::new(),
            url: self.url.clone(),
            method: match self.method {
                PerformanceMethod::Get => HttpMethod::Get,
                PerformanceMethod::Head => HttpMethod::Head,
            },
            headers: self.headers.clone(),
            body: None,
            redirects: None,
            expect: None,
        }
    }

    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let sources = self.headers.iter().filter_map(|it| it.value_from.as_ref());
        sources.map(|source| &source.secret_key_ref).collect()
    }
}

fn default_samples() -> u16 {
    20
}

fn default_concurrency() -> u8 {
    2
}

fn default_warmup() -> u8 {
    2
}

fn default_sample_timeout() -> Duration {
    Duration::from_secs(2)
}

/// Request methods of a performance check: those that change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum PerformanceMethod {
    #[default]
    Get,
    Head,
}

/// What was measured when all was well. A percentile has regressed when it is above its baseline by more than
/// `maxRegressionPercent`, and by more than `noise`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(format!("!({}) || !({}) || duration(self.p50) <= duration(self.p95)", reads_as_duration("self.p50"), reads_as_duration("self.p95")))
    .message("p50 must not be above p95"))]
pub struct PerformanceBaseline {
    /// Median of the latency, 1ms to 5m.
    #[x_kube(validation = between("p50", "1ms", "5m"))]
    pub p50: Duration,
    /// 95th percentile of the latency, 1ms to 5m.
    #[x_kube(validation = between("p95", "1ms", "5m"))]
    pub p95: Duration,
    /// Good answers that it was made of, 5 to 1000000; not fewer than the check's `minSamples`.
    #[schemars(schema_with = "bounds::baseline_samples")]
    pub samples: u32,
    /// How much higher a percentile may be, in percent of its baseline, 1 to 1000. Default 20.
    #[serde(default = "default_regression")]
    #[schemars(schema_with = "bounds::regression")]
    pub max_regression_percent: u16,
    /// How much higher a percentile may be in any case, 0s to 5m. Default 10ms.
    #[serde(default = "default_noise")]
    #[x_kube(validation = between("noise", "0s", "5m"))]
    pub noise: Duration,
}

fn default_regression() -> u16 {
    20
}

fn default_noise() -> Duration {
    std::time::Duration::from_millis(10).into()
}
