//! Texts with `${name}` in places, and how a value is written where it stands. Pure.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use url::form_urlencoded::byte_serialize;

/// References to values in one text.
const MOST_REFERENCES: usize = 32;

/// Values by name.
pub(in crate::checks::http) type Values = BTreeMap<String, Captured>;

/// A value from an answer.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::checks::http) struct Captured {
    /// As it is written without quotes.
    pub(super) text: String,
    /// Whether JSON writes it with quotes.
    pub(super) is_string: bool,
}

impl Captured {
    pub(super) fn string(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_string: true,
        }
    }
}

/// A value may be a secret of the target, and is shown nowhere.
impl fmt::Debug for Captured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Captured")
    }
}

/// What a text is, and so how values are escaped in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A segment of a path, or a value of a query: everything but RFC 3986's unreserved characters is percent-encoded.
    Address,
    /// A header's value: nothing is escaped, since nothing can be.
    Header,
    /// JSON: within quotes a part of the string, outside of them a value of its own.
    Json,
    /// A form as browsers send it.
    Urlencoded,
}

/// A text with references to values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Reference(String),
}

impl Template {
    /// Reads `${name}` as a reference, `$${` as `${`, and every other `$` as itself.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let before = &rest[..start];
            let after = &rest[start + 2..];
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = after;
                continue;
            }
            literal.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                return Err("has a ${ that no } ends; write $${ for ${ itself".to_owned());
            };
            if !is_name(name) {
                return Err(
                    "has a ${ without a name of letters, digits and _; write $${ for ${ itself"
                        .to_owned(),
                );
            }
            parts.push(Part::Text(std::mem::take(&mut literal)));
            parts.push(Part::Reference(name.to_owned()));
            rest = after;
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        let template = Self(parts);
        if template.references().count() > MOST_REFERENCES {
            return Err(format!("refers to more than {MOST_REFERENCES} values"));
        }
        Ok(template)
    }

    /// The names that it refers to.
    pub(super) fn references(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Reference(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    pub(super) fn is_literal(&self) -> bool {
        self.references().next().is_none()
    }

    /// The text with its values; a value that is not there is left out.
    pub(super) fn render(&self, form: Form, values: &Values) -> String {
        let mut rendered = String::new();
        let mut quoted = false;
        for part in &self.0 {
            match part {
                Part::Text(text) => {
                    quoted = is_quoted_after(text, quoted);
                    rendered.push_str(text);
                }
                Part::Reference(name) => {
                    let value = values.get(name);
                    rendered.extend(value.map(|value| escaped(value, form, quoted)));
                }
            }
        }
        rendered
    }
}

/// Whether `name` can be that of a value.
pub(super) fn is_name(name: &str) -> bool {
    let begins_with_a_letter = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let allowed = |it: char| it.is_ascii_alphanumeric() || it == '_';
    begins_with_a_letter && name.len() <= 63 && name.chars().all(allowed)
}

/// Whether JSON is within quotes at the end of `text`, when it was at its beginning or not.
fn is_quoted_after(text: &str, mut quoted: bool) -> bool {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' if quoted => {
                characters.next();
            }
            _ => {}
        }
    }
    quoted
}

fn escaped(value: &Captured, form: Form, quoted: bool) -> String {
    let Captured { text, is_string } = value;
    match form {
        Form::Urlencoded => byte_serialize(text.as_bytes()).collect(),
        Form::Address => percent_encoded(text),
        Form::Json if *is_string || quoted => {
            let json = serde_json::Value::from(text.as_str()).to_string();
            if quoted {
                json[1..json.len() - 1].to_owned()
            } else {
                json
            }
        }
        Form::Json | Form::Header => text.clone(),
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing into a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use url::{Url, form_urlencoded};

    use super::*;

    fn parse(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    fn values(text: &str) -> Values {
        Values::from([("a".to_owned(), Captured::string(text))])
    }

    fn rendered(text: &str, form: Form, value: &str) -> String {
        parse(text).render(form, &values(value))
    }

    #[test]
    fn a_reference_has_braces_and_every_other_dollar_is_itself() {
        let template = parse("/${a}/$b/$${a}/$$/${a_1}$");
        assert_eq!(template.references().collect::<Vec<_>>(), ["a", "a_1"]);
        let shown = template.render(Form::Header, &values("x"));
        assert_eq!(shown, "/x/$b/${a}/$$/$");
        assert!(parse("$${a}").is_literal());
        for broken in ["${", "${a", "${}", "${ a}", "${a-b}", "${1}", "${${a}}"] {
            assert!(Template::parse(broken).is_err(), "{broken}");
        }
        assert!(Template::parse(&"${a}".repeat(MOST_REFERENCES + 1)).is_err());
    }

    #[test]
    fn a_value_is_escaped_for_where_it_stands() {
        let value = "a/b?c=\"d\"&é";
        let encoded = "a%2Fb%3Fc%3D%22d%22%26%C3%A9";
        assert_eq!(
            rendered("/x/${a}/y", Form::Address, value),
            format!("/x/{encoded}/y")
        );
        let body = r#"{"bare": ${a}, "\"${a}": 1}"#;
        let expected = r#"{"bare": "a/b?c=\"d\"&é", "\"a/b?c=\"d\"&é": 1}"#;
        assert_eq!(rendered(body, Form::Json, value), expected);
        let number = Values::from([(
            "a".to_owned(),
            Captured {
                text: "17".to_owned(),
                is_string: false,
            },
        )]);
        let template = parse(r#"[${a}, "n${a}"]"#);
        assert_eq!(template.render(Form::Json, &number), r#"[17, "n17"]"#);
    }

    #[test]
    fn a_value_is_not_shown() {
        assert!(!format!("{:?}", values("canary")).contains("canary"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[$\\{\\}a-c\\\\\" é]{0,24}") {
            if let Ok(template) = Template::parse(&text) && template.is_literal() {
                let unescaped = text.replace("$${", "${");
                prop_assert_eq!(template.render(Form::Json, &Values::new()), unescaped);
            }
        }

        #[test]
        fn a_value_in_a_path_stays_one_segment(value in any::<String>()) {
            prop_assume!(!["", ".", ".."].contains(&value.as_str()));
            let path = rendered("/before/${a}/after?q=${a}", Form::Address, &value);
            let url = Url::parse(&format!("http://host{path}")).unwrap();
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 3);
            let pair = format!("a={}", segments[1]);
            let (_, read) = form_urlencoded::parse(pair.as_bytes()).next().unwrap();
            prop_assert_eq!(&*read, &value);
            let (_, read) = url.query_pairs().next().unwrap();
            prop_assert_eq!(&*read, &value);
            prop_assert_eq!(url.fragment(), None);
        }

        #[test]
        fn a_value_in_json_is_that_value_and_nothing_else(value in any::<String>()) {
            let text = rendered(r#"{"bare": ${a}, "within": "<${a}>", "last": "\\"}"#, Form::Json, &value);
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read, json!({"bare": value, "within": format!("<{value}>"), "last": "\\"}));
        }

        #[test]
        fn a_value_in_a_form_is_that_value_and_nothing_else(value in any::<String>()) {
            let text = rendered("first=${a}&second=1", Form::Urlencoded, &value);
            let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            let expected = [("first", value.as_str()), ("second", "1")];
            let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            prop_assert_eq!(pairs, expected);
        }
    }

    #[test]
    fn no_template_breaks_the_reader_and_a_literal_is_rendered_as_it_is_meant() {
        crate::fuzz::hold_text("template", |text| {
            let Ok(template) = Template::parse(text) else {
                return;
            };
            assert!(template.references().count() <= MOST_REFERENCES);
            if template.is_literal() {
                let rendered = template.render(Form::Json, &Values::new());
                assert_eq!(rendered, text.replace("$${", "${"));
            }
        });
    }
}
