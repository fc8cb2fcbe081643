//! Paths that the public must not get: by their status, and by what their content shows. A page that answers everything alike,
//! as the one of an application in the browser does, exposes nothing.

use std::sync::LazyLock;

use http::HeaderMap;
use regex::bytes::Regex;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::Url;

use super::{
    headers::media_type,
    judgement::{Weakness, cannot_tell},
    request,
};
use crate::{
    api::SecurityCode,
    checks::{
        http::{Terms, exchange},
        invalid::InvalidCheck,
        net::Session,
        pattern::fixed,
        verdict::{Finding, FindingReason, Phases},
    },
};

const FIELD: &str = "security.exposedPaths";
const MOST_PATHS: usize = 16;

/// A path that is looked for, and what its content has in it. Without such a mark, it is held against paths that cannot be
/// there.
type Known = (&'static str, Option<Regex>);

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let marked = |path, mark| (path, Some(fixed(mark)));
    vec![
        marked(
            "/.env",
            r"(?m-u)\A[^<{]*?^(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]{0,63}[ \t]*=",
        ),
        marked("/.git/config", r"(?m-u)^[ \t]*\[core\]"),
        marked("/.git/HEAD", r"(?-u)\A(?:ref: refs/|[0-9a-f]{40,64}\s*\z)"),
        marked("/actuator/env", r#"(?-u)"propertySources"\s*:"#),
        ("/debug", None),
        marked("/debug/pprof/", r"(?i-u)\bgoroutine\b"),
        marked("/metrics", r"(?m-u)^# (?:HELP|TYPE) [A-Za-z_:]"),
        marked("/phpinfo.php", r"(?i-u)phpinfo\(\)"),
        marked("/server-status", r"(?i-u)Apache (?:Server )?Status"),
    ]
});

/// What a host is asked for.
#[derive(Clone, Debug)]
pub(super) struct Paths(Vec<String>);

/// An answer, as far as it is held against others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    media_type: Option<String>,
    /// `None` when it is too long to be read.
    content: Option<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    digest: [u8; 32],
    /// The known paths whose mark it has.
    marks: Vec<&'static str>,
}

impl Seen {
    fn new(status: u16, headers: &HeaderMap, body: Option<&[u8]>) -> Self {
        Self {
            status,
            media_type: media_type(headers),
            content: body.map(|body| Content {
                digest: Sha256::digest(body).into(),
                marks: KNOWN
                    .iter()
                    .filter(|(_, mark)| mark.as_ref().is_some_and(|mark| mark.is_match(body)))
                    .map(|(path, _)| *path)
                    .collect(),
            }),
        }
    }

    const fn is_given(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    fn has_mark(&self, path: &str) -> bool {
        let content = self.content.as_ref();
        content.is_some_and(|content| content.marks.contains(&path))
    }
}

impl Paths {
    /// Those of the check, or the known ones.
    pub(super) fn new(specified: &[String]) -> Result<Self, InvalidCheck> {
        if specified.len() > MOST_PATHS {
            return Err(InvalidCheck::new(
                FIELD,
                format!("has more than {MOST_PATHS} entries"),
            ));
        }
        for (place, path) in specified.iter().enumerate() {
            if path.len() < 2 || !is_sent_as_written(path) {
                let field = format!("{FIELD}[{place}]");
                return Err(InvalidCheck::new(field, "is not a path as it is sent"));
            }
        }
        Ok(Self(if specified.is_empty() {
            KNOWN.iter().map(|(path, _)| (*path).to_owned()).collect()
        } else {
            specified.to_vec()
        }))
    }

    /// Asks the host of `page` for every path, between two that cannot be there.
    pub(super) async fn look(
        &self,
        session: &Session,
        page: &Url,
        deadline: Instant,
    ) -> Result<Vec<Weakness>, Finding> {
        let before = see(&at(page, &stranger()), session, deadline).await?;
        let mut seen = Vec::with_capacity(self.0.len());
        for path in &self.0 {
            seen.push((
                path.as_str(),
                see(&at(page, path), session, deadline).await?,
            ));
        }
        let after = see(&at(page, &stranger()), session, deadline).await?;
        let exposed = judge(&seen, [&before, &after])?;
        Ok((!exposed.is_empty())
            .then(|| Weakness::new(SecurityCode::PathExposed, exposed.join(" ")))
            .into_iter()
            .collect())
    }
}

async fn see(url: &Url, session: &Session, deadline: Instant) -> Result<Seen, Finding> {
    let request = request(url, HeaderMap::new())?;
    let phases = &mut Phases::default();
    match exchange(session, &request, Terms::CONTENT, deadline, phases).await {
        Ok(answer) => Ok(Seen::new(
            answer.status,
            &answer.headers,
            answer.body.whole(),
        )),
        // Some firewalls break off such requests, which gives nothing away.
        Err(finding) if finding.reason == FindingReason::ConnectionReset => Ok(Seen {
            status: 0,
            media_type: None,
            content: None,
        }),
        Err(finding) => Err(cannot_tell("which paths are exposed", &finding)),
    }
}

/// A path that nobody has.
fn stranger() -> String {
    format!("/plumbline-{:016x}", rand::random::<u64>())
}

fn at(page: &Url, path: &str) -> Url {
    let mut url = page.clone();
    url.set_path(path);
    url.set_query(None);
    url
}

/// Whether it is neither mended nor shortened on the way into an address.
fn is_sent_as_written(path: &str) -> bool {
    Url::parse("http://localhost").is_ok_and(|url| at(&url, path).path() == path)
}

/// The paths that are exposed.
fn judge<'a>(seen: &[(&'a str, Seen)], strangers: [&Seen; 2]) -> Result<Vec<&'a str>, Finding> {
    let mut exposed = Vec::new();
    for (path, seen) in seen {
        if seen.status == 429 {
            let message = "the target asks to send less before every path was seen";
            return Err(Finding::unknown(FindingReason::RateLimited, message));
        }
        if !seen.is_given() {
            continue;
        }
        let marked = KNOWN
            .iter()
            .any(|(known, mark)| known == path && mark.is_some());
        if marked && seen.content.is_none() {
            let message = format!("{path} answers with more than 1 MiB, which is not read");
            return Err(Finding::unknown(FindingReason::NoData, message));
        }
        let is_exposed = if marked {
            seen.has_mark(path) && !strangers.iter().any(|stranger| stranger.has_mark(path))
        } else {
            differs(seen, strangers)
        };
        if is_exposed {
            exposed.push(*path);
        }
    }
    Ok(exposed)
}

/// Whether what was given is something else than what strangers are given. Where those two differ from each other, so may any
/// third, which then shows nothing.
fn differs(seen: &Seen, strangers: [&Seen; 2]) -> bool {
    let [before, after] = strangers;
    if !strangers.iter().any(|stranger| stranger.is_given()) {
        return true;
    }
    before == after && seen != before
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};
    use proptest::prelude::*;

    use super::*;

    fn seen(status: u16, media_type: &'static str, body: &str) -> Seen {
        let value = HeaderValue::from_static(media_type);
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value)]);
        Seen::new(status, &headers, Some(body.as_bytes()))
    }

    fn is_exposed(path: &str, answer: Seen, strangers: [&Seen; 2]) -> bool {
        !judge(&[(path, answer)], strangers).unwrap().is_empty()
    }

    #[test]
    fn a_known_path_is_exposed_when_its_content_shows_it() {
        let missing = seen(404, "text/plain", "not found");
        let index = seen(200, "text/html", "<!doctype html>\nx = 1\n");
        let commit = format!("{}\n", "0a".repeat(20));
        for (path, body) in [
            ("/.env", "# local\n\nDATABASE_URL=postgres://a\n"),
            ("/.env", "A=b\r\nexport C = d\r\n"),
            ("/.git/config", "[core]\n\tbare = false\n"),
            ("/.git/HEAD", "ref: refs/heads/main\n"),
            ("/.git/HEAD", commit.as_str()),
            ("/actuator/env", r#"{"propertySources" : []}"#),
            ("/debug/pprof/", "<html>goroutine</html>"),
            ("/metrics", "# HELP up Up.\n# TYPE up gauge\nup 1\n"),
            ("/phpinfo.php", "<title>PHP 8.1 - phpinfo()</title>"),
            ("/server-status", "<h1>Apache Server Status for a</h1>"),
        ] {
            let given = seen(200, "text/plain", body);
            for strangers in [[&missing, &missing], [&index, &index]] {
                assert!(is_exposed(path, given.clone(), strangers), "{path}");
            }
            let refused = seen(403, "text/plain", body);
            assert!(!is_exposed(path, refused, [&missing, &missing]), "{path}");
            // Whatever is asked for shows the mark, so that it means nothing.
            assert!(!is_exposed(path, given.clone(), [&given, &given]), "{path}");
            for strangers in [[&missing, &missing], [&index, &index]] {
                assert!(!is_exposed(path, index.clone(), strangers), "{path}");
            }
        }
    }

    #[test]
    fn another_path_is_exposed_when_it_is_given_and_strangers_are_not() {
        let missing = seen(404, "text/plain", "not found");
        let index = seen(200, "text/html", "<html>");
        let panel = seen(200, "text/html", "<html>panel");
        let data = seen(200, "application/json", "<html>");
        for path in ["/debug", "/admin/"] {
            for (answer, strangers, expected) in [
                (&panel, [&missing, &missing], true),
                (&missing, [&missing, &missing], false),
                (&index, [&index, &index], false),
                (&panel, [&index, &index], true),
                (&data, [&index, &index], true),
                // Strangers are given something else each time, and so may it be.
                (&panel, [&index, &data], false),
            ] {
                let found = is_exposed(path, answer.clone(), strangers);
                assert_eq!(found, expected, "{path} {answer:?} {strangers:?}");
            }
        }
    }

    #[test]
    fn what_could_not_be_read_is_not_told() {
        let missing = seen(404, "text/plain", "not found");
        let long = Seen::new(200, &HeaderMap::new(), None);
        let reason = |path, answer| {
            judge(&[(path, answer)], [&missing, &missing])
                .unwrap_err()
                .reason
        };
        assert_eq!(reason("/.env", long), FindingReason::NoData);
        let limited = seen(429, "text/plain", "");
        assert_eq!(reason("/debug", limited), FindingReason::RateLimited);
    }

    #[test]
    fn paths_are_asked_for_at_the_host_as_they_are_written() {
        let page: Url = "https://a.example/app/?x=1".parse().unwrap();
        let paths = Paths::new(&["/.env".to_owned(), "//b.example/x".to_owned()]).unwrap();
        let asked: Vec<String> = paths
            .0
            .iter()
            .map(|path| at(&page, path).to_string())
            .collect();
        assert_eq!(
            asked,
            ["https://a.example/.env", "https://a.example//b.example/x"]
        );
        for path in [
            "/", "x", "/a b", "/../x", "/a/./b", "/a?x", "/a#x", "/\u{e9}", "",
        ] {
            assert!(Paths::new(&[path.to_owned()]).is_err(), "{path}");
        }
        assert!(Paths::new(&vec!["/a".to_owned(); 17]).is_err());
    }

    #[test]
    fn the_page_names_every_path_that_is_looked_for() {
        let page = include_str!("../../../docs/checks/security.md");
        let known: Vec<String> = KNOWN.iter().map(|(path, _)| format!("`{path}`")).collect();
        let row = format!("| {} |", known.join(", "));
        let fields = page
            .lines()
            .filter(|line| line.starts_with("| `exposedPaths`"));
        assert!(fields.clone().any(|line| line.ends_with(&row)), "{row}");
    }

    proptest! {
        #[test]
        fn no_content_breaks_the_reading(body in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = Seen::new(200, &HeaderMap::new(), Some(&body));
        }
    }
}
