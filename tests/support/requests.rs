//! Requests held against Render's API description.

use std::sync::LazyLock;

use serde_json::Value;
use url::form_urlencoded;

use super::description::Description;

/// The description without departures: what a client sends is to be as described. Objects have no other properties.
static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
    let mut description = Description::with(&[], true);
    // Which of several shapes an object has is told by what it is about, and most shapes hold for one another.
    one_of_into_any_of(&mut description.document);
    description
});

/// Whether a request is one that the description has: its method and path, from `/v1` on, every parameter of its query,
/// and its body. The error says what is not.
pub fn validate_request(
    method: &str,
    path: &str,
    query: &str,
    body: Option<&Value>,
) -> Result<(), String> {
    let operation = operation(method, path)?;
    validate_query(operation, query)?;
    validate_body(operation, body)
}

fn operation(method: &str, path: &str) -> Result<&'static Value, String> {
    let relative = path
        .strip_prefix("/v1")
        .ok_or_else(|| format!("{path} is not below /v1"))?;
    let paths = DESCRIPTION.document["paths"].as_object().unwrap();
    let mut fitting: Vec<_> = paths
        .iter()
        .filter(|(pattern, _)| fits(pattern, relative))
        .collect();
    // A path without variables is meant before one with them.
    fitting.sort_by_key(|(pattern, _)| pattern.matches('{').count());
    let (_, item) = fitting
        .first()
        .ok_or_else(|| format!("{path} is no described path"))?;
    item.get(method.to_lowercase())
        .ok_or_else(|| format!("{path} has no method {method}"))
}

fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern
            .iter()
            .zip(path)
            .all(|(own, seen)| *own == seen || (own.starts_with('{') && !seen.is_empty()))
}

fn validate_query(operation: &Value, query: &str) -> Result<(), String> {
    let parameters: Vec<&Value> = operation["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| DESCRIPTION.followed(parameter))
        .filter(|parameter| parameter["in"] == "query")
        .collect();
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    for (name, _) in &pairs {
        if !parameters
            .iter()
            .any(|parameter| parameter["name"] == **name)
        {
            return Err(format!("the query has {name}, which is not described"));
        }
    }
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap();
        let given: Vec<&str> = pairs
            .iter()
            .filter(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .collect();
        if given.is_empty() {
            if parameter["required"] == true {
                return Err(format!("the query lacks {name}"));
            }
            continue;
        }
        let value = typed(parameter, &given).map_err(|what| format!("{name} {what}"))?;
        check(&parameter["schema"], &value)
            .map_err(|what| format!("{name} of the query: {what}"))?;
    }
    Ok(())
}

/// The value of a parameter: an array is repeated, unless the description says that it is joined with commas.
fn typed(parameter: &Value, given: &[&str]) -> Result<Value, &'static str> {
    let schema = DESCRIPTION.followed(&parameter["schema"]);
    if schema["type"] == "array" {
        let items = DESCRIPTION.followed(&schema["items"]);
        let joined = parameter["explode"] == false;
        let values: Vec<&str> = match given {
            [one] if joined => one.split(',').collect(),
            [_, ..] if joined => return Err("is repeated, and not joined with commas"),
            several => several.to_vec(),
        };
        return Ok(values
            .into_iter()
            .map(|value| scalar(items, value))
            .collect());
    }
    match given {
        [one] => Ok(scalar(schema, one)),
        _ => Err("is repeated"),
    }
}

fn scalar(schema: &Value, text: &str) -> Value {
    let parsed = match schema["type"].as_str() {
        Some("integer" | "number") => text.parse::<i64>().ok().map(Value::from),
        Some("boolean") => text.parse::<bool>().ok().map(Value::from),
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::from(text))
}

fn validate_body(operation: &Value, body: Option<&Value>) -> Result<(), String> {
    let described = DESCRIPTION.followed(&operation["requestBody"]);
    match (described.is_object(), body) {
        (false, Some(_)) => Err("there is a body, and none is described".to_owned()),
        (true, None) if described["required"] == true => Err("the body is missing".to_owned()),
        (_, None) => Ok(()),
        (true, Some(body)) => check(&described["content"]["application/json"]["schema"], body)
            .map_err(|what| format!("the body: {what}")),
    }
}

fn check(schema: &Value, value: &Value) -> Result<(), String> {
    let validator = DESCRIPTION.validator(schema);
    let first = validator.iter_errors(value).next();
    first.map_or(Ok(()), |error| {
        Err(format!(
            "{error} at {:?}",
            error.instance_path().to_string()
        ))
    })
}

fn one_of_into_any_of(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(one_of_into_any_of),
        Value::Object(fields) => {
            fields.values_mut().for_each(one_of_into_any_of);
            if let Some(shapes) = fields.remove("oneOf") {
                fields.insert("anyOf".to_owned(), shapes);
            }
        }
        _ => {}
    }
}
