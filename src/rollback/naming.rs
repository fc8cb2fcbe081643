//! The identity of an attempt: the same for the same validation, failed release and number, in any process.

use sha2::{Digest, Sha256};

use super::digest::hexadecimal;

/// Sets these digests apart from all others.
const DOMAIN: &[u8] = b"plumbline.dev/rollback/v1";

/// Hexadecimal digits of a key.
const KEY_DIGITS: usize = 32;

/// Hexadecimal digits of the key in a name.
const NAME_DIGITS: usize = 12;

/// The longest name that an object may have.
const MAX_NAME_BYTES: usize = 253;

/// The key of an attempt: 32 hexadecimal digits of the SHA-256 over the validation's uid, the release that failed, and
/// the attempt's number. Every part is preceded by its length, so that no two triples give the same text.
#[must_use]
pub fn key(validation_uid: &str, failed_release: &str, attempt: u8) -> String {
    let mut digest = Sha256::new();
    for part in [
        DOMAIN,
        validation_uid.as_bytes(),
        failed_release.as_bytes(),
        &[attempt],
    ] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hexadecimal(&digest.finalize(), KEY_DIGITS)
}

/// The name of the `Rollback` that records the attempt with this key: `accessa-rb-0123456789ab`. The validation's name is
/// cut where the whole would be longer than 253 characters.
#[must_use]
pub fn name(validation_name: &str, key: &str) -> String {
    let ending: String = key.chars().take(NAME_DIGITS).collect();
    let ending = format!("-rb-{ending}");
    let mut kept = validation_name.len().min(MAX_NAME_BYTES - ending.len());
    while !validation_name.is_char_boundary(kept) {
        kept -= 1;
    }
    // A label of a DNS name neither begins nor ends with a dash, and is not empty.
    let beginning = validation_name[..kept].trim_end_matches(['-', '.']);
    format!("{beginning}{ending}")
}

#[cfg(test)]
mod tests;
