//! Debian's Prometheus server, and an exporter of this process that it scrapes every second.

use std::fs;

use super::{
    eventually::eventually,
    hostile::{Behaviour, Server},
    services::Service,
};

/// The user that the server lets in.
pub const USER: &str = "plumbline";
/// The user's password.
pub const PASSWORD: &str = "canary-4f1d";
/// The same as bcrypt stores it.
const HASH: &str = "$2b$04$n/1kkPSpcECi7.J8gXHMsOnYAfxbyjdcFxD9TSFtZn2aXXzTzxipG";

/// A Prometheus server. Ends when it is dropped, with its exporter.
pub struct Prometheus {
    service: Service,
    exporter: Server,
}

impl Prometheus {
    /// Starts one whose job `api` scrapes `metrics`; with a login when `closed`. `None` where the program cannot be had.
    pub async fn start(metrics: &str, closed: bool) -> Option<Self> {
        let exporter = Server::start(exposed(metrics)).await;
        let folder = tempfile::tempdir().unwrap();
        let configuration = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: api, static_configs: [{{targets: ['{}']}}]}}]\n",
            exporter.address()
        );
        fs::write(folder.path().join("prometheus.yml"), configuration).unwrap();
        let users = if closed {
            format!("basic_auth_users: {{{USER}: '{HASH}'}}\n")
        } else {
            String::new()
        };
        fs::write(folder.path().join("web.yml"), users).unwrap();
        let service = Service::start_in(folder, "prometheus", |folder, port| {
            let folder = folder.display();
            vec![
                format!("--config.file={folder}/prometheus.yml"),
                format!("--web.config.file={folder}/web.yml"),
                format!("--storage.tsdb.path={folder}/data"),
                format!("--web.listen-address=127.0.0.1:{port}"),
            ]
        })?;
        let server = Self { service, exporter };
        eventually("Prometheus to be ready", || server.ready()).await;
        Some(server)
    }

    /// It answers 503 until it has read what it has stored.
    async fn ready(&self) -> Result<(), String> {
        // The second installation would fail, and which test is first is not known.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new()
            .get(format!("{}/-/ready", self.url()))
            .basic_auth(USER, Some(PASSWORD));
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(answer.status().to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.address())
    }

    /// Exposes these metrics from now on.
    pub fn expose(&self, metrics: &str) {
        self.exporter.behave(exposed(metrics));
    }
}

/// An answer in the text format.
fn exposed(metrics: &str) -> Behaviour {
    let length = metrics.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n";
    Behaviour::Raw(format!("{head}content-length: {length}\r\n\r\n{metrics}").into_bytes())
}
