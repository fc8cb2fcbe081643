//! What was said over time, read from every version of an object.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::support::scenario::condition;

/// The message of a condition.
pub fn message(object: &Value, type_: &str) -> String {
    condition(object, type_)["message"]
        .as_str()
        .unwrap_or("")
        .to_owned()
}

/// Status and reason of a condition, `False RolledBack`, or nothing where it is absent.
pub fn said(object: &Value, type_: &str) -> String {
    let condition = condition(object, type_);
    match (condition["status"].as_str(), condition["reason"].as_str()) {
        (Some(status), Some(reason)) => format!("{status} {reason}"),
        _ => String::new(),
    }
}

/// What `tell` makes of each version, each repetition left out.
pub fn moments<T: PartialEq>(versions: &[Value], tell: impl Fn(&Value) -> T) -> Vec<T> {
    let mut moments: Vec<T> = versions.iter().map(tell).collect();
    moments.dedup();
    moments
}

/// The time at `path` of an object.
pub fn time(object: &Value, path: &str) -> Timestamp {
    let text = object.pointer(path).and_then(Value::as_str);
    let text = text.unwrap_or_else(|| panic!("no {path} in {object}"));
    text.parse().unwrap()
}
