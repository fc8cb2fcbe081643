//! The `prometheus` check: the result of an instant query against a threshold.

mod age;
mod result;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use self::{
    age::judge_age,
    result::{Sample, read},
};
use super::{
    compile::Secrets,
    http::{Observation, RequestTemplate, Terms, address, exchange},
    invalid::InvalidCheck,
    net::{Session, Target},
    secret,
    suite::Probe,
    threshold::Threshold,
    verdict::{Finding, FindingReason, Measurement, Phases},
};
use crate::api::{self, PrometheusCheck};

const LONGEST_QUERY: usize = 4096 * 4;

/// Sends a query, and judges its result.
#[derive(Debug)]
pub struct PrometheusProbe {
    query: RequestTemplate,
    /// The same, asked for the times of its samples.
    times: RequestTemplate,
    /// Whether credentials are sent along.
    authorized: bool,
    threshold: Threshold,
    max_age: Option<api::Duration>,
}

impl PrometheusProbe {
    /// Compiles the check. No error shows a secret.
    pub fn new(check: &PrometheusCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        let mut url = address(&check.url, "prometheus.url")?;
        if url.query().is_some() {
            return Err(InvalidCheck::new("prometheus.url", "holds a query"));
        }
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        if check.query.trim().is_empty() || check.query.len() > LONGEST_QUERY {
            return Err(InvalidCheck::new(
                "prometheus.query",
                format!("is empty, or longer than {LONGEST_QUERY} bytes"),
            ));
        }
        let authorization = authorization(check, secrets)?;
        let request = |query: &str| request(&url, query, authorization.as_ref());
        Ok(Self {
            query: request(&check.query)?,
            // On a line of its own, since the query may end with a comment.
            times: request(&format!("timestamp((\n{}\n))", check.query))?,
            authorized: authorization.is_some(),
            threshold: Threshold::new(
                check.operator,
                &check.value,
                check.series,
                "prometheus.value",
            )?,
            max_age: check.max_age,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = Phases::default();
        let finding = match self.observe(session, deadline, &mut phases).await {
            Ok(samples) => {
                let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
                self.threshold.judge(&values)
            }
            Err(finding) => finding,
        };
        Measurement::of(finding, phases)
    }

    /// The samples, once their age is known to be right; `phases` are those of the query.
    async fn observe(
        &self,
        session: &Session,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<Vec<Sample>, Finding> {
        if let Some(longest) = self.max_age {
            let answer = exchange(session, &self.times, Terms::CONTENT, deadline, phases).await?;
            judge_age(&self.samples(&answer)?, longest)?;
        }
        let made = *phases;
        let answer = exchange(session, &self.query, Terms::CONTENT, deadline, phases).await;
        // The connection was made for the first of two requests.
        phases.dns = made.dns.or(phases.dns);
        phases.connect = made.connect.or(phases.connect);
        phases.tls = made.tls.or(phases.tls);
        self.samples(&answer?)
    }

    fn samples(&self, answer: &Observation) -> Result<Vec<Sample>, Finding> {
        let target = self.query.target();
        if self.authorized && [401, 403].contains(&answer.status) {
            return Err(Finding::unknown(
                FindingReason::CredentialsRefused,
                format!(
                    "status {}: {target} refuses the check's credentials",
                    answer.status
                ),
            ));
        }
        read(answer.status, answer.body.whole(), target)
    }
}

impl Probe for PrometheusProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        vec![self.query.target()]
    }
}

fn request(
    url: &Url,
    query: &str,
    authorization: Option<&HeaderValue>,
) -> Result<RequestTemplate, InvalidCheck> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
        (header::ACCEPT, "application/json"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(authorization) = authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    let body: Bytes = form.append_pair("query", query).finish().into();
    let request = RequestTemplate::made(url.clone(), Method::POST, headers, body)
        .map_err(|error| InvalidCheck::new("prometheus.url", error.to_string()))?;
    Ok(request.that_reads())
}

fn authorization(
    check: &PrometheusCheck,
    secrets: Secrets<'_>,
) -> Result<Option<HeaderValue>, InvalidCheck> {
    let (field, source, value) = match (&check.bearer_token, &check.basic) {
        (None, None) => return Ok(None),
        (Some(source), None) => {
            let field = "prometheus.bearerToken";
            let token = secret::value(&source.secret_key_ref, secrets, field)?;
            (field, source, format!("Bearer {}", token.expose_secret()))
        }
        (None, Some(basic)) => {
            if basic.user.is_empty() || basic.user.contains(|it: char| it == ':' || it.is_control())
            {
                let problem = "is empty, or holds a colon or a control character";
                return Err(InvalidCheck::new("prometheus.basic.user", problem));
            }
            let field = "prometheus.basic.password";
            let source = &basic.password;
            let password = secret::value(&source.secret_key_ref, secrets, field)?;
            let pair = format!("{}:{}", basic.user, password.expose_secret());
            (field, source, format!("Basic {}", STANDARD.encode(pair)))
        }
        (Some(_), Some(_)) => {
            let problem = "at most one of bearerToken, basic may be set";
            return Err(InvalidCheck::new("prometheus", problem));
        }
    };
    secret::header(&value, &source.secret_key_ref, field).map(Some)
}
