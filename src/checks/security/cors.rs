//! Whether every origin may read the answers.

use http::{HeaderMap, HeaderValue, header};
use tokio::time::Instant;
use url::Url;

use super::{
    judgement::{Weakness, cannot_tell},
    request,
};
use crate::{
    api::SecurityCode,
    checks::{
        http::{Reading, Terms, exchange},
        net::Session,
        verdict::{Finding, Phases},
    },
};

/// An answer for its headers.
const HEAD: Terms = Terms {
    reading: Reading::Nothing,
    ..Terms::CONTENT
};

/// What can be found here.
pub(super) const CODES: &[SecurityCode] = &[
    SecurityCode::CorsCredentialsForAnyOrigin,
    SecurityCode::CorsReflectsOrigin,
];

/// Asks at `url` as the scripts of two origins would that nobody can have named: one made up, and the one of sandboxed frames
/// and files.
pub(super) async fn look(
    session: &Session,
    url: &Url,
    deadline: Instant,
) -> Result<Vec<Weakness>, Finding> {
    let made_up = format!("https://plumbline-{:016x}.example", rand::random::<u64>());
    let mut found = Vec::new();
    for origin in [made_up.as_str(), "null"] {
        let value = HeaderValue::from_str(origin).expect("an origin of letters and digits");
        let headers = HeaderMap::from_iter([(header::ORIGIN, value)]);
        let request = request(url, headers)?;
        let phases = &mut Phases::default();
        let answer = exchange(session, &request, HEAD, deadline, phases)
            .await
            .map_err(|finding| cannot_tell("which origins may read the answers", &finding))?;
        found.extend(judge(&answer.headers, origin));
    }
    Ok(found)
}

/// What the answer to a request from `origin` shows.
fn judge(headers: &HeaderMap, origin: &str) -> Option<Weakness> {
    let is = |name, text: &str| {
        headers
            .get(name)
            .is_some_and(|value: &HeaderValue| value.as_bytes() == text.as_bytes())
    };
    let reflected = is(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let everybody = is(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    let credentials = is(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    if (reflected || everybody) && credentials {
        Some(SecurityCode::CorsCredentialsForAnyOrigin.into())
    } else if reflected {
        Some(SecurityCode::CorsReflectsOrigin.into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_nobody_named_reads_nothing_that_is_for_users() {
        let origin = "https://x.example";
        let with = SecurityCode::CorsCredentialsForAnyOrigin;
        let without = SecurityCode::CorsReflectsOrigin;
        for (allowed, credentials, expected) in [
            (None, None, None),
            (Some("https://x.example"), None, Some(without)),
            (Some("https://x.example"), Some("false"), Some(without)),
            (Some("https://x.example"), Some("true"), Some(with)),
            (Some("*"), None, None),
            (Some("*"), Some("true"), Some(with)),
            (Some("https://app.example"), Some("true"), None),
            (None, Some("true"), None),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                (header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed),
                (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials),
            ] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let found = judge(&headers, origin).map(|it| it.code);
            assert_eq!(found, expected, "{headers:?}");
        }
    }
}
