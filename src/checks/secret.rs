//! What a check takes from a Secret.

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::{compile::Secrets, invalid::InvalidCheck};
use crate::api::SecretKeyReference;

/// The value that `reference` leads to. An error names the key, and `field` as the place that refers to it.
pub fn value(
    reference: &SecretKeyReference,
    secrets: Secrets<'_>,
    field: &str,
) -> Result<SecretString, InvalidCheck> {
    let invalid = |problem: &str| invalid(reference, field, problem);
    let secret = secrets(reference).ok_or_else(|| invalid("is not there"))?;
    if secret.expose_secret().is_empty() {
        return Err(invalid("is empty"));
    }
    Ok(secret)
}

/// A header of `text` in which `reference` leads to the secret.
pub fn header(
    text: &str,
    reference: &SecretKeyReference,
    field: &str,
) -> Result<HeaderValue, InvalidCheck> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| invalid(reference, field, "holds characters that no header can"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn invalid(reference: &SecretKeyReference, field: &str, problem: &str) -> InvalidCheck {
    let SecretKeyReference { name, key } = reference;
    InvalidCheck::new(field, format!("key {key} of Secret {name} {problem}"))
}
