//! What an answer must be, and the judgement on it: pure.

use std::{ops::RangeInclusive, time::Duration};

use http::{HeaderMap, HeaderName, header};
use regex::bytes::{Regex, RegexBuilder};

use super::{
    body::{Body, LONGEST_BODY, Reading},
    json::JsonAssertion,
};
use crate::{
    api::{self, HeaderExpectation, HttpExpectation},
    checks::{
        invalid::InvalidCheck,
        verdict::{Finding, FindingReason, readable},
    },
};

const MOST_ENTRIES: usize = 16;
const LONGEST_PATTERN: usize = 1024;

/// Memory of one compiled expression, and of the automaton that it builds while it runs, in bytes.
const PATTERN_MEMORY: usize = 1024 * 1024;

/// A compiled expectation.
pub(super) struct Expectation {
    statuses: Vec<RangeInclusive<u16>>,
    headers: Vec<HeaderAssertion>,
    pattern: Option<Regex>,
    json: Vec<JsonAssertion>,
    max_latency: Option<api::Duration>,
}

struct HeaderAssertion {
    name: HeaderName,
    matches: Option<Regex>,
}

/// What one request brought.
pub(super) struct Observation {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// From the start of the first request to the end of the last body.
    pub(super) elapsed: Duration,
}

impl Expectation {
    pub(super) fn new(expect: &HttpExpectation) -> Result<Self, InvalidCheck> {
        for (field, length) in [
            ("status", expect.status.len()),
            ("headers", expect.headers.len()),
            ("json", expect.json.len()),
        ] {
            if length > MOST_ENTRIES {
                return Err(InvalidCheck::new(
                    format!("http.expect.{field}"),
                    format!("has more than {MOST_ENTRIES} entries"),
                ));
            }
        }
        let pattern = expect.body_matches.as_deref();
        Ok(Self {
            statuses: statuses(&expect.status)?,
            headers: expect
                .headers
                .iter()
                .enumerate()
                .map(|(place, header)| HeaderAssertion::new(place, header))
                .collect::<Result<_, _>>()?,
            pattern: pattern
                .map(|pattern| compile(pattern, "http.expect.bodyMatches"))
                .transpose()?,
            json: expect
                .json
                .iter()
                .enumerate()
                .map(|(place, expected)| JsonAssertion::new(place, expected))
                .collect::<Result<_, _>>()?,
            max_latency: expect.max_latency,
        })
    }

    /// What the body has to be read for.
    pub(super) fn reading(&self) -> Reading {
        if self.pattern.is_some() || !self.json.is_empty() {
            Reading::Content
        } else if self.max_latency.is_some() {
            Reading::Time
        } else {
            Reading::Nothing
        }
    }

    /// The judgement: the reason is that of the first thing that does not hold, the message names all of them.
    pub(super) fn judge(&self, observation: &Observation) -> Finding {
        let mut faults = Vec::new();
        faults.extend(self.status_fault(observation));
        faults.extend(self.header_faults(observation));
        // The body of an error page says nothing about the body that was expected.
        if faults.is_empty() {
            faults.extend(self.body_faults(observation));
        }
        faults.extend(self.latency_fault(observation));
        let Some((reason, _)) = faults.first() else {
            return Finding::pass(format!("status {}", observation.status));
        };
        let messages: Vec<&str> = faults.iter().map(|(_, message)| message.as_str()).collect();
        Finding::fail(*reason, messages.join("; "))
    }

    fn status_fault(&self, observation: &Observation) -> Option<(FindingReason, String)> {
        let status = observation.status;
        if self.statuses.iter().any(|range| range.contains(&status)) {
            return None;
        }
        let ranges: Vec<String> = self.statuses.iter().map(shown).collect();
        Some((
            FindingReason::UnexpectedStatus,
            format!("status {status}, expected {}", ranges.join(", ")),
        ))
    }

    fn header_faults(&self, observation: &Observation) -> Vec<(FindingReason, String)> {
        let faults = self.headers.iter().filter_map(|expected| {
            let mut values = observation
                .headers
                .get_all(&expected.name)
                .iter()
                .peekable();
            let message = if values.peek().is_none() {
                format!("header {} is missing", expected.name)
            } else {
                let matches = expected.matches.as_ref()?;
                if values.any(|value| matches.is_match(value.as_bytes())) {
                    return None;
                }
                format!("header {} has another value", expected.name)
            };
            Some((FindingReason::UnexpectedHeader, message))
        });
        faults.collect()
    }

    fn body_faults(&self, observation: &Observation) -> Vec<(FindingReason, String)> {
        let fault = |message: String| vec![(FindingReason::UnexpectedBody, message)];
        if self.reading() != Reading::Content {
            return Vec::new();
        }
        if let Some(encoding) = encoding(&observation.headers) {
            return fault(format!(
                "the body is encoded as {encoding}, though nothing asked for it"
            ));
        }
        let Body::Whole(body) = &observation.body else {
            return fault(format!(
                "the body is longer than {} MiB",
                LONGEST_BODY >> 20
            ));
        };
        let mut messages = Vec::new();
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(body)
        {
            messages.push(format!("the body does not match {pattern}"));
        }
        messages.extend(JsonAssertion::judge_all(&self.json, body));
        messages
            .into_iter()
            .map(|message| (FindingReason::UnexpectedBody, message))
            .collect()
    }

    fn latency_fault(&self, observation: &Observation) -> Option<(FindingReason, String)> {
        let longest = self.max_latency?;
        (observation.elapsed > longest.get()).then(|| {
            let taken = readable(observation.elapsed);
            (
                FindingReason::TooSlow,
                format!("answered in {taken}, over {longest}"),
            )
        })
    }
}

impl HeaderAssertion {
    fn new(place: usize, expected: &HeaderExpectation) -> Result<Self, InvalidCheck> {
        let field = format!("http.expect.headers[{place}]");
        Ok(Self {
            name: expected.name.parse().map_err(|_| {
                InvalidCheck::new(format!("{field}.name"), "is not the name of a header")
            })?,
            matches: expected
                .matches
                .as_deref()
                .map(|pattern| compile(pattern, &format!("{field}.matches")))
                .transpose()?,
        })
    }
}

fn compile(pattern: &str, field: &str) -> Result<Regex, InvalidCheck> {
    if pattern.len() > LONGEST_PATTERN {
        return Err(InvalidCheck::new(
            field,
            format!("is longer than {LONGEST_PATTERN} bytes"),
        ));
    }
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_MEMORY)
        .dfa_size_limit(PATTERN_MEMORY)
        .build()
        .map_err(|error| InvalidCheck::new(field, explain(&error)))
}

/// The last line of the error; those before it draw the expression.
fn explain(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "needs too much memory".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!(
                "is not a regular expression: {}",
                last.trim_start_matches("error: ")
            )
        }
    }
}

fn statuses(texts: &[String]) -> Result<Vec<RangeInclusive<u16>>, InvalidCheck> {
    if texts.is_empty() {
        return Ok(vec![200..=299]);
    }
    texts
        .iter()
        .enumerate()
        .map(|(place, text)| {
            range(text).ok_or_else(|| {
                InvalidCheck::new(
                    format!("http.expect.status[{place}]"),
                    "is neither a status (204) nor a range of statuses (200-299)",
                )
            })
        })
        .collect()
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let status = |text: &str| {
        let status: u16 = (text.len() == 3).then(|| text.parse().ok())??;
        (100..=599).contains(&status).then_some(status)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some(first..=last)
}

fn shown(range: &RangeInclusive<u16>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{}-{}", range.start(), range.end())
    }
}

/// The encoding of a body, when it has one. A word that is not a known encoding could be anything, and is not shown.
fn encoding(headers: &HeaderMap) -> Option<&'static str> {
    let value = headers.get(header::CONTENT_ENCODING)?;
    let value = value
        .to_str()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if value.is_empty() || value == "identity" {
        return None;
    }
    ["gzip", "br", "zstd", "deflate", "compress"]
        .into_iter()
        .find(|known| *known == value)
        .or(Some("something unknown"))
}
