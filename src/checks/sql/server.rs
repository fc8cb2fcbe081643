//! Where a database is: a server, and how to log in, or a file.

use secrecy::SecretString;

use crate::{
    api::{self, SecretKeyReference, SqlEngine, SqlServer, SqlTls},
    checks::{invalid::InvalidCheck, net::Target},
};

/// Where a database is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Behind PostgreSQL's protocol.
    Postgres(Server),
    /// Behind MySQL's protocol.
    Mysql(Server),
    /// In a file of this machine.
    File(String),
}

impl Place {
    /// Compiles what the check says of it.
    pub(super) fn new(
        check: &api::SqlCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        Ok(match check.engine {
            SqlEngine::Postgres => Self::Postgres(Server::new(check, 5432, secret)?),
            SqlEngine::Mysql => Self::Mysql(Server::new(check, 3306, secret)?),
            SqlEngine::Sqlite => Self::File(file(check)?),
        })
    }
}

/// A server, and who asks.
#[derive(Clone, Debug)]
pub(in crate::checks) struct Server {
    pub(in crate::checks) target: Target,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Option<SecretString>,
    pub(super) tls: SqlTls,
}

impl Server {
    fn new(
        check: &api::SqlCheck,
        default_port: u16,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        if check.path.is_some() {
            return Err(InvalidCheck::new("sql.path", "is of engine sqlite only"));
        }
        let server = SqlServer {
            host: required(check.host.as_deref(), "sql.host")?,
            port: check.port.unwrap_or(default_port),
            database: required(check.database.as_deref(), "sql.database")?,
            user: required(check.user.as_deref(), "sql.user")?,
            password: check.password.clone(),
            tls: check.tls,
        };
        Self::of(&server, "sql", secret)
    }

    /// The server that stands in the field `within` of a check.
    pub(in crate::checks) fn of(
        server: &SqlServer,
        within: &str,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        let refuse = |field: &str, problem: &str| {
            Err(InvalidCheck::new(format!("{within}.{field}"), problem))
        };
        if server.port == 0 {
            return refuse("port", "is 0");
        }
        for (field, value) in [("database", &server.database), ("user", &server.user)] {
            if value.contains('\0') {
                return refuse(field, "has a NUL character");
            }
        }
        let reference = server.password.as_ref().map(|it| &it.secret_key_ref);
        let password = reference.map(|reference| {
            secret(reference).ok_or_else(|| {
                let (name, key) = (&reference.name, &reference.key);
                let problem = format!("Secret {name} has no usable key {key}");
                InvalidCheck::new(format!("{within}.password.secretKeyRef"), problem)
            })
        });
        Ok(Self {
            target: Target::new(&server.host, server.port)
                .map_err(|error| InvalidCheck::new(format!("{within}.host"), error.to_string()))?,
            database: server.database.clone(),
            user: server.user.clone(),
            password: password.transpose()?,
            tls: server.tls,
        })
    }
}

fn file(check: &api::SqlCheck) -> Result<String, InvalidCheck> {
    let of_server = [
        ("sql.host", check.host.is_some()),
        ("sql.port", check.port.is_some()),
        ("sql.database", check.database.is_some()),
        ("sql.user", check.user.is_some()),
        ("sql.password", check.password.is_some()),
    ];
    if let Some((field, _)) = of_server.into_iter().find(|(_, is_set)| *is_set) {
        return Err(InvalidCheck::new(field, "is not of engine sqlite"));
    }
    required(check.path.as_deref(), "sql.path")
}

fn required(value: Option<&str>, field: &str) -> Result<String, InvalidCheck> {
    let value = value.ok_or_else(|| InvalidCheck::new(field, "must be set"))?;
    if value.contains('\0') {
        return Err(InvalidCheck::new(field, "has a NUL character"));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(yaml: &str) -> Option<String> {
        let check: api::SqlCheck = serde_yaml::from_str(yaml).unwrap();
        Place::new(&check, &|_| None).err().map(|error| error.field)
    }

    #[test]
    fn a_check_says_where_the_database_is_and_no_more_than_that() {
        let server = "host: db, database: d, user: u";
        assert_eq!(refused(&format!("{{engine: postgres, {server}}}")), None);
        assert_eq!(refused("{engine: sqlite, path: /var/lib/app.db}"), None);
        for (yaml, field) in [
            (
                "{engine: postgres, database: d, user: u}".to_owned(),
                "sql.host",
            ),
            (
                "{engine: mysql, host: db, user: u}".to_owned(),
                "sql.database",
            ),
            (
                "{engine: mysql, host: db, database: d}".to_owned(),
                "sql.user",
            ),
            (
                format!("{{engine: postgres, port: 0, {server}}}"),
                "sql.port",
            ),
            (
                format!("{{engine: postgres, path: a, {server}}}"),
                "sql.path",
            ),
            (
                "{engine: postgres, host: 'a b', database: d, user: u}".to_owned(),
                "sql.host",
            ),
            ("{engine: sqlite}".to_owned(), "sql.path"),
            ("{engine: sqlite, path: a, host: db}".to_owned(), "sql.host"),
            (
                format!(
                    "{{engine: mysql, password: {{secretKeyRef: {{name: a, key: b}}}}, {server}}}"
                ),
                "sql.password.secretKeyRef",
            ),
        ] {
            assert_eq!(refused(&yaml).as_deref(), Some(field), "{yaml}");
        }
    }
}
