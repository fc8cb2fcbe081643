//! A database server, and how to log in.

use secrecy::SecretString;

use crate::{
    api::{self, SecretKeyReference, SqlEngine, SqlTls},
    checks::{invalid::InvalidCheck, net::Target},
};

/// Where a database is, and who asks.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) engine: SqlEngine,
    pub(super) target: Target,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Option<SecretString>,
    pub(super) tls: SqlTls,
}

impl Server {
    /// Compiles what the check says of it.
    pub(super) fn new(
        check: &api::SqlCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        let default = match check.engine {
            SqlEngine::Postgres => 5432,
            SqlEngine::Mysql => 3306,
            SqlEngine::Sqlite => 0,
        };
        let port = check.port.unwrap_or(default);
        if port == 0 {
            return Err(InvalidCheck::new("sql.port", "is 0"));
        }
        if check.path.is_some() {
            return Err(InvalidCheck::new("sql.path", "is of engine sqlite only"));
        }
        let host = required(check.host.as_deref(), "sql.host")?;
        let reference = check.password.as_ref().map(|it| &it.secret_key_ref);
        let password = reference.map(|reference| {
            secret(reference).ok_or_else(|| {
                let (name, key) = (&reference.name, &reference.key);
                let problem = format!("Secret {name} has no usable key {key}");
                InvalidCheck::new("sql.password.secretKeyRef", problem)
            })
        });
        Ok(Self {
            engine: check.engine,
            target: Target::new(host, port)
                .map_err(|error| InvalidCheck::new("sql.host", error.to_string()))?,
            database: required(check.database.as_deref(), "sql.database")?.to_owned(),
            user: required(check.user.as_deref(), "sql.user")?.to_owned(),
            password: password.transpose()?,
            tls: check.tls,
        })
    }
}

fn required<'a>(value: Option<&'a str>, field: &str) -> Result<&'a str, InvalidCheck> {
    let value = value.ok_or_else(|| InvalidCheck::new(field, "must be set"))?;
    if value.contains('\0') {
        return Err(InvalidCheck::new(field, "has a NUL character"));
    }
    Ok(value)
}
