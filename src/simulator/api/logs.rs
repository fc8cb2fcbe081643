//! `/logs`: what services and databases wrote.

use jiff::{SignedDuration, Timestamp};
use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};

use super::{Asked, not_found, owners};
use crate::simulator::{
    answer::{Answer, Refusal},
    logs::Line,
    paging::Page,
    query::{Query, invalid},
    world::World,
};

/// How far back the lines reach when the call does not say.
const DEFAULT_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The longest pattern, compiled, in bytes.
const MAXIMUM_PATTERN: usize = 1 << 20;

/// Labels that no simulated line has: whoever filters by one of them finds nothing.
const ABSENT: [&str; 6] = ["host", "statusCode", "method", "path", "task", "taskRun"];

/// A window of time, with both ends.
#[derive(Debug, Clone, Copy)]
struct Window {
    starts: Timestamp,
    ends: Timestamp,
    backward: bool,
}

/// `GET /logs`. One turns the page by asking again with the next times of the answer.
pub(super) fn list(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let query = &asked.query;
    let limit = Page::limit(query)?;
    let resources = resources(world, asked)?;
    let window = Window::of(query, asked.now)?;
    let filter = Filter::of(query)?;
    let within = world.logs.lines().filter(|line| {
        (window.starts..=window.ends).contains(&line.at)
            && resources.contains(&line.resource)
            && filter.admits(line)
    });
    let mut lines: Vec<&Line> = if window.backward {
        within.rev().take(limit + 1).collect()
    } else {
        within.take(limit + 1).collect()
    };
    let has_more = lines.len() > limit;
    lines.truncate(limit);
    let next = match lines.last() {
        Some(last) if has_more => window.beyond(last.at),
        _ => window,
    };
    Ok(Answer::ok(json!({
        "hasMore": has_more,
        "nextStartTime": next.starts,
        "nextEndTime": next.ends,
        "logs": lines.into_iter().map(written).collect::<Vec<_>>(),
    })))
}

/// The resources that are asked for, all of the workspace that is named.
fn resources(world: &World, asked: &Asked<'_>) -> Result<Vec<String>, Refusal> {
    let owner = asked.query.single("ownerId")?;
    let owner = owner.ok_or_else(|| invalid("ownerId is required"))?;
    owners::get(world, &asked.reach, owner)?;
    let wanted = asked.query.repeated("resource");
    if wanted.is_empty() {
        return Err(invalid("resource is required"));
    }
    for id in wanted {
        let found = world.resource(id).ok();
        let (known, of) = found.ok_or_else(|| not_found("resource", id))?;
        if known != *id || of != owner {
            return Err(not_found("resource", id));
        }
    }
    Ok(wanted.to_vec())
}

impl Window {
    fn of(query: &Query, now: Timestamp) -> Result<Self, Refusal> {
        let ends = query.time("endTime")?.unwrap_or(now);
        let starts = query.time("startTime")?.unwrap_or(now - DEFAULT_WINDOW);
        if starts > ends {
            return Err(invalid("startTime is after endTime"));
        }
        let backward = match query.single("direction")? {
            None | Some("backward") => true,
            Some("forward") => false,
            Some(_) => return Err(invalid("direction is neither backward nor forward")),
        };
        Ok(Self {
            starts,
            ends,
            backward,
        })
    }

    /// What is left of the window behind a line that was seen.
    fn beyond(self, line: Timestamp) -> Self {
        let step = SignedDuration::from_nanos(1);
        if self.backward {
            let ends = line.checked_sub(step).unwrap_or(line);
            Self { ends, ..self }
        } else {
            let starts = line.checked_add(step).unwrap_or(line);
            Self { starts, ..self }
        }
    }
}

/// What a line has to be; an empty list admits all.
#[derive(Debug)]
struct Filter {
    texts: Vec<Regex>,
    levels: Vec<Regex>,
    types: Vec<Regex>,
    instances: Vec<Regex>,
    nothing: bool,
}

impl Filter {
    fn of(query: &Query) -> Result<Self, Refusal> {
        let patterns = |name: &str, whole: bool| {
            let values = query.repeated(name).iter();
            values
                .map(|value| pattern(value, whole))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            texts: patterns("text", false)?,
            levels: patterns("level", true)?,
            types: patterns("type", true)?,
            instances: patterns("instance", true)?,
            nothing: ABSENT.iter().any(|name| !query.repeated(name).is_empty()),
        })
    }

    fn admits(&self, line: &Line) -> bool {
        let one_of = |patterns: &[Regex], own: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_match(own))
        };
        !self.nothing
            && one_of(&self.texts, &line.message)
            && one_of(&self.levels, &line.level)
            && one_of(&self.types, &line.r#type)
            && one_of(
                &self.instances,
                line.instance.as_deref().unwrap_or_default(),
            )
    }
}

/// A regular expression between slashes, or a text in which an asterisk stands for anything.
fn pattern(text: &str, whole: bool) -> Result<Regex, Refusal> {
    let inner = text
        .strip_prefix('/')
        .and_then(|text| text.strip_suffix('/'));
    let expression = inner.map_or_else(|| wildcards(text, whole), str::to_owned);
    RegexBuilder::new(&expression)
        .size_limit(MAXIMUM_PATTERN)
        .build()
        .map_err(|_| invalid("a filter is no pattern"))
}

fn wildcards(text: &str, whole: bool) -> String {
    let parts: Vec<String> = text.split('*').map(regex::escape).collect();
    let joined = parts.join(".*");
    if whole { format!("^{joined}$") } else { joined }
}

fn written(line: &Line) -> Value {
    let mut labels = vec![
        json!({"name": "resource", "value": line.resource}),
        json!({"name": "level", "value": line.level}),
        json!({"name": "type", "value": line.r#type}),
    ];
    if let Some(instance) = &line.instance {
        labels.push(json!({"name": "instance", "value": instance}));
    }
    json!({
        "id": line.id,
        "message": line.message,
        "timestamp": line.at,
        "labels": labels,
    })
}
