//! What a database must hold, and the judgement on what was seen.

use std::time::Duration;

use super::{
    migration,
    observation::{Activity, Answer, Catalog, Migrations, Observation, Replication},
    performance::Performance,
};
use crate::{
    api::{self, SqlActivity, SqlEngine, SqlLatency, SqlMigration, SqlMigrationTool, SqlTable},
    checks::{
        http::Comparison,
        invalid::InvalidCheck,
        verdict::{Finding, FindingReason, Phases, readable},
    },
};

/// Words that a statement may begin with.
const READING: [&str; 4] = ["select", "with", "values", "table"];

/// Everything that is asked of a database.
#[derive(Debug)]
pub(super) struct Expectation {
    pub(super) question: Option<Question>,
    tables: Vec<SqlTable>,
    extensions: Vec<String>,
    pub(super) migration: Option<SqlMigration>,
    activity: Option<SqlActivity>,
    latency: SqlLatency,
    pub(super) performance: Option<Performance>,
    pub(super) fingerprint: bool,
}

/// A statement, and what its answer must be.
#[derive(Debug)]
pub(super) struct Question {
    /// Without a semicolon at its end.
    pub(super) statement: String,
    comparison: Comparison,
}

/// What is not as it has to be, or cannot be told.
#[derive(Debug, Default)]
struct Faults {
    wrong: Vec<String>,
    unclear: Vec<String>,
}

impl Expectation {
    /// Compiles it.
    pub(super) fn new(check: &api::SqlCheck) -> Result<Self, InvalidCheck> {
        if check.engine != SqlEngine::Postgres && !check.extensions.is_empty() {
            return Err(InvalidCheck::new(
                "sql.extensions",
                "are of engine postgres only",
            ));
        }
        if check.engine == SqlEngine::Sqlite && check.activity.is_some() {
            return Err(InvalidCheck::new("sql.activity", "is not of engine sqlite"));
        }
        if let Some(migration) = &check.migration {
            validate(migration)?;
        }
        let question = check.query.as_ref().map(Question::new).transpose()?;
        let statement = question.as_ref().map(|it| it.statement.as_str());
        let performance = check.performance.as_ref();
        let performance = performance.map(|it| Performance::new(it, statement));
        Ok(Self {
            performance: performance.transpose()?,
            question,
            tables: check.tables.clone(),
            extensions: check.extensions.clone(),
            migration: check.migration.clone(),
            activity: check.activity.clone(),
            latency: check.max_latency.clone().unwrap_or_default(),
            fingerprint: check.fingerprint,
        })
    }

    /// Whether tables and columns must be read.
    pub(super) fn needs_catalog(&self) -> bool {
        self.fingerprint || self.migration.is_some() || !self.tables.is_empty()
    }

    /// Whether extensions must be read.
    pub(super) fn needs_extensions(&self) -> bool {
        !self.extensions.is_empty()
    }

    /// Whether the sessions must be looked at.
    pub(super) fn needs_activity(&self) -> bool {
        self.activity.is_some()
    }

    /// Whether it counts how far replicas are behind.
    pub(super) fn needs_replication(&self) -> bool {
        let activity = self.activity.as_ref();
        activity.is_some_and(|it| it.max_replication_lag.is_some())
    }

    /// The verdict. What is wrong counts before what cannot be told, and that before what was too slow.
    pub(super) fn judge(&self, seen: &Observation, phases: &Phases) -> Finding {
        let mut faults = Faults::default();
        if let (Some(question), Some(answer)) = (&self.question, &seen.answer) {
            question.judge(answer, &mut faults);
        }
        if let Some(catalog) = &seen.catalog {
            self.judge_tables(catalog, &mut faults);
        }
        if let Some(installed) = &seen.extensions {
            let missing = self.extensions.iter().filter(|it| !installed.contains(*it));
            faults
                .wrong
                .extend(missing.map(|it| format!("extension {it} is not installed")));
        }
        if let (Some(expected), Some(migrations)) = (&self.migration, &seen.migration) {
            judge_migrations(expected, migrations, &mut faults);
        }
        if let (Some(expected), Some(activity)) = (&self.activity, &seen.activity) {
            judge_activity(expected, activity, &mut faults);
        }
        if !faults.wrong.is_empty() {
            return Finding::fail(FindingReason::UnexpectedValue, faults.wrong.join("; "));
        }
        if !faults.unclear.is_empty() {
            return Finding::unknown(FindingReason::NoData, faults.unclear.join("; "));
        }
        self.judge_latency(seen, phases)
    }

    fn judge_tables(&self, catalog: &Catalog, faults: &mut Faults) {
        for expected in &self.tables {
            let name = &expected.name;
            let Some(key) = catalog.find(name) else {
                if catalog.is_cut {
                    faults.unclear.push(format!(
                        "table {name} is not among the columns that were read, and there are more"
                    ));
                } else {
                    faults.wrong.push(format!("table {name} is missing"));
                }
                continue;
            };
            let columns = &catalog.all.tables[key];
            let missing: Vec<&str> = expected
                .columns
                .iter()
                .filter(|column| !columns.contains_key(*column))
                .map(String::as_str)
                .collect();
            // The last table that was read may have been cut in its middle.
            if catalog.is_cut && !missing.is_empty() {
                faults
                    .unclear
                    .push(format!("table {name} was not read to its end"));
            } else if !missing.is_empty() {
                faults
                    .wrong
                    .push(format!("table {name} has no column {}", missing.join(", ")));
            }
        }
    }

    fn judge_latency(&self, seen: &Observation, phases: &Phases) -> Finding {
        let connect = [phases.dns, phases.connect, phases.tls];
        let connect: Duration = connect.into_iter().flatten().sum();
        let SqlLatency {
            connect: longest_connect,
            authenticate: longest_authenticate,
            query: longest_query,
        } = &self.latency;
        let mut slow: Vec<String> = [
            ("connected", Some(connect), longest_connect),
            ("authenticated", phases.authenticate, longest_authenticate),
            ("answered", phases.query, longest_query),
        ]
        .into_iter()
        .filter_map(|(done, taken, longest)| {
            let (taken, longest) = (taken?, longest.as_ref()?);
            (taken > longest.get())
                .then(|| format!("{done} in {}, over {longest}", readable(taken)))
        })
        .collect();
        let mut summary = "everything expected was seen".to_owned();
        if let (Some(performance), Some(latencies)) = (&self.performance, &seen.latencies) {
            match performance.judge(latencies) {
                Ok(spread) => summary = format!("{summary}; {spread}"),
                Err(faults) => slow.extend(faults),
            }
        }
        if slow.is_empty() {
            Finding::pass(summary)
        } else {
            Finding::fail(FindingReason::TooSlow, slow.join("; "))
        }
    }
}

/// A statement that reads, without a semicolon at its end.
pub(in crate::checks) fn reading(statement: &str, field: &str) -> Result<String, InvalidCheck> {
    let ends = |it: char| it == ';' || it.is_whitespace();
    let statement = statement.trim_start().trim_end_matches(ends);
    let word = statement.split(|it: char| !it.is_ascii_alphabetic()).next();
    let word = word.unwrap_or_default().to_ascii_lowercase();
    if !READING.contains(&word.as_str()) {
        let problem = "must begin with SELECT, WITH, VALUES or TABLE";
        return Err(InvalidCheck::new(field, problem));
    }
    if statement.contains('\0') {
        return Err(InvalidCheck::new(field, "has a NUL character"));
    }
    Ok(statement.to_owned())
}

impl Question {
    fn new(query: &api::SqlQuery) -> Result<Self, InvalidCheck> {
        Ok(Self {
            statement: reading(&query.statement, "sql.query.statement")?,
            comparison: Comparison::new(query.operator, query.value.as_deref())
                .map_err(|problem| InvalidCheck::new("sql.query.value", problem))?,
        })
    }

    fn judge(&self, answer: &Answer, faults: &mut Faults) {
        match answer {
            Answer::NoRow => faults.unclear.push("the query gives no row".to_owned()),
            Answer::Unreadable(type_) => faults.unclear.push(format!(
                "the query's value is of type {type_}, which cannot be compared: cast it to a text"
            )),
            Answer::Value(value) => {
                let fault = self.comparison.fault(value);
                faults
                    .wrong
                    .extend(fault.map(|fault| format!("the query's value {fault}")));
            }
        }
    }
}

fn validate(expected: &SqlMigration) -> Result<(), InvalidCheck> {
    let (tool, is_column) = (
        expected.tool,
        expected.tool == Some(SqlMigrationTool::Column),
    );
    if expected.table.is_some() != is_column || expected.column.is_some() != is_column {
        return Err(InvalidCheck::new(
            "sql.migration",
            "table and column are taken by tool Column, and by no other",
        ));
    }
    if expected.app.is_some() != (tool == Some(SqlMigrationTool::Django)) {
        return Err(InvalidCheck::new(
            "sql.migration",
            "app is taken by tool Django, and by no other",
        ));
    }
    let names = [&expected.app, &expected.table, &expected.column];
    let hostile = |name: &String| name.contains(['\0', '\\', '\'']);
    if names.into_iter().flatten().any(hostile) {
        return Err(InvalidCheck::new(
            "sql.migration",
            "has a name with a quote or a backslash",
        ));
    }
    Ok(())
}

fn judge_migrations(expected: &SqlMigration, seen: &Migrations, faults: &mut Faults) {
    match seen {
        Migrations::Missing => {
            let version = &expected.version;
            faults.wrong.push(format!(
                "no table of migrations is there, expected {version}"
            ));
        }
        Migrations::Ambiguous(tools) => faults.unclear.push(format!(
            "the tables of {} tools of migrations are there: name one in migration.tool",
            tools.len()
        )),
        Migrations::Applied(tool, applied) => {
            faults
                .wrong
                .extend(migration::fault(expected, *tool, applied));
        }
    }
}

fn judge_activity(expected: &SqlActivity, seen: &Activity, faults: &mut Faults) {
    let SqlActivity {
        max_connections_percent,
        max_transaction_age,
        max_blocked_sessions,
        max_replication_lag,
    } = expected;
    if let Some(most) = max_connections_percent {
        let (used, limit) = (seen.connections, seen.connection_limit);
        if limit <= 0 {
            faults
                .unclear
                .push("the server names no limit of connections".to_owned());
        } else if used.saturating_mul(100) > i64::from(*most).saturating_mul(limit) {
            faults.wrong.push(format!(
                "{used} of {limit} connections are used, over {most}%"
            ));
        }
    }
    if let Some(longest) = max_transaction_age {
        let oldest = seconds(seen.longest_transaction);
        if oldest > longest.get() {
            let oldest = readable(oldest);
            faults.wrong.push(format!(
                "a transaction is open for {oldest}, over {longest}"
            ));
        } else if seen.hidden_sessions > 0 {
            faults.unclear.push(format!(
                "the role may not look into {} sessions",
                seen.hidden_sessions
            ));
        }
    }
    if let Some(most) = max_blocked_sessions {
        match seen.blocked_sessions {
            Some(blocked) if blocked > i64::from(*most) => {
                faults
                    .wrong
                    .push(format!("{blocked} sessions wait for a lock, over {most}"));
            }
            Some(_) => {}
            None => faults
                .unclear
                .push("the role may not know who waits for a lock".to_owned()),
        }
    }
    if let Some(longest) = max_replication_lag {
        match seen.replication {
            Replication::None => faults.unclear.push("there is no replica".to_owned()),
            Replication::Hidden => faults
                .unclear
                .push("the role may not look at replicas".to_owned()),
            Replication::Stopped => faults.wrong.push("replication has stopped".to_owned()),
            Replication::Behind(behind) if seconds(behind) > longest.get() => {
                let behind = readable(seconds(behind));
                faults
                    .wrong
                    .push(format!("a replica is {behind} behind, over {longest}"));
            }
            Replication::Behind(_) => {}
        }
    }
}

/// What a server sends as seconds may be anything. What is no number is as long as can be.
fn seconds(number: f64) -> Duration {
    if number <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
