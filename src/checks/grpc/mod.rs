//! The `grpc` check: what a server says of its health by the protocol `grpc.health.v1`.

mod judgement;

use std::fmt;

use futures::future::{BoxFuture, join_all};
use http::{HeaderMap, Uri};
use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use self::judgement::{Answer, judge};
use super::{
    compile::Secrets,
    http::{USER_AGENT, headers},
    invalid::InvalidCheck,
    net::{
        Connection, Session, Target,
        failure::DialError,
        http2::Channel,
        progress::{Phase, Progress},
        session::RequestError,
    },
    suite::Probe,
    verdict::{Finding, FindingReason, Measurement},
};
use crate::api::GrpcCheck;

/// The longest answer, in bytes: those of the protocol have two.
const LONGEST_ANSWER: usize = 4096;

const MOST_SERVICES: usize = 16;
const LONGEST_SERVICE: usize = 1024;

/// Asks a server for the health of its services, over one connection of its own.
pub struct GrpcProbe {
    target: Target,
    /// The name that the certificate must carry.
    named: Target,
    tls: bool,
    origin: Uri,
    services: Vec<String>,
    metadata: HeaderMap,
}

impl GrpcProbe {
    /// Compiles the check. No error shows a secret.
    pub fn new(check: &GrpcCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        if check.port == 0 {
            return Err(InvalidCheck::new("grpc.port", "is 0"));
        }
        let target = |host: &str, field: &str| {
            Target::new(host, check.port)
                .map_err(|error| InvalidCheck::new(field, error.to_string()))
        };
        let dialled = target(&check.host, "grpc.host")?;
        let named = match &check.server_name {
            Some(name) => target(name, "grpc.serverName")?,
            None => dialled.clone(),
        };
        let scheme = if check.tls { "https" } else { "http" };
        let origin = format!("{scheme}://{named}").parse();
        Ok(Self {
            origin: origin
                .map_err(|_| InvalidCheck::new("grpc.host", "cannot stand in a request"))?,
            target: dialled,
            named,
            tls: check.tls,
            services: services(&check.services)?,
            metadata: metadata(check, secrets)?,
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let progress = Progress::until(deadline);
        let connection = match self.connect(session, &progress).await {
            Ok(connection) => connection,
            Err(finding) => return Measurement::of(finding, progress.phases()),
        };
        let began = Instant::now();
        let answers = self.ask(connection, deadline).await;
        let mut phases = progress.phases();
        phases.query = Some(began.elapsed());
        let authorized = self.metadata.values().any(http::HeaderValue::is_sensitive);
        let finding = judge(&self.services, &answers, &self.target, authorized);
        Measurement::of(finding, phases)
    }

    async fn connect(&self, session: &Session, progress: &Progress) -> Result<Connection, Finding> {
        let dialer = session.network().dialer();
        let connected = async {
            let stream = dialer.connect(&self.target, progress).await?;
            if !self.tls {
                return Ok(Connection::Plain(stream));
            }
            let server = self.named.server_name().clone();
            let config = dialer.trust().http2();
            let stream = dialer
                .handshake(stream, &self.target, server, config, progress)
                .await?;
            Ok(Connection::Tls(Box::new(stream)))
        };
        let connection = connected
            .await
            .map_err(|error: DialError| error.finding())?;
        if let Connection::Tls(stream) = &connection
            && stream.get_ref().1.alpn_protocol() != Some(b"h2")
        {
            return Err(Finding::fail(
                FindingReason::ProtocolError,
                format!("{} does not agree on HTTP/2 (ALPN h2)", self.target),
            ));
        }
        Ok(connection)
    }

    /// An answer for each service, all asked for at once.
    async fn ask(&self, connection: Connection, deadline: Instant) -> Vec<Answer> {
        let late = || RequestError::TimedOut(Phase::Answer);
        let channel = timeout_at(deadline, Channel::over(connection)).await;
        match channel.unwrap_or_else(|_| Err(late())) {
            Ok((channel, _driver)) => {
                let questions = self.services.iter().map(|service| async {
                    let question = self.ask_for(service, channel.for_one_question());
                    let answer = timeout_at(deadline, question).await;
                    answer.unwrap_or_else(|_| Answer::Broken(late()))
                });
                join_all(questions).await
            }
            Err(error) => vec![Answer::Broken(error); self.services.len()],
        }
    }

    async fn ask_for(&self, service: &str, channel: Channel) -> Answer {
        let mut request = tonic::Request::new(HealthCheckRequest {
            service: service.to_owned(),
        });
        *request.metadata_mut() = MetadataMap::from_headers(self.metadata.clone());
        let mut client = HealthClient::with_origin(channel.clone(), self.origin.clone())
            .max_decoding_message_size(LONGEST_ANSWER);
        match client.check(request).await {
            Ok(answer) => Answer::Status(answer.get_ref().status),
            Err(status) => match channel.failure() {
                Some(error) => Answer::Broken(error),
                None => Answer::Refused(status.code()),
            },
        }
    }
}

fn services(named: &[String]) -> Result<Vec<String>, InvalidCheck> {
    let invalid = |problem: String| Err(InvalidCheck::new("grpc.services", problem));
    if named.len() > MOST_SERVICES {
        return invalid(format!("has more than {MOST_SERVICES} entries"));
    }
    for (place, service) in named.iter().enumerate() {
        if service.len() > LONGEST_SERVICE || service.contains(char::is_control) {
            return invalid(format!(
                "[{place}] holds a control character, or is longer than {LONGEST_SERVICE} bytes"
            ));
        }
        if named[..place].contains(service) {
            return invalid(format!("names {service:?} twice"));
        }
    }
    if named.is_empty() {
        return Ok(vec![String::new()]);
    }
    Ok(named.to_vec())
}

fn metadata(check: &GrpcCheck, secrets: Secrets<'_>) -> Result<HeaderMap, InvalidCheck> {
    let mut metadata = headers(&check.metadata, "grpc.metadata", secrets)?;
    let reserved = metadata.keys().find(|name| {
        let name = name.as_str();
        name == "content-type" || name.starts_with("grpc-") || name.ends_with("-bin")
    });
    if let Some(name) = reserved {
        let problem = format!("{name} is a name that gRPC has for itself, or of a binary value");
        return Err(InvalidCheck::new("grpc.metadata", problem));
    }
    metadata
        .entry(http::header::USER_AGENT)
        .or_insert(http::HeaderValue::from_static(USER_AGENT));
    Ok(metadata)
}

impl Probe for GrpcProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        vec![&self.target]
    }
}

impl fmt::Debug for GrpcProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GrpcProbe")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}
