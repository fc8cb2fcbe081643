//! The one dialer: every socket of every check is opened here, after the egress rule has judged the address.

pub mod connection;
pub mod dial;
pub mod egress;
pub mod embedded;
pub mod failure;
pub mod first;
pub mod http2;
pub mod progress;
pub mod relay;
pub mod resolve;
pub mod session;
pub mod settings;
mod stream;
pub mod target;
pub mod trust;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::pki_types::pem;
use tokio::sync::Semaphore;

pub use self::{
    connection::Connection, session::Session, settings::NetworkSettings, target::Target,
};
use self::{
    dial::Dialer,
    egress::{Denial, Egress},
    resolve::Resolver,
    trust::Trust,
};

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
        api_servers: Vec<SocketAddr>,
    ) -> Result<Self, NetworkError> {
        Ok(Self(Arc::new(Shared {
            dialer: Dialer {
                egress: Egress::new(settings.egress.clone(), api_servers),
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

    /// Judges a target as it is written, before anything is sent: what a controller says of a check that it has just
    /// read. Passing is no promise: what a name resolves to is judged when it is dialled.
    pub fn judge_literal(&self, target: &Target) -> Result<(), Denial> {
        self.0
            .dialer
            .egress
            .judge_literal(target.host(), target.port())
    }

    /// Whether checks may open files of this machine.
    #[must_use]
    pub fn allows_files(&self) -> bool {
        self.0.dialer.egress.allows_files()
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
