//! The `prometheus` check: the result of an instant query against a threshold.

mod judgement;
mod result;

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, StatusCode, Uri, Version, header};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::form_urlencoded;

use self::{
    judgement::{Expectation, judge_age},
    result::{Sample, read},
};
use super::{
    compile::Secrets,
    http::exchange::{self, AGENT, Answer, exchange},
    invalid::InvalidCheck,
    net::{Session, Target},
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement, Phases},
};
use crate::api::{self, PrometheusCheck, SecretKeyReference, SecretValueSource};

const LONGEST_QUERY: usize = 4096 * 4;

/// Sends a query, and judges its result.
pub struct PrometheusProbe {
    uri: Uri,
    target: Target,
    query: Bytes,
    /// The same, asked for the times of its samples.
    times: Bytes,
    authorization: Option<HeaderValue>,
    expectation: Expectation,
    max_age: Option<api::Duration>,
}

impl PrometheusProbe {
    /// Compiles the check. No error shows a secret.
    pub fn new(check: &PrometheusCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        let (mut url, _, target) = exchange::parse(&check.url, "prometheus.url")?;
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
        Ok(Self {
            uri: url
                .as_str()
                .parse()
                .map_err(|_| InvalidCheck::new("prometheus.url", "is not a URL"))?,
            target,
            query: form(&check.query),
            // On a line of its own, since the query may end with a comment.
            times: form(&format!("timestamp((\n{}\n))", check.query)),
            authorization: authorization(check, secrets)?,
            expectation: Expectation::new(check)?,
            max_age: check.max_age,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = Phases::default();
        let finding = match self.observe(session, deadline, &mut phases).await {
            Ok(samples) => self.expectation.judge(&samples),
            Err(finding) => finding,
        };
        Measurement { finding, phases }
    }

    /// The samples, once their age is known to be right; `phases` are those of the query.
    async fn observe(
        &self,
        session: &Session,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Result<Vec<Sample>, Finding> {
        if let Some(longest) = self.max_age {
            let (answer, taken) = self.ask(session, &self.times, deadline).await;
            *phases = taken;
            judge_age(&self.samples(&answer?)?, longest)?;
        }
        let (answer, taken) = self.ask(session, &self.query, deadline).await;
        *phases = Phases {
            // The connection was made for the first of two requests.
            dns: phases.dns.or(taken.dns),
            connect: phases.connect.or(taken.connect),
            tls: phases.tls.or(taken.tls),
            ..taken
        };
        self.samples(&answer?)
    }

    async fn ask(
        &self,
        session: &Session,
        form: &Bytes,
        deadline: Instant,
    ) -> (Result<Answer, Finding>, Phases) {
        let request = || self.request(form.clone());
        exchange(session, &self.target, request, deadline).await
    }

    fn request(&self, form: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(form));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
            (header::ACCEPT, "application/json"),
            (header::USER_AGENT, AGENT),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        request
    }

    fn samples(&self, answer: &Answer) -> Result<Vec<Sample>, Finding> {
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status);
        if refused && self.authorization.is_some() {
            return Err(Finding::unknown(
                FindingReason::CredentialsRefused,
                format!(
                    "status {}: {} refuses the check's credentials",
                    answer.status.as_u16(),
                    self.target
                ),
            ));
        }
        read(answer.status, answer.body.as_deref(), &self.target)
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

    fn host(&self) -> &str {
        self.target.as_str()
    }

    fn targets(&self) -> Vec<&Target> {
        vec![&self.target]
    }
}

impl fmt::Debug for PrometheusProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PrometheusProbe")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

fn form(query: &str) -> Bytes {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("query", query).finish().into()
}

fn authorization(
    check: &PrometheusCheck,
    secrets: Secrets<'_>,
) -> Result<Option<HeaderValue>, InvalidCheck> {
    let (field, source, value) = match (&check.bearer_token, &check.basic) {
        (None, None) => return Ok(None),
        (Some(source), None) => {
            let field = "prometheus.bearerToken";
            let token = secret(source, field, secrets)?;
            (field, source, format!("Bearer {}", token.expose_secret()))
        }
        (None, Some(basic)) => {
            if basic.user.is_empty() || basic.user.contains(|it: char| it == ':' || it.is_control())
            {
                let problem = "is empty, or holds a colon or a control character";
                return Err(InvalidCheck::new("prometheus.basic.user", problem));
            }
            let field = "prometheus.basic.password";
            let password = secret(&basic.password, field, secrets)?;
            let pair = format!("{}:{}", basic.user, password.expose_secret());
            (
                field,
                &basic.password,
                format!("Basic {}", STANDARD.encode(pair)),
            )
        }
        (Some(_), Some(_)) => {
            let problem = "at most one of bearerToken, basic may be set";
            return Err(InvalidCheck::new("prometheus", problem));
        }
    };
    let mut value = HeaderValue::from_str(&value).map_err(|_| {
        let SecretKeyReference { name, key } = &source.secret_key_ref;
        let problem = format!("key {key} of Secret {name} holds characters that no header can");
        InvalidCheck::new(field, problem)
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn secret(
    source: &SecretValueSource,
    field: &str,
    secrets: Secrets<'_>,
) -> Result<SecretString, InvalidCheck> {
    let reference = &source.secret_key_ref;
    let shown = format!("key {} of Secret {}", reference.key, reference.name);
    let secret = secrets(reference)
        .ok_or_else(|| InvalidCheck::new(field, format!("there is no {shown}")))?;
    if secret.expose_secret().is_empty() {
        return Err(InvalidCheck::new(field, format!("{shown} is empty")));
    }
    Ok(secret)
}
