//! The `security` check: what anybody on the network sees of an address.

mod certificate;
mod cookies;
mod cors;
mod exposed;
mod headers;
mod judgement;
mod mixed;
mod old_tls;
mod walk;

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures::future::{BoxFuture, join};
use http::{HeaderMap, Method};
use tokio::time::Instant;
use url::Url;

use self::{
    exposed::Paths,
    headers::is_page,
    judgement::{Report, Tolerance, Weakness, cannot_tell, judge},
    old_tls::OldVersion,
    walk::{Answer, Walk, walk},
};
use super::{
    http::{RequestTemplate, Terms, address},
    invalid::InvalidCheck,
    net::{Session, Target, target::InvalidHost},
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement, Phases},
};
use crate::api::{SecurityCheck, SecurityCode};

const URL: &str = "security.url";
const HTTP_URL: &str = "security.httpUrl";

/// How long an address without TLS is waited for.
const LONGEST_PLAIN_WAIT: Duration = Duration::from_secs(5);

/// Asks an address what anybody may, and judges what it shows.
pub struct SecurityProbe {
    url: Url,
    target: Target,
    /// Where the target is asked without TLS, when that matters.
    plain: Option<(Target, Url)>,
    paths: Paths,
    tolerance: Tolerance,
    old_versions: &'static [OldVersion],
    least_hsts_days: u16,
}

impl SecurityProbe {
    /// Compiles the check.
    pub fn new(check: &SecurityCheck) -> Result<Self, InvalidCheck> {
        let url = address(&check.url, URL)?;
        let tolerance = Tolerance {
            ignored: check.ignore.clone(),
            least: check.min_severity,
        };
        let plain = match plain(&url, check.http_url.as_deref())? {
            Some(url) if tolerance.looks_for(&[SecurityCode::HttpsRedirectMissing]) => {
                Some((target(&url, HTTP_URL)?, url))
            }
            _ => None,
        };
        Ok(Self {
            target: target(&url, URL)?,
            paths: Paths::new(&check.exposed_paths)?,
            url,
            plain,
            tolerance,
            old_versions: OldVersion::below(check.min_tls_version),
            least_hsts_days: check.min_hsts_days,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = Phases::default();
        let tls = async {
            if self.url.scheme() == "https" {
                self.look_at_tls(&self.target, session, deadline).await
            } else {
                Report::default()
            }
        };
        let answers = self.look_at_answers(session, deadline, &mut phases);
        let (mut report, tls) = join(answers, tls).await;
        report.add(tls);
        Measurement::of(judge(report, &self.tolerance, &self.target), phases)
    }

    async fn look_at_tls(&self, target: &Target, session: &Session, deadline: Instant) -> Report {
        let mut report = Report::default();
        if self.tolerance.looks_for(certificate::CODES) {
            report.take(certificate::look(session, target, deadline).await);
        }
        if self.tolerance.looks_for(&[SecurityCode::OldTlsAccepted]) {
            report.take(old_tls::spoken(session, target, self.old_versions, deadline).await);
        }
        report
    }

    async fn look_at_answers(
        &self,
        session: &Session,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Report {
        let mut report = Report::default();
        // That at the address of the check is looked at by itself.
        let terms = |url: &Url| Terms {
            judge_certificate: !self.is_at(url) && self.tolerance.looks_for(certificate::CODES),
            ..Terms::CONTENT
        };
        let leaves = |from: &Url, to: &Url| from.scheme() == "https" && to.scheme() == "http";
        let walk = match walk(session, &self.url, terms, leaves, deadline, phases).await {
            Ok(walk) => walk,
            Err(finding) => {
                report.take(Err(finding));
                return report;
            }
        };
        if let Some(page) = self.judge_walk(&walk, &mut report) {
            let around = self.look_around(&page.url, session, deadline);
            report.add(around.await);
        }
        // Last, as it is the one that firewalls most often leave without an answer.
        if let Some((_, plain)) = &self.plain {
            let until = deadline.min(Instant::now() + LONGEST_PLAIN_WAIT);
            report.take(https_redirect(session, plain, until).await);
        }
        report
    }

    /// What else the host of a page shows, wherever redirects have led.
    async fn look_around(&self, page: &Url, session: &Session, deadline: Instant) -> Report {
        let mut report = Report::default();
        if page.scheme() == "https" && !self.is_at(page) {
            match Target::from_url(page) {
                Ok(target) => report.add(self.look_at_tls(&target, session, deadline).await),
                Err(error) => report.take(Err(lost(error))),
            }
        }
        if self.tolerance.looks_for(cors::CODES) {
            report.take(cors::look(session, page, deadline).await);
        }
        if self.tolerance.looks_for(&[SecurityCode::PathExposed]) {
            report.take(self.paths.look(session, page, deadline).await);
        }
        report
    }

    /// Whether TLS at `page` is that at the address of the check.
    fn is_at(&self, page: &Url) -> bool {
        self.url.origin() == page.origin()
    }

    /// Judges what was answered on the way; the page at its end, when there is one.
    fn judge_walk<'a>(&self, walk: &'a Walk, report: &mut Report) -> Option<&'a Answer> {
        let last = walk.answers.last()?;
        if let Some(finding) = self.shows_nothing(last) {
            report.take(Err(finding));
            return None;
        }
        self.judge_headers(&walk.answers, report);
        if walk.left {
            report.add_all([SecurityCode::RedirectsToPlainHttp.into()]);
            let problem = "redirects to plain http, where nothing is looked at";
            let message = format!("{} {problem}", self.target);
            report.take(Err(Finding::unknown(FindingReason::NoData, message)));
            return None;
        }
        if last.url.host() != self.url.host() {
            report.add_all([SecurityCode::RedirectsToOtherHost.into()]);
        }
        self.judge_page(last, report);
        Some(last)
    }

    /// Why an answer says nothing of what the target answers when it is well.
    fn shows_nothing(&self, answer: &Answer) -> Option<Finding> {
        let status = answer.observation.status;
        let answers = format!("{} answers with status {status}", self.target);
        match status {
            429 => Some(Finding::unknown(FindingReason::RateLimited, answers)),
            500.. => Some(Finding::fail(FindingReason::UnexpectedStatus, answers)),
            _ => None,
        }
    }

    /// What every answer on the way is held to.
    fn judge_headers(&self, answers: &[Answer], report: &mut Report) {
        let own: Vec<&Answer> = answers
            .iter()
            .filter(|answer| answer.url.host() == self.url.host())
            .collect();
        let of_own: Vec<_> = own.iter().map(|answer| answer.headers()).collect();
        report.add_all(headers::version_shown(&of_own));
        report.add_all(cookies::judge(answers.iter().map(Answer::headers)));
        // Browsers take no word on this from an address of digits (RFC 6797, section 8.1.1).
        let lasting = |url: &Url| url.scheme() == "https" && url.domain().is_some();
        let mut from_last = own.into_iter().rev().chain(answers.last());
        if let Some(answer) = from_last.find(|answer| lasting(&answer.url)) {
            let days = self.least_hsts_days;
            report.add_all(headers::strict_transport(answer.headers(), days));
        }
    }

    fn judge_page(&self, page: &Answer, report: &mut Report) {
        let Answer { url, observation } = page;
        let headers = &observation.headers;
        report.add_all(headers::of_any(headers));
        if !is_page(headers) {
            return;
        }
        report.add_all(headers::of_page(headers));
        if url.scheme() != "https" || !self.tolerance.looks_for(&[SecurityCode::MixedContent]) {
            return;
        }
        report.take(match observation.body.whole() {
            Some(body) => Ok(mixed::judge(headers, body).into_iter().collect()),
            None => Err(Finding::unknown(
                FindingReason::NoData,
                format!(
                    "the page of {} is longer than 1 MiB, and is not read",
                    self.target
                ),
            )),
        });
    }
}

impl Probe for SecurityProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn host(&self) -> &str {
        self.target.as_str()
    }

    fn targets(&self) -> Vec<&Target> {
        let plain = self.plain.iter().map(|(target, _)| target);
        let others = plain.filter(|plain| **plain != self.target);
        std::iter::once(&self.target).chain(others).collect()
    }
}

/// Shows where it asks: query and paths are nobody else's to see.
impl fmt::Debug for SecurityProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SecurityProbe")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

fn target(url: &Url, field: &str) -> Result<Target, InvalidCheck> {
    Target::from_url(url).map_err(|error| InvalidCheck::new(field, error.to_string()))
}

/// Where a target at `url` is asked without TLS.
fn plain(url: &Url, named: Option<&str>) -> Result<Option<Url>, InvalidCheck> {
    let invalid = |problem: &str| InvalidCheck::new(HTTP_URL, problem);
    if url.scheme() == "http" {
        return match named {
            Some(_) => Err(invalid("goes with a url of https")),
            None => Ok(Some(url.clone())),
        };
    }
    if let Some(named) = named {
        let plain = address(named, HTTP_URL)?;
        return match plain.scheme() {
            "http" => Ok(Some(plain)),
            _ => Err(invalid("does not begin with http://")),
        };
    }
    let mut plain = url.clone();
    let at_the_usual_port = url.port().is_none() && plain.set_scheme("http").is_ok();
    Ok(at_the_usual_port.then_some(plain))
}

/// A request that anybody could send.
fn request(url: &Url, headers: HeaderMap) -> Result<RequestTemplate, Finding> {
    RequestTemplate::made(url.clone(), Method::GET, headers, Bytes::new()).map_err(lost)
}

fn lost(error: InvalidHost) -> Finding {
    let message = format!("a redirect leads to what {error}");
    Finding::fail(FindingReason::RedirectRefused, message)
}

/// Whether `plain` sends everybody on to TLS.
async fn https_redirect(
    session: &Session,
    plain: &Url,
    deadline: Instant,
) -> Result<Vec<Weakness>, Finding> {
    let leaves = |_: &Url, to: &Url| to.scheme() == "https";
    let terms = |_: &Url| Terms::CONTENT;
    let phases = &mut Phases::default();
    match walk(session, plain, terms, leaves, deadline, phases).await {
        Ok(walk) if walk.left => Ok(Vec::new()),
        Ok(_) => Ok(vec![SecurityCode::HttpsRedirectMissing.into()]),
        // Whoever does not answer at all shows nothing without TLS.
        Err(finding)
            if [
                FindingReason::ConnectionRefused,
                FindingReason::ConnectionReset,
            ]
            .contains(&finding.reason) =>
        {
            Ok(Vec::new())
        }
        Err(finding) => Err(cannot_tell(
            "whether plain http redirects to https",
            &finding,
        )),
    }
}
