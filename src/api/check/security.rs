//! The fields of a `security` check.

mod codes;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

pub use self::codes::{SecurityCode, SecuritySeverity};
use super::TlsVersion;
use crate::api::bounds;

/// What anybody on the network sees of an address: TLS, redirects, headers, cookies, and paths that should not be there. It
/// reads, and sends no credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.httpUrl) || self.url.lowerAscii().startsWith('https://')")
    .message("httpUrl goes with a url of https"))]
pub struct SecurityCheck {
    /// Address of a page or an endpoint, `https://` or `http://`, without user, password or fragment. Redirects are followed.
    /// At most 2048 characters. The query is sent, and never shown in status.
    #[schemars(
        length(min = 8, max = 2048),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][^\x00-\x20\x7F#\\]*)?$"
        )
    )]
    pub url: String,
    /// The address without TLS that must redirect to `https://`, when it is not the same host at port 80. Default: that, when
    /// `url` is at port 443, and nothing when it is at another. At most 2048 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 8, max = 2048),
        regex(
            pattern = r"^[Hh][Tt][Tt][Pp]://(\[[0-9A-Fa-f:.]{2,45}\]|[^\x00-\x20\x7F/?#\\@:\[\]]{1,253})(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][^\x00-\x20\x7F#\\]*)?$"
        )
    )]
    pub http_url: Option<String>,
    /// Codes of findings that are accepted, at most 32. What only they could find is not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub ignore: Vec<SecurityCode>,
    /// The least severity of a finding that fails the check; lesser ones are named in its message. Default `Low`.
    #[serde(default)]
    pub min_severity: SecuritySeverity,
    /// The lowest TLS version that the target may speak. Default `1.2`.
    #[serde(default)]
    pub min_tls_version: TlsVersion,
    /// Shortest `max-age` of `Strict-Transport-Security`, in days, 1 to 3650. Default 180.
    #[serde(default = "default_hsts_days")]
    #[schemars(schema_with = "bounds::days")]
    pub min_hsts_days: u16,
    /// Paths that the public must not get, 1 to 16. Default: `/.env`, `/.git/config`, `/.git/HEAD`, `/actuator/env`, `/debug`,
    /// `/debug/pprof/`, `/metrics`, `/phpinfo.php`, `/server-status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 2, max = 256), regex(pattern = r"^/[-A-Za-z0-9._~!$&()*+,;=:@/]+$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub exposed_paths: Vec<String>,
}

fn default_hsts_days() -> u16 {
    180
}
