//! The request that a check sends, compiled once.

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{self, Entry},
};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    api::{HttpCheck, HttpHeader, HttpMethod, SecretKeyReference},
    checks::{
        invalid::InvalidCheck,
        net::{Target, target::InvalidHost},
    },
};

const LONGEST_URL: usize = 2048;
const LONGEST_BODY: usize = 16_384;
const MOST_HEADERS: usize = 32;

/// Headers that frame the message or name its target.
const FRAMING: [&str; 10] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
    "keep-alive",
    "proxy-connection",
    "expect",
];

/// Headers that carry a secret by their nature.
const SECRET: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
];

const NO_HOST: &str = "names neither a host nor an IP address";
pub(in crate::checks) const USER_AGENT: &str = concat!("plumbline/", env!("CARGO_PKG_VERSION"));

/// A request that can be built any number of times.
#[derive(Clone)]
pub(in crate::checks) struct RequestTemplate {
    url: Url,
    uri: Uri,
    target: Target,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    /// Whether it may be sent twice.
    repeatable: bool,
}

/// Shows where it is sent to: path, query, headers and body are nobody else's to see.
impl fmt::Debug for RequestTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RequestTemplate")
            .field("target", &self.target.as_str())
            .finish_non_exhaustive()
    }
}

impl RequestTemplate {
    /// What a check of the kind `http` sends.
    pub(in crate::checks) fn new(
        check: &HttpCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        let url = address(&check.url, "http.url")?;
        if let Some(body) = &check.body {
            judge_body(body, check.method)
                .map_err(|problem| InvalidCheck::new("http.body", problem))?;
        }
        let headers = headers(&check.headers, "http.headers", secret)?;
        let body = check.body.clone().unwrap_or_default();
        Self::made(url, method(check.method), headers, body.into())
            .map_err(|InvalidHost| InvalidCheck::new("http.url", NO_HOST))
    }

    /// What a check of another kind sends, beside the name of this program. Values of secrets are to be marked as such.
    pub(in crate::checks) fn made(
        url: Url,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, InvalidHost> {
        for (name, value) in [(header::USER_AGENT, USER_AGENT), (header::ACCEPT, "*/*")] {
            headers
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
        Ok(Self {
            uri: url.as_str().parse().map_err(|_| InvalidHost)?,
            target: Target::from_url(&url)?,
            url,
            // RFC 9110, section 9.2.1.
            repeatable: method.is_safe(),
            method,
            headers,
            body,
        })
    }

    /// The same, which changes nothing for all that its method may.
    pub(in crate::checks) fn that_reads(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// The request. Its `Host` follows from the address.
    pub(super) fn build(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().clone_from(&self.headers);
        request
    }

    /// The same request to another address: without secrets when host, port or scheme differ.
    pub(super) fn redirected(&self, url: Url) -> Result<Self, InvalidHost> {
        let target = Target::from_url(&url)?;
        let uri: Uri = url.as_str().parse().map_err(|_| InvalidHost)?;
        let mut next = self.clone();
        if target != self.target || url.scheme() != self.url.scheme() {
            next.headers = self
                .headers
                .iter()
                .filter(|(name, value)| !is_secret(name, value))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
        }
        next.url = url;
        next.uri = uri;
        next.target = target;
        Ok(next)
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Where it is sent to.
    pub(in crate::checks) const fn target(&self) -> &Target {
        &self.target
    }

    /// Whether it changes nothing, so that it may be sent twice, and to another address.
    pub(super) const fn is_safe(&self) -> bool {
        self.repeatable
    }

    /// Whether a header holds a secret.
    pub(in crate::checks) fn carries_secrets(&self) -> bool {
        self.headers
            .iter()
            .any(|(name, value)| is_secret(name, value))
    }
}

/// Whether a header of this name frames the message or names its target, so that no check may set it.
pub(in crate::checks) fn frames(name: &HeaderName) -> bool {
    FRAMING.contains(&name.as_str())
}

/// Why a request of this method cannot have this body.
pub(super) fn judge_body(body: &str, method: HttpMethod) -> Result<(), String> {
    if body.len() > LONGEST_BODY {
        return Err(format!("is longer than {LONGEST_BODY} bytes"));
    }
    match method {
        HttpMethod::Post | HttpMethod::Put | HttpMethod::Patch => Ok(()),
        HttpMethod::Get | HttpMethod::Head | HttpMethod::Options | HttpMethod::Delete => {
            Err("is sent with method POST, PUT or PATCH only".to_owned())
        }
    }
}

pub(super) const fn method(specified: HttpMethod) -> Method {
    match specified {
        HttpMethod::Get => Method::GET,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
    }
}

pub(super) fn is_secret(name: &HeaderName, value: &HeaderValue) -> bool {
    value.is_sensitive() || SECRET.contains(&name.as_str())
}

/// An address that means what it says. An error names `field`.
pub(in crate::checks) fn address(text: &str, field: &str) -> Result<Url, InvalidCheck> {
    let invalid = |problem: &str| InvalidCheck::new(field, problem);
    if text.len() > LONGEST_URL {
        return Err(invalid("is longer than 2048 bytes"));
    }
    // The parser drops or mends these in silence, as a browser does; a check means what it says.
    if text.contains(|character: char| {
        character.is_whitespace() || character.is_control() || character == '\\'
    }) {
        return Err(invalid("holds a space, a control character or a backslash"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(invalid("begins with neither http:// nor https://"));
    };
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) || rest.starts_with('/') {
        return Err(invalid("begins with neither http:// nor https://"));
    }
    let url = Url::parse(text).map_err(|_| invalid("is not a URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "holds a user or a password: use a header with valueFrom",
        ));
    }
    if url.fragment().is_some() {
        return Err(invalid("holds a fragment, which is never sent"));
    }
    if url.port() == Some(0) {
        return Err(invalid("holds port 0"));
    }
    Target::from_url(&url).map_err(|_| invalid(NO_HOST))?;
    Ok(url)
}

/// What is sent along with a request. An error names `field`, and shows no secret.
pub(in crate::checks) fn headers(
    specified: &[HttpHeader],
    field: &str,
    secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
) -> Result<HeaderMap, InvalidCheck> {
    if specified.len() > MOST_HEADERS {
        return Err(InvalidCheck::new(
            field,
            format!("has more than {MOST_HEADERS} entries"),
        ));
    }
    let mut headers = HeaderMap::with_capacity(specified.len() + 2);
    for (place, specified) in specified.iter().enumerate() {
        let (name, value) = header(specified, secret)
            .map_err(|problem| InvalidCheck::new(format!("{field}[{place}]"), problem))?;
        let Entry::Vacant(entry) = headers.entry(name) else {
            return Err(InvalidCheck::new(
                format!("{field}[{place}].name"),
                "is used twice",
            ));
        };
        entry.insert(value);
    }
    Ok(headers)
}

/// The name of a header that a check may set.
pub(super) fn header_name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text
        .parse()
        .map_err(|_| "name: is not the name of a header".to_owned())?;
    if frames(&name) {
        return Err(format!(
            "name: {name} frames the message or names its target, and cannot be set"
        ));
    }
    Ok(name)
}

pub(super) fn header(
    specified: &HttpHeader,
    secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
) -> Result<(HeaderName, HeaderValue), String> {
    let name = header_name(&specified.name)?;
    match (&specified.value, &specified.value_from) {
        (Some(_), None) if SECRET.contains(&name.as_str()) => Err(format!(
            "value: {name} carries a secret: use valueFrom.secretKeyRef"
        )),
        (Some(value), None) => HeaderValue::from_str(value)
            .map(|value| (name, value))
            .map_err(|_| "value: holds characters that no header can".to_owned()),
        (None, Some(source)) => {
            let reference = &source.secret_key_ref;
            let shown = format!("key {} of Secret {}", reference.key, reference.name);
            let secret =
                secret(reference).ok_or_else(|| format!("valueFrom: there is no {shown}"))?;
            if secret.expose_secret().is_empty() {
                return Err(format!("valueFrom: {shown} is empty"));
            }
            let mut value = HeaderValue::from_str(secret.expose_secret())
                .map_err(|_| format!("valueFrom: {shown} holds characters that no header can"))?;
            value.set_sensitive(true);
            Ok((name, value))
        }
        _ => Err("exactly one of value, valueFrom must be set".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(yaml: &str) -> Result<RequestTemplate, InvalidCheck> {
        RequestTemplate::new(&serde_yaml::from_str(yaml).unwrap(), &|_| None)
    }

    #[test]
    fn a_body_goes_with_methods_that_take_one_and_has_a_bound() {
        for method in ["POST", "PUT", "PATCH"] {
            let yaml = format!("{{url: 'http://a', method: {method}, body: x}}");
            assert!(template(&yaml).is_ok());
        }
        for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
            let yaml = format!("{{url: 'http://a', method: {method}, body: x}}");
            assert_eq!(template(&yaml).err().unwrap().field, "http.body");
        }
        let long = format!(
            "{{url: 'http://a', method: POST, body: {}}}",
            "x".repeat(5 << 20)
        );
        assert_eq!(template(&long).err().unwrap().field, "http.body");
    }

    #[test]
    fn a_request_is_the_one_that_was_written() {
        let request = template(
            "{url: 'HTTP://A.example/p?q=1', headers: [{name: Accept, value: text/html}]}",
        )
        .unwrap()
        .build();
        assert_eq!(request.uri(), "http://a.example/p?q=1");
        assert_eq!(request.headers()[header::ACCEPT], "text/html");
        assert_eq!(request.headers()[header::USER_AGENT], USER_AGENT);
        assert!(!request.headers().contains_key(header::ACCEPT_ENCODING));
    }
}
