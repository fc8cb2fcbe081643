//! Ranges of accepted statuses.

use std::{fmt, ops::RangeInclusive};

use crate::checks::invalid::InvalidCheck;

/// Accepted statuses; shown as they are written: `200-299, 304`.
#[derive(Clone, Debug)]
pub(in crate::checks) struct StatusRanges(Vec<RangeInclusive<u16>>);

impl StatusRanges {
    /// Reads single statuses (`204`) and ranges (`200-299`); without any, 200 to 299.
    pub(in crate::checks) fn new(texts: &[String]) -> Result<Self, InvalidCheck> {
        if texts.is_empty() {
            return Ok(Self(vec![200..=299]));
        }
        let ranges = texts.iter().enumerate().map(|(place, text)| {
            range(text).ok_or_else(|| {
                InvalidCheck::new(
                    format!("http.expect.status[{place}]"),
                    "is neither a status (204) nor a range of statuses (200-299)",
                )
            })
        });
        ranges.collect::<Result<_, _>>().map(Self)
    }

    pub(in crate::checks) fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl fmt::Display for StatusRanges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, range) in self.0.iter().enumerate() {
            if place > 0 {
                formatter.write_str(", ")?;
            }
            write!(formatter, "{}", range.start())?;
            if range.end() > range.start() {
                write!(formatter, "-{}", range.end())?;
            }
        }
        Ok(())
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some(first..=last)
}

fn status(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status = digits.then(|| text.parse().ok())??;
    (100..=599).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_read_as_the_schema_reads_it_and_shown_as_it_is_read() {
        let pattern = regex::Regex::new("^[1-5][0-9]{2}(-[1-5][0-9]{2})?$").unwrap();
        crate::fuzz::hold_text("status_range", |text| {
            let Ok(ranges) = StatusRanges::new(&[text.to_owned()]) else {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                assert!(!pattern.is_match(text) || first > last, "{text:?}");
                return;
            };
            assert!(pattern.is_match(text), "{text:?}");
            let again = StatusRanges::new(&[ranges.to_string()]).unwrap();
            for status in 0..1000 {
                assert_eq!(ranges.contain(status), again.contain(status), "{text:?}");
                assert!(!ranges.contain(status) || (100..=599).contains(&status));
            }
        });
    }
}
