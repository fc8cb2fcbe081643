//! The fields of a `tls` check.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::bounds;

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
    #[schemars(schema_with = "bounds::port")]
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
    #[schemars(schema_with = "bounds::days")]
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
