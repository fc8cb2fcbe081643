//! One check: what to measure, what to expect of it, and how its verdict is reached.

mod dns;
mod external;
mod grpc;
mod http;
mod kind;
mod logs;
mod metrics;
mod performance;
mod platform;
mod prometheus;
mod redis;
mod security;
mod sql;
mod storage;
mod tcp;
mod tls;
mod worker;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    dns::*, external::*, grpc::*, http::*, kind::CheckKind, logs::*, metrics::*, performance::*,
    platform::*, prometheus::*, redis::*, security::*, sql::*, storage::*, tcp::*, tls::*,
    worker::*,
};
use super::{Duration, bounds, duration::between};

/// One check of a validation. Exactly one of the kinds, from `http` on, says what is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = kind::exactly_one())]
#[x_kube(validation = Rule::new("!has(self.dependsOn) || !(self.name in self.dependsOn)")
    .message("a check cannot depend on itself"))]
pub struct Check {
    /// Name of the check, unique in the list: lower case letters, digits and dashes, at most 63.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Where in a deployment the check belongs. Default `application`.
    #[serde(default)]
    pub stage: Stage,
    /// What the check is about; each area has a condition of its own in status. Default `api`.
    #[serde(default)]
    pub area: Area,
    /// `critical` decides the verdict; `warning` is shown and leaves Ready alone. Default `critical`.
    #[serde(default)]
    pub severity: Severity,
    /// Names of checks that must pass first. When one of them fails, this one is skipped and the cause named. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub depends_on: Vec<String>,
    /// Time between two runs of this check, 5s to 24h. Default: the validation's interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("interval", "5s", "24h"))]
    pub interval: Option<Duration>,
    /// Longest time of one attempt, 100ms to 5m; not above the validation's timeout. Default 10s.
    #[serde(default = "default_timeout")]
    #[x_kube(validation = between("timeout", "100ms", "5m"))]
    pub timeout: Duration,
    /// Further attempts inside one run when an attempt does not pass, 0 to 5. Default 0.
    #[serde(default)]
    #[schemars(schema_with = "bounds::zero_to_five")]
    pub retries: u8,
    /// Consecutive failing runs after which the check has failed, 1 to 20. Default 3.
    #[serde(default = "default_failure_threshold")]
    #[schemars(schema_with = "bounds::threshold")]
    pub failure_threshold: u8,
    /// Consecutive passing runs after which a failed check has recovered, 1 to 20. Default 2.
    #[serde(default = "default_success_threshold")]
    #[schemars(schema_with = "bounds::threshold")]
    pub success_threshold: u8,
    /// An HTTP or HTTPS request and what its answer must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpCheck>,
    /// A TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpCheck>,
    /// A DNS lookup and the records it must give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsCheck>,
    /// A TLS handshake: chain, host name, version, expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsCheck>,
    /// What a gRPC server says of its health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcCheck>,
    /// A database: PostgreSQL, MySQL, MariaDB or SQLite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<SqlCheck>,
    /// A Redis server: that it answers, and its keys, memory and replication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisCheck>,
    /// What works off a queue: its health, heartbeat, queue, and a job of the check's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerCheck>,
    /// A `PromQL` query whose result is held against a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusCheck>,
    /// A service that others run, such as `OpenAI` or Stripe: that it answers, takes the key, and has quota left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalCheck>,
    /// An endpoint with metrics, and the series that it must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsCheck>,
    /// Storage: a marker that is put, read and deleted, and how a bucket is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageCheck>,
    /// What the platform of the target says of its services: that they run, what, and how often they crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformCheck>,
    /// A request that is sent a number of times: percentiles of its latency, errors, throughput.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<PerformanceCheck>,
    /// How often patterns are in what the services of the target write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<LogsCheck>,
    /// What anybody on the network sees of an address: TLS, redirects, headers, cookies, and paths that should not be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<SecurityCheck>,
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_failure_threshold() -> u8 {
    3
}

fn default_success_threshold() -> u8 {
    2
}

/// Where in a deployment a check belongs.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Stage {
    Baseline,
    Infrastructure,
    #[default]
    Application,
    Smoke,
    Monitoring,
}

/// What a check is about.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Area {
    Config,
    Database,
    #[default]
    Api,
    Worker,
    Storage,
    External,
    Performance,
    Security,
    Monitoring,
    Platform,
}

impl Area {
    /// The word as it stands in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Database => "database",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Storage => "storage",
            Self::External => "external",
            Self::Performance => "performance",
            Self::Security => "security",
            Self::Monitoring => "monitoring",
            Self::Platform => "platform",
        }
    }
}

/// Whether a check decides the verdict.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Severity {
    #[default]
    Critical,
    Warning,
}
