//! Signatures as Standard Webhooks has them: `v1,` and the HMAC-SHA256 of `id.timestamp.body`, in Base64.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// Length of a block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// The signature of a delivery. The secret is Base64, with or without `whsec_` in front; one that is not is taken as it is.
pub(super) fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> String {
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = STANDARD
        .decode(encoded)
        .unwrap_or_else(|_| encoded.as_bytes().to_vec());
    let signed = format!("{id}.{timestamp}.{body}");
    format!("v1,{}", STANDARD.encode(hmac(&key, signed.as_bytes())))
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hexadecimal(bytes: &[u8]) -> String {
        use std::fmt::Write;

        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// Test cases 1, 2 and 6 of RFC 4231: a short key, a short message, and a key longer than a block.
    #[test]
    fn codes_are_those_of_the_standard() {
        let long = [0xaa; 131];
        let expected: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, code) in expected {
            assert_eq!(hexadecimal(&hmac(key, message)), code);
        }
    }

    /// Made with another implementation of HMAC.
    #[test]
    fn a_signature_is_over_identifier_time_and_body() {
        let secret = "whsec_YSBzZWNyZXQgb2YgMjQgYnl0ZXMuLi4uLg==";
        let body = r#"{"type":"deploy_ended"}"#;
        let signature = "v1,WRrJoD4hQfTdv3pPpIbAbfkH5OtKi/9yIQgbf/zvvXA=";
        assert_eq!(sign(secret, "evt-1", 1_767_225_600, body), signature);
        let bare = secret.trim_start_matches("whsec_");
        assert_eq!(sign(bare, "evt-1", 1_767_225_600, body), signature);
    }
}
