//! The fields of a `tcp` check.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Duration, bounds, duration::between};

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
    #[schemars(schema_with = "bounds::port")]
    pub port: u16,
    /// Longest time until the connection stands, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxLatency", "1ms", "5m"))]
    pub max_latency: Option<Duration>,
}
