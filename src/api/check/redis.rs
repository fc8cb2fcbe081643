//! The fields of a `redis` check, and of the servers that a `worker` check asks.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::SecretValueSource;
use crate::api::{Duration, SecretKeyReference, bounds, duration::between};

/// A Redis server, or one that speaks its protocol: that it lets the check in and answers, and what it must hold. It is only
/// ever read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.user) || has(self.password)")
    .message("user needs a password"))]
pub struct RedisCheck {
    /// Where the server is, and as whom the check logs in.
    #[serde(flatten)]
    pub server: RedisServer,
    /// Keys that must be there, or have a length, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key"]))]
    pub keys: Vec<RedisKey>,
    /// The most memory that may be in use, in percent of the server's `maxmemory`, 1 to 100. A server without a `maxmemory`
    /// leaves the check unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::one_to_hundred")]
    pub max_memory_percent: Option<u8>,
    /// What the server's part in a replication must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<RedisReplication>,
}

impl RedisCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        self.server.secrets()
    }
}

/// Where a Redis server is, and as whom a check logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisServer {
    /// Host name or IP address.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub host: String,
    /// Port, 1 to 65535. Default 6379.
    #[serde(default = "default_port")]
    #[schemars(schema_with = "bounds::port")]
    pub port: u16,
    /// Whether the connection is under TLS, with a certificate that leads to a trusted root and names the host. Default `false`.
    #[serde(default)]
    pub tls: bool,
    /// User to log in as, with a password. Default: the server's `default` user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\x00-\x20\x7F]+$"))]
    pub user: Option<String>,
    /// Where its password is. Default: the check does not log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretValueSource>,
    /// Number of the database, 0 to 1023. Default 0.
    #[serde(default)]
    #[schemars(schema_with = "bounds::redis_database")]
    pub database: u16,
}

impl RedisServer {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        self.password.iter().map(|it| &it.secret_key_ref).collect()
    }
}

fn default_port() -> u16 {
    6379
}

/// A key that must be there, or have a length.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisKey {
    /// The key. Not for secrets: it is shown in messages.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub key: String,
    /// What its length must be: how many entries a list, set, sorted set, hash or stream has, or bytes a string. Redis keeps no
    /// empty lists, so that a missing key has length 0. Default: the key must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<RedisLength>,
}

/// What a length must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisLength {
    /// How it is compared. Default `AtMost`.
    #[serde(default)]
    pub operator: RedisOperator,
    /// What it is compared with, from 0 on.
    #[schemars(schema_with = "bounds::count")]
    pub value: u64,
}

/// How a length is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum RedisOperator {
    Equals,
    NotEquals,
    LessThan,
    #[default]
    AtMost,
    GreaterThan,
    AtLeast,
}

/// What a server's part in a replication must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.role == 'Primary' || !has(self.minReplicas)")
    .message("minReplicas is of role Primary only"))]
pub struct RedisReplication {
    /// `Primary`, or `Replica`: one whose link to its primary is up.
    pub role: RedisRole,
    /// The fewest replicas that must be online, 1 to 10. For role `Primary` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::one_to_ten")]
    pub min_replicas: Option<u8>,
    /// Longest time since the two sides heard of each other, 1s to 1h, in whole seconds: of a replica, since it heard of its
    /// primary; of a primary, the replicas that it heard of later than that do not count as online. Redis tells every ten
    /// seconds, unless it is set otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxLag", "1s", "1h"))]
    pub max_lag: Option<Duration>,
}

/// A part in a replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum RedisRole {
    Primary,
    Replica,
}
