//! An answer as CEL values.

use std::{collections::HashMap, sync::Arc};

use cel::{Value, objects::Map};
use http::HeaderMap;

/// How much there is in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// The most entries of one list or map.
    pub(super) widest: u64,
    /// Characters, and a few bytes for each value.
    pub(super) bytes: u64,
    /// The same of the largest entry of a list, or key of a map.
    pub(super) largest_entry: u64,
}

/// What every value counts, whatever it holds.
const VALUE: u64 = 8;

impl Tally {
    pub(super) fn text(&mut self, text: &str) {
        self.bytes += VALUE + text.len() as u64;
    }

    fn key(&mut self, key: &str) {
        self.text(key);
        self.largest_entry = self.largest_entry.max(VALUE + key.len() as u64);
    }

    fn entries(&mut self, count: usize) {
        self.bytes += VALUE;
        self.widest = self.widest.max(count as u64);
    }
}

/// Every header by its name in lower case; the values of one that came several times are joined by a comma.
pub(super) fn header_values(headers: &HeaderMap, tally: &mut Tally) -> Value {
    let mut values: HashMap<String, String> = HashMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        tally.text(&value);
        tally.key(name.as_str());
        values
            .entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    tally.entries(values.len());
    Value::Map(Map::from(values))
}

/// A JSON document. Whole numbers within 64 bits are `int`, all others `double`.
pub(super) fn json_value(document: serde_json::Value, tally: &mut Tally) -> Value {
    use serde_json::Value as Json;
    match document {
        Json::Null => {
            tally.bytes += VALUE;
            Value::Null
        }
        Json::Bool(truth) => {
            tally.bytes += VALUE;
            Value::Bool(truth)
        }
        Json::Number(number) => {
            tally.bytes += VALUE;
            match number.as_i64() {
                Some(whole) => Value::Int(whole),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            }
        }
        Json::String(text) => {
            tally.text(&text);
            Value::String(Arc::new(text))
        }
        Json::Array(entries) => {
            tally.entries(entries.len());
            let entries = entries.into_iter().map(|entry| {
                let before = tally.bytes;
                let value = json_value(entry, tally);
                tally.largest_entry = tally.largest_entry.max(tally.bytes - before);
                value
            });
            Value::List(Arc::new(entries.collect()))
        }
        Json::Object(entries) => {
            tally.entries(entries.len());
            let entries = entries.into_iter().map(|(name, entry)| {
                tally.key(&name);
                (name, json_value(entry, tally))
            });
            Value::Map(Map::from(entries.collect::<HashMap<_, _>>()))
        }
    }
}
