//! Whether the code to go back to can bear the database's schema as it is now.

use std::fmt;

use super::digest;
use crate::api::{Guard, SchemaRule};
pub use crate::checks::schema::{Column, SchemaFingerprint, Table};

/// Hexadecimal digits of a fingerprint's digest.
const DIGITS: usize = 32;

/// Differences that a reason names; the rest is counted.
const NAMED: usize = 5;

impl Column {
    /// Whether an INSERT must name it.
    fn is_required(&self) -> bool {
        !self.nullable && !self.has_default
    }
}

impl SchemaFingerprint {
    /// 32 hexadecimal digits, the same for the same schema.
    #[must_use]
    pub fn digest(&self) -> String {
        digest::of_json(self, DIGITS)
    }
}

/// A change of the schema that code from before it cannot bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incompatibility {
    /// A table is gone.
    TableGone {
        /// Its name.
        table: String,
    },
    /// A column is gone.
    ColumnGone {
        /// Its table.
        table: String,
        /// Its name.
        column: String,
    },
    /// A column has another type.
    TypeChanged {
        /// Its table.
        table: String,
        /// Its name.
        column: String,
        /// The type that the code knows.
        good: String,
        /// The type that it has.
        live: String,
    },
    /// A column has become NOT NULL without a default, or has come as such.
    Required {
        /// Its table.
        table: String,
        /// Its name.
        column: String,
    },
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableGone { table } => write!(formatter, "table {table} is gone"),
            Self::ColumnGone { table, column } => {
                write!(formatter, "column {table}.{column} is gone")
            }
            Self::TypeChanged {
                table,
                column,
                good,
                live,
            } => write!(formatter, "column {table}.{column} is {live}, was {good}"),
            Self::Required { table, column } => {
                write!(
                    formatter,
                    "column {table}.{column} is NOT NULL without a default"
                )
            }
        }
    }
}

/// What code that was written for the schema `good` cannot bear of `live`. What was merely added is no matter.
#[must_use]
pub fn incompatibilities(
    live: &SchemaFingerprint,
    good: &SchemaFingerprint,
) -> Vec<Incompatibility> {
    let mut found = Vec::new();
    for (table, known) in &good.tables {
        match live.tables.get(table) {
            Some(columns) => compare(table, columns, known, &mut found),
            None => found.push(Incompatibility::TableGone {
                table: table.clone(),
            }),
        }
    }
    found
}

fn compare(table: &str, live: &Table, good: &Table, found: &mut Vec<Incompatibility>) {
    for (column, known) in good {
        let (table, column) = (table.to_owned(), column.clone());
        match live.get(&column) {
            None => found.push(Incompatibility::ColumnGone { table, column }),
            Some(now) if now.type_ != known.type_ => found.push(Incompatibility::TypeChanged {
                table,
                column,
                good: known.type_.clone(),
                live: now.type_.clone(),
            }),
            Some(now) if now.is_required() && !known.is_required() => {
                found.push(Incompatibility::Required { table, column });
            }
            Some(_) => {}
        }
    }
    for (column, now) in live {
        if now.is_required() && !good.contains_key(column) {
            found.push(Incompatibility::Required {
                table: table.to_owned(),
                column: column.clone(),
            });
        }
    }
}

/// What the guard says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaVerdict {
    /// Nothing stands in the way.
    Pass,
    /// A person has to decide: why.
    Ask(String),
    /// The way is barred: why.
    Refuse(String),
}

/// Holds the live schema against the one of the release to go back to; either may not be known.
#[must_use]
pub fn guard(
    live: Option<&SchemaFingerprint>,
    good: Option<&SchemaFingerprint>,
    guard: &Guard,
) -> SchemaVerdict {
    let (rule, reason) = match (live, good) {
        (Some(live), Some(good)) => {
            let found = incompatibilities(live, good);
            if found.is_empty() {
                return SchemaVerdict::Pass;
            }
            (guard.schema, listed(&found))
        }
        (None, _) => (
            guard.schema_unknown,
            "the live schema is not known".to_owned(),
        ),
        (Some(_), None) => (
            guard.schema_unknown,
            "the schema that it was written for is not known".to_owned(),
        ),
    };
    match rule {
        SchemaRule::Refuse => SchemaVerdict::Refuse(reason),
        SchemaRule::Ask => SchemaVerdict::Ask(reason),
        SchemaRule::Ignore => SchemaVerdict::Pass,
    }
}

fn listed(found: &[Incompatibility]) -> String {
    let named: Vec<_> = found.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match found.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", named.join("; "))
}

#[cfg(test)]
mod tests;
