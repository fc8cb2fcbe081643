//! Lines that services and databases wrote.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{control::ControlError, world::World};

/// The newest lines that are kept, over all resources.
const CAPACITY: usize = 10_000;

/// The longest line, in bytes.
const MAXIMUM_LINE: usize = 1 << 16;

/// A line to add to a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLine {
    /// The text.
    pub message: String,
    /// Its level. Default: `info`.
    #[serde(default)]
    pub level: Option<String>,
    /// Its type: `app`, `build`, `request` … Default: `app`.
    #[serde(default)]
    pub r#type: Option<String>,
    /// The instance that wrote it. Default: none.
    #[serde(default)]
    pub instance: Option<String>,
    /// When it was written. Default: now.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) resource: String,
    pub(super) at: Timestamp,
    pub(super) message: String,
    pub(super) level: String,
    pub(super) r#type: String,
    pub(super) instance: Option<String>,
}

/// The lines, oldest first. No two have the same time, so that a window of time never cuts between two of one time.
#[derive(Debug, Default)]
pub(super) struct Logs {
    lines: VecDeque<Line>,
}

impl Logs {
    pub(super) fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// Puts a line in its place, a microsecond later for each line that is there already.
    fn add(&mut self, mut line: Line) {
        let mut place = self.lines.partition_point(|other| other.at < line.at);
        while self
            .lines
            .get(place)
            .is_some_and(|other| other.at == line.at)
        {
            line.at += SignedDuration::from_micros(1);
            place += 1;
        }
        self.lines.insert(place, line);
        if self.lines.len() > CAPACITY {
            self.lines.pop_front();
        }
    }
}

impl World {
    /// Adds lines to the log of a service or database. The ledger says nothing of them.
    pub(super) fn add_lines(
        &mut self,
        wanted: &str,
        lines: &[NewLine],
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let (resource, _) = self.resource(wanted)?;
        if lines.iter().any(|line| line.message.len() > MAXIMUM_LINE) {
            return Err(ControlError::Invalid("a line of more than 64 KiB"));
        }
        for new in lines {
            let line = Line {
                id: self.identities.next("log"),
                resource: resource.clone(),
                at: new.at.unwrap_or(now),
                message: new.message.clone(),
                level: new.level.clone().unwrap_or_else(|| "info".to_owned()),
                r#type: new.r#type.clone().unwrap_or_else(|| "app".to_owned()),
                instance: new.instance.clone(),
            };
            self.logs.add(line);
        }
        Ok(())
    }
}
