//! How long a certificate lasts.

use jiff::Timestamp;
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

/// The last moment of a certificate in DER, in seconds since 1970; `None` when it cannot be read.
pub(super) fn not_after(certificate: &[u8]) -> Option<i64> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    Some(read.validity().not_after.timestamp())
}

/// What is wrong with a certificate that ends at `not_after`, when fewer than `least` days are left: value and threshold.
pub(super) fn ends_too_soon(not_after: i64, now: i64, least: u16) -> Option<String> {
    let left = (not_after - now).div_euclid(SECONDS_PER_DAY);
    (left < i64::from(least)).then(|| {
        let until = day(not_after);
        format!("ends on {until}: {left} days left, under {least}")
    })
}

/// The day of a moment, as `2026-01-31`.
pub(super) fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(
        |_| "an unknown day".to_owned(),
        |moment| moment.strftime("%Y-%m-%d").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};

    use super::*;

    #[test]
    fn no_certificate_breaks_the_reader_and_every_end_has_a_day() {
        crate::fuzz::hold("certificate", |input| {
            // The inputs are in base64; what is not of its alphabet is left out.
            let mut text = input.to_vec();
            text.retain(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/'));
            text.truncate(text.len() / 4 * 4);
            let der = BASE64_STANDARD_NO_PAD.decode(&text).unwrap();
            if let Some(end) = not_after(&der) {
                assert!(!day(end).is_empty());
                for now in [0, 1_800_000_000] {
                    let _ = ends_too_soon(end, now, 30);
                }
            }
        });
    }
}
