//! What a worker is doing, judged from what was seen of it.

use std::time::Duration;

use super::moment::Moment;
use crate::{
    api,
    checks::verdict::{Finding, FindingReason, Verdict, printable, readable},
};

/// The most of a key that a message shows, in bytes.
const SHOWN_KEY: usize = 64;

/// What a worker must be like, whatever its store.
#[derive(Clone, Debug, Default)]
pub(super) struct Thresholds {
    pub heartbeat: Option<HeartbeatLimit>,
    pub queue: Option<QueueLimits>,
}

/// The oldest that a sign of life may be, and what messages call it.
#[derive(Clone, Debug)]
pub(super) struct HeartbeatLimit {
    pub name: String,
    pub max_age: api::Duration,
}

/// What may wait in a queue, and what messages call it.
#[derive(Clone, Debug)]
pub(super) struct QueueLimits {
    pub name: String,
    pub max_depth: Option<u64>,
    pub max_age: Option<api::Duration>,
    pub most_dead: Option<u64>,
}

impl From<&api::WorkerHeartbeat> for HeartbeatLimit {
    fn from(heartbeat: &api::WorkerHeartbeat) -> Self {
        Self {
            name: format!("heartbeat {}", printable(&heartbeat.key, SHOWN_KEY)),
            max_age: heartbeat.max_age,
        }
    }
}

impl From<&api::WorkerQueue> for QueueLimits {
    fn from(queue: &api::WorkerQueue) -> Self {
        Self {
            name: printable(&queue.key, SHOWN_KEY),
            max_depth: queue.max_depth,
            max_age: queue.max_age,
            most_dead: queue.dead_letters.as_ref().map(|it| it.max_count),
        }
    }
}

impl From<&api::WorkerSqlHeartbeat> for HeartbeatLimit {
    fn from(heartbeat: &api::WorkerSqlHeartbeat) -> Self {
        Self {
            name: "the heartbeat".to_owned(),
            max_age: heartbeat.max_age,
        }
    }
}

impl From<&api::WorkerSqlQueue> for QueueLimits {
    fn from(queue: &api::WorkerSqlQueue) -> Self {
        Self {
            name: "the queue".to_owned(),
            max_depth: queue.max_depth,
            max_age: queue.max_age,
            most_dead: queue.dead_letters.as_ref().map(|it| it.max_count),
        }
    }
}

/// What was seen of it; `None` is what was not asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Observation {
    pub health: Option<Finding>,
    pub heartbeat: Option<Heartbeat>,
    pub queue: Option<Backlog>,
    pub trip: Option<Trip>,
    /// What the check's own job has left behind.
    pub left_behind: Option<String>,
}

impl Observation {
    /// `finding`, and what was left behind, which is a fault however the worker fares.
    pub(super) fn told(&self, finding: Finding) -> Finding {
        let Some(left) = &self.left_behind else {
            return finding;
        };
        let reason = match finding.verdict {
            Verdict::Fail => finding.reason,
            _ => FindingReason::UnexpectedValue,
        };
        Finding::fail(reason, format!("{left}; {}", finding.message))
    }
}

/// The sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heartbeat {
    Missing,
    At(Moment),
}

/// What waits in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Backlog {
    /// How many jobs wait; `None` when the store cannot tell.
    pub depth: Option<u64>,
    /// How long the oldest has waited; `None` when none waits, or it was not asked for.
    pub oldest: Option<Moment>,
    /// How many jobs failed for good.
    pub dead_letters: Option<u64>,
    /// Whether anything was taken from it while it was looked at; `None` when it was looked at once.
    pub moved: Option<bool>,
}

/// How the check's own job fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    /// It was done in this time.
    Done(Duration),
    /// It was not done in the time allowed.
    NotDone(Duration),
    /// The check's timeout left no more than this, which is less than is allowed.
    CutShort(Duration),
}

/// How long the oldest job has waited beyond what it may: what it has, and what it may.
pub(super) fn overdue(queue: &QueueLimits, backlog: &Backlog) -> Option<(Duration, api::Duration)> {
    let longest = queue.max_age?;
    match backlog.oldest {
        Some(Moment::Ago(waited)) if waited > longest.get() => Some((waited, longest)),
        _ => None,
    }
}

impl Thresholds {
    /// Whether the worker shows no life: the words for it, and the reason.
    pub(super) fn down(&self, observation: &Observation) -> Option<(FindingReason, String)> {
        if let Some(health) = &observation.health
            && health.verdict == Verdict::Fail
        {
            return Some((health.reason, health.message.clone()));
        }
        let expected = self.heartbeat.as_ref()?;
        let name = &expected.name;
        let message = match observation.heartbeat? {
            Heartbeat::Missing => format!("{name} is missing"),
            Heartbeat::At(Moment::Ago(age)) if age > expected.max_age.get() => {
                format!("{name} is {} old > {}", readable(age), expected.max_age)
            }
            Heartbeat::At(_) => return None,
        };
        Some((FindingReason::UnexpectedValue, message))
    }

    /// The judgement. What is certain goes before what is open; that it is down before that it processes nothing; and that
    /// before what waits.
    pub(super) fn judge(&self, observation: &Observation) -> Finding {
        if let Some((reason, message)) = self.down(observation) {
            return Finding::fail(reason, format!("the worker is down: {message}"));
        }
        if let Some(message) = self.processes_nothing(observation) {
            let state = if lives(observation) {
                "the worker is up, but processes nothing"
            } else {
                "nothing is processed"
            };
            return Finding::fail(FindingReason::NotProcessing, format!("{state}: {message}"));
        }
        let faults = self.waiting(observation);
        if !faults.is_empty() {
            return Finding::fail(FindingReason::UnexpectedValue, faults.join("; "));
        }
        self.open(observation)
            .unwrap_or_else(|| Finding::pass(seen(observation)))
    }

    fn processes_nothing(&self, observation: &Observation) -> Option<String> {
        if let Some(Trip::NotDone(within)) = observation.trip {
            let within = readable(within);
            return Some(format!(
                "a job of the check's own was not done within {within}"
            ));
        }
        let (queue, backlog) = (self.queue.as_ref()?, observation.queue.as_ref()?);
        let (waited, longest) = overdue(queue, backlog)?;
        (backlog.moved == Some(false)).then(|| {
            let key = &queue.name;
            let waited = readable(waited);
            format!(
                "nothing was taken from {key}, whose oldest job has waited {waited} > {longest}"
            )
        })
    }

    /// What waits, or lies there, beyond what may.
    fn waiting(&self, observation: &Observation) -> Vec<String> {
        let (Some(queue), Some(backlog)) = (&self.queue, &observation.queue) else {
            return Vec::new();
        };
        let key = &queue.name;
        let age = overdue(queue, backlog).map(|(waited, longest)| {
            format!(
                "the oldest job of {key} has waited {} > {longest}",
                readable(waited)
            )
        });
        let over = |value: Option<u64>, most: Option<u64>| {
            let (value, most) = (value?, most?);
            (value > most).then(|| format!("{value} > {most}"))
        };
        let depth = over(backlog.depth, queue.max_depth);
        let dead = over(backlog.dead_letters, queue.most_dead);
        [
            age,
            depth.map(|fault| format!("jobs waiting in {key} are {fault}")),
            dead.map(|fault| format!("dead letters are {fault}")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What keeps it from being told.
    fn open(&self, observation: &Observation) -> Option<Finding> {
        if let Some(health) = &observation.health
            && health.verdict == Verdict::Unknown
        {
            return Some(health.clone());
        }
        let no_data = |message: String| Some(Finding::unknown(FindingReason::NoData, message));
        if let (Some(expected), Some(Heartbeat::At(moment))) =
            (&self.heartbeat, observation.heartbeat)
            && let Some(problem) = unclear(moment)
        {
            return no_data(format!("{} {problem}", expected.name));
        }
        if let (Some(queue), Some(backlog)) = (&self.queue, &observation.queue) {
            let key = &queue.name;
            if backlog.depth.is_none() {
                return no_data(format!(
                    "the store does not tell how many jobs of {key} wait"
                ));
            }
            if queue.max_age.is_some()
                && let Some(problem) = backlog.oldest.and_then(unclear)
            {
                return no_data(format!("the time of the oldest job of {key} {problem}"));
            }
        }
        if let Some(Trip::CutShort(left)) = observation.trip {
            let left = readable(left);
            return no_data(format!(
                "a job of the check's own was not done within the {left} that the check's timeout left"
            ));
        }
        None
    }
}

fn unclear(moment: Moment) -> Option<&'static str> {
    match moment {
        Moment::Ago(_) => None,
        Moment::Ahead => Some("lies in the future"),
        Moment::Unreadable => Some("is no time"),
    }
}

/// Whether there was a sign of life.
fn lives(observation: &Observation) -> bool {
    let healthy = |finding: &Finding| finding.verdict == Verdict::Pass;
    observation.health.as_ref().is_some_and(healthy)
        || matches!(observation.heartbeat, Some(Heartbeat::At(Moment::Ago(_))))
}

fn seen(observation: &Observation) -> String {
    let state = if lives(observation) {
        "up"
    } else {
        "as expected"
    };
    let done = match observation.trip {
        Some(Trip::Done(taken)) => format!(", did a job in {}", readable(taken)),
        _ => String::new(),
    };
    let Some(backlog) = &observation.queue else {
        return format!("{state}{done}");
    };
    match (backlog.depth, backlog.oldest) {
        (Some(0), _) if done.is_empty() => format!("{state}, and has nothing to do"),
        (Some(0), _) => format!("{state}{done}, and has nothing else to do"),
        (Some(depth), Some(Moment::Ago(waited))) => {
            format!(
                "{state}{done}, {depth} waiting, the oldest for {}",
                readable(waited)
            )
        }
        (depth, _) => format!("{state}{done}, {} waiting", depth.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
