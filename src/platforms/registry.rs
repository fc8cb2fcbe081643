//! Which platform it is: the one place that tells them apart.

use std::{fmt, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{
    Platform, PlatformMetrics, PlatformSettings, RenderTarget, ServiceReference, Target,
    render::Render,
};

/// The platforms cannot be spoken to at all.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Nothing in this process can encrypt.
    #[error("prepare the HTTP client for platforms: no TLS provider is installed in this process")]
    NoTlsProvider,
    /// The HTTP client cannot be built.
    #[error("prepare the HTTP client for platforms")]
    HttpClient(#[source] reqwest::Error),
}

/// What is needed to speak to the platforms, but for credentials.
#[derive(Debug)]
pub(super) struct Registry {
    settings: PlatformSettings,
    http: HttpClients,
    metrics: PlatformMetrics,
}

/// Tells connections apart without holding on to credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct ConnectionIdentity {
    platform: &'static str,
    credentials: [u8; 32],
}

impl fmt::Debug for ConnectionIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConnectionIdentity({})", self.platform)
    }
}

/// A target, made out.
pub(super) struct Resolved {
    pub(super) identity: ConnectionIdentity,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) services: Vec<ServiceReference>,
    pub(super) poll_interval: Duration,
    pub(super) timeout: Duration,
    pub(super) consistency_window: Duration,
}

/// What speaks HTTP. Neither follows a redirect, nor sends anything again by itself.
#[derive(Clone, Debug)]
pub(super) struct HttpClients {
    /// For calls that only read.
    pub(super) reads: reqwest::Client,
    /// For calls that change something. Each has a connection of its own: one that was kept may be closed by the other side
    /// just when the call is sent, and nobody could tell what became of it. It is connected after a third of the timeout or
    /// not at all, so that a call which runs out of time is one that was sent.
    pub(super) changes: reqwest::Client,
}

impl HttpClients {
    fn new(timeout: Duration) -> Result<Self, RegistryError> {
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                .referer(false)
                .user_agent(concat!("plumbline/", env!("CARGO_PKG_VERSION")))
        };
        let reads = builder().connect_timeout(timeout / 2).build();
        let changes = builder()
            .connect_timeout(timeout / 3)
            .pool_max_idle_per_host(0)
            .http1_only()
            .build();
        Ok(Self {
            reads: reads.map_err(RegistryError::HttpClient)?,
            changes: changes.map_err(RegistryError::HttpClient)?,
        })
    }
}

impl Registry {
    pub(super) fn new(
        settings: PlatformSettings,
        metrics: PlatformMetrics,
    ) -> Result<Self, RegistryError> {
        // The builder panics without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(RegistryError::NoTlsProvider);
        }
        Ok(Self {
            http: HttpClients::new(settings.render.timeout.get())?,
            settings,
            metrics,
        })
    }

    /// The adapter for a target, and what to ask it; `None` for a target without a platform.
    pub(super) fn resolve(&self, target: &Target) -> Option<Resolved> {
        match target {
            Target::Render(render) => Some(self.resolve_render(render)),
            Target::External => None,
        }
    }

    fn resolve_render(&self, target: &RenderTarget) -> Resolved {
        let settings = &self.settings.render;
        let reference = |name: &String| ServiceReference {
            name: name.clone(),
            workspace: target.owner_id.clone(),
        };
        Resolved {
            identity: ConnectionIdentity {
                platform: "render",
                credentials: digest(&target.api_key),
            },
            platform: Arc::new(Render::new(
                settings,
                self.http.clone(),
                &target.api_key,
                self.metrics.clone(),
            )),
            services: target.services.iter().map(reference).collect(),
            poll_interval: settings.poll_interval.get(),
            timeout: settings.timeout.get(),
            consistency_window: settings.consistency_window.get(),
        }
    }
}

fn digest(credentials: &SecretString) -> [u8; 32] {
    Sha256::digest(credentials.expose_secret()).into()
}
