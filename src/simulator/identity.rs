//! Identifiers in Render's shapes.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// How many characters follow an identifier's prefix.
const SUFFIX_LENGTH: usize = 20;

/// Issues identifiers: `srv-`, `dep-`, `tea-` … and 20 characters of `[0-9a-z]`.
///
/// The sequence is the same in every run, so that a recorded session can be compared with the next one.
#[derive(Debug, Default)]
pub(super) struct Identities {
    issued: u64,
}

impl Identities {
    /// The next identifier that starts with `prefix` and a dash.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        self.issued += 1;
        format!(
            "{prefix}-{}",
            letters(&format!("{prefix} {}", self.issued), SUFFIX_LENGTH)
        )
    }
}

/// The identifier of one running instance of a deploy: `srv-…-xxxxx`.
pub(super) fn instance(service: &str, deploy: &str, ordinal: u32) -> String {
    format!("{service}-{}", letters(&format!("{deploy} {ordinal}"), 5))
}

/// 40 hexadecimal digits, the shape of a git commit.
pub(super) fn commit(of: &str) -> String {
    hexadecimal(of).chars().take(40).collect()
}

/// `sha256:` and 64 hexadecimal digits, the shape of an image digest.
pub(super) fn image_digest(of: &str) -> String {
    format!("sha256:{}", hexadecimal(of))
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(super) fn hexadecimal(of: &str) -> String {
    use std::fmt::Write;

    Sha256::digest(of)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn letters(of: &str, length: usize) -> String {
    Sha256::digest(of)
        .iter()
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}
