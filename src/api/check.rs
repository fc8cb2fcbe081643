//! One check: what to measure, what to expect of it, and how its verdict is reached.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, SecretKeyReference, duration::between};

/// One check of a validation. Exactly one of the kinds (`http`, `tcp`, `dns`, `tls`) says what is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.http), has(self.tcp), has(self.dns), has(self.tls)].filter(set, set).size() == 1")
    .message("exactly one of http, tcp, dns, tls must be set"))]
#[x_kube(validation = Rule::new("!has(self.dependsOn) || !(self.name in self.dependsOn)")
    .message("a check cannot depend on itself"))]
pub struct Check {
    /// Name of the check, unique in the list: lower case letters, digits and dashes, at most 63.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Where in a deployment the check belongs. Default `application`.
    #[serde(default)]
    pub stage: Stage,
    /// What the check is about; each area has a condition of its own in status. Default `api`.
    #[serde(default)]
    pub area: Area,
    /// `critical` decides the verdict; `warning` is shown and leaves Ready alone. Default `critical`.
    #[serde(default)]
    pub severity: Severity,
    /// Names of checks that must pass first. When one of them fails, this one is skipped and the cause named. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub depends_on: Vec<String>,
    /// Time between two runs of this check, 5s to 24h. Default: the validation's interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("interval", "5s", "24h"))]
    pub interval: Option<Duration>,
    /// Longest time of one attempt, 100ms to 5m; not above the validation's timeout. Default 10s.
    #[serde(default = "default_timeout")]
    #[x_kube(validation = between("timeout", "100ms", "5m"))]
    pub timeout: Duration,
    /// Further attempts inside one run when an attempt does not pass, 0 to 5. Default 0.
    #[serde(default)]
    #[schemars(schema_with = "zero_to_five")]
    pub retries: u8,
    /// Consecutive failing runs after which the check has failed, 1 to 20. Default 3.
    #[serde(default = "default_failure_threshold")]
    #[schemars(schema_with = "threshold")]
    pub failure_threshold: u8,
    /// Consecutive passing runs after which a failed check has recovered, 1 to 20. Default 2.
    #[serde(default = "default_success_threshold")]
    #[schemars(schema_with = "threshold")]
    pub success_threshold: u8,
    /// An HTTP or HTTPS request and what its answer must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpCheck>,
    /// A TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpCheck>,
    /// A DNS lookup and the records it must give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsCheck>,
    /// A TLS handshake: chain, host name, version, expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsCheck>,
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_failure_threshold() -> u8 {
    3
}

fn default_success_threshold() -> u8 {
    2
}

/// An integer without the `format` that schemars gives `u8` and the API server warns about on every apply.
fn integer(minimum: u32, maximum: u32) -> schemars::Schema {
    schemars::json_schema!({"type": "integer", "minimum": minimum, "maximum": maximum})
}

fn zero_to_five(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(0, 5)
}

fn threshold(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 20)
}

fn port(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 65_535)
}

fn days(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 3650)
}

/// Where in a deployment a check belongs.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Stage {
    Baseline,
    Infrastructure,
    #[default]
    Application,
    Smoke,
    Monitoring,
}

/// What a check is about.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Area {
    Config,
    Database,
    #[default]
    Api,
    Worker,
    Storage,
    External,
    Performance,
    Security,
    Monitoring,
    Platform,
}

impl Area {
    /// The word as it stands in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Database => "database",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Storage => "storage",
            Self::External => "external",
            Self::Performance => "performance",
            Self::Security => "security",
            Self::Monitoring => "monitoring",
            Self::Platform => "platform",
        }
    }
}

/// Whether a check decides the verdict.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Severity {
    #[default]
    Critical,
    Warning,
}

/// An HTTP or HTTPS request and what its answer must be. Redirects are answers like any other unless they are followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.body) || self.method == 'POST'")
    .message("body is sent with method POST only"))]
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
    /// Request body, with method `POST` only. At most 16384 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub body: Option<String>,
    /// What to do with redirects. Default: they are not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirects: Option<Redirects>,
    /// What the answer must be. Default: a status of 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<HttpExpectation>,
}

/// Request methods of an HTTP check. Those that change or delete what they name are left out.
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
}

/// One request header: exactly one of `value` and `valueFrom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != has(self.valueFrom)")
    .message("exactly one of value, valueFrom must be set"))]
#[x_kube(validation = Rule::new("!(self.name.lowerAscii() in ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'te', 'trailer', 'keep-alive', 'proxy-connection', 'expect'])")
    .message("this header frames the message or names its target, and cannot be set"))]
#[x_kube(validation = Rule::new("!has(self.value) || !(self.name.lowerAscii() in ['authorization', 'proxy-authorization', 'cookie', 'x-api-key'])")
    .message("this header carries a secret: use valueFrom.secretKeyRef"))]
pub struct HttpHeader {
    /// Header name.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
    )]
    pub name: String,
    /// Literal value. Not for secrets: it can be read by whoever can read this object.
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
    /// host, port or scheme changes; `POST` is never repeated at another address. Default 0.
    #[serde(default)]
    #[schemars(schema_with = "zero_to_five")]
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
    /// Longest time from the start of the request to the end of the body, connection included, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxLatency", "1ms", "5m"))]
    pub max_latency: Option<Duration>,
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

/// A TCP connection: it must be accepted within the timeout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TcpCheck {
    /// Host name or IP address.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub host: String,
    /// Port, 1 to 65535.
    #[schemars(schema_with = "port")]
    pub port: u16,
    /// Longest time until the connection stands, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxLatency", "1ms", "5m"))]
    pub max_latency: Option<Duration>,
}

/// A DNS lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DnsCheck {
    /// Name to look up.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@:\[\]]+$")
    )]
    pub name: String,
    /// Record type. Default `A`.
    #[serde(default)]
    pub record_type: DnsRecordType,
    /// Records that must all be in the answer, as text (`192.0.2.1`, `mail.example.com.`). Default: at least one record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 512)))]
    pub contains: Vec<String>,
}

/// DNS record types that a check can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum DnsRecordType {
    #[default]
    A,
    Aaaa,
    Cname,
    Mx,
    Ns,
    Txt,
}

/// A TLS handshake. The certificate chain must lead to a trusted root and name the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsCheck {
    /// Host name or IP address to connect to.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub host: String,
    /// Port, 1 to 65535. Default 443.
    #[serde(default = "default_tls_port")]
    #[schemars(schema_with = "port")]
    pub port: u16,
    /// Name that the certificate must carry, when it is not `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub server_name: Option<String>,
    /// The leaf certificate must stay valid for at least this many days. Default: it must be valid now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "days")]
    pub min_days_left: Option<u16>,
    /// Lowest protocol version that the handshake may settle on. Default `1.2`.
    #[serde(default)]
    pub min_version: TlsVersion,
}

fn default_tls_port() -> u16 {
    443
}

/// TLS protocol versions.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum TlsVersion {
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    #[serde(rename = "1.3")]
    V1_3,
}
