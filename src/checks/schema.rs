//! What a database's schema looks like to the code that uses it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

/// The most columns of a fingerprint. A larger schema has none: half a schema would look like one that lost its other half.
pub const MOST_COLUMNS: usize = 4096;

/// What a database's schema looks like to the code that uses it. Written as `{"users":{"id":"bigint=","email":"text?"}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaFingerprint {
    /// Tables by name.
    pub tables: BTreeMap<String, Table>,
}

/// Columns by name.
pub type Table = BTreeMap<String, Column>;

/// One column. Written as its type, with `?` behind it when it may be NULL, and `=` at the end when the database fills it in:
/// a schema has thousands of them, and the place where it is kept is small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Column {
    /// Its type, in the database's words.
    pub type_: String,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Whether the database fills it in when an INSERT leaves it out.
    pub has_default: bool,
}

impl From<String> for Column {
    fn from(text: String) -> Self {
        let (text, has_default) = match text.strip_suffix('=') {
            Some(rest) => (rest.to_owned(), true),
            None => (text, false),
        };
        let (type_, nullable) = match text.strip_suffix('?') {
            Some(rest) => (rest.to_owned(), true),
            None => (text, false),
        };
        Self {
            type_,
            nullable,
            has_default,
        }
    }
}

impl From<Column> for String {
    fn from(column: Column) -> Self {
        let nullable = if column.nullable { "?" } else { "" };
        let default = if column.has_default { "=" } else { "" };
        format!("{}{nullable}{default}", column.type_)
    }
}

/// What is known of the schema that is live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LiveSchema {
    /// No check reads it, or one that does could not.
    #[default]
    Unknown,
    /// A check that reads it has yet to run.
    Awaited,
    /// It was read.
    Known(Arc<SchemaFingerprint>),
}

impl LiveSchema {
    /// The schema, when it was read.
    #[must_use]
    pub fn known(&self) -> Option<&SchemaFingerprint> {
        match self {
            Self::Known(schema) => Some(schema),
            Self::Unknown | Self::Awaited => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_short_and_reads_back() {
        let text = r#"{"users":{"email":"text?","id":"bigint=","name":"text","plan":"text?="}}"#;
        let schema: SchemaFingerprint = serde_json::from_str(text).unwrap();
        let plan = &schema.tables["users"]["plan"];
        assert_eq!(
            (plan.type_.as_str(), plan.nullable, plan.has_default),
            ("text", true, true)
        );
        assert_eq!(serde_json::to_string(&schema).unwrap(), text);
    }
}
