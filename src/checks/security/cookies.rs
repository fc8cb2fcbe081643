//! What cookies are set with: pure.

use http::{HeaderMap, header};

use super::judgement::Weakness;
use crate::api::SecurityCode;

/// What a cookie is set with: names and values, in lower case.
type Attributes = Vec<(String, String)>;

/// A flag, its name, and the values that it may have; none where it needs no value.
type Flag = (SecurityCode, &'static str, &'static [&'static str]);

const FLAGS: [Flag; 3] = [
    (SecurityCode::CookieNotSecure, "secure", &[]),
    (SecurityCode::CookieNotHttpOnly, "httponly", &[]),
    (
        SecurityCode::CookieWithoutSameSite,
        "samesite",
        &["lax", "strict", "none"],
    ),
];

/// What is wrong with the cookies of these answers: how many of how many, as their names are the target's.
pub(super) fn judge<'a>(answers: impl Iterator<Item = &'a HeaderMap>) -> Vec<Weakness> {
    let cookies: Vec<Attributes> = answers
        .flat_map(|headers| headers.get_all(header::SET_COOKIE))
        .map(|value| attributes(&String::from_utf8_lossy(value.as_bytes())))
        .filter(|cookie| !is_removed(cookie))
        .collect();
    let wrong = FLAGS.iter().map(|flag| {
        let count = cookies.iter().filter(|it| lacks(it, flag)).count();
        (flag.0, count)
    });
    wrong
        .filter(|(_, count)| *count > 0)
        .map(|(code, count)| Weakness::new(code, format!("{count} of {}", cookies.len())))
        .collect()
}

/// RFC 6265, section 5.2.
fn attributes(cookie: &str) -> Attributes {
    let attributes = cookie.split(';').skip(1).map(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let [name, value] = [name, value].map(|text| text.trim().to_ascii_lowercase());
        (name, value)
    });
    attributes.collect()
}

fn lacks(cookie: &Attributes, (_, flag, values): &Flag) -> bool {
    !cookie.iter().any(|(name, value)| {
        name == flag && (values.is_empty() || values.contains(&value.as_str()))
    })
}

/// Whether it is taken away, and not set.
fn is_removed(cookie: &Attributes) -> bool {
    let ended = |value: &str| value.parse::<i64>().is_ok_and(|age| age <= 0);
    let mut ages = cookie.iter().filter(|(name, _)| name == "max-age");
    ages.any(|(_, value)| ended(value))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn judged(cookies: &[&str]) -> Vec<(SecurityCode, String)> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        let found = judge([&headers].into_iter());
        found
            .into_iter()
            .map(|it| (it.code, it.detail.unwrap()))
            .collect()
    }

    #[test]
    fn a_cookie_is_set_with_every_flag() {
        assert_eq!(judged(&[]), []);
        assert_eq!(judged(&["a=b; Path=/; Secure; HttpOnly; SameSite=Lax"]), []);
        assert_eq!(judged(&["a=b;secure ; HTTPONLY;samesite = Strict"]), []);
        let all = |count: &str| {
            [
                (SecurityCode::CookieNotSecure, count.to_owned()),
                (SecurityCode::CookieNotHttpOnly, count.to_owned()),
                (SecurityCode::CookieWithoutSameSite, count.to_owned()),
            ]
        };
        assert_eq!(judged(&["a=b"]), all("1 of 1"));
        // The flags are attributes, and not a part of the value.
        assert_eq!(judged(&["a=Secure"]), all("1 of 1"));
        assert_eq!(judged(&["secure=a"]), all("1 of 1"));
        assert_eq!(judged(&["a=b", "c=d"]), all("2 of 2"));
        assert_eq!(
            judged(&[
                "a=b; Secure; SameSite=None",
                "c=d; Secure; HttpOnly; SameSite=x"
            ]),
            [
                (SecurityCode::CookieNotHttpOnly, "1 of 2".to_owned()),
                (SecurityCode::CookieWithoutSameSite, "1 of 2".to_owned()),
            ]
        );
    }

    #[test]
    fn a_cookie_that_is_taken_away_needs_no_flags() {
        assert_eq!(judged(&["a=; Max-Age=0", "b=; max-age=-1"]), []);
        assert!(!judged(&["a=; Max-Age=1"]).is_empty());
    }
}
