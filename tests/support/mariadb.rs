//! A MariaDB server of a test's own, with TLS, and the user `plumbline` beside its administrator.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use super::{
    eventually::eventually,
    hostile::Authority,
    postgres::{PASSWORD, write_certificate},
    services::{Service, command, files},
};

/// The scripts that make the server's own tables. Each line before them is a statement.
const SCRIPTS: [&str; 3] = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
];
const BEFORE: &str = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\nSET @skip_auth_anonymous = 1;\n";

/// A running server with the database `app`.
pub struct MariaDb {
    service: Service,
    authority: Authority,
}

impl MariaDb {
    /// With a certificate for `127.0.0.1`; `None` where no server can be had, which is said.
    pub async fn start() -> Option<Self> {
        Self::start_as(1).await
    }

    /// With this number among servers that follow each other.
    pub async fn start_as(number: u8) -> Option<Self> {
        let authority = Authority::new();
        let folder = tempfile::tempdir().unwrap();
        write_certificate(folder.path(), &authority.good_for("127.0.0.1"));
        make_tables(folder.path())?;
        let arguments = move |folder: &Path, port: u16| {
            let mut arguments = common(folder);
            let folder = folder.display();
            arguments.extend([
                format!("--port={port}"),
                format!("--socket={folder}/socket"),
                "--bind-address=127.0.0.1".to_owned(),
                "--skip-name-resolve".to_owned(),
                format!("--ssl-cert={folder}/certificate.pem"),
                format!("--ssl-key={folder}/key.pem"),
                format!("--server-id={number}"),
                format!("--log-bin={folder}/changes"),
            ]);
            arguments
        };
        let service = Service::start_in(folder, "mariadbd", arguments)?;
        let server = Self { service, authority };
        eventually("the server lets its administrator in", || {
            server.administrator()
        })
        .await;
        server
            .run(&format!(
                "CREATE DATABASE app; CREATE USER plumbline IDENTIFIED BY '{PASSWORD}'; \
                 GRANT SELECT ON app.* TO plumbline"
            ))
            .await;
        Some(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.service.port()
    }

    /// Whom to trust.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Runs statements as administrator.
    pub async fn run(&self, statements: &str) {
        let mut connection = self.administrator().await.unwrap();
        let outcome = sqlx::raw_sql(AssertSqlSafe(statements))
            .execute(&mut connection)
            .await;
        outcome.unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// The one number that a statement gives.
    pub async fn number(&self, statement: &str) -> i64 {
        let mut connection = self.administrator().await.unwrap();
        let query = sqlx::query_scalar(AssertSqlSafe(statement));
        query.fetch_one(&mut connection).await.unwrap()
    }

    /// A connection of the administrator.
    pub async fn administrator(&self) -> Result<MySqlConnection, sqlx::Error> {
        let options = MySqlConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port())
            .ssl_mode(MySqlSslMode::Disabled)
            .username("root")
            .database("mysql");
        options.connect().await
    }
}

/// `None` where there is no such program, which is said.
fn make_tables(folder: &Path) -> Option<()> {
    let script = folder.join("script.sql");
    let mut file = File::create(&script).unwrap();
    file.write_all(BEFORE.as_bytes()).unwrap();
    let mut command = command("mariadbd")?;
    for name in SCRIPTS {
        let text = fs::read(share().join(name)).unwrap();
        file.write_all(&text).unwrap();
    }
    fs::create_dir(folder.join("data")).unwrap();
    command.args(common(folder)).arg("--bootstrap");
    let made = command.stdin(File::open(script).unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success() && !said.contains("ERROR:"), "{said}");
    Some(())
}

fn common(folder: &Path) -> Vec<String> {
    vec![
        "--no-defaults".to_owned(),
        format!("--datadir={}/data", folder.display()),
        // A server that starts removes the temporary tables of all that share the folder.
        format!("--tmpdir={}", folder.display()),
        format!("--lc-messages-dir={}", share().display()),
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
    ]
}

fn share() -> PathBuf {
    let own = files().join("usr/share/mysql");
    if own.is_dir() {
        own
    } else {
        "/usr/share/mysql".into()
    }
}
