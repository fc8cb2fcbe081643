//! What was seen of a database, whichever its kind.

use std::{collections::BTreeSet, sync::OnceLock, time::Duration};

use serde_json::Value;

use crate::{
    api::SqlMigrationTool,
    checks::{schema::SchemaFingerprint, verdict::Phases},
};

/// What was asked for, and seen; the rest is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Observation {
    pub(super) answer: Option<Answer>,
    pub(super) catalog: Option<Catalog>,
    pub(super) extensions: Option<BTreeSet<String>>,
    pub(super) migration: Option<Migrations>,
    pub(super) activity: Option<Activity>,
    /// How long each answer to one statement took.
    pub(super) latencies: Option<Vec<Duration>>,
}

/// The answer to the check's own question.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// There is no row.
    NoRow,
    /// The first column of the first row.
    Value(Value),
    /// It is of a type that this program cannot read, named in the database's words.
    Unreadable(String),
}

impl Answer {
    /// A value that the database has written as text: a number or a boolean when it spells one.
    pub(super) fn of_text(text: Option<String>) -> Self {
        let Some(text) = text else {
            return Self::Value(Value::Null);
        };
        match serde_json::from_str::<Value>(&text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => Self::Value(value),
            _ => Self::Value(Value::String(text)),
        }
    }
}

/// Tables and views with their columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Catalog {
    /// All that the role may know of.
    pub(super) all: SchemaFingerprint,
    /// Those that belong to an extension, and not to the application.
    pub(super) foreign: BTreeSet<String>,
    /// Whether there is more than a fingerprint holds.
    pub(super) is_cut: bool,
}

impl Catalog {
    /// The table `name`: as it is, or in the schema where it is alone with that name.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        if let Some((key, _)) = self.all.tables.get_key_value(name) {
            return Some(key);
        }
        let inside = |key: &&String| key.rsplit_once('.').is_some_and(|(_, last)| last == name);
        let mut found = self.all.tables.keys().filter(inside);
        found
            .next()
            .filter(|_| found.next().is_none())
            .map(String::as_str)
    }

    /// The application's own schema; `None` when it is too large.
    pub(super) fn fingerprint(&self) -> Option<SchemaFingerprint> {
        let own = self
            .all
            .tables
            .iter()
            .filter(|(name, _)| !self.foreign.contains(*name));
        (!self.is_cut).then(|| SchemaFingerprint {
            tables: own
                .map(|(name, table)| (name.clone(), table.clone()))
                .collect(),
        })
    }
}

/// What is known of migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Migrations {
    /// No table of migrations is there.
    Missing,
    /// Several tools have their table there.
    Ambiguous(Vec<SqlMigrationTool>),
    /// The newest ones.
    Applied(SqlMigrationTool, Vec<Migration>),
}

/// One migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Migration {
    pub(super) version: String,
    /// Whether it was brought to its end.
    pub(super) is_done: bool,
}

/// What the sessions are up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Activity {
    /// Connections of clients, and how many there may be.
    pub(super) connections: i64,
    pub(super) connection_limit: i64,
    /// The age of the oldest transaction of those that the role may look into, in seconds.
    pub(super) longest_transaction: f64,
    /// Sessions into which the role may not look.
    pub(super) hidden_sessions: i64,
    /// Sessions that wait for a lock of another; `None` when the role may not know.
    pub(super) blocked_sessions: Option<i64>,
    /// How far replicas are behind.
    pub(super) replication: Replication,
}

/// How far replicas are behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Replication {
    /// There is none.
    #[default]
    None,
    /// The role may not know.
    Hidden,
    /// This many seconds, of the one that is furthest behind.
    Behind(f64),
    /// It is set up, and does not run.
    Stopped,
}

impl Replication {
    /// The worse of two replicas.
    pub(super) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Behind(one), Self::Behind(two)) => Self::Behind(one.max(two)),
            (Self::Stopped, _) | (_, Self::Stopped) => Self::Stopped,
            (Self::None, other) | (other, Self::None) => other,
            (Self::Hidden, _) | (_, Self::Hidden) => Self::Hidden,
        }
    }
}

/// When the phases after the connection were over.
#[derive(Debug, Default)]
pub(in crate::checks) struct Times {
    authenticate: OnceLock<Duration>,
    query: OnceLock<Duration>,
}

impl Times {
    pub(super) fn authenticated(&self, taken: Duration) {
        // Set once per run.
        let _ = self.authenticate.set(taken);
    }

    /// The first to say so counts: the answers that are asked for to measure them come later, and are no part of it.
    pub(super) fn queried(&self, taken: Duration) {
        let _ = self.query.set(taken);
    }

    /// Whether the server has let the check in.
    pub(super) fn is_authenticated(&self) -> bool {
        self.authenticate.get().is_some()
    }

    /// `dialled`, and these.
    pub(in crate::checks) fn beside(&self, dialled: Phases) -> Phases {
        Phases {
            authenticate: self.authenticate.get().copied(),
            query: self.query.get().copied(),
            ..dialled
        }
    }
}
