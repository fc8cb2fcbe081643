//! What an answer of a service means: pure.

use std::collections::HashMap;

use http::HeaderMap;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::preset::{Preset, Shape, Shown, Sign, Standing};
use crate::checks::{
    net::Target,
    verdict::{Finding, FindingReason},
};

/// The longest error that is looked into, in bytes.
const LONGEST_ERROR: usize = 64 * 1024;

/// The most texts of an error that are looked at.
const MOST_TEXTS: usize = 256;

/// What a service answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    /// `None` when it was too long.
    pub(super) body: Option<&'a [u8]>,
    /// Whether a key was sent along.
    pub(super) keyed: bool,
}

/// How the service of `preset` stands by `answer`, and the word of its own by which that is told.
pub(super) fn classify(preset: &Preset, answer: Answer<'_>) -> (Standing, Option<&'static str>) {
    let status = answer.status;
    if (200..300).contains(&status) {
        return (shape(preset.shape, answer.body), None);
    }
    let texts = texts(answer.body.unwrap_or_default());
    let fits = |sign: &&Sign| {
        sign.status == status
            && match sign.shown {
                Shown::Status => true,
                Shown::Word(word) => texts.iter().any(|text| text == word),
                Shown::Phrase(phrase) => {
                    let phrase = phrase.to_ascii_lowercase();
                    let holds = |text: &String| text.to_ascii_lowercase().contains(&phrase);
                    texts.iter().any(holds)
                }
                Shown::Header(name, value) => answer
                    .headers
                    .get(name)
                    .is_some_and(|found| value.is_none_or(|value| found == value)),
            }
    };
    if let Some(sign) = preset.signs.iter().find(fits) {
        let word = match sign.shown {
            Shown::Word(word) | Shown::Phrase(word) => Some(word),
            Shown::Status | Shown::Header(..) => None,
        };
        return (sign.standing, word);
    }
    let standing = match status {
        429 => Standing::RateLimited,
        401 | 403 if answer.keyed => Standing::KeyRefused,
        500..=599 => Standing::Degraded,
        _ => Standing::UnexpectedStatus,
    };
    (standing, None)
}

/// The finding of a check on `answer`.
pub(super) fn judge(preset: &Preset, answer: Answer<'_>, target: &Target) -> Finding {
    let (standing, word) = classify(preset, answer);
    let word = word.map_or_else(String::new, |word| format!(" ({word})"));
    let answers = format!("{target} answers with status {}{word}", answer.status);
    let name = preset.name;
    match standing {
        Standing::Healthy => Finding::pass(format!("{answers}, as {name} does when it is well")),
        Standing::Degraded => Finding::fail(
            FindingReason::Degraded,
            format!("{answers}: {name} is not well"),
        ),
        Standing::QuotaSpent => Finding::fail(
            FindingReason::QuotaSpent,
            format!("{answers}: the quota or the credit is spent"),
        ),
        Standing::RateLimited => Finding::unknown(
            FindingReason::RateLimited,
            format!("{answers}: {name} asks to send less"),
        ),
        Standing::KeyRefused => Finding::unknown(
            FindingReason::CredentialsRefused,
            format!("{answers}: {name} refuses the check's key"),
        ),
        Standing::UnexpectedStatus => Finding::fail(
            FindingReason::UnexpectedStatus,
            format!("{answers}, expected 200"),
        ),
        Standing::UnexpectedBody => Finding::fail(
            FindingReason::UnexpectedBody,
            format!("{answers}, and not with what {name} says"),
        ),
    }
}

/// How the service stands by the body of a good answer.
fn shape(shape: Shape, body: Option<&[u8]>) -> Standing {
    let read = match (shape, body) {
        (Shape::Any, _) => Some(Standing::Healthy),
        (_, None) => None,
        (Shape::Object(field), Some(body)) => {
            #[expect(clippy::zero_sized_map_values, reason = "values are passed over")]
            let object: Option<HashMap<String, IgnoredAny>> = parse(body);
            object
                .filter(|object| object.contains_key(field))
                .map(|_| Standing::Healthy)
        }
        (Shape::List, Some(body)) => parse::<Vec<IgnoredAny>>(body).map(|_| Standing::Healthy),
        (Shape::Credits, Some(body)) => parse::<Credits>(body).map(|credits| credits.standing()),
        (Shape::Limits, Some(body)) => parse::<Limits>(body).map(|limits| limits.standing()),
        (Shape::Bucket, Some(body)) => String::from_utf8_lossy(body)
            .contains("<ListBucketResult")
            .then_some(Standing::Healthy),
    };
    read.unwrap_or(Standing::UnexpectedBody)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

#[derive(Deserialize)]
struct Credits {
    /// `null` where they have no end.
    #[serde(deserialize_with = "Option::deserialize")]
    remain: Option<f64>,
    /// Sent beyond the credits, where the plan allows that.
    #[serde(default)]
    overage: f64,
}

impl Credits {
    fn standing(&self) -> Standing {
        match self.remain {
            Some(remain) if remain <= 0.0 && self.overage <= 0.0 => Standing::QuotaSpent,
            _ => Standing::Healthy,
        }
    }
}

#[derive(Deserialize)]
struct Limits {
    resources: Resources,
}

#[derive(Deserialize)]
struct Resources {
    core: Remaining,
}

#[derive(Deserialize)]
struct Remaining {
    remaining: u64,
}

impl Limits {
    const fn standing(&self) -> Standing {
        if self.resources.core.remaining == 0 {
            Standing::RateLimited
        } else {
            Standing::Healthy
        }
    }
}

/// The texts of an error: every string of a JSON body, or the code of an XML one.
fn texts(body: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    if body.len() > LONGEST_ERROR {
        return texts;
    }
    if let Some(document) = parse::<Value>(body) {
        collect(document, &mut texts);
    } else if let Ok(text) = str::from_utf8(body) {
        let code = text
            .split_once("<Error>")
            .and_then(|(_, error)| error.split_once("<Code>"))
            .and_then(|(_, code)| code.split_once("</Code>"));
        texts.extend(code.map(|(code, _)| code.to_owned()));
    }
    texts
}

/// Adds the strings of `value`, which the parser has kept from being deep.
fn collect(value: Value, texts: &mut Vec<String>) {
    match value {
        _ if texts.len() >= MOST_TEXTS => {}
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.into_iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.into_values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
