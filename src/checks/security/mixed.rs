//! What a page over https loads without TLS: pure.

use std::{collections::BTreeSet, sync::LazyLock};

use http::HeaderMap;
use regex::bytes::Regex;

use super::{headers::directives, judgement::Weakness};
use crate::{api::SecurityCode, checks::pattern::fixed};

/// Comments, in which nothing is loaded.
static COMMENT: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?s-u)<!--.*?-->"));

/// Tags that load something. What `a` names is only gone to when somebody clicks.
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?i-u)<(script|img|iframe|frame|embed|object|source|video|audio|track|input|form|link)\b([^>]*)>",
    )
});

/// Attributes that name what is loaded, at an address without TLS.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?i-u)(?:^|[\s"'])(?:src|href|data|action|poster|srcset)\s*=\s*["']?\s*(http://[^\s"'>]+)"#,
    )
});

/// Links that a browser follows by itself; `canonical` and others only name something.
static LOADED_LINK: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r#"(?i-u)\brel\s*=\s*["']?[^"'>]*\b(?:stylesheet|icon|preload|modulepreload|prefetch|manifest)\b"#,
    )
});

/// The addresses without TLS that `page` loads from, unless its policy has browsers turn them into https.
pub(super) fn judge(headers: &HeaderMap, page: &[u8]) -> Option<Weakness> {
    if directives(headers).any(|(name, _)| name == "upgrade-insecure-requests") {
        return None;
    }
    let page = COMMENT.replace_all(page, b"".as_slice());
    let mut addresses = BTreeSet::new();
    for tag in TAG.captures_iter(&page) {
        if tag[1].eq_ignore_ascii_case(b"link") && !LOADED_LINK.is_match(&tag[2]) {
            continue;
        }
        for attribute in ADDRESS.captures_iter(&tag[2]) {
            addresses.insert(attribute[1].to_vec());
        }
    }
    let count = addresses.len();
    (count > 0).then(|| Weakness::new(SecurityCode::MixedContent, format!("addresses: {count}")))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};
    use proptest::prelude::*;

    use super::*;

    fn count(page: &str) -> Option<String> {
        judge(&HeaderMap::new(), page.as_bytes()).map(|it| it.detail.unwrap())
    }

    #[test]
    fn a_page_loads_nothing_without_tls() {
        for page in [
            "",
            r#"<script src="https://a.example/a.js"></script>"#,
            r#"<script src="//a.example/a.js"></script>"#,
            r#"<a href="http://a.example/">more</a>"#,
            r#"<link rel="canonical" href="http://a.example/">"#,
            r#"<!-- <script src="http://a.example/a.js"></script> -->"#,
            r#"<img alt="http://a.example/" src="/a.png">"#,
            r#"<img data-note="http://a.example/" src="/a.png">"#,
            r#"<svg xmlns="http://www.w3.org/2000/svg">"#,
            r#"<p>src="http://a.example/"</p>"#,
        ] {
            assert_eq!(count(page), None, "{page}");
        }
        for page in [
            r#"<script src="http://a.example/a.js"></script>"#,
            "<SCRIPT\nSRC = 'HTTP://a.example/a.js'>",
            "<img src=http://a.example/a.png>",
            r#"<img alt=""src="http://a.example/a.png">"#,
            r#"<link href="http://a.example/a.css" rel="alternate stylesheet">"#,
            r#"<form action="http://a.example/login">"#,
            r#"<!-- --> <iframe src="http://a.example/"> <!-- -->"#,
        ] {
            assert_eq!(count(page).as_deref(), Some("addresses: 1"), "{page}");
        }
        let twice = r#"<img src="http://a/1"><img src="http://a/1"><img src="http://a/2">"#;
        assert_eq!(count(twice).as_deref(), Some("addresses: 2"));
    }

    #[test]
    fn a_policy_that_upgrades_them_is_enough() {
        let policy = HeaderValue::from_static("default-src 'self'; upgrade-insecure-requests");
        let headers = HeaderMap::from_iter([(header::CONTENT_SECURITY_POLICY, policy)]);
        assert!(judge(&headers, b"<img src=http://a.example/>").is_none());
    }

    proptest! {
        #[test]
        fn no_page_breaks_the_reading(page in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = judge(&HeaderMap::new(), &page);
        }
    }
}
