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
        // The parser panics at a text that ends in the middle of an escape.
        let unquoted =
            without_strings(text).ok_or_else(|| "has a string that does not end".to_owned())?;
        // The parser takes three times as long for each filter that one stands in.
        if nests_filters(&unquoted) {
            return Err("uses a filter within a filter".to_owned());
        }
        let path = JsonPath::parse(text).map_err(|error| format!("is not a JSONPath: {error}"))?;
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

/// The path with its quoted strings emptied; `None` when one of them does not end.
fn without_strings(text: &str) -> Option<String> {
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
    quote.is_none().then_some(outside)
}

/// Whether a filter stands in the brackets of another.
fn nests_filters(unquoted: &str) -> bool {
    let mut brackets = Vec::new();
    for character in unquoted.chars() {
        match character {
            '[' => brackets.push(false),
            ']' => drop(brackets.pop()),
            '?' if brackets.contains(&true) => return true,
            '?' => brackets.last_mut().into_iter().for_each(|it| *it = true),
            _ => {}
        }
    }
    false
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
            "$[?@[?@.a]]",
            "$[?count(@[?@.a]) > 1]",
        ] {
            assert!(BoundedPath::parse(path).is_err(), "{path}");
        }
        assert!(BoundedPath::parse(&format!("$.{}", "a".repeat(300))).is_err());
    }

    #[test]
    fn a_string_that_does_not_end_is_refused() {
        for end in [
            "'",
            "'a",
            "'\\",
            "'\\u",
            "'\\uD",
            "'\\uD8",
            "'\\uD800\\u",
            "'\\uD800\\uD",
            "\"'",
        ] {
            for start in ["$[", "$[?@.a == "] {
                let path = format!("{start}{end}");
                assert!(BoundedPath::parse(&path).is_err(), "{path}");
            }
        }
    }

    #[test]
    fn the_deepest_path_takes_neither_a_stack_nor_long() {
        let began = std::time::Instant::now();
        for (open, core, close) in [
            ("(", "@.a", ")"),
            ("!(", "@.a", ")"),
            ("@[?", "@.a", "]"),
            ("length(", "@.a", ")"),
            ("value(", "@.*", ")"),
            ("count(@", "[0]", ")"),
            ("match(@.a", "'b'", ")"),
            ("@['a']", "=='b'", ""),
            ("1==", "1", ""),
            ("@.a&&(", "@.b", ")"),
            ("(@.a||", "@.b", ")"),
        ] {
            for depth in [10, 20, 40, 80, 120] {
                // With and without an end: what has none makes a parser look back.
                for end in [close.repeat(depth) + "]", String::new(), "==".to_owned()] {
                    let path = format!("$[?{}{core}{end}", open.repeat(depth));
                    let _ = BoundedPath::parse(&path);
                }
            }
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20));
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
            "$.items[?@.name == 'a[?b']['c?'][?@.d]",
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
