//! How a status is read: it may have been written by another version of the controller. Whatever of it does not fit is read
//! as absent, and the next write says it anew, so that a status never makes its object unreadable. What a `Rollback` has done is
//! the exception: a record that was read in part would be taken for a whole one.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

pub(super) fn never_observed() -> i64 {
    -1
}

pub(super) fn generation_or_never<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<i64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_i64().unwrap_or_else(never_observed))
}

pub(super) fn if_it_fits<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).ok())
}

pub(super) fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

/// The items that fit.
pub(super) fn fitting<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let Value::Array(items) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let read = items.into_iter().map(T::deserialize);
    Ok(read.filter_map(Result::ok).collect())
}

pub(super) fn generation(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "integer", "format": "int64", "minimum": -1, "default": -1})
}
