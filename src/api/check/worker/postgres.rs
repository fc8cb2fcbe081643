//! The fields of a `worker` check whose heartbeat and queue are tables of PostgreSQL.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{
    Duration, bounds,
    check::sql::{READS, SqlServer},
    duration::between,
};

/// A PostgreSQL server that keeps heartbeat and queue. Its statements are not for secrets: they can be read by whoever can read
/// this object. Times are held against the server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.heartbeat) || has(self.queue) || has(self.roundTrip)")
    .message("at least one of heartbeat, queue, roundTrip must be set"))]
pub struct WorkerPostgres {
    /// Where the server is, and as whom the check logs in.
    #[serde(flatten)]
    pub server: SqlServer,
    /// A sign of life: when it is missing or too old, the worker is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<WorkerSqlHeartbeat>,
    /// The queue that the worker works off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<WorkerSqlQueue>,
    /// A job of the check's own, which must be done in time. It is put in unless the worker is down already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip: Option<WorkerSqlRoundTrip>,
}

/// A sign of life in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSqlHeartbeat {
    /// Gives the time of the last sign: a `timestamptz`, or seconds or milliseconds since 1970. No row, or a null, is no sign.
    #[schemars(length(min = 1, max = 4096), regex(pattern = READS))]
    pub query: String,
    /// The oldest that it may be, 1s to 24h.
    #[x_kube(validation = between("maxAge", "1s", "24h"))]
    pub max_age: Duration,
}

/// A queue in a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.maxAge) || has(self.oldestQuery)")
    .message("maxAge needs oldestQuery"))]
pub struct WorkerSqlQueue {
    /// Gives how many jobs wait.
    #[schemars(length(min = 1, max = 4096), regex(pattern = READS))]
    pub depth_query: String,
    /// Gives the time since which the oldest job waits: a `timestamptz`, or seconds or milliseconds since 1970. No row, or a
    /// null, when none waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096), regex(pattern = READS))]
    pub oldest_query: Option<String>,
    /// The most jobs that may wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::count")]
    pub max_depth: Option<u64>,
    /// The longest that the oldest job may have waited, 1s to 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxAge", "1s", "24h"))]
    pub max_age: Option<Duration>,
    /// Jobs that failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<WorkerSqlDeadLetters>,
}

/// Jobs that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSqlDeadLetters {
    /// Gives how many there are.
    #[schemars(length(min = 1, max = 4096), regex(pattern = READS))]
    pub query: String,
    /// The most that may be there. Default 0.
    #[serde(default)]
    #[schemars(schema_with = "bounds::count")]
    pub max_count: u64,
}

/// A job of the check's own. It is the one thing that a check writes. In each of its statements `$1` is the mark of the run, a
/// text of 32 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSqlRoundTrip {
    /// Puts the job in.
    #[schemars(length(min = 1, max = 4096), regex(pattern = r"\$1([^0-9]|$)"))]
    pub enqueue: String,
    /// Reads whether the job is done: it is when there is a row whose first column is neither null nor false nor 0.
    #[schemars(length(min = 1, max = 4096), regex(pattern = READS))]
    pub done: String,
    /// Takes job and answer away, however the job fared. Let it take old ones away too: a check whose controller ends in the
    /// middle cannot.
    #[schemars(length(min = 1, max = 4096), regex(pattern = r"\$1([^0-9]|$)"))]
    pub cleanup: String,
    /// Reads, after `cleanup`, whether anything is left with the mark, as `done` does; when something is, the check fails.
    /// Default: it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096), regex(pattern = READS))]
    pub left: Option<String>,
    /// How long it may take, 100ms to 4m, and at least two seconds less than the check's timeout. Default 5s.
    #[serde(default = "super::default_within")]
    #[x_kube(validation = between("within", "100ms", "4m"))]
    pub within: Duration,
}
