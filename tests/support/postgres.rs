//! A PostgreSQL server of a test's own, with TLS, and the role `plumbline` beside its administrator.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};

use super::{
    eventually::eventually,
    hostile::{Authority, Certificate},
    services::{Service, command},
};

/// The password of `plumbline`. Planted: no message may show it.
pub const PASSWORD: &str = "planted-Password-of-the-database-42";

const ADMINISTRATOR: &str = "administrator";

/// A running server.
pub struct Postgres {
    service: Service,
    authority: Authority,
}

impl Postgres {
    /// With a certificate for `127.0.0.1`; `None` where no server can be had, which is said.
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with settings such as `max_connections=5`.
    pub async fn start_with(settings: &[&str]) -> Option<Self> {
        let authority = Authority::new();
        let folder = tempfile::tempdir().unwrap();
        write_certificate(folder.path(), &authority.good_for("127.0.0.1"));
        let password = folder.path().join("password");
        fs::write(&password, ADMINISTRATOR).unwrap();
        let mut command = command("initdb")?;
        command.args([
            "--username=administrator",
            "--auth=scram-sha-256",
            "--no-sync",
        ]);
        command.args(["--encoding=UTF8", "--locale=C", "--pgdata"]);
        command.arg(folder.path().join("data"));
        let made = command.arg("--pwfile").arg(&password).output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let arguments = |folder: &Path, port: u16| {
            let folder = folder.display();
            let own = [
                "listen_addresses=127.0.0.1".to_owned(),
                "unix_socket_directories=".to_owned(),
                "fsync=off".to_owned(),
                format!("port={port}"),
                "ssl=on".to_owned(),
                format!("ssl_cert_file={folder}/certificate.pem"),
                format!("ssl_key_file={folder}/key.pem"),
            ];
            let given = settings.iter().map(ToString::to_string);
            let set = own
                .into_iter()
                .chain(given)
                .flat_map(|it| ["-c".to_owned(), it]);
            ["-D".to_owned(), format!("{folder}/data")]
                .into_iter()
                .chain(set)
                .collect()
        };
        let service = Service::start_in(folder, "postgres", arguments)?;
        let server = Self { service, authority };
        // It accepts connections before it lets anybody in.
        eventually("the server lets its administrator in", || {
            server.administrator("postgres")
        })
        .await;
        server
            .run(&format!(
                "CREATE ROLE plumbline LOGIN PASSWORD '{PASSWORD}'"
            ))
            .await;
        Some(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.service.port()
    }

    /// Its process, to be stopped and continued.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Whom to trust.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.service.folder().join("log")).unwrap()
    }

    /// Runs statements as administrator in the database `postgres`.
    pub async fn run(&self, statements: &str) {
        let mut connection = self.administrator("postgres").await.unwrap();
        let outcome = sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&mut connection)
            .await;
        outcome.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// The one number that a statement gives.
    pub async fn number(&self, statement: &str) -> i64 {
        let mut connection = self.administrator("postgres").await.unwrap();
        let query = sqlx::query_scalar(AssertSqlSafe(statement));
        query.fetch_one(&mut connection).await.unwrap()
    }

    /// A connection of the administrator.
    pub async fn administrator(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        let address = self.service.address();
        let options = PgConnectOptions::new_without_pgpass()
            .host(&address.ip().to_string())
            .port(address.port())
            .ssl_mode(sqlx::postgres::PgSslMode::Disable)
            .username(ADMINISTRATOR)
            .password(ADMINISTRATOR)
            .database(database);
        options.connect().await
    }
}

/// Writes `certificate.pem` and `key.pem` as servers want them.
pub fn write_certificate(folder: &Path, certificate: &Certificate) {
    let (chain, key) = certificate.pem();
    fs::write(folder.join("certificate.pem"), chain).unwrap();
    let file = folder.join("key.pem");
    fs::write(&file, key).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}
