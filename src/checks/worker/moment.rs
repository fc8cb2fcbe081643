//! Times as workers write them.

use std::time::Duration;

use jiff::Timestamp;

/// From this number on, a number is milliseconds: as seconds it would lie in the year 5138, and as milliseconds in 1973.
const FIRST_MILLIS: i64 = 100_000_000_000;

/// How far another clock may be ahead, in milliseconds.
const MOST_AHEAD: i64 = 60_000;

/// What a time that was read says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// So long ago; a little ahead counts as now.
    Ago(Duration),
    /// More than a minute ahead.
    Ahead,
    /// No time at all.
    Unreadable,
}

impl Moment {
    /// Reads `text`: seconds or milliseconds since 1970, with or without a fraction, or RFC 3339. `now` is in milliseconds
    /// since 1970.
    pub(super) fn read(text: &str, now: i64) -> Self {
        match millis(text.trim()) {
            Some(moment) => Self::at(moment, now),
            None => Self::Unreadable,
        }
    }

    /// The moment of this many milliseconds since 1970.
    pub(super) fn at(moment: i64, now: i64) -> Self {
        let ago = now.saturating_sub(moment);
        if ago < -MOST_AHEAD {
            return Self::Ahead;
        }
        Self::Ago(Duration::from_millis(u64::try_from(ago).unwrap_or(0)))
    }
}

fn millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    if digits(whole) && digits(fraction) {
        let number: i64 = whole.parse().ok()?;
        return if number >= FIRST_MILLIS {
            Some(number)
        } else {
            number.checked_mul(1000)
        };
    }
    let moment: Timestamp = text.parse().ok()?;
    Some(moment.as_millisecond())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    #[test]
    fn seconds_milliseconds_and_rfc_3339_are_read() {
        for text in [
            "1799999990",
            "1799999990.25",
            "1799999990000",
            " 2027-01-15T07:59:50Z\n",
            "2027-01-15T09:59:50+02:00",
        ] {
            let ten_seconds = Moment::Ago(Duration::from_secs(10));
            assert_eq!(Moment::read(text, NOW), ten_seconds, "{text}");
        }
        for text in [
            "",
            "soon",
            "-5",
            "1e12",
            "99999999999999999999",
            "1.",
            ".5",
            "NaN",
        ] {
            assert_eq!(Moment::read(text, NOW), Moment::Unreadable, "{text}");
        }
    }

    #[test]
    fn a_clock_may_be_ahead_by_a_minute() {
        assert_eq!(Moment::read("1800000060", NOW), Moment::Ago(Duration::ZERO));
        assert_eq!(Moment::read("1800000061", NOW), Moment::Ahead);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[-+.:TZ0-9e]{0,40}|\\PC{0,40}", now: i64) {
            let _ = Moment::read(&text, now);
        }
    }

    #[test]
    fn no_time_breaks_the_reader_and_spaces_around_it_do_not_matter() {
        crate::fuzz::hold_text("moment", |text| {
            for now in [i64::MIN, 0, 1_800_000_000_000, i64::MAX] {
                let spaced = format!(" {text}\n");
                assert_eq!(
                    Moment::read(text, now),
                    Moment::read(&spaced, now),
                    "{text:?}"
                );
            }
        });
    }
}
