//! The `external` check: how a service stands that others run.

mod answer;
mod preset;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use self::{
    answer::{Answer, judge},
    preset::{Key, Preset, preset},
};
use super::{
    compile::Secrets,
    http::{RequestTemplate, Terms, address, exchange, frames},
    invalid::InvalidCheck,
    net::{Session, Target},
    secret,
    suite::Probe,
    verdict::{Measurement, Phases},
};
use crate::api::{ExternalCheck, ExternalPreset};

const URL: &str = "external.url";

/// Asks a service one thing, and judges its answer.
#[derive(Debug)]
pub struct ExternalProbe {
    preset: &'static Preset,
    request: RequestTemplate,
    /// Whether a key is sent along.
    keyed: bool,
}

impl ExternalProbe {
    /// Compiles the check. No error shows a secret.
    pub fn new(check: &ExternalCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        let preset = preset(check.preset);
        let mut headers = HeaderMap::new();
        for (name, value) in preset.headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let key = key(check, preset, secrets)?;
        let keyed = key.is_some();
        if let Some((name, value)) = key {
            headers.insert(name, value);
        }
        let request =
            RequestTemplate::made(url(check, preset)?, Method::GET, headers, Bytes::new())
                .map_err(|error| InvalidCheck::new(URL, error.to_string()))?;
        Ok(Self {
            preset,
            request,
            keyed,
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
                let answer = Answer {
                    status: observation.status,
                    headers: &observation.headers,
                    body: observation.body.whole(),
                    keyed: self.keyed,
                };
                judge(self.preset, answer, self.request.target())
            }
            Err(finding) => finding,
        };
        Measurement::of(finding, phases)
    }
}

impl Probe for ExternalProbe {
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

/// What is asked: the preset's path under its address, or under the check's.
fn url(check: &ExternalCheck, preset: &Preset) -> Result<Url, InvalidCheck> {
    let base = check.url.as_deref().or(preset.address);
    let base = base.ok_or_else(|| InvalidCheck::new(URL, "is needed by this preset"))?;
    let url = address(base, URL)?;
    if check.preset == ExternalPreset::Generic {
        return Ok(url);
    }
    if url.query().is_some() {
        return Err(InvalidCheck::new(URL, "holds a query"));
    }
    address(
        &format!("{}{}", base.trim_end_matches('/'), preset.path),
        URL,
    )
}

/// The header with the key, when one is sent.
fn key(
    check: &ExternalCheck,
    preset: &Preset,
    secrets: Secrets<'_>,
) -> Result<Option<(HeaderName, HeaderValue)>, InvalidCheck> {
    const FIELD: &str = "external.apiKey";
    let named = header_of_key(check, preset)?;
    let Some(source) = &check.api_key else {
        return match (preset.key, named) {
            (Key::Needed(..), _) => Err(InvalidCheck::new(FIELD, "is needed by this preset")),
            (Key::Named, Some(_)) => Err(InvalidCheck::new(FIELD, "goes with keyHeader")),
            _ => Ok(None),
        };
    };
    let problem = match preset.key {
        Key::Refused => "is not taken by this preset",
        _ => "needs keyHeader with this preset",
    };
    let (name, prefix) = named.ok_or_else(|| InvalidCheck::new(FIELD, problem))?;
    let reference = &source.secret_key_ref;
    let secret = secret::value(reference, secrets, FIELD)?;
    let text = format!("{prefix}{}", secret.expose_secret());
    Ok(Some((name, secret::header(&text, reference, FIELD)?)))
}

/// The header that a key would be sent in, and the text before the key.
fn header_of_key(
    check: &ExternalCheck,
    preset: &Preset,
) -> Result<Option<(HeaderName, String)>, InvalidCheck> {
    let invalid = |problem: &str| InvalidCheck::new("external.keyHeader", problem);
    match (preset.key, &check.key_header, &check.key_prefix) {
        (Key::Needed(name, prefix) | Key::Taken(name, prefix), None, None) => {
            Ok(Some((HeaderName::from_static(name), prefix.to_owned())))
        }
        (Key::Named | Key::Refused, None, None) => Ok(None),
        (Key::Named, Some(name), prefix) => {
            let name: HeaderName = name
                .parse()
                .map_err(|_| invalid("is not the name of a header"))?;
            if frames(&name) {
                return Err(invalid("frames the message or names its target"));
            }
            let prefix = prefix.as_ref().map(|prefix| format!("{prefix} "));
            Ok(Some((name, prefix.unwrap_or_default())))
        }
        (Key::Named, None, Some(_)) => Err(invalid("goes with keyPrefix")),
        _ => Err(invalid("goes with preset generic only")),
    }
}
