//! What the headers of an answer tell about how many calls are allowed, and when.

use std::{cmp::Ordering, time::Duration};

use http::{HeaderMap, header::RETRY_AFTER};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// Bounds of what a `Retry-After` is taken for.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The longest window that limits are counted in is an hour.
const LONGEST_WINDOW: Duration = Duration::from_hours(1);

/// The most buckets that one answer is taken to tell of.
const MOST_BUCKETS: usize = 8;

/// `Ratelimit-Reset` holds seconds left, and documentation calls it an epoch time: what is above this is one.
const EPOCH_FLOOR: i64 = 1_000_000_000;

/// What is left of the calls in the present window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Calls in a whole window; at least 1.
    pub(super) limit: u32,
    /// Calls left in this one.
    pub(super) remaining: u32,
    /// Time left in this one.
    pub(super) reset: Duration,
}

/// The allowance that `Ratelimit-Limit`, `-Remaining` and `-Reset` tell; `None` unless all three make sense.
///
/// An answer may tell of several buckets that its call was counted in, each with a value of every header. The next such call
/// needs all of them, so the least of each counts.
pub(super) fn allowance(headers: &HeaderMap, now: Timestamp) -> Option<Allowance> {
    let limits = numbers(headers, "ratelimit-limit");
    let remaining = numbers(headers, "ratelimit-remaining");
    let resets = numbers(headers, "ratelimit-reset");
    limits
        .zip(remaining)
        .zip(resets)
        .filter_map(|((limit, remaining), reset)| bucket(limit?, remaining?, reset?, now))
        .reduce(|one, other| Allowance {
            limit: one.limit.min(other.limit),
            remaining: one.remaining.min(other.remaining),
            reset: match one.remaining.cmp(&other.remaining) {
                Ordering::Less => one.reset,
                Ordering::Equal => one.reset.max(other.reset),
                Ordering::Greater => other.reset,
            },
        })
}

fn bucket(limit: i64, remaining: i64, reset: i64, now: Timestamp) -> Option<Allowance> {
    let seconds_left = if reset > EPOCH_FLOOR {
        reset - now.as_second()
    } else {
        reset
    };
    Some(Allowance {
        limit: u32::try_from(limit).ok().filter(|limit| *limit > 0)?,
        remaining: u32::try_from(remaining).ok()?,
        reset: Duration::from_secs(u64::try_from(seconds_left).unwrap_or(0)).min(LONGEST_WINDOW),
    })
}

/// How long `Retry-After` asks to wait, in seconds or until an HTTP date (RFC 9110, section 10.2.3), between one second and
/// five minutes; `None` when it is missing or makes no sense.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if digits {
        // More digits than fit are a very long time.
        value.parse().map_or(LONGEST_PAUSE, Duration::from_secs)
    } else {
        let date = DateTimeParser::new().parse_timestamp(value).ok()?;
        Duration::try_from(date.duration_since(now)).unwrap_or_default()
    };
    Some(wait.clamp(SHORTEST_PAUSE, LONGEST_PAUSE))
}

/// The values of a header, from several lines or from one with commas; `None` for each that is no number.
fn numbers<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Option<i64>> + 'a {
    let lines = headers.get_all(name).into_iter();
    lines
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .map(|number| number.trim().parse().ok())
        .take(MOST_BUCKETS)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    fn told(limit: &str, remaining: &str, reset: &str) -> Option<Allowance> {
        let headers = headers(&[
            ("Ratelimit-Limit", limit),
            ("Ratelimit-Remaining", remaining),
            ("Ratelimit-Reset", reset),
        ]);
        allowance(&headers, now())
    }

    #[test]
    fn a_reset_is_read_as_seconds_left_and_as_an_epoch_time() {
        let left = told("400", "399", "45").unwrap();
        assert_eq!((left.limit, left.remaining), (400, 399));
        assert_eq!(left.reset, Duration::from_secs(45));
        let epoch = (now().as_second() + 30).to_string();
        assert_eq!(
            told("400", "0", &epoch).unwrap().reset,
            Duration::from_secs(30)
        );
    }

    #[test]
    fn a_reset_out_of_all_proportion_is_bounded() {
        assert_eq!(told("400", "0", "-5").unwrap().reset, Duration::ZERO);
        assert_eq!(
            told("400", "0", "1000000001").unwrap().reset,
            Duration::ZERO
        );
        assert_eq!(told("400", "0", "999999999").unwrap().reset, LONGEST_WINDOW);
        assert_eq!(
            told("400", "0", "99999999999").unwrap().reset,
            LONGEST_WINDOW
        );
    }

    #[test]
    fn of_several_buckets_the_least_counts() {
        let joined = told("400, 100", "277, 74", "21, 33").unwrap();
        let lines = headers(&[
            ("Ratelimit-Limit", "400"),
            ("Ratelimit-Limit", "100"),
            ("Ratelimit-Remaining", "277"),
            ("Ratelimit-Remaining", "74"),
            ("Ratelimit-Reset", "21"),
            ("Ratelimit-Reset", "33"),
        ]);
        assert_eq!(allowance(&lines, now()), Some(joined));
        assert_eq!((joined.limit, joined.remaining), (100, 74));
        assert_eq!(joined.reset, Duration::from_secs(33));
        let used_up = told("400, 100", "0, 74", "21, 33").unwrap();
        assert_eq!((used_up.limit, used_up.remaining), (100, 0));
        assert_eq!(used_up.reset, Duration::from_secs(21));
        let both = told("400, 100", "0, 0", "21, 33").unwrap();
        assert_eq!(both.reset, Duration::from_secs(33));
        assert_eq!(told("400, many", "3, 2", "21, 33").unwrap().limit, 400);
    }

    #[test]
    fn headers_that_make_no_sense_tell_nothing() {
        assert_eq!(told("0", "0", "45"), None);
        assert_eq!(told("many", "1", "45"), None);
        assert_eq!(told("400", "-1", "45"), None);
        assert_eq!(told("400", "1", ""), None);
        assert_eq!(allowance(&HeaderMap::new(), now()), None);
    }

    #[test]
    fn a_pause_is_read_in_seconds_and_as_a_date_and_is_bounded() {
        for (value, seconds) in [
            ("30", 30),
            ("0", 1),
            ("1000000000", 300),
            ("99999999999999999999999", 300),
            ("Sun, 01 Mar 2026 12:00:20 GMT", 20),
            ("Sun, 01 Mar 2026 11:00:00 GMT", 1),
            ("Sun, 01 Mar 2026 15:00:00 GMT", 300),
        ] {
            let wait = retry_after(&headers(&[("Retry-After", value)]), now());
            assert_eq!(wait, Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn a_pause_that_makes_no_sense_is_none() {
        for value in ["", "soon", "1e9", "-5", "3.5", "2026-03-01T12:00:20Z"] {
            assert_eq!(
                retry_after(&headers(&[("Retry-After", value)]), now()),
                None,
                "{value}"
            );
        }
    }

    #[test]
    fn no_header_asks_for_more_than_its_bounds() {
        crate::fuzz::hold("render_limits", |input| {
            let mut headers = HeaderMap::new();
            let names = [
                "ratelimit-limit",
                "ratelimit-remaining",
                "ratelimit-reset",
                "retry-after",
            ];
            for (name, value) in names.into_iter().zip(input.split(|it| *it == b'|')) {
                let value = HeaderValue::from_bytes(value);
                headers.extend(
                    value
                        .ok()
                        .map(|value| (HeaderName::from_static(name), value)),
                );
            }
            if let Some(allowance) = allowance(&headers, now()) {
                assert!(allowance.limit > 0 && allowance.reset <= LONGEST_WINDOW);
            }
            let wait = retry_after(&headers, now());
            assert!(wait.is_none_or(|it| (SHORTEST_PAUSE..=LONGEST_PAUSE).contains(&it)));
        });
    }
}
