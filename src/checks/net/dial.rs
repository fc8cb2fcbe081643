//! The dialer: resolve, judge every address, connect, agree on TLS, all by one deadline.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Host;

use super::{
    egress::Egress,
    failure::{DialError, DialFailure, TlsFailure, connection_reason},
    progress::{Phase, Progress},
    resolve::Resolver,
    target::Target,
    trust::Trust,
};
use crate::checks::verdict::FindingReason;

/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 4;

/// How long one address is waited for before the next is tried beside it (RFC 8305, section 5).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Opens the sockets of checks.
#[derive(Debug)]
pub struct Dialer {
    pub(super) egress: Egress,
    pub(super) resolver: Resolver,
    pub(super) trust: Trust,
}

impl Dialer {
    /// A TCP connection to `target`. Its name is resolved once, and what was judged is what is dialled.
    pub async fn connect(
        &self,
        target: &Target,
        progress: &Progress,
    ) -> Result<TcpStream, DialError> {
        let connected = match target.host() {
            Host::Ipv4(address) => {
                let only = SocketAddr::new((*address).into(), target.port());
                self.reach(&[only], progress).await
            }
            Host::Ipv6(address) => {
                let only = SocketAddr::new((*address).into(), target.port());
                self.reach(&[only], progress).await
            }
            Host::Domain(name) => match self.resolve(name, target, progress).await {
                Ok(addresses) => self.reach(&addresses, progress).await,
                Err(failure) => Err(failure),
            },
        };
        connected.map_err(|failure| DialError {
            target: target.clone(),
            failure,
        })
    }

    /// A connection to one of these addresses, all of which must be allowed.
    async fn reach(
        &self,
        addresses: &[SocketAddr],
        progress: &Progress,
    ) -> Result<TcpStream, DialFailure> {
        for &address in addresses {
            self.egress
                .judge(address)
                .map_err(DialFailure::NotAllowed)?;
        }
        establish(addresses, progress).await
    }

    /// Agrees on TLS over a connection to `target`, whose certificate must name `server`.
    pub async fn handshake(
        &self,
        stream: TcpStream,
        target: &Target,
        server: ServerName<'static>,
        config: Arc<ClientConfig>,
        progress: &Progress,
    ) -> Result<TlsStream<TcpStream>, DialError> {
        let agreement = async {
            timeout_at(
                progress.deadline(),
                TlsConnector::from(config).connect(server, stream),
            )
            .await
            .map_err(|_| DialFailure::TimedOut(Phase::Handshake))?
            .map_err(|error| self.of_handshake(error))
        };
        progress
            .during(Phase::Handshake, agreement)
            .await
            .map_err(|failure| DialError {
                target: target.clone(),
                failure,
            })
    }

    /// The TLS client configurations.
    #[must_use]
    pub const fn trust(&self) -> &Trust {
        &self.trust
    }

    fn of_handshake(&self, error: io::Error) -> DialFailure {
        match DialFailure::of_handshake(error) {
            DialFailure::Tls(TlsFailure::UnknownIssuer) if !self.trust.has_roots() => {
                DialFailure::Tls(TlsFailure::NoTrustedRoots)
            }
            other => other,
        }
    }

    async fn resolve(
        &self,
        name: &str,
        target: &Target,
        progress: &Progress,
    ) -> Result<Vec<SocketAddr>, DialFailure> {
        self.egress
            .judge_literal(target.host(), target.port())
            .map_err(DialFailure::NotAllowed)?;
        let lookup = self.resolver.addresses(name, progress.deadline());
        let addresses = progress
            .during(Phase::Resolve, lookup)
            .await
            .map_err(DialFailure::Resolve)?;
        Ok(addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, target.port()))
            .collect())
    }
}

async fn establish(
    addresses: &[SocketAddr],
    progress: &Progress,
) -> Result<TcpStream, DialFailure> {
    let connection = async {
        let stream = timeout_at(progress.deadline(), race(addresses))
            .await
            .map_err(|_| DialFailure::TimedOut(Phase::Connect))?
            .map_err(DialFailure::Connection)?;
        stream.set_nodelay(true).map_err(DialFailure::Connection)?;
        Ok(stream)
    };
    progress.during(Phase::Connect, connection).await
}

/// The first connection that stands, over the families in turn: the next address is tried as soon as one fails, or
/// beside it when it is slow. When all fail, the error that says most about the target.
async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    if let [only] = addresses {
        return TcpStream::connect(only).await;
    }
    let mut waiting = in_turn(addresses).into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut said: Option<io::Error> = None;
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(TcpStream::connect(address));
        } else if attempts.is_empty() {
            return Err(said.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        tokio::select! {
            Some(outcome) = attempts.next() => match outcome {
                Ok(stream) => return Ok(stream),
                Err(error) => said = Some(more_telling(said, error)),
            },
            () = sleep(NEXT_ADDRESS_AFTER), if waiting.len() > 0 => {}
        }
    }
}

fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv4());
    if addresses.first().is_some_and(SocketAddr::is_ipv6) {
        std::mem::swap(&mut first, &mut second);
    }
    let most = first.len().max(second.len());
    (0..most)
        .flat_map(|place| [first.get(place).copied(), second.get(place).copied()])
        .flatten()
        .take(MOST_ADDRESSES)
        .collect()
}

fn more_telling(said: Option<io::Error>, error: io::Error) -> io::Error {
    let weight = |error: &io::Error| match connection_reason(error) {
        FindingReason::OutOfResources => 3,
        FindingReason::ConnectionRefused | FindingReason::ConnectionReset => 2,
        FindingReason::TimedOut => 1,
        _ => 0,
    };
    match said {
        Some(said) if weight(&said) >= weight(&error) => said,
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_only_a_few_addresses_are_tried() {
        let addresses: Vec<SocketAddr> = [
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
            "192.0.2.4:1",
            "[2001:db8::1]:1",
        ]
        .map(|address| address.parse().unwrap())
        .to_vec();
        let tried = in_turn(&addresses);
        assert_eq!(tried.len(), MOST_ADDRESSES);
        assert_eq!(tried[1], addresses[4]);
    }

    #[test]
    fn an_answer_of_the_target_says_more_than_a_missing_route() {
        let missing_route = io::Error::from_raw_os_error(libc::ENETUNREACH);
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let said = more_telling(Some(refused), missing_route);
        assert_eq!(said.kind(), io::ErrorKind::ConnectionRefused);
    }
}
