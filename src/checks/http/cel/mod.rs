//! CEL expressions over an answer, within a bound of work that is worked out before anything is evaluated.

mod cost;
mod document;

use std::time::Duration;

use cel::{
    Context, ExecutionError, Value,
    common::types::CelBool,
    parser::{Expression, Parser},
};
use http::HeaderMap;

use self::{
    cost::{Extent, Vocabulary},
    document::{Tally, header_values, json_value},
};
use crate::checks::{invalid::InvalidCheck, verdict::printable};

/// What an expression can speak of.
const VARIABLES: [&str; 5] = ["status", "headers", "json", "body", "latency"];

const MOST_EXPRESSIONS: usize = 8;
const LONGEST_EXPRESSION: usize = 1024;

/// How deep brackets may lie in each other, and how much operators may weigh together: parser and interpreter call
/// themselves for each, and a stack has an end.
const DEEPEST_BRACKETS: usize = 8;
const HEAVIEST_OPERATORS: usize = 64;

/// The most work of all expressions on one answer, in steps of the interpreter: well under a second.
const MOST_WORK: u64 = 1_000_000;

/// Compiled expressions, each of which must be true.
pub(super) struct CelAssertions(Vec<CelAssertion>);

struct CelAssertion {
    text: String,
    expression: Expression,
    vocabulary: Vocabulary,
}

/// What the expressions are held against.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    /// Empty, unless an expression speaks of it.
    pub(super) body: &'a [u8],
    pub(super) elapsed: Duration,
}

/// What the expressions say together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// What does not hold, in words; nothing when everything does.
    Told(Vec<String>),
    /// To tell would take too much work; the words for it.
    Costly(String),
}

impl CelAssertions {
    pub(super) fn new(texts: &[String]) -> Result<Self, InvalidCheck> {
        if texts.len() > MOST_EXPRESSIONS {
            return Err(InvalidCheck::new(
                "http.expect.cel",
                format!("has more than {MOST_EXPRESSIONS} entries"),
            ));
        }
        let assertions = texts.iter().enumerate().map(|(place, text)| {
            CelAssertion::new(text)
                .map_err(|problem| InvalidCheck::new(format!("http.expect.cel[{place}]"), problem))
        });
        assertions.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an expression speaks of the body.
    pub(super) fn read_the_body(&self) -> bool {
        self.speak_of("body") || self.speak_of("json")
    }

    /// The judgement on an answer: pure, and bounded in time and memory.
    pub(super) fn judge(&self, answer: &Answer<'_>) -> Judgement {
        let mut tally = Tally::default();
        let mut context = Context::default();
        context.add_variable_from_value("status", i64::from(answer.status));
        let latency = i64::try_from(answer.elapsed.as_millis()).unwrap_or(i64::MAX);
        context.add_variable_from_value("latency", latency);
        let headers = header_values(answer.headers, &mut tally);
        context.add_variable_from_value("headers", headers);
        if self.speak_of("body") {
            let Ok(text) = std::str::from_utf8(answer.body) else {
                return Judgement::Told(vec!["the body is not UTF-8".to_owned()]);
            };
            tally.text(text);
            context.add_variable_from_value("body", text.to_owned());
        }
        if self.speak_of("json") {
            match serde_json::from_slice(answer.body) {
                Ok(document) => {
                    context.add_variable_from_value("json", json_value(document, &mut tally));
                }
                Err(error) => {
                    return Judgement::Told(vec![format!(
                        "the body cannot be read as JSON (line {}, column {})",
                        error.line(),
                        error.column()
                    )]);
                }
            }
        }
        let extent = Extent::from(tally);
        let work = self.0.iter().fold(0_u64, |work, assertion| {
            work.saturating_add(cost::work(&assertion.expression, extent))
        });
        if work > MOST_WORK {
            return Judgement::Costly(format!(
                "the expressions may take {work} steps on this answer, over {MOST_WORK}"
            ));
        }
        let faults = self.0.iter().filter_map(|it| it.fault(&context));
        Judgement::Told(faults.collect())
    }

    fn speak_of(&self, variable: &str) -> bool {
        self.0
            .iter()
            .any(|it| it.vocabulary.variables.contains(variable))
    }
}

impl CelAssertion {
    fn new(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_EXPRESSION {
            return Err(format!("is longer than {LONGEST_EXPRESSION} bytes"));
        }
        is_flat_enough(text)?;
        let expression = Parser::new()
            .parse(text)
            .map_err(|errors| explain(&errors))?;
        let vocabulary = Vocabulary::of(&expression)?;
        if let Some(unknown) = vocabulary
            .variables
            .iter()
            .find(|name| !VARIABLES.contains(&name.as_str()))
        {
            let known = VARIABLES.join(", ");
            return Err(format!("speaks of {unknown}; there are {known}"));
        }
        Ok(Self {
            text: text.to_owned(),
            expression,
            vocabulary,
        })
    }

    fn fault(&self, context: &Context<'_, '_>) -> Option<String> {
        let text = &self.text;
        match Value::resolve_val(&self.expression, context) {
            Ok(value) => match value.downcast_ref::<CelBool>().map(|truth| *truth.inner()) {
                Some(true) => None,
                Some(false) => Some(format!("{text} is false")),
                None => Some(format!("{text} is neither true nor false")),
            },
            Err(error) => Some(format!("{text} cannot be evaluated: {}", trouble(&error))),
        }
    }
}

/// What an error of the interpreter amounts to. Its own words hold the values, which could be anything, secrets included.
fn trouble(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::NoSuchKey(_) => "a key is missing",
        ExecutionError::IndexOutOfBounds(_) => "a list is too short",
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero"
        }
        ExecutionError::Overflow(..) => "a number is too large",
        ExecutionError::FunctionError { .. } => "a function cannot take its argument",
        _ => "a value is of another type than it needs",
    }
}

/// Holds the text against the bounds of brackets and operators; those within strings count too.
fn is_flat_enough(text: &str) -> Result<(), String> {
    let mut depth = 0_usize;
    let mut operators = 0_usize;
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            // Chains of these nest deepest, and take tens of kilobytes of stack for each link.
            '+' | '-' | '*' | '/' | '%' | '?' => operators += 4,
            '<' | '>' | '=' => operators += 2,
            '.' | '!' | '&' | '|' => operators += 1,
            _ => {}
        }
        if depth > DEEPEST_BRACKETS {
            return Err(format!("has brackets more than {DEEPEST_BRACKETS} deep"));
        }
    }
    if operators > HEAVIEST_OPERATORS {
        return Err("has too many operators: split it into several expressions".to_owned());
    }
    Ok(())
}

/// The first of the parser's errors, without its drawing of the expression.
fn explain(errors: &cel::ParseErrors) -> String {
    let text = errors.to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.trim_start_matches("ERROR: <input>:");
    format!("is not a CEL expression: {}", printable(first, 200))
}

#[cfg(test)]
mod tests;
