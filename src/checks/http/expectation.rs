//! What an answer must be, and the judgement on it: pure.

use http::{HeaderMap, HeaderName, header};
use regex::bytes::Regex;

use super::{
    body::{Body, LONGEST_BODY, Reading},
    cel::{Answer, CelAssertions, Judgement},
    json::JsonAssertion,
    latency::LatencyLimits,
    observation::{Certificate, Observation},
    status::StatusRanges,
};
use crate::{
    api::{HeaderExpectation, HttpExpectation},
    checks::{
        certificate::ends_too_soon,
        invalid::InvalidCheck,
        pattern::compile,
        verdict::{Finding, FindingReason},
    },
};

const MOST_ENTRIES: usize = 16;

/// A compiled expectation.
pub(super) struct Expectation {
    statuses: StatusRanges,
    headers: Vec<HeaderAssertion>,
    pattern: Option<Regex>,
    json: Box<[JsonAssertion]>,
    cel: CelAssertions,
    latency: LatencyLimits,
    min_certificate_days: Option<u16>,
}

struct HeaderAssertion {
    name: HeaderName,
    matches: Option<Regex>,
}

impl Expectation {
    pub(super) fn new(expect: &HttpExpectation) -> Result<Self, InvalidCheck> {
        for (field, length) in [
            ("status", expect.status.len()),
            ("headers", expect.headers.len()),
            ("json", expect.json.len()),
        ] {
            if length > MOST_ENTRIES {
                return Err(InvalidCheck::new(
                    format!("http.expect.{field}"),
                    format!("has more than {MOST_ENTRIES} entries"),
                ));
            }
        }
        let pattern = expect.body_matches.as_deref();
        Ok(Self {
            statuses: StatusRanges::new(&expect.status)?,
            headers: expect
                .headers
                .iter()
                .enumerate()
                .map(|(place, header)| HeaderAssertion::new(place, header))
                .collect::<Result<_, _>>()?,
            pattern: pattern
                .map(|pattern| compile(pattern, "http.expect.bodyMatches"))
                .transpose()?,
            json: expect
                .json
                .iter()
                .enumerate()
                .map(|(place, expected)| JsonAssertion::new(place, expected))
                .collect::<Result<_, _>>()?,
            cel: CelAssertions::new(&expect.cel)?,
            latency: LatencyLimits::new(expect.max_latency, expect.max_phases.clone()),
            min_certificate_days: expect.min_certificate_days,
        })
    }

    /// What the body has to be read for.
    pub(super) fn reading(&self) -> Reading {
        if self.pattern.is_some() || !self.json.is_empty() || self.cel.read_the_body() {
            Reading::Content
        } else if self.latency.time_the_body() {
            Reading::Time
        } else {
            Reading::Nothing
        }
    }

    /// The judgement: the reason is that of the first thing that does not hold, the message names all of them.
    pub(super) fn judge(&self, observation: &Observation) -> Finding {
        let mut faults = Vec::new();
        faults.extend(self.status_fault(observation));
        faults.extend(self.header_faults(observation));
        // The body of an error page says nothing about the body that was expected.
        if faults.is_empty() {
            faults.extend(self.body_faults(observation));
        }
        faults.extend(self.latency_faults(observation));
        faults.extend(self.certificate_fault(observation));
        // What must be false of an answer that is wrong already would only be said twice.
        if faults.is_empty() {
            match self.cel_judgement(observation) {
                Judgement::Told(untrue) => faults.extend(
                    untrue
                        .into_iter()
                        .map(|message| (FindingReason::UnexpectedValue, message)),
                ),
                Judgement::Costly(message) => {
                    return Finding::unknown(FindingReason::OutOfResources, message);
                }
            }
        }
        let Some((reason, _)) = faults.first() else {
            return Finding::pass(format!("status {}", observation.status));
        };
        let messages: Vec<&str> = faults.iter().map(|(_, message)| message.as_str()).collect();
        Finding::fail(*reason, messages.join("; "))
    }

    fn status_fault(&self, observation: &Observation) -> Option<(FindingReason, String)> {
        let status = observation.status;
        (!self.statuses.contain(status)).then(|| {
            let message = format!("status {status}, expected {}", self.statuses);
            (FindingReason::UnexpectedStatus, message)
        })
    }

    fn header_faults(&self, observation: &Observation) -> Vec<(FindingReason, String)> {
        let faults = self.headers.iter().filter_map(|expected| {
            let mut values = observation
                .headers
                .get_all(&expected.name)
                .iter()
                .peekable();
            let message = if values.peek().is_none() {
                format!("header {} is missing", expected.name)
            } else {
                let matches = expected.matches.as_ref()?;
                if values.any(|value| matches.is_match(value.as_bytes())) {
                    return None;
                }
                format!("header {} has another value", expected.name)
            };
            Some((FindingReason::UnexpectedHeader, message))
        });
        faults.collect()
    }

    fn body_faults(&self, observation: &Observation) -> Vec<(FindingReason, String)> {
        let fault = |message: String| vec![(FindingReason::UnexpectedBody, message)];
        if self.reading() != Reading::Content {
            return Vec::new();
        }
        if let Some(encoding) = encoding(&observation.headers) {
            return fault(format!(
                "the body is encoded as {encoding}, though nothing asked for it"
            ));
        }
        let Body::Whole(body) = &observation.body else {
            return fault(format!(
                "the body is longer than {} MiB",
                LONGEST_BODY >> 20
            ));
        };
        let mut messages = Vec::new();
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(body)
        {
            messages.push(format!("the body does not match {pattern}"));
        }
        messages.extend(JsonAssertion::judge_all(&self.json, body));
        messages
            .into_iter()
            .map(|message| (FindingReason::UnexpectedBody, message))
            .collect()
    }

    fn cel_judgement(&self, observation: &Observation) -> Judgement {
        if self.cel.is_empty() {
            return Judgement::Told(Vec::new());
        }
        let body: &[u8] = match &observation.body {
            Body::Whole(body) => body,
            Body::Ended | Body::TooLong | Body::Unread => b"",
        };
        self.cel.judge(&Answer {
            status: observation.status,
            headers: &observation.headers,
            body,
            elapsed: observation.elapsed,
        })
    }

    /// Whether the judgement may take long enough to be in the way of others.
    pub(super) fn is_laborious(&self) -> bool {
        !self.cel.is_empty()
    }

    fn latency_faults(
        &self,
        observation: &Observation,
    ) -> impl Iterator<Item = (FindingReason, String)> {
        let faults = self
            .latency
            .faults(observation.elapsed, &observation.phases);
        faults
            .into_iter()
            .map(|message| (FindingReason::TooSlow, message))
    }

    /// Whether the check is about the certificate too, so that one that cannot be trusted is the target's fault.
    pub(super) fn judges_certificate(&self) -> bool {
        self.min_certificate_days.is_some()
    }

    fn certificate_fault(&self, observation: &Observation) -> Option<(FindingReason, String)> {
        let least = self.min_certificate_days?;
        match observation.certificate {
            Certificate::None => Some((
                FindingReason::TlsFailed,
                "the answer came without TLS, so that there is no certificate".to_owned(),
            )),
            Certificate::Until(None) => Some((
                FindingReason::TlsFailed,
                "the certificate cannot be read".to_owned(),
            )),
            Certificate::Until(Some(not_after)) => {
                let soon = ends_too_soon(not_after, observation.now, least)?;
                let message = format!("the certificate {soon}");
                Some((FindingReason::CertificateExpiring, message))
            }
        }
    }
}

impl HeaderAssertion {
    fn new(place: usize, expected: &HeaderExpectation) -> Result<Self, InvalidCheck> {
        let field = format!("http.expect.headers[{place}]");
        Ok(Self {
            name: expected.name.parse().map_err(|_| {
                InvalidCheck::new(format!("{field}.name"), "is not the name of a header")
            })?,
            matches: expected
                .matches
                .as_deref()
                .map(|pattern| compile(pattern, &format!("{field}.matches")))
                .transpose()?,
        })
    }
}

/// The encoding of a body, when it has one. A word that is not a known encoding could be anything, and is not shown.
fn encoding(headers: &HeaderMap) -> Option<&'static str> {
    let value = headers.get(header::CONTENT_ENCODING)?;
    let value = value
        .to_str()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if value.is_empty() || value == "identity" {
        return None;
    }
    ["gzip", "br", "zstd", "deflate", "compress"]
        .into_iter()
        .find(|known| *known == value)
        .or(Some("something unknown"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::checks::verdict::Phases;
    use crate::checks::verdict::Verdict;

    fn expectation(yaml: &str) -> Expectation {
        Expectation::new(&serde_yaml::from_str(yaml).unwrap()).unwrap()
    }

    fn observation(status: u16, body: &str) -> Observation {
        let mut headers = HeaderMap::new();
        headers.insert("x-release", "canary".parse().unwrap());
        Observation {
            status,
            headers,
            body: Body::Whole(body.as_bytes().to_vec()),
            elapsed: Duration::from_millis(1840),
            phases: Phases::default(),
            certificate: Certificate::None,
            now: 1_700_000_000,
        }
    }

    #[test]
    fn the_reason_is_that_of_the_first_fault_and_the_message_names_all() {
        let expectation = expectation(
            "{headers: [{name: X-Release, matches: '^v2'}, {name: x-gone}], bodyMatches: ok, maxLatency: 800ms}",
        );
        let finding = expectation.judge(&observation(503, "failing"));
        assert_eq!(finding.reason, FindingReason::UnexpectedStatus);
        assert_eq!(
            finding.message,
            "status 503, expected 200-299; header x-release has another value; header x-gone is missing; \
             answered in 1.84s, over 800ms"
        );
        let finding = expectation.judge(&observation(200, "failing"));
        assert_eq!(finding.reason, FindingReason::UnexpectedHeader);
    }

    #[test]
    fn each_expectation_alone_fails_with_its_own_reason() {
        for (yaml, reason) in [
            (
                "{status: ['204', '301-302']}",
                FindingReason::UnexpectedStatus,
            ),
            (
                "{headers: [{name: x-gone}]}",
                FindingReason::UnexpectedHeader,
            ),
            ("{bodyMatches: '^ok$'}", FindingReason::UnexpectedBody),
            (
                "{json: [{path: $.a, operator: Exists}]}",
                FindingReason::UnexpectedBody,
            ),
            ("{maxLatency: 1s}", FindingReason::TooSlow),
            ("{cel: ['latency < 1000']}", FindingReason::UnexpectedValue),
        ] {
            let finding = expectation(yaml).judge(&observation(200, "{}"));
            assert_eq!((finding.verdict, finding.reason), (Verdict::Fail, reason));
        }
        let all = "{status: ['200'], headers: [{name: X-RELEASE, matches: can}], bodyMatches: a, \
                   json: [{path: $.a, value: '1'}], cel: ['json.a == 1'], maxLatency: 2s}";
        let finding = expectation(all).judge(&observation(200, r#"{"a": 1}"#));
        assert_eq!(finding.verdict, Verdict::Pass, "{}", finding.message);
    }

    #[test]
    fn a_body_is_judged_as_bytes_and_only_when_it_came_whole_and_plain() {
        let expectation = expectation("{bodyMatches: a}");
        let mut seen = observation(200, "");
        seen.body = Body::Whole(b"\xff\xfea".to_vec());
        assert_eq!(expectation.judge(&seen).verdict, Verdict::Pass);
        seen.headers
            .insert(header::CONTENT_ENCODING, "identity".parse().unwrap());
        assert_eq!(expectation.judge(&seen).verdict, Verdict::Pass);
        seen.headers
            .insert(header::CONTENT_ENCODING, "canary".parse().unwrap());
        let finding = expectation.judge(&seen);
        assert_eq!(finding.reason, FindingReason::UnexpectedBody);
        assert!(!finding.message.contains("canary"));
        seen.headers.remove(header::CONTENT_ENCODING);
        seen.body = Body::TooLong;
        assert_eq!(
            expectation.judge(&seen).reason,
            FindingReason::UnexpectedBody
        );
    }

    #[test]
    fn a_certificate_must_be_there_and_last_as_long_as_asked() {
        let expectation = expectation("{minCertificateDays: 30}");
        let mut seen = observation(200, "");
        let judged = |seen: &Observation| expectation.judge(seen);
        assert_eq!(judged(&seen).reason, FindingReason::TlsFailed);
        seen.certificate = Certificate::Until(None);
        assert_eq!(judged(&seen).reason, FindingReason::TlsFailed);
        let day = 24 * 60 * 60;
        seen.certificate = Certificate::Until(Some(seen.now + 30 * day));
        assert_eq!(judged(&seen).verdict, Verdict::Pass);
        seen.certificate = Certificate::Until(Some(seen.now + 30 * day - 1));
        let finding = judged(&seen);
        assert_eq!(finding.reason, FindingReason::CertificateExpiring);
        let message = "the certificate ends on 2023-12-14: 29 days left, under 30";
        assert_eq!(finding.message, message);
    }

    #[test]
    fn what_cannot_be_expected_is_refused_with_its_field() {
        for (yaml, field) in [
            ("{status: ['0']}", "http.expect.status[0]"),
            ("{status: ['200', '999']}", "http.expect.status[1]"),
            ("{status: ['200-100']}", "http.expect.status[0]"),
            ("{status: ['2xx']}", "http.expect.status[0]"),
            ("{status: ['+200']}", "http.expect.status[0]"),
            ("{status: ['']}", "http.expect.status[0]"),
            ("{bodyMatches: '('}", "http.expect.bodyMatches"),
            ("{bodyMatches: '(?=a)'}", "http.expect.bodyMatches"),
            (
                "{bodyMatches: '(?:a{1000}){1000}'}",
                "http.expect.bodyMatches",
            ),
            ("{cel: ['true', 'json.a ==']}", "http.expect.cel[1]"),
            ("{headers: [{name: 'a b'}]}", "http.expect.headers[0].name"),
            (
                "{headers: [{name: a, matches: '['}]}",
                "http.expect.headers[0].matches",
            ),
        ] {
            let refused = Expectation::new(&serde_yaml::from_str(yaml).unwrap());
            let error = refused.err().unwrap();
            assert_eq!(error.field, field, "{error}");
            assert!(!error.problem.contains('\n'), "{error}");
        }
        let long = HttpExpectation {
            body_matches: Some("a".repeat(100_000)),
            ..HttpExpectation::default()
        };
        assert!(Expectation::new(&long).is_err());
        let many = HttpExpectation {
            status: vec!["200".to_owned(); 10_000],
            ..HttpExpectation::default()
        };
        assert!(Expectation::new(&many).is_err());
    }

    #[test]
    fn a_pattern_that_would_backtrack_elsewhere_takes_linear_time() {
        let expectation = expectation("{bodyMatches: '(a+)+$'}");
        let body = format!("{}b", "a".repeat(LONGEST_BODY - 1));
        let began = std::time::Instant::now();
        let finding = expectation.judge(&observation(200, &body));
        assert_eq!(finding.reason, FindingReason::UnexpectedBody);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
