//! What cookies are set with: pure.

use http::{HeaderMap, header};

use super::judgement::Weakness;
use crate::api::SecurityCode;

/// A cookie, by what it is set with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cookie {
    secure: bool,
    http_only: bool,
    same_site: bool,
    /// Whether it is taken away, and not set.
    removed: bool,
}

/// What is wrong with the cookies of these answers: how many of how many, as their names are the target's.
pub(super) fn judge<'a>(answers: impl Iterator<Item = &'a HeaderMap>) -> Vec<Weakness> {
    let cookies: Vec<Cookie> = answers
        .flat_map(|headers| headers.get_all(header::SET_COOKIE))
        .map(|value| cookie(&String::from_utf8_lossy(value.as_bytes())))
        .filter(|cookie| !cookie.removed)
        .collect();
    let rules: [(SecurityCode, fn(&Cookie) -> bool); 3] = [
        (SecurityCode::CookieNotSecure, |it| !it.secure),
        (SecurityCode::CookieNotHttpOnly, |it| !it.http_only),
        (SecurityCode::CookieWithoutSameSite, |it| !it.same_site),
    ];
    let wrong = rules.into_iter().map(|(code, breaks)| {
        let count = cookies.iter().filter(|it| breaks(it)).count();
        (code, count)
    });
    wrong
        .filter(|(_, count)| *count > 0)
        .map(|(code, count)| Weakness::new(code, format!("{count} of {}", cookies.len())))
        .collect()
}

/// RFC 6265, section 5.2.
fn cookie(text: &str) -> Cookie {
    let mut cookie = Cookie::default();
    for attribute in text.split(';').skip(1) {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "samesite" => {
                let known = ["lax", "strict", "none"];
                cookie.same_site = known.contains(&value.to_ascii_lowercase().as_str());
            }
            "max-age" => cookie.removed = value.parse::<i64>().is_ok_and(|age| age <= 0),
            _ => {}
        }
    }
    cookie
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
