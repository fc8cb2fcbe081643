//! The fields of a `worker` check.

mod postgres;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{http::HttpCheck, redis::RedisServer};
use crate::api::{Duration, SecretKeyReference, bounds, duration::between};

pub use self::postgres::{
    WorkerPostgres, WorkerSqlDeadLetters, WorkerSqlHeartbeat, WorkerSqlQueue, WorkerSqlRoundTrip,
};

/// What works off a queue: whether it is down, up but processes nothing, behind, or has nothing to do. At least one of
/// `health`, `heartbeat`, `queue`, `postgres` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.health) || has(self.heartbeat) || has(self.queue) || has(self.postgres)")
    .message("at least one of health, heartbeat, queue, postgres must be set"))]
#[x_kube(validation = Rule::new("!has(self.postgres) || !(has(self.store) || has(self.heartbeat) || has(self.queue) || has(self.roundTrip))")
    .message("postgres excludes store, heartbeat, queue and roundTrip beside it"))]
#[x_kube(validation = Rule::new("has(self.store) == (has(self.heartbeat) || has(self.queue))")
    .message("heartbeat and queue need a store, and nothing else does"))]
#[x_kube(validation = Rule::new("!has(self.roundTrip) || has(self.queue)")
    .message("roundTrip needs a queue"))]
pub struct WorkerCheck {
    /// A request to the worker, as of an `http` check: when its answer is not as expected, the worker is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "single_request")]
    pub health: Option<HttpCheck>,
    /// Where heartbeat and queue are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<WorkerStore>,
    /// A sign of life that the worker leaves in the store: when it is missing or too old, the worker is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<WorkerHeartbeat>,
    /// The queue that the worker works off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<WorkerQueue>,
    /// A job of the check's own, which must be done in time. It is put into the queue unless the worker is down already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip: Option<WorkerRoundTrip>,
    /// A PostgreSQL server that keeps heartbeat and queue, in place of `store`: what is looked at there is said in SQL, so that
    /// any table of jobs will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<WorkerPostgres>,
}

/// An `http` check without its steps: a worker's health is one request.
fn single_request(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let mut schema = HttpCheck::json_schema(generator);
    let properties = schema.get_mut("properties");
    if let Some(properties) = properties.and_then(|it| it.as_object_mut()) {
        properties.remove("steps");
    }
    let rules = schema.get_mut("x-kubernetes-validations");
    if let Some(rules) = rules.and_then(|it| it.as_array_mut()) {
        rules.retain(|rule| !rule.to_string().contains("self.steps"));
    }
    schema
}

impl WorkerCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let health = self.health.iter().flat_map(HttpCheck::secrets);
        let redis = self.store.iter().filter_map(|store| store.redis.as_ref());
        let postgres = self.postgres.iter().flat_map(|it| it.server.secrets());
        let redis = redis.flat_map(RedisServer::secrets);
        health.chain(redis).chain(postgres).collect()
    }
}

/// Where a worker keeps its heartbeat and its queue: exactly one kind of store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.redis)").message("exactly one of redis must be set"))]
#[x_kube(validation = Rule::new("!has(self.redis) || !has(self.redis.user) || has(self.redis.password)")
    .message("user needs a password"))]
pub struct WorkerStore {
    /// A Redis server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisServer>,
}

/// A sign of life in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerHeartbeat {
    /// Key of a string that holds the time of the last sign: seconds or milliseconds since 1970, or RFC 3339.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub key: String,
    /// The oldest that it may be, by the store's clock, 1s to 24h.
    #[x_kube(validation = between("maxAge", "1s", "24h"))]
    pub max_age: Duration,
}

/// The queue that a worker works off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type == 'Stream' || !has(self.group)")
    .message("group is of type Stream only"))]
#[x_kube(validation = Rule::new("self.type == 'List' || !has(self.enqueuedAt)")
    .message("enqueuedAt is of type List only: the others carry times of their own"))]
#[x_kube(validation = Rule::new("self.type != 'List' || !has(self.maxAge) || has(self.enqueuedAt)")
    .message("maxAge of type List needs enqueuedAt"))]
pub struct WorkerQueue {
    /// Key of the queue. A missing one is an empty queue. Not for secrets: it is shown in messages.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub key: String,
    /// What it is: a `List`, a `Stream`, or a `SortedSet` whose scores are the times at which jobs are due, in seconds or
    /// milliseconds since 1970. Default `List`.
    #[serde(default, rename = "type")]
    pub queue_type: WorkerQueueType,
    /// Which end of a list jobs are taken from. Default `Last`, as with `LPUSH` and `BRPOP`.
    #[serde(default)]
    pub taken_from: WorkerQueueEnd,
    /// Consumer group of a stream: jobs that it was not given, or has not acknowledged, wait. Default: every entry waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub group: Option<String>,
    /// Member of a list's jobs, read as JSON objects, that holds the time at which a job was put in: seconds or milliseconds
    /// since 1970, or RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub enqueued_at: Option<String>,
    /// The most jobs that may wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::count")]
    pub max_depth: Option<u64>,
    /// The longest that the oldest job may have waited, by the store's clock, 1s to 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxAge", "1s", "24h"))]
    pub max_age: Option<Duration>,
    /// Where jobs are put that failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<WorkerDeadLetters>,
}

/// Where jobs are put that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerDeadLetters {
    /// Key of a list, set, sorted set, hash or stream.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub key: String,
    /// The most that may lie there. Default 0.
    #[serde(default)]
    #[schemars(schema_with = "bounds::count")]
    pub max_count: u64,
}

/// What a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum WorkerQueueType {
    #[default]
    List,
    Stream,
    SortedSet,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum WorkerQueueEnd {
    First,
    #[default]
    Last,
}

/// A job of the check's own. It is the one thing that a check writes, and it leaves nothing behind: job and answer are taken
/// away however it ended, and what a worker answers too late, at the next run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerRoundTrip {
    /// The job as the worker expects it, with `{marker}` where the mark of this run goes. At most 4096 characters.
    #[schemars(length(min = 8, max = 4096), regex(pattern = r"\{marker\}"))]
    pub job: String,
    /// Field of a stream's entry that holds the job. Default `job`.
    #[serde(default = "default_field")]
    #[schemars(length(min = 1, max = 128))]
    pub field: String,
    /// Key that the worker makes when it has done the job, with `{marker}` in it. Let it expire: a check whose controller ends
    /// in the middle cannot take it away.
    #[schemars(
        length(min = 8, max = 256),
        regex(pattern = r"^[^\x00-\x1F\x7F]*\{marker\}[^\x00-\x1F\x7F]*$")
    )]
    pub done_key: String,
    /// How long it may take, 100ms to 4m, and at least two seconds less than the check's timeout. Default 5s.
    #[serde(default = "default_within")]
    #[x_kube(validation = between("within", "100ms", "4m"))]
    pub within: Duration,
}

fn default_field() -> String {
    "job".to_owned()
}

fn default_within() -> Duration {
    Duration::from_secs(5)
}
