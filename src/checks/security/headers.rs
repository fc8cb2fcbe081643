//! What the headers of an answer should say: pure.

use http::{HeaderMap, HeaderName, header};

use super::judgement::Weakness;
use crate::api::SecurityCode;

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// Headers that name the software behind a target.
const BANNERS: [&str; 4] = [
    "server",
    "x-powered-by",
    "x-aspnet-version",
    "x-aspnetmvc-version",
];

/// Whether a browser shows the answer as a page. One that does not say what it is may become one.
pub(super) fn is_page(headers: &HeaderMap) -> bool {
    media_type(headers)
        .is_none_or(|essence| ["text/html", "application/xhtml+xml"].contains(&essence.as_str()))
}

/// The media type without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

/// `Strict-Transport-Security`, of which browsers take the first (RFC 6797, section 8.1).
pub(super) fn strict_transport(headers: &HeaderMap, least_days: u16) -> Option<Weakness> {
    let value = headers
        .get(header::STRICT_TRANSPORT_SECURITY)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let age = value
        .split(';')
        .filter_map(|directive| directive.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))
        .and_then(|(_, age)| age.trim().trim_matches('"').parse::<u64>().ok());
    match age {
        None | Some(0) => Some(SecurityCode::HstsMissing.into()),
        Some(age) if age < u64::from(least_days) * SECONDS_PER_DAY => Some(Weakness::new(
            SecurityCode::HstsTooShort,
            format!("{}d, under {least_days}d", age / SECONDS_PER_DAY),
        )),
        Some(_) => None,
    }
}

/// What every answer should say, whatever it is.
pub(super) fn of_any(headers: &HeaderMap) -> Vec<Weakness> {
    let nosniff = texts(headers, &header::X_CONTENT_TYPE_OPTIONS)
        .next()
        .is_some_and(|value| value.eq_ignore_ascii_case("nosniff"));
    if nosniff {
        Vec::new()
    } else {
        vec![SecurityCode::ContentTypeOptionsMissing.into()]
    }
}

/// What a page should say.
pub(super) fn of_page(headers: &HeaderMap) -> Vec<Weakness> {
    [
        (is_framed_by_anybody(headers), SecurityCode::FramingAllowed),
        (
            !has_policy_of_scripts(headers),
            SecurityCode::ContentSecurityPolicyMissing,
        ),
        (
            tells_others_everything(headers),
            SecurityCode::ReferrerPolicyMissing,
        ),
    ]
    .into_iter()
    .filter(|(wrong, _)| *wrong)
    .map(|(_, code)| code.into())
    .collect()
}

/// The banners of these answers that show a version, by the names of their headers.
pub(super) fn version_shown(answers: &[&HeaderMap]) -> Option<Weakness> {
    let shows = |name: &&str| {
        let mut values = answers.iter().flat_map(|headers| headers.get_all(*name));
        values.any(|value| has_version(value.as_bytes()))
    };
    let names: Vec<&str> = BANNERS.into_iter().filter(shows).collect();
    (!names.is_empty()).then(|| Weakness::new(SecurityCode::VersionShown, names.join(" ")))
}

/// Whether a text holds a version: a digit after a slash (`PHP/8`, `x/v2`), or digits with a dot between them.
fn has_version(text: &[u8]) -> bool {
    let digit = |place: usize| text.get(place).is_some_and(u8::is_ascii_digit);
    text.iter().enumerate().any(|(place, byte)| match byte {
        b'/' => digit(place + 1) || (text.get(place + 1) == Some(&b'v') && digit(place + 2)),
        b'.' => place > 0 && digit(place - 1) && digit(place + 1),
        _ => false,
    })
}

/// Browsers leave `X-Frame-Options` aside where a policy names ancestors.
fn is_framed_by_anybody(headers: &HeaderMap) -> bool {
    let mut ancestors = directives(headers)
        .filter(|(name, _)| name == "frame-ancestors")
        .map(|(_, sources)| sources)
        .peekable();
    if ancestors.peek().is_some() {
        let anybody = |source: &String| ["*", "http:", "https:"].contains(&source.as_str());
        return ancestors.all(|sources| sources.iter().any(anybody));
    }
    !texts(headers, &header::X_FRAME_OPTIONS)
        .any(|value| ["deny", "sameorigin"].contains(&value.to_ascii_lowercase().as_str()))
}

fn has_policy_of_scripts(headers: &HeaderMap) -> bool {
    directives(headers).any(|(name, _)| ["default-src", "script-src"].contains(&name.as_str()))
}

/// Browsers take the last policy that they know; the two worst are the ones that name path and query to other hosts.
fn tells_others_everything(headers: &HeaderMap) -> bool {
    const KNOWN: [&str; 8] = [
        "no-referrer",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "origin",
        "origin-when-cross-origin",
        "no-referrer-when-downgrade",
        "unsafe-url",
    ];
    let last = texts(headers, &header::REFERRER_POLICY)
        .map(str::to_ascii_lowercase)
        .filter(|policy| KNOWN.contains(&policy.as_str()))
        .last();
    last.is_none_or(|policy| {
        ["no-referrer-when-downgrade", "unsafe-url"].contains(&policy.as_str())
    })
}

/// Every directive of every `Content-Security-Policy` that is enforced: its name and its values, in lower case.
pub(super) fn directives(headers: &HeaderMap) -> impl Iterator<Item = (String, Vec<String>)> {
    texts(headers, &header::CONTENT_SECURITY_POLICY)
        .flat_map(|policy| policy.split(';'))
        .filter_map(|directive| {
            let mut words = directive
                .split_ascii_whitespace()
                .map(str::to_ascii_lowercase);
            Some((words.next()?, words.collect()))
        })
}

/// Every value of a header that is a list.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn codes(weaknesses: impl IntoIterator<Item = Weakness>) -> Vec<SecurityCode> {
        weaknesses.into_iter().map(|it| it.code).collect()
    }

    #[test]
    fn strict_transport_security_lasts_as_long_as_asked() {
        for (value, expected) in [
            ("max-age=15552000", None),
            ("includeSubDomains; Max-Age = \"31536000\" ; preload", None),
            ("max-age=15551999", Some(SecurityCode::HstsTooShort)),
            ("max-age=0", Some(SecurityCode::HstsMissing)),
            ("max-age=-1", Some(SecurityCode::HstsMissing)),
            ("includeSubDomains", Some(SecurityCode::HstsMissing)),
        ] {
            let headers = headers(&[&format!("strict-transport-security: {value}")]);
            let found = strict_transport(&headers, 180).map(|it| it.code);
            assert_eq!(found, expected, "{value}");
        }
        let found = strict_transport(&HeaderMap::new(), 180);
        assert_eq!(codes(found), [SecurityCode::HstsMissing]);
        let short = headers(&["strict-transport-security: max-age=86400"]);
        let detail = strict_transport(&short, 180).unwrap().detail.unwrap();
        assert_eq!(detail, "1d, under 180d");
        let twice = [
            "strict-transport-security: max-age=0",
            "strict-transport-security: max-age=31536000",
        ];
        assert!(strict_transport(&headers(&twice), 180).is_some());
    }

    #[test]
    fn a_type_must_not_be_guessed() {
        let code = SecurityCode::ContentTypeOptionsMissing;
        for (lines, expected) in [
            (vec!["x-content-type-options: NoSniff"], vec![]),
            (vec!["x-content-type-options: sniff"], vec![code]),
            (vec![], vec![code]),
        ] {
            assert_eq!(codes(of_any(&headers(&lines))), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_some_may_frame_a_page() {
        for (lines, allowed) in [
            (vec![], true),
            (vec!["x-frame-options: DENY"], false),
            (vec!["x-frame-options: SameOrigin"], false),
            (vec!["x-frame-options: ALLOW-FROM https://a.example"], true),
            (
                vec!["content-security-policy: frame-ancestors 'none'"],
                false,
            ),
            (vec!["content-security-policy: default-src 'self'"], true),
            (
                vec![
                    "content-security-policy: default-src 'self'; FRAME-ANCESTORS https://a.example",
                ],
                false,
            ),
            (
                vec![
                    "content-security-policy: frame-ancestors *",
                    "x-frame-options: DENY",
                ],
                true,
            ),
            (
                vec!["content-security-policy: frame-ancestors *, frame-ancestors 'self'"],
                false,
            ),
            (
                vec!["content-security-policy: frame-ancestors https:"],
                true,
            ),
            (
                vec!["content-security-policy-report-only: frame-ancestors 'none'"],
                true,
            ),
        ] {
            let found = codes(of_page(&headers(&lines)));
            let found = found.contains(&SecurityCode::FramingAllowed);
            assert_eq!(found, allowed, "{lines:?}");
        }
    }

    #[test]
    fn a_policy_names_where_scripts_come_from() {
        for (line, missing) in [
            ("content-security-policy: default-src 'self'", false),
            (
                "content-security-policy: img-src *; script-src 'self'",
                false,
            ),
            ("content-security-policy: frame-ancestors 'none'", true),
            (
                "content-security-policy-report-only: default-src 'self'",
                true,
            ),
        ] {
            let found = codes(of_page(&headers(&[line])));
            let found = found.contains(&SecurityCode::ContentSecurityPolicyMissing);
            assert_eq!(found, missing, "{line}");
        }
    }

    #[test]
    fn a_referrer_policy_keeps_paths_from_other_hosts() {
        for (line, missing) in [
            ("referrer-policy: strict-origin-when-cross-origin", false),
            ("referrer-policy: no-referrer, new-fancy-policy", false),
            ("referrer-policy: no-referrer, unsafe-url", true),
            ("referrer-policy: no-referrer-when-downgrade", true),
            ("referrer-policy: nonsense", true),
            ("server: a", true),
        ] {
            let found = codes(of_page(&headers(&[line])));
            let found = found.contains(&SecurityCode::ReferrerPolicyMissing);
            assert_eq!(found, missing, "{line}");
        }
    }

    #[test]
    fn a_banner_may_name_the_software_and_not_its_version() {
        for (line, shown) in [
            ("server: nginx", false),
            ("server: AmazonS3", false),
            ("server: cloudflare", false),
            ("server: a/b.c", false),
            ("server: nginx/1.25.3", true),
            ("server: Apache/2", true),
            ("server: Jetty(9.4.z)", true),
            ("x-powered-by: PHP/8.1", true),
            ("x-powered-by: Express", false),
            ("x-aspnet-version: 4.0.30319", true),
            ("x-other: nginx/1.25.3", false),
        ] {
            let headers = headers(&[line]);
            let found = version_shown(&[&headers]);
            assert_eq!(found.is_some(), shown, "{line}");
        }
        let both = headers(&["server: a/1", "x-powered-by: b/2"]);
        let found = version_shown(&[&both]).unwrap();
        assert_eq!(found.detail.unwrap(), "server x-powered-by");
    }

    #[test]
    fn a_page_is_what_a_browser_may_show_as_one() {
        for (lines, expected) in [
            (vec!["content-type: text/html; charset=utf-8"], true),
            (vec!["content-type: Application/XHTML+xml"], true),
            (vec![], true),
            (vec!["content-type: application/json"], false),
        ] {
            assert_eq!(is_page(&headers(&lines)), expected, "{lines:?}");
        }
    }
}
