//! From one answer to the next, as redirects lead.

use http::{HeaderMap, header};
use tokio::time::Instant;
use url::Url;

use super::request;
use crate::checks::{
    http::{Observation, Terms, exchange, redirects},
    net::Session,
    verdict::{Finding, FindingReason, Phases},
};

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 5;

/// An answer, and where it came from.
pub(super) struct Answer {
    pub(super) url: Url,
    pub(super) observation: Observation,
}

impl Answer {
    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.observation.headers
    }
}

/// Where redirects have led.
pub(super) struct Walk {
    /// In the order in which they came.
    pub(super) answers: Vec<Answer>,
    /// Whether the last of them leads to where the walk does not go.
    pub(super) left: bool,
}

/// Asks at `url`, and follows redirects until an answer is none, or one `leaves` from the first address to the second.
pub(super) async fn walk(
    session: &Session,
    url: &Url,
    terms: impl Fn(&Url) -> Terms,
    leaves: impl Fn(&Url, &Url) -> bool,
    deadline: Instant,
    phases: &mut Phases,
) -> Result<Walk, Finding> {
    let mut answers = Vec::new();
    let mut url = url.clone();
    for _ in 0..=MOST_REDIRECTS {
        let request = request(&url, HeaderMap::new())?;
        let observation = exchange(session, &request, terms(&url), deadline, phases).await?;
        let next = next(&url, observation.status, &observation.headers);
        let here = url.clone();
        answers.push(Answer { url, observation });
        match next {
            Next::Nowhere => {
                return Ok(Walk {
                    answers,
                    left: false,
                });
            }
            Next::At(there) if leaves(&here, &there) => {
                return Ok(Walk {
                    answers,
                    left: true,
                });
            }
            Next::At(there) => url = there,
            Next::Unreadable => {
                return Err(Finding::fail(
                    FindingReason::RedirectRefused,
                    format!(
                        "{} redirects to something that is no address",
                        request.target()
                    ),
                ));
            }
        }
    }
    let request = request(&url, HeaderMap::new())?;
    Err(Finding::fail(
        FindingReason::RedirectRefused,
        format!(
            "{} would be the redirect after {MOST_REDIRECTS} redirects",
            request.target()
        ),
    ))
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Nowhere,
    At(Url),
    Unreadable,
}

/// Where an answer from `url` leads.
fn next(url: &Url, status: u16, headers: &HeaderMap) -> Next {
    let (true, Some(location)) = (redirects(status), headers.get(header::LOCATION)) else {
        return Next::Nowhere;
    };
    let there = location
        .to_str()
        .ok()
        .and_then(|location| url.join(location).ok())
        .filter(|there| ["http", "https"].contains(&there.scheme()));
    let Some(mut there) = there else {
        return Next::Unreadable;
    };
    there.set_fragment(None);
    // A user and password that the target names are not ours to send; for http and https they can always be removed.
    let _ = there.set_username("");
    let _ = there.set_password(None);
    Next::At(there)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_redirect_leads_to_an_address_or_to_nothing_that_is_asked() {
        let url: Url = "https://a.example/x/y".parse().unwrap();
        for (status, location, expected) in [
            (200, "/z", None),
            (304, "/z", None),
            (301, "/z", Some("https://a.example/z")),
            (308, "z", Some("https://a.example/x/z")),
            (302, "//b.example/", Some("https://b.example/")),
            (303, "http://u:p@b.example/#f", Some("http://b.example/")),
        ] {
            let headers = [(header::LOCATION, HeaderValue::from_static(location))];
            let next = next(&url, status, &HeaderMap::from_iter(headers));
            let expected = expected.map_or(Next::Nowhere, |it| Next::At(it.parse().unwrap()));
            assert_eq!(next, expected, "{status} {location}");
        }
        for location in [
            "javascript:alert(1)",
            "ftp://b.example/",
            "http://",
            "\u{e9}",
        ] {
            let value = HeaderValue::from_bytes(location.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(header::LOCATION, value)]);
            assert_eq!(next(&url, 302, &headers), Next::Unreadable, "{location}");
        }
        assert_eq!(next(&url, 302, &HeaderMap::new()), Next::Nowhere);
    }
}
