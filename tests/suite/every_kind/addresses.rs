//! No kind of check reaches an address that it must not, however the address is written, and none takes what is no address.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use plumbline::checks::{
    net::{Network, NetworkSettings, Session},
    verdict::{FindingReason, Verdict},
};

use super::{
    super::probes::{measure, network_with, settings_asking},
    cases,
    cases::{Address, Case},
    probe,
};
use crate::support::hostile::{Conduct, Lookup, NameServer, Peer};

/// Spellings of addresses that the default settings deny; those of this machine lead to a peer that counts.
const DENIED: &[(&str, &str)] = &[
    ("S5", "127.0.0.1"),
    ("S5", "127.0.0.53"),
    ("S5", "localhost"),
    ("S5", "LOCALHOST."),
    ("S5", "a.localhost"),
    ("S5", "0.0.0.0"),
    ("S5", "::"),
    ("S5", "::1"),
    ("S6", "169.254.169.254"),
    ("S6", "169.254.1.1"),
    ("S6", "metadata.google.internal"),
    ("S6", "Metadata.Google.Internal."),
    ("S6", "fd00:ec2::254"),
    ("S6", "fe80::1"),
    ("S7", "2130706433"),
    ("S7", "0x7f000001"),
    ("S7", "0x7f.1"),
    ("S7", "0177.0.0.1"),
    ("S7", "017700000001"),
    ("S7", "127.1"),
    ("S7", "0"),
    ("S7", "%31%32%37.0.0.1"),
    ("S7", "①②⑦.0.0.1"),
    ("S8", "::ffff:127.0.0.1"),
    ("S8", "::ffff:7f00:1"),
    ("S8", "::127.0.0.1"),
    ("S8", "::ffff:a9fe:a9fe"),
    ("S8", "64:ff9b::a9fe:a9fe"),
    ("S8", "2002:7f00:1::"),
    ("A1", "224.0.0.1"),
    ("A1", "255.255.255.255"),
];

/// The API server by its names, and kubelets.
const DENIED_PORTS: &[(&str, &str, u16)] = &[
    ("S12", "kubernetes.default", 443),
    ("S12", "kubernetes.default.svc", 443),
    ("S12", "kubernetes.default.svc.cluster.local.", 443),
    ("S12", "10.1.2.3", 10250),
    ("S12", "8.8.8.8", 10255),
];

/// What is no host, whatever the field.
const NO_HOSTS: &[(&str, &str)] = &[
    ("S11", ""),
    ("S11", "user@target.example"),
    ("S11", "user:hunter2@target.example"),
    ("S11", "a b"),
    ("S11", "a\tb"),
    ("S11", "a\r\nb"),
    ("S11", "a\\b"),
    ("S11", "a#b"),
    ("S11", "a\0b"),
    ("S11", "a%00b"),
    ("S11", "a..b"),
    ("S11", "1.2.3.4.5"),
    ("S11", "[::1"),
    ("S11", "xn--"),
];

/// What ends a host in a URL, and is none where a host stands alone.
const NO_BARE_HOSTS: &[(&str, &str)] = &[("S11", "a/b"), ("S11", "a?b"), ("S10", "http://a")];

/// What is no address of HTTP. `HOST` stands for a host and a port.
const NO_URLS: &[(&str, &str)] = &[
    ("S10", "file:///etc/passwd"),
    ("S10", "gopher://HOST/"),
    ("S10", "unix:/run/x.sock"),
    ("S10", "ftp://HOST/"),
    ("S10", "ws://HOST/"),
    ("S10", "javascript:alert(1)"),
    ("S10", "HOST"),
    ("S10", "//HOST/"),
    ("S10", "http:HOST"),
    ("S10", "http:/HOST"),
    ("S10", "http:///HOST"),
    ("S11", "http://user:hunter2@HOST/"),
    ("S11", "http://HOST/#fragment"),
    ("S11", "http://HOST/\r\nX-Evil: 1"),
    ("S11", "http://HOST/a\tb"),
    ("S11", "http://HOST\\@127.0.0.1/"),
    ("S11", "http://target.example:0/"),
    ("S11", "http://target.example:65536/"),
    ("S11", "http://target.example:-1/"),
    ("S11", "http://:80/"),
];

#[tokio::test]
async fn every_kind_is_denied_every_spelling_of_a_forbidden_address() {
    let peer = Peer::start(Conduct::Says(Vec::new()), true);
    let network = Network::new(
        &NetworkSettings::default(),
        vec!["10.96.0.1:443".parse().unwrap()],
    )
    .unwrap();
    let session = network.session();
    let mut broken = Vec::new();
    let denied_hosts = DENIED.iter().map(|(id, host)| (*id, *host, peer.port()));
    let places: Vec<_> = denied_hosts.chain(DENIED_PORTS.iter().copied()).collect();
    for case in cases() {
        for (id, host, port) in &places {
            let told = format!("{id} {} at {host}:{port}", case.name);
            let address = Address::host(host, *port);
            broken.extend(
                denied(&case, &address, &session, true)
                    .await
                    .err()
                    .map(|it| format!("{told}: {it}")),
            );
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(peer.connections(), 0, "a denied address was dialled");
}

/// A check is denied before it runs when it is `known` by its spelling, and by the dialer in any case.
async fn denied(
    case: &Case,
    address: &Address,
    session: &Session,
    known: bool,
) -> Result<(), String> {
    let probe = probe(case, address).map_err(|error| error.to_string())?;
    let targets = probe.targets();
    let network = session.network();
    let passes = targets
        .iter()
        .any(|target| network.judge_literal(target).is_ok());
    if targets.is_empty() || (known && passes) {
        return Err(format!("{targets:?} pass before they are dialled"));
    }
    let finding = measure(&*probe, session).await.finding;
    let expected = (Verdict::Unknown, FindingReason::TargetNotAllowed);
    if (finding.verdict, finding.reason) != expected || !finding.message.contains(probe.host()) {
        return Err(format!("{finding:?}"));
    }
    Ok(())
}

#[tokio::test]
async fn every_kind_is_denied_names_that_lead_to_a_forbidden_address() {
    let peer = Peer::start(Conduct::Says(Vec::new()), true);
    let asked = Arc::<AtomicUsize>::default();
    let count = asked.clone();
    let names = NameServer::start(move |name, _| {
        let addresses: &[&str] = match name {
            "private.example" => &["169.254.169.254"],
            "mixed.example" => &["127.0.0.1", "127.0.0.2"],
            "embedded.example" => &["::ffff:127.0.0.2"],
            "alias.example" => return Lookup::Alias("private.example".to_owned()),
            _ => return Lookup::NoSuchName,
        };
        count.fetch_add(1, Ordering::SeqCst);
        Lookup::Addresses(addresses.iter().map(|it| it.parse().unwrap()).collect())
    })
    .await;
    let network = network_with(settings_asking(&names));
    for case in cases() {
        let session = network.session();
        for host in [
            "private.example",
            "mixed.example",
            "embedded.example",
            "alias.example",
        ] {
            let address = Address::host(host, peer.port());
            if let Err(error) = denied(&case, &address, &session, false).await {
                panic!("S9 {} at {host}: {error}", case.name);
            }
        }
    }
    assert!(asked.load(Ordering::SeqCst) > 0);
    assert_eq!(peer.connections(), 0, "a denied address was dialled");
}

#[test]
fn no_kind_takes_what_is_no_address_and_the_field_is_named() {
    let long = "a".repeat(64 * 1024);
    let mut hosts = NO_HOSTS.to_vec();
    hosts.push(("S11", &long));
    let mut broken = Vec::new();
    for case in cases() {
        let mut addresses: Vec<_> = hosts
            .iter()
            .map(|(id, host)| (*id, Address::host(host, 80)))
            .collect();
        addresses.push(("S11", Address::host("target.example", 0)));
        if case.scheme.is_none() {
            let hosts = NO_BARE_HOSTS.iter();
            addresses.extend(hosts.map(|(id, host)| (*id, Address::host(host, 80))));
        } else {
            let long = format!("http://HOST/{long}");
            let urls = NO_URLS.iter().copied().chain([("S11", long.as_str())]);
            addresses.extend(urls.map(|(id, url)| {
                let url = url.replace("HOST", "target.example:80");
                (id, Address::Url(url))
            }));
        }
        for (id, address) in addresses {
            broken.extend(refused(&case, &address).err().map(|error| {
                let told = format!("{id} {} at {address:?}", case.name);
                let told: String = told.chars().take(120).collect();
                format!("{told}: {error}")
            }));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn refused(case: &Case, address: &Address) -> Result<(), String> {
    let Err(error) = probe(case, address) else {
        return Err("is taken".to_owned());
    };
    let told = error.to_string();
    let mut field = format!("checks[case].{}", case.field);
    if case.scheme.is_none() && matches!(address, Address::Host(_, 0)) {
        field = field.replace(".host", ".port");
    }
    if !told.starts_with(&field) || told.contains("hunter2") || told.len() > 512 {
        return Err(told);
    }
    Ok(())
}
