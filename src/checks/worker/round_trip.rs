//! A job of the check's own: put in, seen done, taken away.
//!
//! What it leaves while it is under way is written down in the store first, in a sorted set of its own, so that a run which
//! is cut off, or whose job is done too late, is tidied up after by the next one.

use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::{Instant, sleep};

use super::{
    judgement::Trip,
    redis_store::{ask, command, count, items, now, text},
};
use crate::{
    api::{self, WorkerQueueEnd, WorkerQueueType},
    checks::{invalid::InvalidCheck, redis::client::Client, verdict::Finding},
};

const MARKER: &str = "{marker}";
const LONGEST_JOB: usize = 4096;

/// Time that is kept for taking the job away.
pub(super) const FOR_TIDYING: Duration = Duration::from_secs(2);

/// Pause between two looks for the answer.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a trip is remembered whose job was taken and never done, in milliseconds.
const REMEMBERED: i64 = 24 * 60 * 60 * 1000;

/// Trips that are tidied up after in one run.
const MOST_TIDIED: &str = "16";

/// What is put in, and where.
#[derive(Clone, Debug)]
pub(super) struct RoundTrip {
    queue: api::WorkerQueue,
    job: String,
    field: String,
    done_key: String,
    within: Duration,
    /// Key of the trips that may have left something.
    record: String,
}

/// One job: its mark, and the id of its entry in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Errand {
    marker: String,
    id: Option<String>,
}

/// The mark of a run.
pub(super) fn mark() -> String {
    format!(
        "{:016x}{:016x}",
        rand::random::<u64>(),
        rand::random::<u64>()
    )
}

impl RoundTrip {
    pub(super) fn new(
        trip: &api::WorkerRoundTrip,
        queue: &api::WorkerQueue,
    ) -> Result<Self, InvalidCheck> {
        let marked = [("job", &trip.job), ("doneKey", &trip.done_key)];
        for (field, text) in marked {
            if !text.contains(MARKER) || text.len() > LONGEST_JOB {
                return Err(InvalidCheck::new(
                    format!("worker.roundTrip.{field}"),
                    format!("does not hold {MARKER}, or is longer than {LONGEST_JOB} bytes"),
                ));
            }
        }
        Ok(Self {
            queue: queue.clone(),
            job: trip.job.clone(),
            field: trip.field.clone(),
            record: format!("plumbline:round-trip:{}", trip.done_key.replace(MARKER, "")),
            done_key: trip.done_key.clone(),
            within: trip.within.get(),
        })
    }

    /// Puts a job in, waits until it is done, and takes everything away, however it ended.
    pub(super) async fn run(
        &self,
        client: &mut Client,
        deadline: Instant,
    ) -> Result<Trip, Finding> {
        self.tidy_up_after_others(client).await?;
        let began = Instant::now();
        let errand = self.begin(client).await?;
        let last = deadline.checked_sub(FOR_TIDYING).unwrap_or(began);
        let until = last.min(began + self.within);
        let done = self.wait(client, &errand, until).await;
        let tidied = self.tidy_up(client, &errand).await;
        let trip = match done? {
            Some(moment) => Trip::Done(moment - began),
            None if until < began + self.within => Trip::CutShort(until - began),
            None => Trip::NotDone(self.within),
        };
        tidied.map(|_| trip)
    }

    async fn begin(&self, client: &mut Client) -> Result<Errand, Finding> {
        let mut errand = Errand {
            marker: mark(),
            id: None,
        };
        self.remember(client, &errand).await?;
        let (key, job) = (&self.queue.key, self.job(&errand));
        match self.queue.queue_type {
            WorkerQueueType::List => {
                let push = match self.queue.taken_from {
                    WorkerQueueEnd::First => "RPUSH",
                    WorkerQueueEnd::Last => "LPUSH",
                };
                ask(client, push, &[key, &job]).await?;
            }
            WorkerQueueType::SortedSet => {
                let due = now(client).await? / 1000;
                ask(client, "ZADD", &[key, &due.to_string(), &job]).await?;
            }
            WorkerQueueType::Stream => {
                let id = ask(client, "XADD", &[key, "*", &self.field, &job]).await?;
                errand.id = text(&id);
                self.remember(client, &errand).await?;
                self.forget(client, &errand.marker).await?;
            }
        }
        Ok(errand)
    }

    async fn wait(
        &self,
        client: &mut Client,
        errand: &Errand,
        until: Instant,
    ) -> Result<Option<Instant>, Finding> {
        let key = self.done_key(errand);
        loop {
            if ask(client, "EXISTS", &[&key]).await? == Value::Int(1) {
                return Ok(Some(Instant::now()));
            }
            if Instant::now() + PAUSE > until {
                return Ok(None);
            }
            sleep(PAUSE).await;
        }
    }

    /// Takes job and answer away. The trip is forgotten unless a worker has the job still, and may answer later.
    async fn tidy_up(&self, client: &mut Client, errand: &Errand) -> Result<bool, Finding> {
        let held = self.is_held(client, errand).await?;
        let answers = client.ask(self.removals(errand)).await?;
        let removed = answers.first() == Some(&Value::Int(1));
        let done = ask(client, "DEL", &[&self.done_key(errand)]).await? == Value::Int(1);
        let over = done || (removed && !held);
        if over {
            self.forget(client, &errand.text()).await?;
        }
        Ok(over)
    }

    /// Whether a consumer of a stream has the job. From other queues, whoever takes a job takes it away.
    async fn is_held(&self, client: &mut Client, errand: &Errand) -> Result<bool, Finding> {
        let (Some(id), Some(group)) = (&errand.id, &self.queue.group) else {
            return Ok(false);
        };
        let arguments = [&self.queue.key, group, id, id, "1"];
        let pending = client.ask_one(command("XPENDING", &arguments)).await?;
        Ok(!items(&pending).is_empty())
    }

    /// The first takes the job from the queue, and answers how many it found; the others look where a worker may have put it,
    /// whatever is kept there.
    fn removals(&self, errand: &Errand) -> Vec<Cmd> {
        let (key, job) = (&self.queue.key, self.job(errand));
        let mut removals = match (self.queue.queue_type, &errand.id) {
            (WorkerQueueType::List, _) => vec![command("LREM", &[key, "0", &job])],
            (WorkerQueueType::SortedSet, _) => vec![command("ZREM", &[key, &job])],
            (WorkerQueueType::Stream, Some(id)) => vec![command("XDEL", &[key, id])],
            (WorkerQueueType::Stream, None) => Vec::new(),
        };
        if let (Some(id), Some(group)) = (&errand.id, &self.queue.group) {
            removals.push(command("XACK", &[key, group, id]));
        }
        if let Some(dead) = &self.queue.dead_letters {
            removals.push(command("LREM", &[&dead.key, "0", &job]));
            removals.push(command("SREM", &[&dead.key, &job]));
            removals.push(command("ZREM", &[&dead.key, &job]));
        }
        removals
    }

    async fn tidy_up_after_others(&self, client: &mut Client) -> Result<(), Finding> {
        let now = now(client).await?;
        // Those that may be under way are let alone: somebody else may run the same check.
        let within = i64::try_from(self.within.as_millis()).unwrap_or(i64::MAX);
        let before = now.saturating_sub(within).saturating_sub(10_000);
        let first = [
            "0",
            &before.to_string(),
            "WITHSCORES",
            "LIMIT",
            "0",
            MOST_TIDIED,
        ];
        let arguments = [&[self.record.as_str()], &first[..]].concat();
        let left = ask(client, "ZRANGEBYSCORE", &arguments).await?;
        for pair in items(&left).chunks_exact(2) {
            let (Some(errand), Some(begun)) = (text(&pair[0]), text(&pair[1])) else {
                return Err(client.astray("ZRANGEBYSCORE"));
            };
            let over = self.tidy_up(client, &Errand::read(&errand)).await?;
            let begun: i64 = begun.parse().unwrap_or(0);
            if !over && begun < now.saturating_sub(REMEMBERED) {
                self.forget(client, &errand).await?;
            }
        }
        Ok(())
    }

    async fn remember(&self, client: &mut Client, errand: &Errand) -> Result<(), Finding> {
        let now = now(client).await?.to_string();
        ask(client, "ZADD", &[&self.record, &now, &errand.text()]).await?;
        // So that it does not outlive a check that is never run again.
        let day = (REMEMBERED / 1000).to_string();
        let answer = ask(client, "EXPIRE", &[&self.record, &day]).await?;
        count(&answer)
            .map(|_| ())
            .ok_or_else(|| client.astray("EXPIRE"))
    }

    async fn forget(&self, client: &mut Client, errand: &str) -> Result<(), Finding> {
        ask(client, "ZREM", &[&self.record, errand])
            .await
            .map(|_| ())
    }

    fn job(&self, errand: &Errand) -> String {
        self.job.replace(MARKER, &errand.marker)
    }

    fn done_key(&self, errand: &Errand) -> String {
        self.done_key.replace(MARKER, &errand.marker)
    }
}

impl Errand {
    /// As it is remembered: the mark, and the id behind a space.
    fn text(&self) -> String {
        match &self.id {
            Some(id) => format!("{} {id}", self.marker),
            None => self.marker.clone(),
        }
    }

    fn read(text: &str) -> Self {
        let (marker, id) = match text.split_once(' ') {
            Some((marker, id)) => (marker, Some(id.to_owned())),
            None => (text, None),
        };
        Self {
            marker: marker.to_owned(),
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_is_read_as_it_was_remembered() {
        for id in [None, Some("1732560000000-0".to_owned())] {
            let marker = "4f1d".to_owned();
            let errand = Errand { marker, id };
            assert_eq!(Errand::read(&errand.text()), errand);
        }
    }

    #[test]
    fn what_is_remembered_by_anybody_is_read_and_written_as_it_is() {
        crate::fuzz::hold_text("redis_errand", |text| {
            assert_eq!(Errand::read(text).text(), text);
        });
    }
}
