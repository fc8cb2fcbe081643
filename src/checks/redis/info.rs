//! What a server says of itself: the answer to `INFO`.

use std::time::Duration;

/// More replicas than any primary has; lines beyond them are not looked at.
const MOST_REPLICAS: usize = 64;

/// What `INFO memory` and `INFO replication` say, as far as checks ask; `None` is what they leave out or say in other words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    /// Memory in use, in bytes.
    pub used_memory: Option<u64>,
    /// The most memory that it may use, in bytes; 0 is no bound.
    pub max_memory: Option<u64>,
    /// `master` or `slave`.
    pub is_replica: Option<bool>,
    /// Whether a replica's link to its primary is up.
    pub link_up: Option<bool>,
    /// The time since a replica heard of its primary.
    pub heard: Option<Duration>,
    /// The replicas that are online.
    pub replicas: Vec<Replica>,
}

/// A replica that is online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replica {
    /// The time since it was heard of.
    pub heard: Option<Duration>,
}

impl Info {
    /// Reads `name:value` lines; whatever it does not know is skipped.
    pub(super) fn parse(text: &str) -> Self {
        let mut info = Self::default();
        for line in text.lines() {
            if let Some((name, value)) = line.split_once(':') {
                info.note(name, value.trim_end());
            }
        }
        info
    }

    fn note(&mut self, name: &str, value: &str) {
        match name {
            "used_memory" => self.used_memory = value.parse().ok(),
            "maxmemory" => self.max_memory = value.parse().ok(),
            "role" => self.is_replica = either(value, "slave", "master"),
            "master_link_status" => self.link_up = either(value, "up", "down"),
            // -1 while the link is down.
            "master_last_io_seconds_ago" => self.heard = seconds(value),
            _ => {
                let is_replica = name
                    .strip_prefix("slave")
                    .is_some_and(|rest| rest.parse::<u16>().is_ok());
                if is_replica && self.replicas.len() < MOST_REPLICAS {
                    self.replicas.extend(online(value));
                }
            }
        }
    }
}

fn either(value: &str, yes: &str, no: &str) -> Option<bool> {
    match value {
        _ if value == yes => Some(true),
        _ if value == no => Some(false),
        _ => None,
    }
}

fn seconds(value: &str) -> Option<Duration> {
    value.parse().ok().map(Duration::from_secs)
}

/// The replica of a line, if it is online: `ip=10.0.0.7,port=6379,state=online,offset=14,lag=1`.
fn online(value: &str) -> Option<Replica> {
    let field = |wanted: &str| {
        value.split(',').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name == wanted).then_some(value)
        })
    };
    (field("state") == Some("online")).then(|| Replica {
        heard: field("lag").and_then(seconds),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_redis_says_of_itself_is_read() {
        let text = "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:0\r\n\
            # Replication\r\nrole:master\r\nconnected_slaves:3\r\n\
            slave0:ip=10.0.0.7,port=6379,state=online,offset=14,lag=1\r\n\
            slave1:ip=10.0.0.8,port=6379,state=wait_bgsave,offset=0,lag=0\r\n\
            slave2:ip=10.0.0.9,port=6379,state=online,offset=14,lag=x\r\n";
        let info = Info::parse(text);
        let expected = Info {
            used_memory: Some(1_048_576),
            max_memory: Some(0),
            is_replica: Some(false),
            replicas: [Some(Duration::from_secs(1)), None]
                .map(|heard| Replica { heard })
                .to_vec(),
            ..Info::default()
        };
        assert_eq!(info, expected);
        let replica = Info::parse(
            "role:slave\r\nmaster_link_status:down\r\nmaster_last_io_seconds_ago:-1\r\n",
        );
        assert_eq!(replica.is_replica, Some(true));
        assert_eq!(replica.link_up, Some(false));
        assert_eq!(replica.heard, None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic_and_within_a_bound(
            text in "((slave[0-9]{0,6}|role|used_memory|maxmemory|\\PC{0,8}):(state=online,lag=[0-9]{0,24}|\\PC{0,16})\r?\n){0,200}"
        ) {
            prop_assert!(Info::parse(&text).replicas.len() <= MOST_REPLICAS);
        }
    }

    #[test]
    fn no_answer_breaks_the_reader() {
        crate::fuzz::hold_text("redis_info", |text| {
            assert!(Info::parse(text).replicas.len() <= MOST_REPLICAS);
        });
    }
}
