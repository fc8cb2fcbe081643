//! Digests that stay the same from one version of this program to the next.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The first `digits` hexadecimal digits of the SHA-256 over the canonical JSON of `value`: members in the order of their
/// names, no white space.
pub(super) fn of_json<T: Serialize>(value: &T, digits: usize) -> String {
    // What is given here is made of texts, numbers and lists: nothing that JSON cannot hold.
    let value = serde_json::to_value(value).unwrap_or_default();
    let mut text = String::new();
    write_canonical(&value, &mut text);
    hexadecimal(&Sha256::digest(text), digits)
}

/// The order of a map's members depends on a feature of `serde_json` that any dependency may turn on.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (place, (name, member)) in members.into_iter().enumerate() {
                separate(place, text);
                write_canonical(&Value::from(name.as_str()), text);
                text.push(':');
                write_canonical(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                separate(place, text);
                write_canonical(item, text);
            }
            text.push(']');
        }
        scalar => {
            // Writing to a text does not fail.
            let _ = write!(text, "{scalar}");
        }
    }
}

fn separate(place: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
}

/// The first `digits` hexadecimal digits of `bytes`.
pub(super) fn hexadecimal(bytes: &[u8], digits: usize) -> String {
    let mut text = String::with_capacity(digits + 1);
    for byte in bytes.iter().take(digits.div_ceil(2)) {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(digits);
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn canonical_json_is_in_the_order_of_names_at_every_depth() {
        let mut text = String::new();
        let value = json!({"b": [{"y": 1, "x": "\"é\n"}, null], "a": true});
        write_canonical(&value, &mut text);
        assert_eq!(text, r#"{"a":true,"b":[{"x":"\"é\n","y":1},null]}"#);
    }
}
