//! `JSONPath` (RFC 9535) whose evaluation takes time in proportion to the document.

use serde_json::Value;
use serde_json_path::JsonPath;

const LONGEST_PATH: usize = 256;

/// A path that selects every node at most once.
#[derive(Clone, Debug)]
pub(super) struct BoundedPath {
    path: JsonPath,
    text: String,
}

impl BoundedPath {
    /// Compiles a path. Refused is what multiplies work: a document of a mebibyte and a path of a hundred characters are
    /// enough for `$..*..*..*` or `$[*,*][*,*]…` to select more nodes than memory holds, and a document within a filter
    /// or a pattern is gone through for every node.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_PATH {
            return Err(format!("is longer than {LONGEST_PATH} bytes"));
        }
        let path = JsonPath::parse(text).map_err(|error| format!("is not a JSONPath: {error}"))?;
        let unquoted = without_strings(text);
        if unquoted.matches("..").count() > 1 {
            return Err("uses `..` more than once".to_owned());
        }
        if unquoted.contains(',') {
            return Err(
                "uses a comma: name one selector, and one argument of a function".to_owned(),
            );
        }
        if unquoted.matches('$').count() > 1 {
            return Err("uses `$` within a filter".to_owned());
        }
        Ok(Self {
            path,
            text: text.to_owned(),
        })
    }

    /// What the path selects.
    pub(super) fn select<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        self.path.query(document).all()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// The path with its quoted strings emptied.
fn without_strings(text: &str) -> String {
    let mut outside = String::with_capacity(text.len());
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match quote {
            None => {
                outside.push(character);
                if matches!(character, '\'' | '"') {
                    quote = Some(character);
                }
            }
            Some(_) if character == '\\' => {
                characters.next();
            }
            Some(open) if open == character => {
                outside.push(character);
                quote = None;
            }
            Some(_) => {}
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_multiplies_work_is_refused() {
        for path in [
            "$..*..*",
            "$[*,*]",
            "$['a','a']",
            "$[?$..a]",
            "$[?match(@.a, '.*')]",
            "$[?search(@.a, 'b')]",
            "$.",
            "queue.depth",
            "$[?(@.a ==]",
        ] {
            assert!(BoundedPath::parse(path).is_err(), "{path}");
        }
        assert!(BoundedPath::parse(&format!("$.{}", "a".repeat(300))).is_err());
    }

    #[test]
    fn what_users_write_is_accepted() {
        for path in [
            "$",
            "$.queue.depth",
            "$['a,b..c$']",
            "$[\"it's, fine\"]",
            "$.items[*].state",
            "$..state",
            "$.items[?@.name == 'api, web'].state",
            "$.items[?length(@.replicas) > 2]",
            "$.items[-1]",
            "$.items[0:5]",
        ] {
            assert!(BoundedPath::parse(path).is_ok(), "{path}");
        }
    }

    /// Every value of `document`, however deep.
    fn nodes(document: &Value) -> usize {
        1 + match document {
            Value::Array(items) => items.iter().map(nodes).sum::<usize>(),
            Value::Object(members) => members.values().map(nodes).sum(),
            _ => 0,
        }
    }

    #[test]
    fn no_path_selects_a_node_twice() {
        let leaf = serde_json::json!({"a": 1, "b": [true, null, "x"], "state": "up"});
        let document = serde_json::json!({
            "items": vec![leaf.clone(); 20], "a": {"a": {"a": leaf}}, "queue": {"depth": 3},
        });
        let count = nodes(&document);
        crate::fuzz::hold_text("json_path", |text| {
            let Ok(path) = BoundedPath::parse(text) else {
                return;
            };
            let selected = path.select(&document);
            let places: std::collections::HashSet<_> = selected
                .iter()
                .map(|node| std::ptr::from_ref(*node))
                .collect();
            assert_eq!(places.len(), selected.len(), "{text}");
            assert!(selected.len() <= count, "{text}");
        });
    }
}
