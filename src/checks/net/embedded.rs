//! IPv4 addresses written inside IPv6 addresses.

use std::{
    iter,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Every address that a connection to `address` may end at: the address as it is dialled, then the IPv4 addresses that
/// translators and tunnels on the way could take out of it.
///
/// Covered are IPv4-mapped and IPv4-compatible addresses (RFC 4291), IPv4-translated ones (RFC 2765), NAT64 under the
/// well-known and the local-use prefix (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380: server and client) and
/// ISATAP (RFC 5214).
pub fn faces(address: IpAddr) -> impl Iterator<Item = IpAddr> + Clone {
    let (dialled, embedded) = match address {
        IpAddr::V4(_) => (address, Vec::new()),
        IpAddr::V6(outer) => match outer.to_ipv4_mapped() {
            Some(mapped) => (mapped.into(), Vec::new()),
            None => (address, embedded(outer)),
        },
    };
    iter::once(dialled).chain(embedded.into_iter().map(IpAddr::V4))
}

fn embedded(outer: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = outer.octets();
    let at = |a: usize, b: usize, c: usize, d: usize| {
        Ipv4Addr::new(octets[a], octets[b], octets[c], octets[d])
    };
    let last = at(12, 13, 14, 15);
    let segments = outer.segments();
    let mut found = match segments {
        // `::` and `::1` are addresses of their own, and no IPv4 ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        [0, 0, 0, 0, 0 | 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![last],
        // Below the local-use prefix the operator picks the length: 48, 56, 64 and 96 bits place the IPv4 address
        // differently, each around the octet at bit 64 that stays zero. A place that begins with zero is not the one.
        [0x64, 0xff9b, 1, ..] => [at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12), last]
            .into_iter()
            .filter(|address| address.octets()[0] != 0)
            .collect(),
        [0x2002, ..] => vec![at(2, 3, 4, 5)],
        [0x2001, 0, ..] => {
            let client = Ipv4Addr::from(!u32::from(last));
            vec![at(4, 5, 6, 7), client]
        }
        _ => Vec::new(),
    };
    if let [0 | 0x200, 0x5efe] = segments[4..6] {
        found.push(last);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_ipv4_inside_ipv6_is_undone() {
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        for written in [
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::169.254.169.254",
            "::ffff:0:a9fe:a9fe",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001:0:102:304:0:0:5601:5601",
            "2001:db8::5efe:a9fe:a9fe",
            "fe80::200:5efe:a9fe:a9fe",
        ] {
            let faces: Vec<_> = faces(written.parse().unwrap()).collect();
            assert!(faces.contains(&metadata), "{written}: {faces:?}");
        }
    }

    #[test]
    fn a_plain_address_has_one_face() {
        for plain in ["192.0.2.1", "2606:4700::1111", "::1", "::"] {
            let plain: IpAddr = plain.parse().unwrap();
            assert_eq!(faces(plain).collect::<Vec<_>>(), [plain]);
        }
    }
}
