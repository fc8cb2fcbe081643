//! The fields of a `grpc` check.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::http::HttpHeader;
use crate::api::{SecretKeyReference, bounds};

/// A gRPC server: what it says of its health, by the protocol `grpc.health.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrpcCheck {
    /// Host name or IP address.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub host: String,
    /// Port, 1 to 65535.
    #[schemars(schema_with = "bounds::port")]
    pub port: u16,
    /// Whether the connection is under TLS, with a certificate that leads to a trusted root and names the host. The server must
    /// then agree on HTTP/2 (ALPN `h2`). Default `false`.
    #[serde(default)]
    pub tls: bool,
    /// Name that the certificate must carry and that the requests are addressed to (`:authority`), when it is not `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub server_name: Option<String>,
    /// Names of the services that must be serving, at most 16, such as `shop.v1.Orders`. The empty name is the server as a whole.
    /// Not for secrets: they are shown in messages. Default: the server as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(max = 256), regex(pattern = r"^[^\x00-\x1F\x7F]*$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub services: Vec<String>,
    /// Metadata that is sent with each question, at most 32 entries: names of HTTP headers, without those that gRPC has for itself
    /// (`grpc-...`, `content-type`) and those of binary values (`...-bin`). A secret comes from `valueFrom`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[x_kube(validation = Rule::new("self.all(entry, !entry.name.lowerAscii().matches('^(grpc-.*|content-type|.*-bin)$'))")
        .message("names that gRPC has for itself, and those of binary values, cannot be set"))]
    pub metadata: Vec<HttpHeader>,
}

impl GrpcCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        let sources = self.metadata.iter().filter_map(|it| it.value_from.as_ref());
        sources.map(|source| &source.secret_key_ref).collect()
    }
}
