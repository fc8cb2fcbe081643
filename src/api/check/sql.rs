//! The fields of an `sql` check.

#![expect(
    clippy::struct_field_names,
    reason = "each field of `SqlActivity` says in a manifest that it is a bound"
)]

mod performance;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::{JsonOperator, SecretValueSource};
use crate::api::{Duration, SecretKeyReference, bounds, duration::between};

pub use self::performance::SqlPerformance;

/// A database: that it lets the check in, and what it must hold. It is only ever read, in a read-only transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.engine == 'sqlite' ? has(self.path) && !has(self.host) && !has(self.database) && !has(self.user) && !has(self.password) : !has(self.path) && has(self.host) && has(self.database) && has(self.user)")
    .message("postgres and mysql take host, database and user; sqlite takes path alone"))]
#[x_kube(validation = Rule::new("self.engine == 'postgres' || !has(self.extensions)")
    .message("extensions are of engine postgres only"))]
#[x_kube(validation = Rule::new("self.engine != 'sqlite' || !has(self.activity)")
    .message("engine sqlite has no activity"))]
pub struct SqlCheck {
    /// What kind of database it is; `mysql` is MariaDB too.
    pub engine: SqlEngine,
    /// Host name or IP address. Not for `sqlite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub host: Option<String>,
    /// Port, 1 to 65535. Default 5432 for `postgres`, 3306 for `mysql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::port")]
    pub port: Option<u16>,
    /// Name of the database. Not for `sqlite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub database: Option<String>,
    /// Role to log in as. One that may only read is best. Not for `sqlite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub user: Option<String>,
    /// Where its password is. Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretValueSource>,
    /// How the connection is protected. Default `VerifyFull`. Not for `sqlite`.
    #[serde(default)]
    pub tls: SqlTls,
    /// File of the database, for `sqlite` only. A controller opens no files of its own machine, unless its administrator
    /// allows it; the command line does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub path: Option<String>,
    /// A question, and what its answer must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<SqlQuery>,
    /// Tables and views that must be there, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub tables: Vec<SqlTable>,
    /// Extensions that must be installed in the database, at most 16. For `postgres` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub extensions: Vec<String>,
    /// The migration that the schema must have reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<SqlMigration>,
    /// What the sessions of the database may be up to. Not for `sqlite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<SqlActivity>,
    /// Longest times of the phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<SqlLatency>,
    /// How long the answers to one statement take, asked a number of times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance: Option<SqlPerformance>,
    /// Whether the schema is read, every table with its columns, and kept beside the release: a rollback is then held
    /// against it. Default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fingerprint: bool,
}

impl SqlCheck {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        self.password.iter().map(|it| &it.secret_key_ref).collect()
    }
}

/// Where a server of PostgreSQL is, and as whom a check logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlServer {
    /// Host name or IP address.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[^\x00-\x20\x7F/?#\\@\[\]]+$")
    )]
    pub host: String,
    /// Port, 1 to 65535. Default 5432.
    #[serde(default = "default_port")]
    #[schemars(schema_with = "bounds::port")]
    pub port: u16,
    /// Name of the database.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub database: String,
    /// Role to log in as.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[^\x00-\x1F\x7F]+$"))]
    pub user: String,
    /// Where its password is. Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretValueSource>,
    /// How the connection is protected. Default `VerifyFull`.
    #[serde(default)]
    pub tls: SqlTls,
}

impl SqlServer {
    /// Every key of a Secret that it refers to.
    pub(super) fn secrets(&self) -> Vec<&SecretKeyReference> {
        self.password.iter().map(|it| &it.secret_key_ref).collect()
    }
}

const fn default_port() -> u16 {
    5432
}

/// Kinds of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum SqlEngine {
    Postgres,
    Mysql,
    Sqlite,
}

/// How a connection is protected: not at all; under TLS with whoever answers; or under TLS with a server whose certificate
/// leads to a trusted root and names the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum SqlTls {
    Disable,
    Require,
    #[default]
    VerifyFull,
}

/// How a statement begins that reads.
pub(super) const READS: &str = r"^\s*([Ss][Ee][Ll][Ee][Cc][Tt]|[Ww][Ii][Tt][Hh]|[Vv][Aa][Ll][Uu][Ee][Ss]|[Tt][Aa][Bb][Ll][Ee])[^0-9A-Za-z_]";

/// A question, and what its answer must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != (self.operator == 'Exists')")
    .message("value is required by every operator but Exists, which takes none"))]
pub struct SqlQuery {
    /// One statement that reads: it begins with `SELECT`, `WITH`, `VALUES` or `TABLE`. The first column of its first row is
    /// what counts. Not for secrets: it can be read by whoever can read this object. At most 4096 characters.
    #[schemars(
        length(min = 1, max = 4096),
        regex(
            pattern = READS
        )
    )]
    pub statement: String,
    /// How the value is compared. Default `Equals`.
    #[serde(default)]
    pub operator: JsonOperator,
    /// What it is compared with: a string, also for numbers (`"10"`) and booleans (`"true"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
}

/// A table or view that must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlTable {
    /// Its name, as the database has it; with its schema before a dot when the role does not see it without (`audit.events`).
    #[schemars(length(min = 1, max = 127))]
    pub name: String,
    /// Columns that it must have, at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub columns: Vec<String>,
}

/// The migration that a schema must have reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.table) == has(self.column) && has(self.table) == (has(self.tool) && self.tool == 'Column')")
    .message("table and column are taken by tool Column, and by no other"))]
#[x_kube(validation = Rule::new("has(self.app) == (has(self.tool) && self.tool == 'Django')")
    .message("app is taken by tool Django, and by no other"))]
#[x_kube(validation = Rule::new("self.operator != 'AtLeast' || !has(self.tool) || self.tool != 'Alembic'")
    .message("revisions of Alembic have no order: compare them with Equals"))]
pub struct SqlMigration {
    /// Who keeps the migrations. Default: the one whose table is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<SqlMigrationTool>,
    /// The application whose migrations count, for `Django`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[0-9A-Za-z_.]+$"))]
    pub app: Option<String>,
    /// The table that has the version, for `Column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 127))]
    pub table: Option<String>,
    /// Its column, of which the highest value counts, for `Column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub column: Option<String>,
    /// The version, as the tool writes it (`20240131120000`, `1.10`, `0042_add_owner`); the numbers alone are enough.
    #[schemars(length(min = 1, max = 255))]
    pub version: String,
    /// Whether a later one is fine too. Default `AtLeast`; `Equals` is the only one for Alembic.
    #[serde(default)]
    pub operator: SqlMigrationOperator,
}

/// Who keeps migrations. `Rails` is golang-migrate too, which has the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum SqlMigrationTool {
    Sqlx,
    Alembic,
    Django,
    Flyway,
    Rails,
    Prisma,
    Column,
}

/// How a migration is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum SqlMigrationOperator {
    Equals,
    #[default]
    AtLeast,
}

/// What the sessions of a database may be up to. What is not named is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlActivity {
    /// Most connections, as a percentage of what the server allows, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::one_to_hundred")]
    pub max_connections_percent: Option<u8>,
    /// Longest time that a transaction may be open, 1s to 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxTransactionAge", "1s", "24h"))]
    pub max_transaction_age: Option<Duration>,
    /// Most sessions that wait for a lock of another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::count")]
    pub max_blocked_sessions: Option<u32>,
    /// Longest time that a replica may be behind, 1s to 24h: on a replica its own; on a primary of `postgres` every
    /// replica's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("maxReplicationLag", "1s", "24h"))]
    pub max_replication_lag: Option<Duration>,
}

/// Longest times of the phases of a check of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlLatency {
    /// Until the connection stands, name resolution and TLS included, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("connect", "1ms", "5m"))]
    pub connect: Option<Duration>,
    /// Until the server has let the check in, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("authenticate", "1ms", "5m"))]
    pub authenticate: Option<Duration>,
    /// All that the check asks, 1ms to 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = between("query", "1ms", "5m"))]
    pub query: Option<Duration>,
}
