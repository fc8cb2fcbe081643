//! The one dialer: every socket of every check is opened here, after the egress rule has judged the address.

pub mod dial;
pub mod egress;
pub mod embedded;
pub mod failure;
pub mod progress;
pub mod resolve;
pub mod session;
pub mod settings;
mod stream;
pub mod target;
pub mod trust;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rustls::pki_types::pem;
use tokio::{net::TcpStream, sync::Semaphore, time::Instant};

use self::{
    dial::Dialer,
    egress::{Denial, Egress},
    failure::DialError,
    progress::Progress,
    resolve::Resolver,
    target::InvalidHost,
    trust::Trust,
};
pub use self::{session::Session, settings::NetworkSettings, target::Target};

/// Longest time to connect to an address that the administrator set.
const UNRESTRICTED_TIMEOUT: Duration = Duration::from_secs(5);

/// A network that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file of certificate authorities cannot be read.
    #[error("cannot read the certificate authorities in {}", path.display())]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The file of certificate authorities holds something that is none.
    #[error("a certificate in {} cannot be trusted", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// TLS itself cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// A target that the egress rule denies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{target} is {denial}, which the egress rule denies")]
pub struct NotPermitted {
    target: Target,
    denial: Denial,
}

/// A reference address that cannot be connected to.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// It is no host and port.
    #[error("a reference address must be host:port")]
    Address(#[source] InvalidHost),
    /// It does not answer.
    #[error("the reference does not accept a connection")]
    Dial(#[source] DialError),
}

/// The network of one process: settings, resolver, trusted roots and TLS sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Network(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dialer: Dialer,
    large_bodies: Semaphore,
}

impl Network {
    /// Sets up the network. `api_servers` are the addresses at which the cluster's API server is reached from here (its
    /// service address and its endpoints), which checks are denied; none outside of a cluster.
    pub fn new(
        settings: &NetworkSettings,
        api_servers: &[SocketAddr],
    ) -> Result<Self, NetworkError> {
        Ok(Self(Arc::new(Shared {
            dialer: Dialer {
                egress: Egress::new(settings.egress.clone(), api_servers.to_vec()),
                resolver: Resolver::new(&settings.dns),
                trust: Trust::load(&settings.tls)?,
            },
            large_bodies: Semaphore::new(1),
        })))
    }

    /// Connections for one run, or for as long as it is kept.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// Judges a host and port as they are written, before anything is sent: what a controller says of a check that it
    /// has just read. Passing is no promise: what a name resolves to is judged when it is dialled.
    pub fn permits(&self, host: &str) -> Result<(), NotPermitted> {
        let Ok(target) = host.parse::<Target>() else {
            return Ok(());
        };
        self.0
            .dialer
            .egress
            .judge_literal(target.host(), target.port())
            .map_err(|denial| NotPermitted { target, denial })
    }

    /// A connection to an address that the administrator set (`one.one.one.one:443`), past the egress rule, within five
    /// seconds.
    pub async fn connect_unrestricted(&self, address: &str) -> Result<TcpStream, ReferenceError> {
        let target: Target = address.parse().map_err(ReferenceError::Address)?;
        let progress = Progress::until(Instant::now() + UNRESTRICTED_TIMEOUT);
        self.0
            .dialer
            .connect_unrestricted(&target, &progress)
            .await
            .map_err(ReferenceError::Dial)
    }

    /// Opens sockets.
    #[must_use]
    pub fn dialer(&self) -> &Dialer {
        &self.0.dialer
    }

    /// Resolves names.
    #[must_use]
    pub fn resolver(&self) -> &Resolver {
        &self.0.dialer.resolver
    }

    /// Held while a large body is taken apart: a JSON text of a mebibyte can become a hundred in memory, so that one is
    /// done at a time.
    #[must_use]
    pub fn large_bodies(&self) -> &Semaphore {
        &self.0.large_bodies
    }
}
