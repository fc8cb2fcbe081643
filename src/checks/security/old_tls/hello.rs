//! A hello that offers an old version: bytes, made without a library.

use rustls::pki_types::ServerName;

use super::OldVersion;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// What servers of TLS 1.0 to 1.2 have in common, and the mark that renegotiation is a safe one (RFC 5746).
const CIPHERS: [u16; 18] = [
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0x009c, 0x009d, 0xc009, 0xc00a, 0xc013, 0xc014,
    0x0033, 0x0039, 0x002f, 0x0035, 0x000a, 0x00ff,
];

/// X25519, and the curves P-256, P-384 and P-521.
const GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];

/// ECDSA and RSA in both paddings, with SHA-256 to SHA-512, and with SHA-1 as the last.
const SIGNATURES: [u16; 12] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201,
];

/// A hello that offers `version` and nothing newer.
pub(super) fn hello(version: OldVersion, server: &ServerName<'_>) -> Vec<u8> {
    let extensions = extensions(version, server);
    let mut body = version.number().to_vec();
    // No secret comes of this handshake, and so nothing of it needs to be random.
    body.extend([0x5a; 32]);
    // No session.
    body.push(0);
    body.extend(prefixed(&numbers(&CIPHERS)));
    // No compression.
    body.extend([1, 0]);
    body.extend(prefixed(&extensions));

    // The length of a message has three bytes.
    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(prefixed(&body));
    // The record's version is that of the oldest, as clients send it (RFC 5246, appendix E.1).
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(prefixed(&message));
    record
}

fn extensions(version: OldVersion, server: &ServerName<'_>) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut add = |number: u8, content: &[u8]| {
        extensions.extend([0, number]);
        extensions.extend(prefixed(content));
    };
    if let ServerName::DnsName(name) = server {
        let mut entry = vec![0];
        entry.extend(prefixed(name.as_ref().as_bytes()));
        add(0, &prefixed(&entry));
    }
    add(10, &prefixed(&numbers(&GROUPS)));
    // Points are not compressed.
    add(11, &[1, 0]);
    // Only TLS 1.2 knows them (RFC 5246, section 7.4.1.4.1).
    if version == OldVersion::Tls12 {
        add(13, &prefixed(&numbers(&SIGNATURES)));
    }
    extensions
}

/// With its length before it, in two bytes. A name has 253 bytes at most, so that nothing here is longer.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut prefixed = length.to_be_bytes().to_vec();
    prefixed.extend_from_slice(bytes);
    prefixed
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|it| it.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::net::Target;

    #[test]
    fn the_hello_has_the_lengths_that_it_names() {
        for version in [OldVersion::Tls10, OldVersion::Tls11, OldVersion::Tls12] {
            for host in ["localhost", "127.0.0.1", &format!("{}a", "a.".repeat(126))] {
                let target = Target::new(host, 443).unwrap();
                let hello = hello(version, target.server_name());
                let length =
                    |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
                assert_eq!(length(3), hello.len() - 5, "{host}");
                assert_eq!((hello[5], hello[6]), (1, 0));
                assert_eq!(length(7), hello.len() - 9);
                assert_eq!(hello[9..11], version.number());
                let extensions = 9 + 2 + 32 + 1 + 2 + 2 * CIPHERS.len() + 2;
                assert_eq!(length(extensions), hello.len() - extensions - 2);
            }
        }
    }
}
