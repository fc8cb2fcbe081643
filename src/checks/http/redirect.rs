//! Whether and where to follow a redirect: a pure decision.

use http::{HeaderMap, StatusCode, header};

use super::request::RequestTemplate;

/// What comes after an answer.
pub(super) enum Hop {
    /// It is the answer to judge.
    Final,
    /// It sends us on.
    Follow(Box<RequestTemplate>),
    /// It sends us where we do not go; the words for it.
    Refused(String),
}

/// Whether an answer with this status sends on to its `Location`.
pub(in crate::checks) const fn redirects(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Decides what comes after the answer to `request`, the `followed`th redirect of at most `most`.
pub(super) fn next(
    request: &RequestTemplate,
    status: StatusCode,
    headers: &HeaderMap,
    followed: u8,
    most: u8,
) -> Hop {
    let (true, Some(location)) = (
        most > 0 && redirects(status.as_u16()),
        headers.get(header::LOCATION),
    ) else {
        return Hop::Final;
    };
    if !request.is_safe() {
        return Hop::Final;
    }
    let from = request.target();
    if followed >= most {
        return Hop::Refused(format!("{from} redirects once more after {most} redirects"));
    }
    let Some(url) = location
        .to_str()
        .ok()
        .and_then(|location| request.url().join(location).ok())
    else {
        return Hop::Refused(format!("{from} redirects to something that is no URL"));
    };
    match (request.url().scheme(), url.scheme()) {
        ("https", "http") => {
            return Hop::Refused(format!("{from} redirects from https to http"));
        }
        (_, "http" | "https") => {}
        _ => {
            return Hop::Refused(format!(
                "{from} redirects to something else than http or https"
            ));
        }
    }
    let mut url = url;
    url.set_fragment(None);
    // A user and password that the target names are not ours to send; for http and https they can always be removed.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    match request.redirected(url) {
        Ok(next) => Hop::Follow(Box::new(next)),
        Err(_) => Hop::Refused(format!("{from} redirects to something that is no host")),
    }
}
