//! PostgreSQL, and what speaks its protocol.

mod ask;
pub(in crate::checks) mod talk;

use std::path::Path;

use rustls::pki_types::ServerName;
use secrecy::ExposeSecret;
use sqlx::{ConnectOptions, Connection as _, postgres::PgConnectOptions};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use self::talk::Talk;
use super::{
    conversation::Line,
    expectation::Expectation,
    failure::{Stage, finding},
    frames::Frames,
    observation::{Observation, Times},
    server::Server,
};
use crate::{
    api::SqlTls,
    checks::{
        net::{
            Connection, Target,
            dial::Dialer,
            failure::{connection_finding, timed_out},
            progress::{Phase, Progress},
        },
        verdict::{Finding, FindingReason},
    },
};

/// Asks a server for TLS: <https://www.postgresql.org/docs/current/protocol-message-formats.html>.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The library adds a name with the port to the address that it is given.
const PORT: u16 = 5432;
const SUFFIX: &str = "/.s.PGSQL.5432";

/// What is said once the server has let us in.
pub(in crate::checks) trait Conversation: Send {
    /// What it brings to light.
    type Seen: Send;

    /// Holds it.
    fn hold(self, talk: &mut Talk<'_>) -> impl Future<Output = Result<Self::Seen, Finding>> + Send;
}

/// The questions of an `sql` check.
struct Questions<'a> {
    expectation: &'a Expectation,
    deadline: Instant,
    times: &'a Times,
}

impl Conversation for Questions<'_> {
    type Seen = Observation;

    async fn hold(self, talk: &mut Talk<'_>) -> Result<Observation, Finding> {
        let (connection, target) = (&mut *talk.connection, talk.target);
        let begun = Instant::now();
        let asked = ask::everything(connection, target, self.expectation, self.deadline);
        let mut seen = asked.await?;
        self.times.queried(begun.elapsed());
        if let Some(performance) = &self.expectation.performance {
            let measured = ask::latencies(connection, target, performance);
            seen.latencies = Some(measured.await?);
        }
        Ok(seen)
    }
}

/// Logs in and asks.
pub(super) async fn observe(
    server: &Server,
    expectation: &Expectation,
    dialer: &Dialer,
    progress: &Progress,
    times: &Times,
) -> Result<Observation, Finding> {
    let questions = Questions {
        expectation,
        deadline: progress.deadline(),
        times,
    };
    hold(server, questions, dialer, progress, times).await
}

/// Logs in, holds `conversation` until the deadline at most, and takes leave.
pub(in crate::checks) async fn hold<Held: Conversation>(
    server: &Server,
    conversation: Held,
    dialer: &Dialer,
    progress: &Progress,
    times: &Times,
) -> Result<Held::Seen, Finding> {
    let target = &server.target;
    let connection = connect(server, dialer, progress).await?;
    let line = Line {
        server,
        progress,
        times,
    };
    line.hold(connection, SUFFIX, Frames::default(), |address| {
        let options = options(server, address);
        async move { converse(&options, target, conversation, times).await }
    })
    .await
}

/// A connection on which nothing was said but the agreement on TLS.
async fn connect(
    server: &Server,
    dialer: &Dialer,
    progress: &Progress,
) -> Result<Connection, Finding> {
    let target = &server.target;
    let dialled = dialer.connect(target, progress).await;
    let mut stream = dialled.map_err(|error| error.finding())?;
    let config = match server.tls {
        SqlTls::Disable => return Ok(Connection::Plain(stream)),
        SqlTls::Require => dialer.trust().unverified(),
        SqlTls::VerifyFull => dialer.trust().inspection(),
    };
    let agreed = timeout_at(progress.deadline(), request_tls(&mut stream));
    match agreed.await {
        Err(_) => return Err(timed_out(Phase::Handshake, target)),
        Ok(Err(error)) => return Err(connection_finding(&error, target)),
        Ok(Ok(b'S')) => {}
        Ok(Ok(b'N')) => {
            return Err(Finding::fail(
                FindingReason::TlsFailed,
                format!("{target} offers no TLS"),
            ));
        }
        Ok(Ok(_)) => {
            return Err(Finding::fail(
                FindingReason::ProtocolError,
                format!("{target} does not speak PostgreSQL"),
            ));
        }
    }
    let name: ServerName<'static> = target.server_name().clone();
    let handshake = dialer.handshake(stream, target, name, config, progress);
    let stream = handshake.await.map_err(|error| error.finding())?;
    Ok(Connection::Tls(Box::new(stream)))
}

/// The server's answer, one byte. Nothing behind it is read, so that nothing can be put before the handshake.
async fn request_tls<Stream>(stream: &mut Stream) -> std::io::Result<u8>
where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&TLS_REQUEST).await?;
    stream.read_u8().await
}

/// Every option that the library would otherwise take from the environment is set.
fn options(server: &Server, address: &Path) -> PgConnectOptions {
    let password = server.password.as_ref().map(ExposeSecret::expose_secret);
    PgConnectOptions::new_without_pgpass()
        .socket(address)
        .port(PORT)
        // The relay's connection is under TLS where it has to be.
        .ssl_mode(sqlx::postgres::PgSslMode::Disable)
        .username(&server.user)
        .password(password.unwrap_or_default())
        .database(&server.database)
        .application_name("plumbline")
        // A pooler in front of the server may refuse what it does not know.
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging()
}

async fn converse<Held: Conversation>(
    options: &PgConnectOptions,
    target: &Target,
    conversation: Held,
    times: &Times,
) -> Result<Held::Seen, Finding> {
    let begun = Instant::now();
    let mut connection = options
        .connect()
        .await
        .map_err(|error| finding(error, target, Stage::Authenticate))?;
    times.authenticated(begun.elapsed());
    let begun = Instant::now();
    let mut talk = Talk {
        connection: &mut connection,
        target,
    };
    let seen = conversation.hold(&mut talk).await?;
    times.queried(begun.elapsed());
    // All is known; a server that minds how it ends changes nothing.
    let _ = connection.close().await;
    Ok(seen)
}
