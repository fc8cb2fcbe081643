//! The query of a call, read as Render reads it.

use std::collections::HashMap;

use http::StatusCode;
use jiff::Timestamp;
use url::form_urlencoded;

use super::answer::Refusal;

/// The most values that one parameter may have.
const MAXIMUM_VALUES: usize = 100;

/// The parameters of a call. Unknown ones are ignored.
#[derive(Debug)]
pub(super) struct Query {
    parameters: HashMap<String, Vec<String>>,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let mut parameters: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let values = parameters.entry(name.into_owned()).or_default();
            if values.len() < MAXIMUM_VALUES {
                values.push(value.into_owned());
            }
        }
        Self { parameters }
    }

    /// The values of a parameter that is given once for each value.
    pub(super) fn repeated(&self, name: &str) -> &[String] {
        self.parameters.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of a parameter that is given at most once.
    pub(super) fn single(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.repeated(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(invalid(format!("{name} is given more than once"))),
        }
    }

    /// The values of a parameter that holds them with commas between.
    pub(super) fn joined(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        Ok(self
            .single(name)?
            .map(|values| values.split(',').collect())
            .unwrap_or_default())
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| invalid(format!("{name} is no RFC 3339 time")))
        };
        self.single(name)?.map(parse).transpose()
    }

    /// The bounds `<what>After` and `<what>Before`, both exclusive.
    pub(super) fn between(&self, what: &str) -> Result<Between, Refusal> {
        Ok(Between {
            after: self.time(&format!("{what}After"))?,
            before: self.time(&format!("{what}Before"))?,
        })
    }
}

/// A range of time, open at both ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Between {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Between {
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.after.is_none_or(|after| at > after) && self.before.is_none_or(|before| at < before)
    }

    /// Whether the range holds a time that may not have come. No range holds it then, save that of all times.
    pub(super) fn holds_maybe(&self, at: Option<Timestamp>) -> bool {
        at.map_or(self.after.is_none() && self.before.is_none(), |at| {
            self.holds(at)
        })
    }
}

/// The answer to a parameter that cannot be read.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, message.into())
}
