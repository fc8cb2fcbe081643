//! MySQL, MariaDB, and what speaks their protocol.

mod ask;

use std::path::Path;

use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions, Connection as _,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};
use tokio::time::Instant;

use super::{
    conversation::Line,
    expectation::Expectation,
    failure::{Stage, finding},
    frames::Total,
    observation::{Observation, Times},
    server::Server,
};
use crate::{
    api::SqlTls,
    checks::{
        net::{Target, dial::Dialer, progress::Progress, trust::Trust},
        verdict::Finding,
    },
};

/// Logs in and asks.
pub(super) async fn observe(
    server: &Server,
    expectation: &Expectation,
    dialer: &Dialer,
    progress: &Progress,
    times: &Times,
) -> Result<Observation, Finding> {
    let target = &server.target;
    // The agreement on TLS stands in the middle of the protocol's own greeting, so that it is the library's.
    let dialled = dialer.open(target, None, progress).await;
    let connection = dialled.map_err(|error| error.finding())?;
    let line = Line {
        server,
        progress,
        times,
    };
    line.hold(connection, "", Total::default(), |address| {
        let options = options(server, dialer.trust(), address);
        let deadline = progress.deadline();
        async move { converse(&options, target, expectation, deadline, times).await }
    })
    .await
}

fn options(server: &Server, trust: &Trust, address: &Path) -> MySqlConnectOptions {
    let mode = match server.tls {
        SqlTls::Disable => MySqlSslMode::Disabled,
        SqlTls::Require => MySqlSslMode::Required,
        SqlTls::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    let options = MySqlConnectOptions::new()
        .socket(address)
        // Whose the certificate must be.
        .host(&server.target.server_name().to_str())
        .ssl_mode(mode)
        .username(&server.user)
        .database(&server.database)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    let options = match trust.authorities() {
        Some(file) => options.ssl_ca(file),
        None => options,
    };
    match &server.password {
        Some(password) => options.password(password.expose_secret()),
        None => options,
    }
}

async fn converse(
    options: &MySqlConnectOptions,
    target: &Target,
    expectation: &Expectation,
    deadline: Instant,
    times: &Times,
) -> Result<Observation, Finding> {
    let begun = Instant::now();
    let mut connection = options
        .connect()
        .await
        .map_err(|error| finding(error, target, Stage::Authenticate))?;
    times.authenticated(begun.elapsed());
    let begun = Instant::now();
    let mut seen = ask::everything(&mut connection, target, expectation, deadline).await?;
    times.queried(begun.elapsed());
    if let Some(performance) = &expectation.performance {
        seen.latencies = Some(ask::latencies(&mut connection, target, performance).await?);
    }
    // All is known; a server that minds how it ends changes nothing.
    let _ = connection.close().await;
    Ok(seen)
}
