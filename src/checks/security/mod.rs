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
    http::{RequestTemplate, address},
    invalid::InvalidCheck,
    net::{Session, Target},
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement, Phases},
};
use crate::api::{SecurityCheck, SecurityCode};

const URL: &str = "security.url";
const HTTP_URL: &str = "security.httpUrl";

/// Asks an address what anybody may, and judges what it shows.
#[derive(Debug)]
pub struct SecurityProbe {
    url: Url,
    target: Target,
    /// Where the target is asked without TLS.
    plain: Option<(Url, Target)>,
    paths: Paths,
    tolerance: Tolerance,
    old_versions: &'static [OldVersion],
    least_hsts_days: u16,
}

impl SecurityProbe {
    /// Compiles the check.
    pub fn new(check: &SecurityCheck) -> Result<Self, InvalidCheck> {
        let url = address(&check.url, URL)?;
        let plain = plain(&url, check.http_url.as_deref())?;
        let plain = plain
            .map(|url| Ok((target(&url, HTTP_URL)?, url)))
            .transpose()?;
        Ok(Self {
            target: target(&url, URL)?,
            paths: Paths::new(&url, &check.exposed_paths)?,
            url,
            plain: plain.map(|(target, url)| (url, target)),
            tolerance: Tolerance {
                ignored: check.ignore.clone(),
                least: check.min_severity,
            },
            old_versions: OldVersion::below(check.min_tls_version),
            least_hsts_days: check.min_hsts_days,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = Phases::default();
        let (mut report, tls) = join(
            self.look_at_answers(session, deadline, &mut phases),
            self.look_at_tls(session, deadline),
        )
        .await;
        report.add(tls);
        Measurement::of(judge(report, &self.tolerance, &self.target), phases)
    }

    async fn look_at_tls(&self, session: &Session, deadline: Instant) -> Report {
        let mut report = Report::default();
        if self.url.scheme() != "https" {
            return report;
        }
        if self.tolerance.looks_for(certificate::CODES) {
            report.take(certificate::look(session, &self.target, deadline).await);
        }
        if self.tolerance.looks_for(&[SecurityCode::OldTlsAccepted]) {
            let spoken = old_tls::spoken(session, &self.target, self.old_versions, deadline);
            report.take(spoken.await);
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
        let leaves = |from: &Url, to: &Url| from.scheme() == "https" && to.scheme() == "http";
        let walk = match walk(session, &self.url, leaves, deadline, phases).await {
            Ok(walk) => walk,
            Err(finding) => {
                report.take(Err(finding));
                return report;
            }
        };
        self.judge_walk(&walk, &mut report);
        if let Some((plain, _)) = &self.plain
            && self
                .tolerance
                .looks_for(&[SecurityCode::HttpsRedirectMissing])
        {
            report.take(https_redirect(session, plain, deadline).await);
        }
        if self.tolerance.looks_for(cors::CODES) {
            report.take(cors::look(session, &self.url, deadline).await);
        }
        if self.tolerance.looks_for(&[SecurityCode::PathExposed]) {
            report.take(self.paths.look(session, deadline).await);
        }
        report
    }

    fn judge_walk(&self, walk: &Walk, report: &mut Report) {
        let Some(last) = walk.answers.last() else {
            return;
        };
        if let Some(finding) = self.shows_nothing(last) {
            report.take(Err(finding));
            return;
        }
        self.judge_headers(&walk.answers, report);
        if walk.left {
            report.add_all([SecurityCode::RedirectsToPlainHttp.into()]);
            let problem = "redirects to plain http, where nothing is looked at";
            let message = format!("{} {problem}", self.target);
            report.take(Err(Finding::unknown(FindingReason::NoData, message)));
            return;
        }
        if last.url.host() != self.url.host() {
            report.add_all([SecurityCode::RedirectsToOtherHost.into()]);
        }
        self.judge_page(last, report);
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
        let own = answers
            .iter()
            .filter(|answer| answer.url.host() == self.url.host());
        report.add_all(headers::version_shown(own.clone().map(Answer::headers)));
        report.add_all(cookies::judge(answers.iter().map(Answer::headers)));
        // Browsers take no word on this from an address of digits (RFC 6797, section 8.1.1).
        let named = own
            .filter(|it| it.url.scheme() == "https" && it.url.domain().is_some())
            .last();
        if let Some(answer) = named {
            let headers = answer.headers();
            report.add_all(headers::strict_transport(headers, self.least_hsts_days));
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
        let plain = self.plain.iter().map(|(_, target)| target);
        std::iter::once(&self.target).chain(plain).collect()
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
    RequestTemplate::made(url.clone(), Method::GET, headers, Bytes::new()).map_err(|error| {
        Finding::fail(
            FindingReason::RedirectRefused,
            format!("a redirect {error}"),
        )
    })
}

/// Whether `plain` sends everybody on to TLS.
async fn https_redirect(
    session: &Session,
    plain: &Url,
    deadline: Instant,
) -> Result<Vec<Weakness>, Finding> {
    let leaves = |_: &Url, to: &Url| to.scheme() == "https";
    match walk(session, plain, leaves, deadline, &mut Phases::default()).await {
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
