//! One line of an exposition.

use std::borrow::Cow;

use super::{Format, Labels, Sample};

/// The most labels of one sample.
const MOST_LABELS: usize = 256;

/// The kinds of metrics in either format.
const TYPES: [&str; 9] = [
    "counter",
    "gauge",
    "histogram",
    "summary",
    "untyped",
    "unknown",
    "info",
    "stateset",
    "gaugehistogram",
];

type Problem = &'static str;

/// What a line is for.
pub(super) enum Line<'a> {
    /// A remark, or an empty one.
    Nothing,
    /// It tells the type of this metric.
    Type(Cow<'a, str>),
    /// It is to be read as a sample.
    Sample(&'a str),
}

impl<'a> Line<'a> {
    pub(super) fn of(content: &'a str, format: Format) -> Result<Self, Problem> {
        let strict = format == Format::OpenMetrics;
        let trimmed = content.trim_matches([' ', '\t']);
        if trimmed.is_empty() {
            return if strict {
                Err("is empty")
            } else {
                Ok(Self::Nothing)
            };
        }
        let Some(remark) = trimmed.strip_prefix('#') else {
            return Ok(Self::Sample(content));
        };
        let mut rest = Rest(remark);
        let spaced = rest.skip_space();
        let word = rest.word();
        let told = match word {
            "HELP" | "TYPE" => spaced,
            "UNIT" => spaced && strict,
            _ => false,
        };
        if !told {
            return if strict {
                Err("is a remark, which the format has not")
            } else {
                Ok(Self::Nothing)
            };
        }
        rest.skip_space();
        let name = rest.metric_name()?;
        if word != "TYPE" {
            return Ok(Self::Nothing);
        }
        rest.skip_space();
        if TYPES.contains(&rest.0) {
            Ok(Self::Type(name))
        } else {
            Err("tells no known type")
        }
    }
}

/// Reads a sample: name, labels, value, time, and with `OpenMetrics` an exemplar.
pub(super) fn sample(content: &str, format: Format) -> Result<Sample<'_>, Problem> {
    let mut rest = Rest(content);
    rest.skip_space();
    let mut name = None;
    if !rest.0.starts_with('{') {
        name = Some(rest.metric_name()?);
        rest.skip_space();
    }
    let mut labels = Vec::new();
    if rest.take('{') {
        labels = rest.labels(&mut name)?;
        rest.skip_space();
    }
    let name = name.ok_or("has no name")?;
    let value = rest.word().parse().map_err(|_| "has no value")?;
    rest.skip_space();
    let time = match rest.0 {
        "" => None,
        text if text.starts_with('#') => None,
        _ => Some(time(rest.word(), format)?),
    };
    rest.skip_space();
    if format == Format::OpenMetrics && rest.take('#') {
        exemplar(&mut rest)?;
    }
    if !rest.0.is_empty() {
        return Err("goes on after its end");
    }
    Ok(Sample {
        name,
        labels,
        value,
        time,
    })
}

fn time(text: &str, format: Format) -> Result<f64, Problem> {
    const PROBLEM: Problem = "has a time that is none";
    match format {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a time of our age in milliseconds has 41 bits"
        )]
        Format::Text => text
            .parse::<i64>()
            .map(|milliseconds| milliseconds as f64 / 1000.0)
            .map_err(|_| PROBLEM),
        Format::OpenMetrics => text
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite())
            .ok_or(PROBLEM),
    }
}

/// Labels, a value, and perhaps a time.
fn exemplar(rest: &mut Rest<'_>) -> Result<(), Problem> {
    const PROBLEM: Problem = "has an exemplar that is none";
    rest.skip_space();
    if !rest.take('{') {
        return Err(PROBLEM);
    }
    rest.labels(&mut Some(Cow::Borrowed("")))?;
    rest.skip_space();
    rest.word().parse::<f64>().map_err(|_| PROBLEM)?;
    rest.skip_space();
    if !rest.0.is_empty() {
        time(rest.word(), Format::OpenMetrics).map_err(|_| PROBLEM)?;
        rest.skip_space();
    }
    Ok(())
}

/// What is left of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Whether there was any.
    fn skip_space(&mut self) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let skipped = rest.len() < self.0.len();
        self.0 = rest;
        skipped
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Up to the next space.
    fn word(&mut self) -> &'a str {
        self.until(|character| matches!(character, ' ' | '\t'))
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let (found, rest) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
        self.0 = rest;
        found
    }

    fn metric_name(&mut self) -> Result<Cow<'a, str>, Problem> {
        self.name(true)
    }

    /// A name of letters, digits and underlines (and colons, when `colons`), or any name in quotes.
    fn name(&mut self, colons: bool) -> Result<Cow<'a, str>, Problem> {
        if self.take('"') {
            return self.quoted().and_then(|name| {
                if name.is_empty() {
                    Err("has an empty name")
                } else {
                    Ok(name)
                }
            });
        }
        let belongs = |character: char| {
            character.is_ascii_alphanumeric() || character == '_' || (colons && character == ':')
        };
        let name = self.until(|character| !belongs(character));
        match name.chars().next() {
            Some(first) if !first.is_ascii_digit() => Ok(Cow::Borrowed(name)),
            _ => Err("has no name where one should be"),
        }
    }

    /// Labels up to the closing brace. A name in quotes without a value is the metric's, and comes first.
    fn labels(&mut self, name: &mut Option<Cow<'a, str>>) -> Result<Labels<'a>, Problem> {
        let mut labels = Labels::new();
        loop {
            self.skip_space();
            if self.take('}') {
                return Ok(labels);
            }
            let quoted = self.0.starts_with('"');
            let label = self.name(false)?;
            self.skip_space();
            if self.take('=') {
                self.skip_space();
                if !self.take('"') {
                    return Err("has a label without a value in quotes");
                }
                let value = self.quoted()?;
                if labels.iter().any(|(other, _)| *other == label) {
                    return Err("has a label twice");
                }
                if labels.len() == MOST_LABELS {
                    return Err("has more labels than are read");
                }
                labels.push((label, value));
            } else if quoted && labels.is_empty() && name.is_none() {
                *name = Some(label);
            } else {
                return Err("has a label without a value");
            }
            self.skip_space();
            if !self.take(',') && !self.0.starts_with('}') {
                return Err("has labels that do not end");
            }
        }
    }

    /// A text up to its closing quote, which is taken as well.
    fn quoted(&mut self) -> Result<Cow<'a, str>, Problem> {
        const OPEN: Problem = "has a text that does not end";
        let plain = self.until(|character| matches!(character, '"' | '\\'));
        if self.take('"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        while self.take('\\') {
            let mut characters = self.0.chars();
            text.push(match characters.next().ok_or(OPEN)? {
                '\\' => '\\',
                '"' => '"',
                'n' => '\n',
                _ => return Err("has an escape that is none"),
            });
            self.0 = characters.as_str();
            text.push_str(self.until(|character| matches!(character, '"' | '\\')));
        }
        if self.take('"') {
            Ok(Cow::Owned(text))
        } else {
            Err(OPEN)
        }
    }
}
