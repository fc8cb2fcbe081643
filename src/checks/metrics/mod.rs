//! The `metrics` check: an endpoint with metrics, and the series that it must have.

mod exposition;
mod judgement;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::ExposeSecret;
use tokio::time::Instant;

use self::judgement::{Answer, Expectation};
use super::{
    compile::Secrets,
    http::{RequestTemplate, Terms, address, exchange},
    invalid::InvalidCheck,
    net::{Session, Target},
    secret,
    suite::Probe,
    verdict::{Measurement, Phases},
};
use crate::api::MetricsCheck;

const URL: &str = "metrics.url";

/// Prometheus' own format before the other, so that what is read is what a person is shown.
const ACCEPT: &str =
    "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.8, */*;q=0.1";

/// Reads metrics, and judges them.
#[derive(Debug)]
pub struct MetricsProbe {
    request: RequestTemplate,
    /// Whether credentials are sent along.
    authorized: bool,
    expectation: Expectation,
}

impl MetricsProbe {
    /// Compiles the check. No error shows a secret.
    pub fn new(check: &MetricsCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
        if let Some(source) = &check.bearer_token {
            let field = "metrics.bearerToken";
            let reference = &source.secret_key_ref;
            let token = secret::value(reference, secrets, field)?;
            let text = format!("Bearer {}", token.expose_secret());
            let value = secret::header(&text, reference, field)?;
            headers.insert(header::AUTHORIZATION, value);
        }
        let url = address(&check.url, URL)?;
        let request = RequestTemplate::made(url, Method::GET, headers, Bytes::new())
            .map_err(|error| InvalidCheck::new(URL, error.to_string()))?;
        Ok(Self {
            request,
            authorized: check.bearer_token.is_some(),
            expectation: Expectation::new(check)?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = Phases::default();
        let answer = exchange(
            session,
            &self.request,
            Terms::CONTENT,
            deadline,
            &mut phases,
        );
        let finding = match answer.await {
            Ok(observation) => {
                let content_type = observation.headers.get(header::CONTENT_TYPE);
                let answer = Answer {
                    status: observation.status,
                    content_type: content_type.and_then(|value| value.to_str().ok()),
                    body: observation.body.whole(),
                    now: observation.now,
                    authorized: self.authorized,
                };
                self.expectation.judge(answer, self.request.target())
            }
            Err(finding) => finding,
        };
        Measurement::of(finding, phases)
    }
}

impl Probe for MetricsProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        vec![self.request.target()]
    }
}
