//! Name resolution, with a deadline, and with "there is no such name" kept apart from "nobody answered".

use std::{net::IpAddr, sync::Arc, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{
        ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolveHosts,
        ResolverConfig, ResolverOpts,
    },
    net::{DnsError, NetError, NoRecords, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{RData, RecordType},
    },
    system_conf::read_system_conf,
};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::settings::DnsSettings;

/// Longest wait for one name server before the query is sent again, or to the next one.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers are kept no longer than this, whatever their time to live: a check should see a change soon.
const LONGEST_KEPT: Duration = Duration::from_secs(30);

/// "No such name" is kept no longer than this, so that a target that comes back is seen.
const LONGEST_KEPT_ABSENCE: Duration = Duration::from_secs(5);

/// A name that could not be resolved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResolveError {
    /// An authority says that the name does not exist.
    #[error("the name does not exist")]
    NoSuchName,
    /// The name exists, and has no record of the type asked for.
    #[error("the name has no such record")]
    NoRecords,
    /// No usable answer came: silence, refusal, failure or nonsense.
    #[error("the resolver gave no answer")]
    Failed(#[source] Arc<NetError>),
    /// No answer came before the deadline.
    #[error("the resolver did not answer in time")]
    TimedOut,
    /// This machine names no server to ask.
    #[error("no name server is configured")]
    NoServer,
}

impl From<NetError> for ResolveError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => {
                match response_code {
                    ResponseCode::NXDomain => Self::NoSuchName,
                    ResponseCode::NoError => Self::NoRecords,
                    _ => Self::Failed(Arc::new(error)),
                }
            }
            other => Self::Failed(Arc::new(other)),
        }
    }
}

/// Asks the configured name servers, or those of the system.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// For targets: keeps answers for their time to live, and knows the hosts file.
    targets: Option<TokioResolver>,
    /// For checks of DNS itself: always asks, and nobody but a server.
    records: Option<TokioResolver>,
}

impl Resolver {
    /// A resolver after `settings`. A system without name servers gives one that answers
    /// [`ResolveError::NoServer`]: literal addresses can be checked all the same.
    #[must_use]
    pub fn new(settings: &DnsSettings) -> Self {
        let (config, mut options) = if settings.servers.is_empty() {
            match read_system_conf() {
                Ok(system) => system,
                Err(error) => {
                    warn!(%error, "the system names no DNS server, so that checks cannot resolve names");
                    return Self {
                        targets: None,
                        records: None,
                    };
                }
            }
        } else {
            (configured(settings), ResolverOpts::default())
        };
        options.timeout = options.timeout.min(SERVER_TIMEOUT);
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // The kernel picks source ports at random as well, without a search for a free one for each query.
        options.os_port_selection = true;
        options.positive_max_ttl = Some(LONGEST_KEPT);
        options.negative_max_ttl = Some(LONGEST_KEPT_ABSENCE);
        let mut uncached = options.clone();
        uncached.cache_size = 0;
        uncached.use_hosts_file = ResolveHosts::Never;
        Self {
            targets: build(config.clone(), options),
            records: build(config, uncached),
        }
    }

    /// The addresses of a name: at least one.
    pub async fn addresses(
        &self,
        name: &str,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let resolver = self.targets.as_ref().ok_or(ResolveError::NoServer)?;
        let answer = timeout_at(deadline, resolver.lookup_ip(name))
            .await
            .map_err(|_| ResolveError::TimedOut)??;
        let addresses: Vec<IpAddr> = answer.iter().collect();
        if addresses.is_empty() {
            return Err(ResolveError::NoRecords);
        }
        Ok(addresses)
    }

    /// The records of one type that a name has, asked anew: at least one.
    pub async fn records(
        &self,
        name: &str,
        record_type: RecordType,
        deadline: Instant,
    ) -> Result<Vec<RData>, ResolveError> {
        let resolver = self.records.as_ref().ok_or(ResolveError::NoServer)?;
        let answer = timeout_at(deadline, resolver.lookup(name, record_type))
            .await
            .map_err(|_| ResolveError::TimedOut)??;
        let records: Vec<RData> = answer
            .answers()
            .iter()
            .filter(|record| record.record_type() == record_type)
            .map(|record| record.data.clone())
            .collect();
        if records.is_empty() {
            return Err(ResolveError::NoRecords);
        }
        Ok(records)
    }
}

fn configured(settings: &DnsSettings) -> ResolverConfig {
    let servers = settings.servers.iter().map(|server| {
        let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp]
            .map(|protocol| {
                let mut connection = ConnectionConfig::new(protocol);
                connection.port = server.port();
                connection
            })
            .to_vec();
        NameServerConfig::new(server.ip(), true, connections)
    });
    ResolverConfig::from_name_servers(servers.collect())
}

fn build(config: ResolverConfig, options: ResolverOpts) -> Option<TokioResolver> {
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .inspect_err(|error| warn!(%error, "the DNS client could not be set up, so that checks cannot resolve names"))
        .ok()
}
