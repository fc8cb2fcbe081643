//! What is taken from an answer for the requests after it: pure.

use http::HeaderName;
use regex::bytes::Regex;
use serde_json::Value;

use super::template::{Captured, Values, is_name};
use crate::{
    api,
    checks::{
        http::{json_path::BoundedPath, observation::Observation},
        invalid::InvalidCheck,
        pattern::compile,
        verdict::{Finding, FindingReason},
    },
};

/// The longest value, in bytes.
const LONGEST_VALUE: usize = 1024;

/// The name of the id that every attempt has.
pub(super) const RUN: &str = "run";

/// One value to take.
#[derive(Debug)]
pub(in crate::checks::http) struct Capture {
    name: String,
    source: Source,
    pattern: Option<Regex>,
}

#[derive(Debug)]
enum Source {
    Json(BoundedPath),
    Header(HeaderName),
}

impl Capture {
    /// Compiles it. An error names `field`.
    pub(super) fn new(capture: &api::HttpCapture, field: &str) -> Result<Self, InvalidCheck> {
        let invalid =
            |part: &str, problem: String| InvalidCheck::new(format!("{field}{part}"), problem);
        if !is_name(&capture.name) || capture.name == RUN {
            let problem = "is not a name of letters, digits and _, or is run, the attempt's id";
            return Err(invalid(".name", problem.to_owned()));
        }
        let source = match (&capture.json, &capture.header) {
            (Some(path), None) => {
                Source::Json(BoundedPath::parse(path).map_err(|problem| invalid(".json", problem))?)
            }
            (None, Some(name)) => Source::Header(
                name.parse()
                    .map_err(|_| invalid(".header", "is not the name of a header".to_owned()))?,
            ),
            _ => {
                let problem = "exactly one of json, header must be set";
                return Err(invalid("", problem.to_owned()));
            }
        };
        let field = format!("{field}.matches");
        let pattern = capture.matches.as_deref();
        let pattern = pattern
            .map(|pattern| compile(pattern, &field))
            .transpose()?;
        // The whole match counts as a group.
        if pattern.as_ref().is_some_and(|it| it.captures_len() > 2) {
            return Err(InvalidCheck::new(field, "has more than one group"));
        }
        Ok(Self {
            name: capture.name.clone(),
            source,
            pattern,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::checks::http) const fn reads_the_body(&self) -> bool {
        matches!(self.source, Source::Json(_))
    }

    fn take(&self, answer: &Observation, document: Option<&Value>) -> Result<Captured, String> {
        let value = match &self.source {
            Source::Json(path) => of_document(path, document)?,
            Source::Header(name) => {
                let value = answer.headers.get(name);
                let value = value.ok_or_else(|| format!("header {name} is missing"))?;
                Captured::string(
                    value
                        .to_str()
                        .map_err(|_| format!("header {name} holds more than ASCII"))?,
                )
            }
        };
        let value = match &self.pattern {
            Some(pattern) => found(pattern, &value.text)
                .ok_or_else(|| format!("what {} is captured from does not match", self.name))?,
            None => value,
        };
        if value.text.is_empty() || value.text.len() > LONGEST_VALUE {
            return Err(format!(
                "what is captured as {} is empty, or longer than {LONGEST_VALUE} bytes",
                self.name
            ));
        }
        Ok(value)
    }

    const fn reason(&self) -> FindingReason {
        match self.source {
            Source::Json(_) => FindingReason::UnexpectedBody,
            Source::Header(_) => FindingReason::UnexpectedHeader,
        }
    }
}

/// Adds to `values` what can be taken, and says what cannot.
pub(in crate::checks::http) fn take_all(
    captures: &[Capture],
    answer: &Observation,
    values: &mut Values,
) -> Result<(), Finding> {
    let body = captures
        .iter()
        .any(Capture::reads_the_body)
        .then(|| answer.body.whole())
        .flatten();
    let document: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
    let mut missing = Ok(());
    for capture in captures {
        match capture.take(answer, document.as_ref()) {
            Ok(value) => {
                values.insert(capture.name.clone(), value);
            }
            Err(problem) => missing = missing.and(Err(Finding::fail(capture.reason(), problem))),
        }
    }
    missing
}

fn of_document(path: &BoundedPath, document: Option<&Value>) -> Result<Captured, String> {
    let Some(document) = document else {
        return Err("the body cannot be read as JSON".to_owned());
    };
    let shown = path.as_str();
    let value = match path.select(document)[..] {
        [value] => value,
        [] => return Err(format!("{shown} is missing")),
        ref several => {
            let count = several.len();
            return Err(format!(
                "{shown} selects {count} values, where one is captured"
            ));
        }
    };
    let bare = |text: String| Captured {
        text,
        is_string: false,
    };
    match value {
        Value::String(text) => Ok(Captured::string(text)),
        Value::Bool(truth) => Ok(bare(truth.to_string())),
        // What is beyond 64 bits was rounded when it was read, and would be another id.
        Value::Number(number) if !number.is_f64() => Ok(bare(number.to_string())),
        _ => Err(format!(
            "{shown} is neither a string, a whole number of 64 bits nor a boolean"
        )),
    }
}

fn found(pattern: &Regex, text: &str) -> Option<Captured> {
    let groups = pattern.captures(text.as_bytes())?;
    let group = groups.get(pattern.captures_len() - 1)?;
    String::from_utf8(group.as_bytes().to_vec())
        .ok()
        .map(Captured::string)
}
