//! What a JSON body must hold.

use serde_json::{Number, Value};

use super::json_path::BoundedPath;
use crate::{
    api::{JsonExpectation, JsonOperator},
    checks::invalid::InvalidCheck,
};

const LONGEST_VALUE: usize = 1024;

/// One compiled assertion.
#[derive(Debug)]
pub(super) struct JsonAssertion {
    path: BoundedPath,
    comparison: Comparison,
}

/// What one value is held against.
#[derive(Debug)]
pub(in crate::checks) enum Comparison {
    Exists,
    Equals(Expected),
    NotEquals(Expected),
    Ordered(Ordering, f64),
}

#[derive(Clone, Copy, Debug)]
pub(in crate::checks) enum Ordering {
    LessThan,
    AtMost,
    GreaterThan,
    AtLeast,
}

/// What a value is compared with: its text, and the number that the text spells, if it spells one.
#[derive(Debug)]
pub(in crate::checks) struct Expected {
    text: String,
    number: Option<Number>,
}

impl JsonAssertion {
    pub(super) fn new(place: usize, expected: &JsonExpectation) -> Result<Self, InvalidCheck> {
        let invalid = |field: &str, problem: String| {
            InvalidCheck::new(format!("http.expect.json[{place}].{field}"), problem)
        };
        let path =
            BoundedPath::parse(&expected.path).map_err(|problem| invalid("path", problem))?;
        let comparison = Comparison::new(expected.operator, expected.value.as_deref())
            .map_err(|problem| invalid("value", problem))?;
        Ok(Self { path, comparison })
    }

    /// What does not hold in `body`, in words.
    pub(super) fn judge_all(assertions: &[Self], body: &[u8]) -> Vec<String> {
        if assertions.is_empty() {
            return Vec::new();
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(document) => assertions
                .iter()
                .filter_map(|assertion| assertion.fault(&document))
                .collect(),
            Err(error) => vec![format!(
                "the body cannot be read as JSON (line {}, column {})",
                error.line(),
                error.column()
            )],
        }
    }

    fn fault(&self, document: &Value) -> Option<String> {
        let selected = self.path.select(document);
        if selected.is_empty() {
            return Some(format!("{} is missing", self.path.as_str()));
        }
        selected
            .into_iter()
            .find_map(|value| self.comparison.fault(value))
            .map(|fault| format!("{} {fault}", self.path.as_str()))
    }
}

impl Comparison {
    /// Compiles it; an error says what is wrong with `value`.
    pub(in crate::checks) fn new(
        operator: JsonOperator,
        value: Option<&str>,
    ) -> Result<Self, String> {
        let Some(value) = value else {
            return match operator {
                JsonOperator::Exists => Ok(Self::Exists),
                _ => Err("is required by every operator but Exists".to_owned()),
            };
        };
        if value.len() > LONGEST_VALUE {
            return Err(format!("is longer than {LONGEST_VALUE} bytes"));
        }
        let ordering = match operator {
            JsonOperator::Exists => return Err("is not taken by Exists".to_owned()),
            JsonOperator::Equals => return Ok(Self::Equals(Expected::new(value))),
            JsonOperator::NotEquals => return Ok(Self::NotEquals(Expected::new(value))),
            JsonOperator::LessThan => Ordering::LessThan,
            JsonOperator::AtMost => Ordering::AtMost,
            JsonOperator::GreaterThan => Ordering::GreaterThan,
            JsonOperator::AtLeast => Ordering::AtLeast,
        };
        let threshold = number(value)
            .and_then(|number| number.as_f64())
            .ok_or_else(|| "must be a number for this operator".to_owned())?;
        Ok(Self::Ordered(ordering, threshold))
    }

    /// Why `value` does not hold: value, operator, threshold.
    pub(in crate::checks) fn fault(&self, value: &Value) -> Option<String> {
        let seen = shown(value);
        match self {
            Self::Exists => None,
            Self::Equals(expected) => (!expected.is(value)).then(|| match value {
                Value::String(_) => format!("is a string that differs from {}", expected.text),
                _ => format!("is {seen}, expected {}", expected.text),
            }),
            Self::NotEquals(expected) => expected
                .is(value)
                .then(|| format!("is {}, which it must not be", expected.text)),
            Self::Ordered(ordering, threshold) => {
                let Some(number) = value.as_f64() else {
                    return Some(format!("is {seen}, and no number"));
                };
                let (holds, opposite) = match ordering {
                    Ordering::LessThan => (number < *threshold, ">="),
                    Ordering::AtMost => (number <= *threshold, ">"),
                    Ordering::GreaterThan => (number > *threshold, "<="),
                    Ordering::AtLeast => (number >= *threshold, "<"),
                };
                (!holds).then(|| format!("{seen} {opposite} {threshold}"))
            }
        }
    }
}

impl Expected {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            number: number(text),
        }
    }

    fn is(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => *text == self.text,
            Value::Bool(truth) => self.text == if *truth { "true" } else { "false" },
            Value::Null => self.text == "null",
            Value::Number(seen) => self.number.as_ref().is_some_and(|own| equal(own, seen)),
            Value::Array(_) | Value::Object(_) => false,
        }
    }
}

/// A number as JSON writes it: neither `NaN` nor `Infinity`, and nothing beyond what 64 bits hold.
fn number(text: &str) -> Option<Number> {
    serde_json::from_str(text).ok()
}

/// Whole numbers are compared as such: as floating-point numbers, neighbours above 2^53 would be equal.
fn equal(one: &Number, other: &Number) -> bool {
    if one.is_f64() || other.is_f64() {
        one.as_f64() == other.as_f64()
    } else {
        one == other
    }
}

/// A value as far as it may be shown: the text of a body could be anything, secrets included.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assertion(path: &str, operator: JsonOperator, value: Option<&str>) -> JsonAssertion {
        JsonAssertion::new(
            0,
            &JsonExpectation {
                path: path.to_owned(),
                operator,
                value: value.map(str::to_owned),
            },
        )
        .unwrap()
    }

    fn faults(assertion: JsonAssertion, body: &str) -> Vec<String> {
        JsonAssertion::judge_all(&[assertion], body.as_bytes())
    }

    #[test]
    fn a_fault_holds_value_operator_and_threshold() {
        let body = r#"{"queue": {"depth": 1840}, "status": "canary", "list": [1, 5, 9]}"#;
        for (path, operator, value, message) in [
            (
                "$.queue.depth",
                JsonOperator::AtMost,
                "1000",
                "$.queue.depth 1840 > 1000",
            ),
            (
                "$.queue.depth",
                JsonOperator::LessThan,
                "1840",
                "$.queue.depth 1840 >= 1840",
            ),
            (
                "$.queue.depth",
                JsonOperator::AtLeast,
                "2e3",
                "$.queue.depth 1840 < 2000",
            ),
            (
                "$.queue.depth",
                JsonOperator::GreaterThan,
                "1840",
                "$.queue.depth 1840 <= 1840",
            ),
            (
                "$.queue.depth",
                JsonOperator::Equals,
                "0",
                "$.queue.depth is 1840, expected 0",
            ),
            (
                "$.queue.depth",
                JsonOperator::NotEquals,
                "1840.0",
                "$.queue.depth is 1840.0, which it must not be",
            ),
            (
                "$.status",
                JsonOperator::Equals,
                "ok",
                "$.status is a string that differs from ok",
            ),
            (
                "$.status",
                JsonOperator::AtMost,
                "1",
                "$.status is a string, and no number",
            ),
            (
                "$.queue",
                JsonOperator::Equals,
                "x",
                "$.queue is an object, expected x",
            ),
            ("$.gone", JsonOperator::NotEquals, "x", "$.gone is missing"),
            ("$.list[*]", JsonOperator::AtMost, "5", "$.list[*] 9 > 5"),
        ] {
            let found = faults(assertion(path, operator, Some(value)), body);
            assert_eq!(found, [message]);
        }
    }

    #[test]
    fn what_holds_has_no_fault() {
        let body = r#"{"n": 9007199254740993, "f": 1.50, "b": true, "z": null, "s": "10", "a": "x", "a": "y"}"#;
        for (path, operator, value) in [
            ("$.n", JsonOperator::Equals, Some("9007199254740993")),
            ("$.n", JsonOperator::NotEquals, Some("9007199254740992")),
            ("$.f", JsonOperator::Equals, Some("1.5")),
            ("$.b", JsonOperator::Equals, Some("true")),
            ("$.z", JsonOperator::Equals, Some("null")),
            ("$.z", JsonOperator::Exists, None),
            ("$.s", JsonOperator::Equals, Some("10")),
            // Of two values under one key, the last counts.
            ("$.a", JsonOperator::Equals, Some("y")),
        ] {
            let found = faults(assertion(path, operator, value), body);
            assert!(found.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused_with_its_field() {
        for (path, operator, value, field) in [
            ("$.a", JsonOperator::AtMost, Some("NaN"), "value"),
            ("$.a", JsonOperator::AtMost, Some("Infinity"), "value"),
            ("$.a", JsonOperator::AtMost, Some("1e400"), "value"),
            ("$.a", JsonOperator::AtMost, Some("99%"), "value"),
            ("$.a", JsonOperator::AtMost, Some(""), "value"),
            ("$.a", JsonOperator::Equals, None, "value"),
            ("$.a", JsonOperator::Exists, Some("x"), "value"),
            ("a", JsonOperator::Exists, None, "path"),
            ("$[", JsonOperator::Exists, None, "path"),
        ] {
            let expected = JsonExpectation {
                path: path.to_owned(),
                operator,
                value: value.map(str::to_owned),
            };
            let error = JsonAssertion::new(3, &expected).unwrap_err();
            assert_eq!(error.field, format!("http.expect.json[3].{field}"));
        }
    }

    #[test]
    fn every_expected_text_equals_itself_and_nothing_of_another_kind() {
        crate::fuzz::hold_text("json_value", |text| {
            for operator in [JsonOperator::Equals, JsonOperator::AtLeast] {
                let Ok(comparison) = Comparison::new(operator, Some(text)) else {
                    continue;
                };
                if let Some(number) = number(text) {
                    let fault = comparison.fault(&Value::Number(number));
                    assert_eq!(fault, None, "{text:?} {operator:?}");
                }
                assert!(
                    comparison.fault(&Value::Array(Vec::new())).is_some(),
                    "{text:?}"
                );
            }
            let equals = Comparison::new(JsonOperator::Equals, Some(text));
            let same = Value::String(text.to_owned());
            assert!(equals.is_ok_and(|it| it.fault(&same).is_none()) || text.len() > LONGEST_VALUE);
        });
    }
}
