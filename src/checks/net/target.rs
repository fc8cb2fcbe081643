//! A host and port as a check names them.

use std::{fmt, net::IpAddr, sync::Arc};

use rustls::pki_types::{DnsName, ServerName};
use url::{Host, Url};

/// Where a check connects to, before its name is resolved. Shown as `host:port`, in lower case, names as punycode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    host: Host,
    port: u16,
    server: ServerName<'static>,
    shown: Arc<str>,
}

/// A text that names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a host name or an IP address")]
pub struct InvalidHost;

impl Target {
    /// A target of host and port. IP addresses are recognised in every spelling that a browser knows (`0x7f.1`,
    /// `2130706433`, `[::1]`), and IPv6 addresses also without brackets.
    pub fn new(host: &str, port: u16) -> Result<Self, InvalidHost> {
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Host::Ipv4(address),
            Ok(IpAddr::V6(address)) => Host::Ipv6(address),
            Err(_) => Host::parse(host).map_err(|_| InvalidHost)?,
        };
        Self::from_host(host, port)
    }

    /// The target of an HTTP address.
    pub fn from_url(url: &Url) -> Result<Self, InvalidHost> {
        let host = url.host().ok_or(InvalidHost)?.to_owned();
        Self::from_host(host, url.port_or_known_default().ok_or(InvalidHost)?)
    }

    fn from_host(host: Host, port: u16) -> Result<Self, InvalidHost> {
        let server = match &host {
            Host::Ipv4(address) => ServerName::IpAddress(IpAddr::V4(*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress(IpAddr::V6(*address).into()),
            Host::Domain(name) => ServerName::DnsName(
                DnsName::try_from(name.trim_end_matches('.').to_owned())
                    .map_err(|_| InvalidHost)?,
            ),
        };
        let shown = format!("{host}:{port}").into();
        Ok(Self {
            host,
            port,
            server,
            shown,
        })
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The name that a certificate of this target must carry.
    #[must_use]
    pub const fn server_name(&self) -> &ServerName<'static> {
        &self.server
    }

    /// `host:port`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_shown_as_it_is_dialled() {
        for (host, shown) in [
            ("API.Example.com", "api.example.com:80"),
            ("münchen.example", "xn--mnchen-3ya.example:80"),
            ("0x7f.1", "127.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("[::1]", "[::1]:80"),
        ] {
            assert_eq!(Target::new(host, 80).unwrap().as_str(), shown);
        }
        for host in ["", "a b", "a..b", "user@host", "a/b", "1.2.3.4.5"] {
            assert_eq!(Target::new(host, 80), Err(InvalidHost), "{host}");
        }
    }

    #[test]
    fn every_host_is_shown_as_it_is_dialled() {
        crate::fuzz::hold_text("target", |text| {
            let Ok(target) = Target::new(text, 80) else {
                return;
            };
            let (host, port) = target.as_str().rsplit_once(':').unwrap();
            assert_eq!(port, "80");
            assert_eq!(Target::new(host, 80).as_ref(), Ok(&target), "{text:?}");
            let plain = |it: char| it.is_ascii_graphic() && !it.is_ascii_uppercase();
            assert!(
                host.chars().all(plain) && !host.contains(['@', '/', '?', '#']),
                "{text:?}"
            );
        });
    }
}
