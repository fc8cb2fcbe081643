//! The fields of an `http` check.

mod steps;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::steps::{HttpCapture, HttpStep};
use crate::api::{Duration, SecretKeyReference, bounds, duration::between};

/// An HTTP or HTTPS request and what its answer must be. Redirects are answers like any other unless they are followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.body) || self.method in ['POST', 'PUT', 'PATCH']")
    .message("body is sent with method POST, PUT or PATCH only"))]
#[x_kube(validation = Rule::new("!has(self.steps) || (self.method == 'GET' && !has(self.body) && !has(self.expect))")
    .message("method, body and expect are those of each step when there are steps"))]
pub struct HttpCheck {
    /// Address, `http://` or `https://`, without user, password or fragment. At most 2048 characters. The query is sent,
    /// and never shown in status.
    #[schemars(
        length(min = 8, max = 2048),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][^\x00-\x20\x7F#\\]*)?$"
        )
    )]
    pub url: String,
    /// Request method. Default `GET`.
    #[serde(default)]
    pub method: HttpMethod,
    /// Request headers, at most 32. `Host`, `Authorization` with a literal value, and the headers that frame a message
    /// are refused; a secret comes from `valueFrom`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<HttpHeader>,
    /// Request body, with method `POST`, `PUT` or `PATCH` only. At most 16384 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub body: Option<String>,
    /// What to do with redirects. Default: they are not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects: Option<Redirects>,
    /// What the answer must be. Default: a status of 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<HttpExpectation>,
    /// Requests one after the other in place of a single one, 1 to 10, with values of an answer in the requests after it:
    /// to create something, read it, and take it away again. `url`, without a query, is then what the path of each step is
    /// added to; `headers` and `redirects` hold for every step; `method`, `body` and `expect` are set in the steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub steps: Vec<HttpStep>,
}

impl HttpCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let steps = self.steps.iter().flat_map(|step| &step.headers);
        let headers = self.headers.iter().chain(steps);
        let sources = headers.filter_map(|it| it.value_from.as_ref());
        sources.map(|source| &source.secret_key_ref).collect()
    }
}

/// Request methods of an HTTP check. A request that may change something goes out on a connection of its own, so that it is
/// never sent twice within an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum HttpMethod {
    #[default]
    Get,
    Head,
    Options,
    Post,
    Put,
    Patch,
    Delete,
}

/// One request header: exactly one of `value` and `valueFrom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != has(self.valueFrom)")
    .message("exactly one of value, valueFrom must be set"))]
#[x_kube(validation = Rule::new("!(self.name.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'trailer', 'keep-alive', 'proxy-connection', 'expect'])")
    .message("this header frames the message or names its target, and cannot be set"))]
#[x_kube(validation = Rule::new("!has(self.value) || self.value.contains('${') || !(self.name.lowerAscii() in ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'])")
    .message("this header carries a secret: use valueFrom.secretKeyRef"))]
pub struct HttpHeader {
    /// Header name.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
    )]
    pub name: String,
    /// Literal value, and in a chain of steps one with captured values. Not for secrets: it can be read by whoever can read
    /// this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096), regex(pattern = r"^[\t\x20-\x7E]*$"))]
    pub value: Option<String>,
    /// Takes the value from a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<SecretValueSource>,
}

/// Where a secret value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretValueSource {
    /// The Secret and its key.
    pub secret_key_ref: SecretKeyReference,
}

/// What to do with redirects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct Redirects {
    /// How many redirects to follow, 0 to 5. Every hop is held against the egress rule; secret headers are dropped when
    /// host, port or scheme changes; only `GET`, `HEAD` and `OPTIONS` are repeated at another address. Default 0.
    #[serde(default)]
    #[schemars(schema_with = "bounds::zero_to_five")]
    pub follow: u8,
}

/// What the answer to an HTTP request must be. Everything named must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpExpectation {
    /// Accepted statuses: single ones (`204`) and ranges (`200-299`). Default `200-299`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(max = 7), regex(pattern = r"^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"))
    )]
    #[x_kube(validation = Rule::new("self.all(range, !range.matches('^[0-9]{3}-[0-9]{3}$') || int(range.substring(0, 3)) <= int(range.substring(4, 7)))")
        .message("a status range must not end before it begins"))]
    #[x_kube(validation = Rule::new("self.size() > 0").message("name at least one status"))]
    pub status: Vec<String>,
    /// Answer headers that must be there, with a value where one is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<HeaderExpectation>,
    /// Regular expression that the body must match somewhere, in RE2 syntax: no backreferences, no lookaround.
    /// Only the first MiB of the body is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub body_matches: Option<String>,
    /// Values that the body, read as JSON, must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub json: Vec<JsonExpectation>,
    /// CEL expressions that must be true, at most 8 of 1024 characters. They speak of `status`, `headers` (a map; names in
    /// lower case), `json`, `body` (text) and `latency` (whole milliseconds): `json.queue.depth < 1000 && latency < 800`.
    /// There are the operators, `has`, `size`, `in`, `contains`, `startsWith`, `endsWith`, `matches` with a literal pattern,
    /// `string`, `int`, `double`, `bool`, and the loops `all`, `exists`, `exists_one`, `map` and `filter`. When an expression
    /// would take too long on an answer, such as one loop in another over long lists, the check is unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 1024)))]
    pub cel: Vec<String>,
    /// Longest time from the start of the request to the end of the body, connection included, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxLatency", "1ms", "5m"))]
    pub max_latency: Option<Duration>,
    /// Longest time of single phases of the request: of the last one, when redirects are followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_phases: Option<HttpPhaseLimits>,
    /// The certificate of the connection that gave the answer must stay valid for at least this many days, 1 to 3650. An
    /// answer without TLS, and a certificate that cannot be trusted, then fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::days")]
    pub min_certificate_days: Option<u16>,
}

/// Longest time of each phase of a request. A phase that did not happen, such as connecting when a connection was used
/// again, is within its limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpPhaseLimits {
    /// Longest time of the name's resolution, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("dns", "1ms", "5m"))]
    pub dns: Option<Duration>,
    /// Longest time until the TCP connection stands, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("connect", "1ms", "5m"))]
    pub connect: Option<Duration>,
    /// Longest time of the TLS handshake, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("tls", "1ms", "5m"))]
    pub tls: Option<Duration>,
    /// Longest time from the request's start on its connection to the head of the answer, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("firstByte", "1ms", "5m"))]
    pub first_byte: Option<Duration>,
    /// Longest time from the head of the answer to the end of its body, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("body", "1ms", "5m"))]
    pub body: Option<Duration>,
}

/// An answer header that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderExpectation {
    /// Header name; case does not matter.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
    )]
    pub name: String,
    /// Regular expression that the value must match, in RE2 syntax. Default: any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub matches: Option<String>,
}

/// A value that a JSON body must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != (self.operator == 'Exists')")
    .message("value is required by every operator but Exists, which takes none"))]
pub struct JsonExpectation {
    /// `JSONPath` (RFC 9535) of the value, such as `$.status`. When it selects several, every one of them must hold.
    /// So that a document cannot make it costly: at most one `..`, no commas outside of strings, and no `$` inside a filter.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^\$"))]
    pub path: String,
    /// How the value is compared. Default `Equals`.
    #[serde(default)]
    pub operator: JsonOperator,
    /// What it is compared with: a string, also for numbers (`"10"`) and booleans (`"true"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
}

/// How a JSON value is compared. The four orderings need numbers on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum JsonOperator {
    #[default]
    Equals,
    NotEquals,
    LessThan,
    AtMost,
    GreaterThan,
    AtLeast,
    Exists,
}
