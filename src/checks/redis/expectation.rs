//! What a Redis server must hold, and the judgement on what it holds.

use super::info::{Info, Replica};
use crate::{
    api::{self, RedisOperator, RedisRole},
    checks::{
        invalid::InvalidCheck,
        net::Target,
        verdict::{Finding, FindingReason, printable, readable},
    },
};

const MOST_KEYS: usize = 16;
const LONGEST_KEY: usize = 256;

/// The most of a key that a message shows, in bytes.
const SHOWN_KEY: usize = 64;

/// What the server must hold.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    pub(super) keys: Vec<api::RedisKey>,
    max_memory_percent: Option<u8>,
    replication: Option<api::RedisReplication>,
}

/// What the server holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Observation {
    /// How long the value of each key is, in their order; `None` where there is none.
    pub lengths: Vec<Option<u64>>,
    /// What it says of itself.
    pub info: Info,
}

impl Expectation {
    pub(super) fn new(check: &api::RedisCheck) -> Result<Self, InvalidCheck> {
        let invalid =
            |field: &str, problem: &str| Err(InvalidCheck::new(format!("redis.{field}"), problem));
        if check.keys.len() > MOST_KEYS {
            return invalid("keys", "names more than 16 keys");
        }
        if check
            .keys
            .iter()
            .any(|it| it.key.is_empty() || it.key.len() > LONGEST_KEY)
        {
            return invalid("keys", "has a key that is empty or longer than 256 bytes");
        }
        if check
            .max_memory_percent
            .is_some_and(|it| !(1..=100).contains(&it))
        {
            return invalid("maxMemoryPercent", "is not between 1 and 100");
        }
        if let Some(replication) = &check.replication
            && replication.role == RedisRole::Replica
            && replication.min_replicas.is_some()
        {
            return invalid("replication.minReplicas", "is of role Primary only");
        }
        Ok(Self {
            keys: check.keys.clone(),
            max_memory_percent: check.max_memory_percent,
            replication: check.replication,
        })
    }

    /// The sections of `INFO` that must be asked for.
    pub(super) fn sections(&self) -> Vec<&'static str> {
        let memory = self.max_memory_percent.map(|_| "memory");
        let replication = self.replication.map(|_| "replication");
        memory.into_iter().chain(replication).collect()
    }

    /// Every fault counts: the first that is certain is said, or else the first that leaves the check unknown.
    pub(super) fn judge(&self, observation: &Observation, target: &Target) -> Finding {
        let keys = self.keys.iter().zip(&observation.lengths);
        let faults = keys
            .filter_map(|(key, length)| key_fault(key, *length))
            .map(Fault::Certain)
            .chain(self.memory_fault(&observation.info))
            .chain(self.replication_fault(&observation.info));
        let (mut certain, mut unclear) = (Vec::new(), Vec::new());
        for fault in faults {
            match fault {
                Fault::Certain(text) => certain.push(text),
                Fault::Unclear(text) => unclear.push(text),
            }
        }
        if !certain.is_empty() {
            let message = format!("{target}: {}", certain.join("; "));
            return Finding::fail(FindingReason::UnexpectedValue, message);
        }
        if !unclear.is_empty() {
            let message = format!("{target}: {}", unclear.join("; "));
            return Finding::unknown(FindingReason::NoData, message);
        }
        Finding::pass(self.seen())
    }

    fn seen(&self) -> String {
        let mut seen = "answered".to_owned();
        if !self.keys.is_empty() {
            seen.push_str(", keys as expected");
        }
        if self.max_memory_percent.is_some() {
            seen.push_str(", memory as expected");
        }
        if self.replication.is_some() {
            seen.push_str(", replication as expected");
        }
        seen
    }

    fn memory_fault(&self, info: &Info) -> Option<Fault> {
        let threshold = self.max_memory_percent?;
        let (used, most) = match (info.used_memory, info.max_memory) {
            (Some(_), Some(0)) => {
                return Some(Fault::Unclear("maxmemory is not set".to_owned()));
            }
            (Some(used), Some(most)) => (used, most),
            _ => return Some(Fault::Unclear("it does not tell its memory".to_owned())),
        };
        let over = u128::from(used) * 100 > u128::from(most) * u128::from(threshold);
        over.then(|| {
            let tenths = u128::from(used) * 1000 / u128::from(most);
            Fault::Certain(format!(
                "memory is {}.{}% of maxmemory > {threshold}%",
                tenths / 10,
                tenths % 10
            ))
        })
    }

    fn replication_fault(&self, info: &Info) -> Option<Fault> {
        let wanted = self.replication?;
        let Some(is_replica) = info.is_replica else {
            return Some(Fault::Unclear("it does not tell its role".to_owned()));
        };
        match (wanted.role, is_replica) {
            (RedisRole::Primary, true) => Some(Fault::Certain(
                "role is Replica, expected Primary".to_owned(),
            )),
            (RedisRole::Replica, false) => Some(Fault::Certain(
                "role is Primary, expected Replica".to_owned(),
            )),
            (RedisRole::Primary, false) => replicas_fault(&wanted, info),
            (RedisRole::Replica, true) => link_fault(&wanted, info),
        }
    }
}

enum Fault {
    Certain(String),
    Unclear(String),
}

fn key_fault(expected: &api::RedisKey, length: Option<u64>) -> Option<String> {
    let key = printable(&expected.key, SHOWN_KEY);
    match expected.length {
        None => length.is_none().then(|| format!("key {key} is missing")),
        Some(threshold) => count_fault(threshold, length.unwrap_or(0))
            .map(|fault| format!("length of {key} is {fault}")),
    }
}

/// Value, operator, threshold, where the value does not hold.
fn count_fault(expected: api::RedisLength, value: u64) -> Option<String> {
    let api::RedisLength {
        operator,
        value: threshold,
    } = expected;
    let (holds, opposite) = match operator {
        RedisOperator::Equals => (value == threshold, "!="),
        RedisOperator::NotEquals => (value != threshold, "="),
        RedisOperator::LessThan => (value < threshold, ">="),
        RedisOperator::AtMost => (value <= threshold, ">"),
        RedisOperator::GreaterThan => (value > threshold, "<="),
        RedisOperator::AtLeast => (value >= threshold, "<"),
    };
    (!holds).then(|| format!("{value} {opposite} {threshold}"))
}

fn replicas_fault(wanted: &api::RedisReplication, info: &Info) -> Option<Fault> {
    let fewest = wanted.min_replicas?;
    let counts = |replica: &&Replica| match (wanted.max_lag, replica.heard) {
        (None, _) => true,
        (Some(longest), Some(heard)) => heard <= longest.get(),
        (Some(_), None) => false,
    };
    let online = info.replicas.iter().filter(counts).count();
    (online < usize::from(fewest))
        .then(|| Fault::Certain(format!("replicas online are {online} < {fewest}")))
}

fn link_fault(wanted: &api::RedisReplication, info: &Info) -> Option<Fault> {
    match info.link_up {
        None => return Some(Fault::Unclear("it does not tell its link".to_owned())),
        Some(false) => {
            let fault = "the link to its primary is down, expected up";
            return Some(Fault::Certain(fault.to_owned()));
        }
        Some(true) => {}
    }
    let longest = wanted.max_lag?;
    match info.heard {
        None => Some(Fault::Unclear("it does not tell its lag".to_owned())),
        Some(heard) => (heard > longest.get()).then(|| {
            let heard = readable(heard);
            Fault::Certain(format!("heard of its primary {heard} ago > {longest}"))
        }),
    }
}

#[cfg(test)]
mod tests;
