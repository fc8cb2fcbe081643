//! What an administrator can set about the network of checks.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// How checks reach their targets. The defaults are those of a controller that runs checks for others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NetworkSettings {
    /// Which addresses checks may connect to.
    pub egress: EgressSettings,
    /// How names are resolved.
    pub dns: DnsSettings,
    /// Whom TLS connections trust.
    pub tls: TlsSettings,
}

impl NetworkSettings {
    /// The settings of the command line, whose user is the administrator: every address is allowed.
    #[must_use]
    pub fn everything_allowed() -> Self {
        Self {
            egress: EgressSettings::everything_allowed(),
            ..Self::default()
        }
    }
}

/// Which addresses checks may connect to. `deny` is asked first, then `allow`, then the built-in rule: it denies loopback,
/// unspecified, link-local, metadata, multicast, broadcast and reserved addresses, the API server and the kubelet's ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct EgressSettings {
    /// Networks that are allowed although the built-in rule denies them, as CIDRs: `127.0.0.1/32`.
    pub allow: Vec<IpNet>,
    /// Networks that are denied whatever else is set, as CIDRs.
    pub deny: Vec<IpNet>,
    /// What holds for private ranges: RFC 1918, the shared address space of RFC 6598, and unique local IPv6 addresses.
    pub private: PrivateRanges,
    /// What holds for files of the machine that checks run on.
    pub files: LocalFiles,
}

impl EgressSettings {
    /// Denies nothing.
    #[must_use]
    pub fn everything_allowed() -> Self {
        Self {
            allow: vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
            files: LocalFiles::Allow,
            ..Self::default()
        }
    }
}

/// What holds for private address ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrivateRanges {
    /// Checks may connect to them.
    #[default]
    Allow,
    /// Checks may not connect to them, unless `allow` names them.
    Deny,
}

/// What holds for files of the machine that checks run on: its own, and not those of whoever writes checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LocalFiles {
    /// Checks may open them.
    Allow,
    /// Checks may not open any.
    #[default]
    Deny,
}

/// How names are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct DnsSettings {
    /// Name servers, with port: `192.0.2.53:53`. Default: those of the system, with its search domains.
    pub servers: Vec<SocketAddr>,
}

/// Whom TLS connections trust.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TlsSettings {
    /// File of PEM certificates that are trusted besides those of the system (which honour `SSL_CERT_FILE`).
    pub certificate_authorities: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_and_an_empty_file_gives_the_defaults() {
        assert!(serde_yaml::from_str::<NetworkSettings>("egress: {alow: []}").is_err());
        let settings: NetworkSettings =
            serde_yaml::from_str("egress: {allow: [127.0.0.1/32], private: Deny}").unwrap();
        assert_eq!(settings.egress.private, PrivateRanges::Deny);
        assert_eq!(settings.egress.allow.len(), 1);
        assert_eq!(
            serde_yaml::from_str::<NetworkSettings>("{}").unwrap(),
            NetworkSettings::default()
        );
    }
}
