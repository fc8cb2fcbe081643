//! The two text formats of metrics, read strictly and in full: pure.
//!
//! Prometheus' text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>) and `OpenMetrics`
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>). Of their rules between lines, such as the order of families and
//! that no series comes twice, only these are held: a type is told once, and `OpenMetrics` ends with `# EOF`.

mod line;

use std::{borrow::Cow, collections::HashSet};

use self::line::{Line, sample};

/// The language of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Prometheus' own; times are in milliseconds.
    Text,
    /// `OpenMetrics`; times are in seconds, and the end is marked.
    OpenMetrics,
}

/// Names and values.
pub(super) type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) labels: Labels<'a>,
    pub(super) value: f64,
    /// In seconds since 1970, where it is told.
    pub(super) time: Option<f64>,
}

/// What cannot be read. It shows nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

impl Format {
    /// The format that an answer's `Content-Type` names.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let kind = content_type.unwrap_or_default().split(';').next();
        let kind = kind.unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// Gives every sample of `body` to `each`, up to the line that cannot be read.
pub(super) fn read<'a>(
    body: &'a [u8],
    format: Format,
    mut each: impl FnMut(Sample<'a>),
) -> Result<(), Malformed> {
    let malformed = |line, problem| Malformed { line, problem };
    let text = str::from_utf8(body).map_err(|error| {
        let before = str::from_utf8(&body[..error.valid_up_to()]).unwrap_or_default();
        malformed(before.matches('\n').count() + 1, "is not UTF-8")
    })?;
    let mut typed = HashSet::new();
    let mut ended = false;
    for (place, line) in text.split_inclusive('\n').enumerate() {
        let malformed = |problem| malformed(place + 1, problem);
        if ended {
            return Err(malformed("follows the end"));
        }
        let whole = line.strip_suffix('\n');
        let content = whole.unwrap_or(line);
        ended = format == Format::OpenMetrics && content == "# EOF";
        if whole.is_none() && !ended {
            return Err(malformed("has no end"));
        }
        if ended {
            continue;
        }
        match Line::of(content, format).map_err(malformed)? {
            Line::Nothing => {}
            Line::Type(name) => {
                if !typed.insert(name) {
                    return Err(malformed("tells a type twice"));
                }
            }
            Line::Sample(content) => each(sample(content, format).map_err(malformed)?),
        }
    }
    if format == Format::OpenMetrics && !ended {
        return Err(malformed(
            text.lines().count() + 1,
            "is missing: the end is not marked",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
