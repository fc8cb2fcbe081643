//! Heartbeat and queue in a Redis server.

use redis::{Cmd, Value};

use super::{
    judgement::{Backlog, Heartbeat},
    moment::Moment,
};
use crate::{
    api::{self, WorkerQueueEnd, WorkerQueueType},
    checks::{redis::client::Client, verdict::Finding},
};

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub heartbeat: Option<api::WorkerHeartbeat>,
    pub queue: Option<api::WorkerQueue>,
}

/// What one look shows.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub heartbeat: Option<Heartbeat>,
    pub queue: Option<Backlog>,
    /// What tells the front of the queue from what comes after it.
    front: Option<String>,
}

impl Look {
    /// Whether anything was taken from the queue between this look and a `later` one.
    pub(super) fn moved(&self, later: &Self) -> bool {
        let depth = |look: &Self| look.queue.as_ref().and_then(|it| it.depth);
        self.front != later.front || depth(later) < depth(self)
    }
}

impl Places {
    /// Looks once, by the server's clock.
    pub(super) async fn look(&self, client: &mut Client) -> Result<Look, Finding> {
        let now = now(client).await?;
        let mut look = Look::default();
        if let Some(heartbeat) = &self.heartbeat {
            look.heartbeat = Some(match ask(client, "GET", &[&heartbeat.key]).await? {
                Value::Nil => Heartbeat::Missing,
                other => Heartbeat::At(
                    text(&other).map_or(Moment::Unreadable, |it| Moment::read(&it, now)),
                ),
            });
        }
        if let Some(queue) = &self.queue {
            let (mut backlog, front) = match queue.queue_type {
                WorkerQueueType::List => list(client, queue, now).await?,
                WorkerQueueType::SortedSet => sorted_set(client, queue, now).await?,
                WorkerQueueType::Stream => stream(client, queue, now).await?,
            };
            if let Some(dead) = &queue.dead_letters {
                let lengths = client.lengths(&[dead.key.as_str()]).await?;
                backlog.dead_letters = Some(lengths.into_iter().flatten().sum());
            }
            look.queue = Some(backlog);
            look.front = front;
        }
        Ok(look)
    }
}

/// The server's clock, in milliseconds since 1970.
pub(super) async fn now(client: &mut Client) -> Result<i64, Finding> {
    let answer = ask(client, "TIME", &[]).await?;
    let parts = items(&answer).iter().map(text);
    let parts: Option<Vec<i64>> = parts.map(|part| part?.parse().ok()).collect();
    match parts.as_deref() {
        Some([seconds, micros]) => Ok(seconds.saturating_mul(1000).saturating_add(micros / 1000)),
        _ => Err(client.astray("TIME")),
    }
}

async fn list(
    client: &mut Client,
    queue: &api::WorkerQueue,
    now: i64,
) -> Result<(Backlog, Option<String>), Finding> {
    let depth = ask(client, "LLEN", &[&queue.key]).await?;
    let mut backlog = Backlog {
        depth: Some(count(&depth).ok_or_else(|| client.astray("LLEN"))?),
        ..Backlog::default()
    };
    let Some(member) = &queue.enqueued_at else {
        return Ok((backlog, None));
    };
    let place = match queue.taken_from {
        WorkerQueueEnd::First => "0",
        WorkerQueueEnd::Last => "-1",
    };
    let job = ask(client, "LINDEX", &[&queue.key, place]).await?;
    let front = text(&job);
    backlog.oldest = match (&job, &front) {
        (Value::Nil, _) => None,
        (_, Some(job)) => Some(enqueued(job, member, now)),
        _ => Some(Moment::Unreadable),
    };
    Ok((backlog, front))
}

/// The time in a member of a job that is a JSON object.
fn enqueued(job: &str, member: &str, now: i64) -> Moment {
    let job: Option<serde_json::Value> = serde_json::from_str(job).ok();
    match job.as_ref().and_then(|job| job.get(member)) {
        Some(serde_json::Value::String(text)) => Moment::read(text, now),
        Some(serde_json::Value::Number(number)) => Moment::read(&number.to_string(), now),
        _ => Moment::Unreadable,
    }
}

async fn sorted_set(
    client: &mut Client,
    queue: &api::WorkerQueue,
    now: i64,
) -> Result<(Backlog, Option<String>), Finding> {
    let depth = ask(client, "ZCARD", &[&queue.key]).await?;
    let depth = count(&depth).ok_or_else(|| client.astray("ZCARD"))?;
    let first = ask(client, "ZRANGE", &[&queue.key, "0", "0", "WITHSCORES"]).await?;
    let (front, oldest) = match items(&first) {
        [] => (None, None),
        [member, score] => {
            // A job that is due later does not wait yet.
            let due = match text(score).map(|score| Moment::read(&score, now)) {
                Some(Moment::Ahead) => Moment::Ago(std::time::Duration::ZERO),
                other => other.unwrap_or(Moment::Unreadable),
            };
            (text(member), Some(due))
        }
        _ => return Err(client.astray("ZRANGE")),
    };
    let backlog = Backlog {
        depth: Some(depth),
        oldest,
        ..Backlog::default()
    };
    Ok((backlog, front))
}

async fn stream(
    client: &mut Client,
    queue: &api::WorkerQueue,
    now: i64,
) -> Result<(Backlog, Option<String>), Finding> {
    let length = ask(client, "XLEN", &[&queue.key]).await?;
    let length = count(&length).ok_or_else(|| client.astray("XLEN"))?;
    let Some(group) = &queue.group else {
        let first = first_after(client, &queue.key, "-").await?;
        let backlog = Backlog {
            depth: Some(length),
            oldest: first.as_deref().map(|id| stamped(id, now)),
            ..Backlog::default()
        };
        return Ok((backlog, first));
    };
    if length == 0 {
        // Without an entry there need be no stream, and without a stream there is no group.
        let depth = Some(0);
        return Ok((
            Backlog {
                depth,
                ..Backlog::default()
            },
            None,
        ));
    }
    let group = group_of(client, &queue.key, group).await?;
    let after = format!("({}", group.last_delivered);
    let undelivered = first_after(client, &queue.key, &after).await?;
    let oldest = [group.oldest_pending.as_deref(), undelivered.as_deref()];
    // Their order is that of their times, where these are readable.
    let oldest = oldest
        .into_iter()
        .flatten()
        .min_by_key(|id| milliseconds(id));
    let backlog = Backlog {
        depth: match (group.lag, &undelivered) {
            (Some(lag), _) => Some(lag + group.pending),
            (None, None) => Some(group.pending),
            (None, Some(_)) => None,
        },
        oldest: oldest.map(|id| stamped(id, now)),
        ..Backlog::default()
    };
    let front = format!("{oldest:?} {} {}", group.last_delivered, group.pending);
    Ok((backlog, Some(front)))
}

/// What a consumer group has been given.
struct Group {
    last_delivered: String,
    /// How many entries it has not been given; `None` when the server cannot tell.
    lag: Option<u64>,
    /// How many it has not acknowledged, and the first of them.
    pending: u64,
    oldest_pending: Option<String>,
}

async fn group_of(client: &mut Client, key: &str, name: &str) -> Result<Group, Finding> {
    let groups = ask(client, "XINFO", &["GROUPS", key]).await?;
    let group = items(&groups)
        .iter()
        .find(|group| field(group, "name").and_then(text).as_deref() == Some(name));
    let Some(group) = group else {
        return Err(client.lacks("the consumer group of the queue"));
    };
    let last_delivered = field(group, "last-delivered-id").and_then(text);
    let lag = field(group, "lag").and_then(count);
    let last_delivered = last_delivered.ok_or_else(|| client.astray("XINFO"))?;
    let summary = ask(client, "XPENDING", &[key, name]).await?;
    let (pending, oldest_pending) = match items(&summary) {
        [pending, oldest, ..] => (count(pending), text(oldest)),
        _ => (None, None),
    };
    Ok(Group {
        last_delivered,
        lag,
        pending: pending.ok_or_else(|| client.astray("XPENDING"))?,
        oldest_pending,
    })
}

/// The id of the first entry from `start` on.
async fn first_after(
    client: &mut Client,
    key: &str,
    start: &str,
) -> Result<Option<String>, Finding> {
    let entries = ask(client, "XRANGE", &[key, start, "+", "COUNT", "1"]).await?;
    match items(&entries) {
        [] => Ok(None),
        [entry, ..] => match items(entry).first().and_then(text) {
            Some(id) => Ok(Some(id)),
            None => Err(client.astray("XRANGE")),
        },
    }
}

/// The time in the id of an entry: `1732560000000-0`.
fn stamped(id: &str, now: i64) -> Moment {
    milliseconds(id).map_or(Moment::Unreadable, |moment| Moment::at(moment, now))
}

fn milliseconds(id: &str) -> Option<i64> {
    id.split('-').next()?.parse().ok()
}

/// The answer to a command, unless the server refuses it.
pub(super) async fn ask(
    client: &mut Client,
    name: &'static str,
    arguments: &[&str],
) -> Result<Value, Finding> {
    match client.ask_one(command(name, arguments)).await? {
        Value::ServerError(error) => Err(client.refused(name, error.code())),
        answer => Ok(answer),
    }
}

pub(super) fn command(name: &str, arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(arguments);
    command
}

pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Int(count) => u64::try_from(*count).ok(),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

pub(super) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        _ => &[],
    }
}

/// A field in a list of names, each followed by its value.
fn field<'a>(group: &'a Value, name: &str) -> Option<&'a Value> {
    let pairs = items(group).chunks_exact(2);
    let mut named = pairs.filter(|pair| text(&pair[0]).as_deref() == Some(name));
    named.next().map(|pair| &pair[1])
}
