//! The `redis` check: a server that lets the check in and answers, its keys, its memory and its replication.

mod capped;
pub mod client;
mod expectation;
mod info;
mod lengths;

use futures::future::BoxFuture;
use redis::Value;
use tokio::time::Instant;

use self::{
    client::{Client, Server},
    expectation::{Expectation, Observation},
    info::Info,
};
use super::{
    compile::Secrets,
    invalid::InvalidCheck,
    net::{Session, Target, progress::Progress},
    suite::Probe,
    verdict::{Finding, Measurement, Phases},
};
use crate::api;

/// Logs in, asks, and closes the connection.
#[derive(Debug)]
pub struct RedisProbe {
    server: Server,
    expectation: Expectation,
}

impl RedisProbe {
    /// Compiles the check. `secrets` gives the values that Secrets hold. No error shows one.
    pub fn new(check: &api::RedisCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        Ok(Self {
            server: Server::new(&check.server, "redis", secrets)?,
            expectation: Expectation::new(check)?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let progress = Progress::until(deadline);
        let mut told = Phases::default();
        let finding = match self.server.connect(session, &progress).await {
            Ok((client, driver)) => {
                let exchange = self.observe(client, &mut told);
                let observed = driver
                    .during(self.server.target(), &progress, exchange)
                    .await;
                match observed {
                    Ok(observation) => self.expectation.judge(&observation, self.server.target()),
                    Err(finding) => finding,
                }
            }
            Err(finding) => finding,
        };
        let phases = Phases {
            authenticate: told.authenticate,
            query: told.query,
            ..progress.phases()
        };
        Measurement::of(finding, phases)
    }

    async fn observe(&self, mut client: Client, told: &mut Phases) -> Result<Observation, Finding> {
        let began = Instant::now();
        self.server.enter(&mut client).await?;
        told.authenticate = Some(began.elapsed());
        let began = Instant::now();
        let keys: Vec<&str> = self
            .expectation
            .keys
            .iter()
            .map(|it| it.key.as_str())
            .collect();
        let lengths = client.lengths(&keys).await?;
        let info = info(&mut client, &self.expectation.sections()).await?;
        told.query = Some(began.elapsed());
        Ok(Observation { lengths, info })
    }
}

async fn info(client: &mut Client, sections: &[&str]) -> Result<Info, Finding> {
    let asked = sections.iter().map(|section| {
        // One by one: several sections in one command are known from version 7 on.
        let mut command = redis::cmd("INFO");
        command.arg(section);
        command
    });
    let asked = asked.collect();
    let mut text = String::new();
    for answer in client.ask(asked).await? {
        match answer {
            Value::BulkString(section) => {
                text.push_str(&String::from_utf8_lossy(&section));
                text.push('\n');
            }
            Value::ServerError(error) => return Err(client.refused("INFO", error.code())),
            _ => return Err(client.astray("INFO")),
        }
    }
    Ok(Info::parse(&text))
}

impl Probe for RedisProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        vec![self.server.target()]
    }
}
