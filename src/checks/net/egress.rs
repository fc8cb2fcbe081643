//! Which addresses checks may connect to: a pure judgement on the address that is about to be dialled.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::IpNet;
use url::Host;

use super::{
    embedded::faces,
    settings::{EgressSettings, LocalFiles, PrivateRanges},
};

/// The kubelet's API, and its read-only port.
const KUBELET_PORTS: [u16; 2] = [10250, 10255];

/// Why an address is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// An address of this machine itself.
    Loopback,
    /// No address at all, which the kernel takes for this machine.
    Unspecified,
    /// An address of the local link.
    LinkLocal,
    /// A cloud's metadata service, which hands out credentials.
    Metadata,
    /// A group of machines.
    Multicast,
    /// Every machine of the network.
    Broadcast,
    /// Not in use on the internet: documentation, benchmarks, or not assigned.
    Reserved,
    /// The cluster's API server.
    ApiServer,
    /// A port of the kubelet.
    Kubelet,
    /// A private range, while `egress.private` is `Deny`.
    Private,
    /// A network in `egress.deny`.
    Settings,
}

impl fmt::Display for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Unspecified => "the unspecified address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a metadata service",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Reserved => "a reserved address",
            Self::ApiServer => "the API server",
            Self::Kubelet => "a kubelet port",
            Self::Private => "a private address",
            Self::Settings => "an address in egress.deny",
        })
    }
}

/// The rule for one process.
#[derive(Clone, Debug)]
pub struct Egress {
    settings: EgressSettings,
    api_servers: Vec<SocketAddr>,
}

impl Egress {
    /// The rule that `settings` make, with the addresses at which the API server is reached from here (none outside of a
    /// cluster).
    #[must_use]
    pub fn new(settings: EgressSettings, api_servers: Vec<SocketAddr>) -> Self {
        Self {
            settings,
            api_servers,
        }
    }

    /// Whether checks may open files of this machine.
    #[must_use]
    pub fn allows_files(&self) -> bool {
        self.settings.files == LocalFiles::Allow
    }

    /// Judges an address about to be dialled, and every IPv4 address written inside it.
    pub fn judge(&self, address: SocketAddr) -> Result<(), Denial> {
        let faces = faces(address.ip());
        if faces.clone().any(|face| holds(&self.settings.deny, face)) {
            return Err(Denial::Settings);
        }
        for face in faces {
            if !holds(&self.settings.allow, face) {
                self.judge_by_default(SocketAddr::new(face, address.port()))?;
            }
        }
        Ok(())
    }

    /// Judges a host as written, before anything is sent: IP addresses, and names that are known to stand for one.
    /// Passing is no promise: what a name resolves to is judged when it is dialled.
    pub fn judge_literal(&self, host: &Host, port: u16) -> Result<(), Denial> {
        let addresses = match host {
            Host::Ipv4(address) => return self.judge(SocketAddr::new((*address).into(), port)),
            Host::Ipv6(address) => return self.judge(SocketAddr::new((*address).into(), port)),
            Host::Domain(name) => self.known_addresses(name, port),
        };
        // A name that stands for several addresses is refused only when none of them could be dialled.
        let mut denial = Ok(());
        for address in addresses {
            denial = self.judge(address);
            if denial.is_ok() {
                break;
            }
        }
        denial
    }

    fn known_addresses(&self, name: &str, port: u16) -> Vec<SocketAddr> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            return vec![
                SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
                SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port),
            ];
        }
        let metadata = [
            "metadata.google.internal",
            "metadata.goog",
            "instance-data.ec2.internal",
        ];
        if metadata.contains(&name.as_str()) {
            return vec![SocketAddr::new(
                Ipv4Addr::new(169, 254, 169, 254).into(),
                port,
            )];
        }
        if name == "kubernetes.default" || name.starts_with("kubernetes.default.svc") {
            return self.api_servers.clone();
        }
        Vec::new()
    }

    fn judge_by_default(&self, address: SocketAddr) -> Result<(), Denial> {
        let is_api_server = |known: &SocketAddr| {
            known.port() == address.port() && faces(known.ip()).any(|face| face == address.ip())
        };
        if self.api_servers.iter().any(is_api_server) {
            return Err(Denial::ApiServer);
        }
        if KUBELET_PORTS.contains(&address.port()) {
            return Err(Denial::Kubelet);
        }
        let denial = match address.ip() {
            IpAddr::V4(address) => self.version_4(address),
            IpAddr::V6(address) => self.version_6(address),
        };
        denial.map_or(Ok(()), Err)
    }

    fn version_4(&self, address: Ipv4Addr) -> Option<Denial> {
        match address.octets() {
            [0, 0, 0, 0] => Some(Denial::Unspecified),
            [127, ..] => Some(Denial::Loopback),
            [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] => {
                Some(Denial::Metadata)
            }
            [169, 254, ..] => Some(Denial::LinkLocal),
            [224..=239, ..] => Some(Denial::Multicast),
            [255, 255, 255, 255] => Some(Denial::Broadcast),
            [0 | 240..=255, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _] => Some(Denial::Reserved),
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => self.private(),
            _ => None,
        }
    }

    fn version_6(&self, address: Ipv6Addr) -> Option<Denial> {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Some(Denial::Unspecified),
            [0, 0, 0, 0, 0, 0, 0, 1] => Some(Denial::Loopback),
            // Amazon keeps its metadata services under fd00:ec2::/32, Google and Scaleway theirs at one address each.
            [0xfd00, 0x0ec2, ..]
            | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254]
            | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] => Some(Denial::Metadata),
            [0xfe80..=0xfebf, ..] => Some(Denial::LinkLocal),
            [0xff00..=0xffff, ..] => Some(Denial::Multicast),
            [0xfc00..=0xfdff, ..] => self.private(),
            [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(Denial::Reserved),
            // NAT64 is judged by the IPv4 address inside; the rest of the internet is 2000::/3.
            [0x2000..=0x3fff, ..] | [0x64, 0xff9b, 0 | 1, ..] => None,
            _ => Some(Denial::Reserved),
        }
    }

    fn private(&self) -> Option<Denial> {
        (self.settings.private == PrivateRanges::Deny).then_some(Denial::Private)
    }
}

fn holds(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Denial::{
        ApiServer, Broadcast, Kubelet, LinkLocal, Loopback, Metadata, Multicast, Private, Reserved,
        Settings, Unspecified,
    };

    fn controller() -> Egress {
        Egress::new(
            EgressSettings::default(),
            vec!["10.96.0.1:443".parse().unwrap()],
        )
    }

    fn judge_url(egress: &Egress, url: &str) -> Result<(), Denial> {
        let url = url::Url::parse(url).unwrap();
        let host = url.host().unwrap().to_owned();
        egress.judge_literal(&host, url.port_or_known_default().unwrap())
    }

    #[test]
    fn what_a_controller_must_not_reach_is_denied_however_it_is_written() {
        for (url, denial) in [
            ("http://127.0.0.1", Loopback),
            ("http://localhost", Loopback),
            ("http://localhost.", Loopback),
            ("http://LOCALHOST", Loopback),
            ("http://a.b.localhost.", Loopback),
            ("http://0.0.0.0", Unspecified),
            ("http://0", Unspecified),
            ("http://[::]", Unspecified),
            ("http://[::1]", Loopback),
            ("http://169.254.169.254", Metadata),
            ("http://169.254.170.2", LinkLocal),
            ("http://metadata.google.internal", Metadata),
            ("http://Metadata.Google.Internal.", Metadata),
            ("http://[fd00:ec2::254]", Metadata),
            ("http://[fd00:ec2::23]", Metadata),
            ("http://[fd20:ce::254]", Metadata),
            ("http://100.100.100.200", Metadata),
            ("http://168.63.129.16", Metadata),
            ("http://2130706433", Loopback),
            ("http://0x7f.1", Loopback),
            ("http://0177.0.0.1", Loopback),
            ("http://127.1", Loopback),
            ("http://0x7f000001", Loopback),
            ("http://017700000001", Loopback),
            ("http://127.0.0.1.", Loopback),
            ("http://%31%32%37.0.0.1", Loopback),
            ("http://①②⑦.0.0.1", Loopback),
            ("http://[::ffff:a9fe:a9fe]", Metadata),
            ("http://[::ffff:127.0.0.1]", Loopback),
            ("http://[::127.0.0.1]", Reserved),
            ("http://[64:ff9b::a9fe:a9fe]", Metadata),
            ("http://[64:ff9b:1::a9fe:a9fe]", Metadata),
            ("http://[2002:7f00:1::]", Loopback),
            ("http://[2001:0:7f00:1::]", Loopback),
            ("http://[2001:0:808:808::80ff:fffe]", Loopback),
            ("http://[fe80::1]", LinkLocal),
            ("http://[fec0::1]", Reserved),
            ("http://[ff02::1]", Multicast),
            ("http://224.0.0.1", Multicast),
            ("http://255.255.255.255", Broadcast),
            ("http://240.0.0.1", Reserved),
            ("http://192.0.2.1", Reserved),
            ("http://[2001:db8::1]", Reserved),
            ("https://kubernetes.default.svc", ApiServer),
            ("https://kubernetes.default.svc.cluster.local.", ApiServer),
            ("https://10.96.0.1", ApiServer),
            ("https://[::ffff:10.96.0.1]", ApiServer),
            ("https://10.1.2.3:10250", Kubelet),
            ("http://8.8.8.8:10255", Kubelet),
        ] {
            assert_eq!(judge_url(&controller(), url), Err(denial), "{url}");
        }
    }

    #[test]
    fn ordinary_targets_are_allowed() {
        for url in [
            "http://example.com",
            "http://8.8.8.8",
            "http://10.1.2.3",
            "http://10.96.0.1",
            "http://192.168.0.1:8080",
            "http://100.64.0.1",
            "http://[fd12::1]",
            "http://[2606:4700::1111]",
            "http://[64:ff9b::808:808]",
            "http://[2002:808:808::]",
            "http://localhost.example.com",
        ] {
            assert_eq!(judge_url(&controller(), url), Ok(()), "{url}");
        }
    }

    #[test]
    fn private_ranges_are_denied_on_request_also_inside_ipv6() {
        let egress = Egress::new(
            EgressSettings {
                private: PrivateRanges::Deny,
                allow: vec!["10.2.0.0/16".parse().unwrap()],
                ..EgressSettings::default()
            },
            Vec::new(),
        );
        for url in [
            "http://10.1.2.3",
            "http://172.31.0.1",
            "http://192.168.1.1",
            "http://100.127.0.1",
            "http://[fd12::1]",
            "http://[64:ff9b::a01:203]",
        ] {
            assert_eq!(judge_url(&egress, url), Err(Private), "{url}");
        }
        assert_eq!(judge_url(&egress, "http://10.2.3.4"), Ok(()));
        assert_eq!(judge_url(&egress, "http://172.32.0.1"), Ok(()));
    }

    #[test]
    fn deny_goes_before_allow_and_allow_before_the_built_in_rule() {
        let egress = Egress::new(
            EgressSettings {
                allow: vec![
                    "127.0.0.0/8".parse().unwrap(),
                    "10.96.0.0/16".parse().unwrap(),
                ],
                deny: vec!["127.0.0.2/32".parse().unwrap()],
                ..EgressSettings::default()
            },
            vec!["10.96.0.1:443".parse().unwrap()],
        );
        assert_eq!(judge_url(&egress, "http://127.0.0.1"), Ok(()));
        assert_eq!(judge_url(&egress, "http://[::ffff:127.0.0.1]"), Ok(()));
        assert_eq!(judge_url(&egress, "http://localhost"), Ok(()));
        assert_eq!(judge_url(&egress, "http://[::1]"), Err(Loopback));
        assert_eq!(judge_url(&egress, "https://10.96.0.1"), Ok(()));
        assert_eq!(judge_url(&egress, "http://127.0.0.2"), Err(Settings));
        assert_eq!(
            judge_url(&egress, "http://[::ffff:127.0.0.2]"),
            Err(Settings)
        );
        assert_eq!(
            judge_url(&egress, "http://[64:ff9b::7f00:2]"),
            Err(Settings)
        );
    }

    #[test]
    fn the_command_line_may_reach_everything() {
        let egress = Egress::new(EgressSettings::everything_allowed(), Vec::new());
        for url in [
            "http://127.0.0.1",
            "http://[::1]",
            "http://localhost",
            "http://169.254.169.254",
            "http://10.0.0.1:10250",
        ] {
            assert_eq!(judge_url(&egress, url), Ok(()), "{url}");
        }
    }
}
