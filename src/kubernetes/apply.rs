//! Applies a status, whatever text is in it.

use std::fmt::Write as _;

use kube::{
    Client, Resource,
    api::{DynamicObject, Patch, PatchParams},
    core::Request,
};
use serde_json::Value;

use super::client::FIELD_MANAGER;

/// Applies the status in `patch` to the `K` of this name, and takes the fields from whoever else owns them. Gives the object
/// as it is then.
///
/// Of the metadata in `patch` the API server compares `resourceVersion` alone: an object with another uid is written to, as
/// tried against version 1.37 with the status of a custom resource.
pub async fn apply_status<K: Resource<DynamicType = ()>>(
    client: &Client,
    namespace: &str,
    name: &str,
    patch: &Value,
) -> kube::Result<DynamicObject> {
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let mut request = Request::new(K::url_path(&(), Some(namespace)))
        .patch_subresource("status", name, &parameters, &Patch::Apply(patch))
        .map_err(kube::Error::BuildRequest)?;
    *request.body_mut() = readable_as_yaml(&patch.to_string()).into_bytes();
    client.request(request).await
}

/// The JSON text `json`, such that it is YAML as well, which the API server takes an applied patch for: YAML refuses control
/// characters and byte order marks, and takes some others for the end of a line. In JSON they stand in strings alone, where
/// both languages know them by their numbers.
fn readable_as_yaml(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                // Writing into a String never fails.
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_refuses_is_written_by_its_number_and_read_as_it_was() {
        let every: String = ('\0'..=char::MAX).collect();
        let json = Value::from(every).to_string();
        let text = readable_as_yaml(&json);
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            serde_json::from_str::<Value>(&json).unwrap()
        );
        // https://yaml.org/spec/1.2.2/#51-character-set, without the byte order mark and what else breaks a line in YAML 1.1.
        let raw = |c: char| {
            matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
                && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
        };
        assert_eq!(text.chars().find(|&character| !raw(character)), None);
        assert_eq!(readable_as_yaml(r#"{"a":"é 🕴"}"#), r#"{"a":"é 🕴"}"#);
    }
}
