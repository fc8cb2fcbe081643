//! Questions to one Redis server, over one connection of the dialer.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::BoxFuture;
use redis::{
    AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, RedisError, Value,
    aio::{ConnectionLike as _, MultiplexedConnection},
};
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout_at;

use super::capped::{Capped, MOST_READ};
use crate::{
    api,
    checks::{
        compile::Secrets,
        invalid::InvalidCheck,
        net::{
            Session, Target,
            failure::timed_out,
            progress::{Phase, Progress},
        },
        verdict::{Finding, FindingReason},
    },
};

/// The longest password that is sent, in bytes.
const LONGEST_PASSWORD: usize = 4096;

/// A server, and as whom a check logs in there.
#[derive(Clone, Debug)]
pub struct Server {
    target: Target,
    tls: Option<ServerName<'static>>,
    user: Option<String>,
    password: Option<SecretString>,
    database: u16,
}

impl Server {
    /// Compiles the fields of a server, which stand in `field` of the check.
    pub fn new(
        server: &api::RedisServer,
        field: &str,
        secrets: Secrets<'_>,
    ) -> Result<Self, InvalidCheck> {
        let invalid =
            |name: &str, problem: String| InvalidCheck::new(format!("{field}.{name}"), problem);
        if server.port == 0 {
            return Err(invalid("port", "is 0".to_owned()));
        }
        if server.user.is_some() && server.password.is_none() {
            return Err(invalid("user", "needs a password".to_owned()));
        }
        let target = Target::new(&server.host, server.port)
            .map_err(|error| invalid("host", error.to_string()))?;
        let password = server.password.as_ref().map(|source| {
            let api::SecretKeyReference { name, key } = &source.secret_key_ref;
            let usable =
                |it: &SecretString| (1..=LONGEST_PASSWORD).contains(&it.expose_secret().len());
            secrets(&source.secret_key_ref)
                .filter(usable)
                .ok_or_else(|| {
                    let problem =
                        format!("key {key} of Secret {name} has no value that can be sent");
                    invalid("password.secretKeyRef", problem)
                })
        });
        Ok(Self {
            tls: server.tls.then(|| target.server_name().clone()),
            target,
            user: server.user.clone(),
            password: password.transpose()?,
            database: server.database,
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// A connection, on which nothing has been said, and what moves its bytes.
    pub async fn connect(
        &self,
        session: &Session,
        progress: &Progress,
    ) -> Result<(Client, Driver), Finding> {
        let dialer = session.network().dialer();
        let connection = dialer
            .open(&self.target, self.tls.as_ref(), progress)
            .await
            .map_err(|error| error.finding())?;
        let (connection, exceeded) = Capped::new(connection);
        // The deadline is the check's own, and so is everything that is said.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let quiet = RedisConnectionInfo::default().set_skip_set_lib_name();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&quiet, connection, config)
                .await
                .map_err(|error| broken(&error, &exceeded, &self.target))?;
        let client = Client {
            connection,
            exceeded,
            target: self.target.clone(),
        };
        Ok((client, Driver(Box::pin(driver))))
    }

    /// Logs in, chooses the database, and asks whether anybody is there.
    pub async fn enter(&self, client: &mut Client) -> Result<(), Finding> {
        if let Some(password) = &self.password {
            let mut command = redis::cmd("AUTH");
            if let Some(user) = &self.user {
                command.arg(user);
            }
            command.arg(password.expose_secret());
            match client.ask_one(command).await? {
                Value::ServerError(error) if is_not_serving(error.code()) => {
                    return Err(client.refused("AUTH", error.code()));
                }
                Value::Okay => {}
                _ => return Err(credentials_refused(&self.target)),
            }
        }
        if self.database > 0 {
            let mut command = redis::cmd("SELECT");
            command.arg(self.database);
            match client.ask_one(command).await? {
                Value::Okay => {}
                Value::ServerError(error)
                    if is_ours(error.code()) || is_not_serving(error.code()) =>
                {
                    return Err(client.refused("SELECT", error.code()));
                }
                _ => {
                    return Err(Finding::unknown(
                        FindingReason::NoData,
                        format!("{} has no database {}", self.target, self.database),
                    ));
                }
            }
        }
        match client.ask_one(redis::cmd("PING")).await? {
            Value::SimpleString(answer) if answer == "PONG" => Ok(()),
            Value::ServerError(error) => Err(client.refused("PING", error.code())),
            _ => Err(client.astray("PING")),
        }
    }
}

/// What moves the bytes of a connection. It does nothing by itself: [`Driver::during`] has it do so.
pub struct Driver(BoxFuture<'static, ()>);

impl Driver {
    /// Moves the connection's bytes until `exchange` is over, by the deadline of `progress` at the latest.
    pub async fn during<T>(
        self,
        target: &Target,
        progress: &Progress,
        exchange: impl Future<Output = Result<T, Finding>>,
    ) -> Result<T, Finding> {
        let mut exchange = pin!(exchange);
        let driven = async {
            tokio::select! {
                biased;
                outcome = &mut exchange => return outcome,
                () = self.0 => {}
            }
            // The connection is closed: whatever is still asked ends at once.
            exchange.await
        };
        timeout_at(progress.deadline(), driven)
            .await
            .unwrap_or_else(|_| Err(timed_out(Phase::Answer, target)))
    }
}

/// Asks over one connection.
#[derive(Debug)]
pub struct Client {
    connection: MultiplexedConnection,
    exceeded: Arc<AtomicBool>,
    target: Target,
}

impl Client {
    /// The server that is asked.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The answer to one command, a [`Value::ServerError`] among them.
    pub async fn ask_one(&mut self, command: Cmd) -> Result<Value, Finding> {
        let mut answers = self.ask(vec![command]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// The answers to commands that are sent together, in their order and as many; those that the server refuses are
    /// [`Value::ServerError`].
    pub async fn ask(&mut self, commands: Vec<Cmd>) -> Result<Vec<Value>, Finding> {
        let count = commands.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        let answered = self.connection.req_packed_commands(&pipeline, 0, count);
        let answers = answered
            .await
            .map_err(|error| broken(&error, &self.exceeded, &self.target))?;
        if answers.len() == count {
            Ok(answers)
        } else {
            Err(self.astray("commands"))
        }
    }

    /// What a check says when the server refuses `command` with an error of `code`.
    #[must_use]
    pub fn refused(&self, command: &str, code: &str) -> Finding {
        refused(&self.target, command, code)
    }

    /// What a check says when the server has not got `what` it is asked about.
    #[must_use]
    pub fn lacks(&self, what: &str) -> Finding {
        Finding::unknown(
            FindingReason::NoData,
            format!("{} has not got {what}", self.target),
        )
    }

    /// What a check says when the answer to `command` is of another kind than Redis gives.
    #[must_use]
    pub fn astray(&self, command: &str) -> Finding {
        Finding::fail(
            FindingReason::ProtocolError,
            format!("{} does not answer {command} as Redis does", self.target),
        )
    }
}

/// Whether an error says that it is the check that may not.
fn is_ours(code: &str) -> bool {
    matches!(code, "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED")
}

/// Whether an error says that the server serves nobody.
fn is_not_serving(code: &str) -> bool {
    matches!(code, "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "BUSY")
}

fn credentials_refused(target: &Target) -> Finding {
    Finding::unknown(
        FindingReason::CredentialsRefused,
        format!("{target} refuses the check's credentials"),
    )
}

/// An error's code is the server's own text, and is shown where it is one of the known ones only.
fn refused(target: &Target, command: &str, code: &str) -> Finding {
    if is_ours(code) {
        return match code {
            "NOPERM" => Finding::unknown(
                FindingReason::CredentialsRefused,
                format!("{target} does not let the check's user ask {command}"),
            ),
            _ => credentials_refused(target),
        };
    }
    if is_not_serving(code) {
        return Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{target} is not serving: it answers {command} with {code}"),
        );
    }
    match code {
        "MOVED" | "ASK" | "TRYAGAIN" | "CROSSSLOT" => Finding::unknown(
            FindingReason::NoData,
            format!("{target} is a node of a cluster that keeps the key of {command} elsewhere"),
        ),
        "WRONGTYPE" => Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{target} has a value of another type where {command} is asked"),
        ),
        "READONLY" | "NOREPLICAS" | "MISCONF" | "OOM" => Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{target} takes no writes: it answers {command} with {code}"),
        ),
        _ if command == "PING" => Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} answers PING with an error"),
        ),
        _ => Finding::unknown(
            FindingReason::NoData,
            format!("{target} answers {command} with an error"),
        ),
    }
}

/// What a check says of a conversation that broke. The error itself is not shown: it may quote what the server sent.
fn broken(error: &RedisError, exceeded: &AtomicBool, target: &Target) -> Finding {
    if exceeded.load(Ordering::Relaxed) {
        return Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} sent more than {} KiB", MOST_READ / 1024),
        );
    }
    if error.is_io_error() {
        return Finding::fail(
            FindingReason::ConnectionReset,
            format!("{target} closed the connection before its answer was complete"),
        );
    }
    Finding::fail(
        FindingReason::ProtocolError,
        format!("{target} did not answer in the Redis protocol"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    #[test]
    fn only_the_servers_own_doing_is_held_against_it() {
        let target = Target::new("cache.example.com", 6379).unwrap();
        for (code, verdict, reason) in [
            (
                "NOAUTH",
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                "WRONGPASS",
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                "NOPERM",
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                "DENIED",
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            ("LOADING", Verdict::Fail, FindingReason::UnexpectedValue),
            ("MASTERDOWN", Verdict::Fail, FindingReason::UnexpectedValue),
            ("MOVED", Verdict::Unknown, FindingReason::NoData),
            ("WRONGTYPE", Verdict::Fail, FindingReason::UnexpectedValue),
            ("ERR", Verdict::Unknown, FindingReason::NoData),
        ] {
            let finding = refused(&target, "INFO", code);
            assert_eq!(
                (finding.verdict, finding.reason),
                (verdict, reason),
                "{code}"
            );
        }
        assert_eq!(
            refused(&target, "PING", "ERR").reason,
            FindingReason::ProtocolError
        );
    }

    #[test]
    fn an_unknown_code_is_not_shown() {
        let target = Target::new("cache.example.com", 6379).unwrap();
        let finding = refused(&target, "INFO", "canary-4f1d");
        assert!(!finding.message.contains("canary"), "{}", finding.message);
    }
}
