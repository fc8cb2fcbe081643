//! Durations as users write them: `30s`, `1m30s`, `500ms`.

use std::{borrow::Cow, fmt, str::FromStr, time};

use kube::core::Rule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the API server accepts as a duration: one to four whole numbers, each with its unit. Seven digits, five for
/// hours, keep the CEL function `duration()`, which ends at 292 years, and our own arithmetic clear of overflow.
const PATTERN: &str = "^([0-9]{1,7}(ms|s|m)|[0-9]{1,5}h){1,4}$";

/// The shortest time that is too long to be written with five digits of hours.
const LIMIT: time::Duration = time::Duration::from_hours(100_000);

/// The rule that the duration in `field` is between two others.
pub(super) fn between(field: &str, shortest: &str, longest: &str) -> Rule {
    Rule::new(format!(
        "{} && duration(self) >= duration('{shortest}') && duration(self) <= duration('{longest}')",
        reads_as_duration("self")
    ))
    .message(format!("{field} must be between {shortest} and {longest}").as_str())
}

/// The CEL expression that `value` can be given to `duration()`. A rule asks it first, even where the pattern of the
/// field holds: while an object that was stored under another schema breaks a rule, the API server lets its status be
/// written all the same, but not while a rule cannot be evaluated.
pub(super) fn reads_as_duration(value: &str) -> String {
    format!("{value}.matches('{PATTERN}')")
}

/// A length of time, written as Go does (`90s`, `1m30s`, `500ms`): whole numbers with the units `ms`, `s`, `m`, `h`.
///
/// Kube's own `Duration` is not used: it multiplies floating-point numbers without a bound, so that one object stored
/// under an older schema could end the watch of all of them with a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(time::Duration);

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration: write whole numbers with units, such as 30s, 1m30s or 500ms")]
pub struct InvalidDuration(String);

impl Duration {
    /// A duration of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// The duration for timers and arithmetic.
    #[must_use]
    pub const fn get(self) -> time::Duration {
        self.0
    }
}

impl From<time::Duration> for Duration {
    /// Keeps whole milliseconds, the smallest unit that the format has.
    fn from(duration: time::Duration) -> Self {
        Self(time::Duration::new(
            duration.as_secs(),
            duration.subsec_millis() * 1_000_000,
        ))
    }
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidDuration(text.chars().take(32).collect());
        let mut rest = text;
        let mut total = time::Duration::ZERO;
        for _ in 0..4 {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 {
                return Err(invalid());
            }
            let (number, tail) = rest.split_at(digits);
            let number: u64 = number.parse().map_err(|_| invalid())?;
            let unit = tail.len()
                - tail
                    .trim_start_matches(|c: char| c.is_ascii_alphabetic())
                    .len();
            let (unit, tail) = tail.split_at(unit);
            if digits > if unit == "h" { 5 } else { 7 } {
                return Err(invalid());
            }
            total += match unit {
                "ms" => time::Duration::from_millis(number),
                "s" => time::Duration::from_secs(number),
                "m" => time::Duration::from_secs(number * 60),
                "h" => time::Duration::from_secs(number * 3600),
                _ => return Err(invalid()),
            };
            rest = tail;
            if rest.is_empty() {
                // What is longer could be written, but not be read again.
                return if total < LIMIT {
                    Ok(Self(total))
                } else {
                    Err(invalid())
                };
            }
        }
        Err(invalid())
    }
}

impl TryFrom<String> for Duration {
    type Error = InvalidDuration;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes) = (self.0.as_secs() / 3600, self.0.as_secs() / 60 % 60);
        let (seconds, millis) = (self.0.as_secs() % 60, self.0.subsec_millis());
        for (number, unit) in [
            (hours, "h"),
            (minutes, "m"),
            (seconds, "s"),
            (millis.into(), "ms"),
        ] {
            if number > 0 {
                write!(formatter, "{number}{unit}")?;
            }
        }
        if self.0 < time::Duration::from_millis(1) {
            formatter.write_str("0s")?;
        }
        Ok(())
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "maxLength": 32})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["5s", "1m30s", "500ms", "24h", "1h5m", "0s"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        assert_eq!("90s".parse::<Duration>().unwrap().to_string(), "1m30s");
    }

    #[test]
    fn refuses_every_other_spelling_without_a_panic() {
        for text in [
            "",
            "5",
            "-5s",
            "1e3s",
            "5 m",
            "P1D",
            "1ns",
            "99999999s",
            "99999999999999999999s",
            "100000h",
            "99999h60m",
            "1d",
            "s",
            "1.5h",
            "1s1s1s1s1s",
            "5S",
            "٣s",
        ] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_text_is_read_as_the_schema_reads_it_and_written_as_it_is_read() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        crate::fuzz::hold_text("duration", |text| match text.parse::<Duration>() {
            Ok(duration) => {
                assert!(pattern.is_match(text), "{text:?}");
                assert_eq!(duration.to_string().parse(), Ok(duration), "{text:?}");
            }
            Err(error) => {
                assert!(error.to_string().len() < 512, "{text:?}");
                // Of what the pattern lets pass, only what is too long is refused.
                assert!(
                    !pattern.is_match(text) || text.contains(['h', 'm']),
                    "{text:?}"
                );
            }
        });
    }
}
