//! A simulated Render and a hub that reads it.

use std::{sync::Once, time::Duration};

use plumbline::{
    platforms::{
        Hub, Observer, Operator, PlatformMetrics, PlatformSettings, RenderSettings, RenderTarget,
        Target,
    },
    simulator::{
        Control, Effect, Fault, NewDeploy, NewKey, NewService, Options, Route, Running, Simulator,
    },
};
use prometheus_client::{encoding::text, registry::Registry};
use secrecy::SecretString;

/// The key that the simulator accepts.
pub const KEY: &str = "rnd_c4n4ryOfTheTests";

/// Long enough for every try and every wait in between.
pub const PATIENCE: Duration = Duration::from_secs(6);

/// A simulated Render, and a hub that reads it.
pub struct Render {
    running: Running,
    hub: Hub,
    metrics: Registry,
}

impl Render {
    /// One without services, read with [`PATIENCE`].
    pub async fn start() -> Self {
        Self::start_with_timeout(PATIENCE).await
    }

    /// One without services, read with this timeout.
    pub async fn start_with_timeout(timeout: Duration) -> Self {
        let running = Simulator::start(Options::default()).await.unwrap();
        let key = NewKey {
            key: KEY.to_owned(),
            workspaces: None,
        };
        running.control().accept_key(&key).unwrap();
        let (hub, metrics) = hub(&running.base_url(), timeout);
        Self {
            running,
            hub,
            metrics,
        }
    }

    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    pub fn control(&self) -> &Control {
        self.running.control()
    }

    /// A service with a live deploy, whose id is the answer.
    pub fn service(&self, name: &str) -> String {
        let new = NewService {
            name: name.to_owned(),
            ..NewService::default()
        };
        self.control().create_service(&new).unwrap();
        self.deploy(name)
    }

    /// A deploy that is live at once.
    pub fn deploy(&self, service: &str) -> String {
        let new = NewDeploy {
            immediately: true,
            ..NewDeploy::default()
        };
        self.control().start_deploy(service, &new).unwrap().id
    }

    /// Makes calls of a route go wrong.
    pub fn fault(&self, route: Route, effect: Effect) {
        self.control()
            .add_fault(Fault::get(route.path(), effect))
            .unwrap();
    }

    /// What reads these services.
    pub fn observer(&self, services: &[&str]) -> Observer {
        self.hub.observer(&target(KEY, None, services)).unwrap()
    }

    /// What asks for, and changes, these services.
    pub fn operator(&self, services: &[&str]) -> Operator {
        self.hub.operator(&target(KEY, None, services)).unwrap()
    }

    /// Calls of the routes for finding a service by name, by id, and for its deploys.
    pub fn calls(&self) -> [u64; 3] {
        let routes = [Route::ListServices, Route::GetService, Route::ListDeploys];
        routes.map(|route| self.control().calls_of(route))
    }

    /// Everything that the metrics show.
    pub fn metrics(&self) -> String {
        let mut shown = String::new();
        text::encode(&mut shown, &self.metrics).unwrap();
        shown
    }

    pub async fn end(self) {
        // Kept connections would be waited for.
        drop(self.hub);
        self.running.shutdown().await.unwrap();
    }
}

/// A hub for the API at this base, and its metrics.
pub fn hub(base: &str, timeout: Duration) -> (Hub, Registry) {
    static TLS: Once = Once::new();
    TLS.call_once(|| {
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let settings = PlatformSettings {
        render: RenderSettings {
            url: base.parse().unwrap(),
            timeout: timeout.into(),
            ..RenderSettings::default()
        },
    };
    let metrics = PlatformMetrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry);
    (Hub::new(settings, metrics).unwrap(), registry)
}

/// Services on Render, read with a key.
pub fn target(key: &str, owner_id: Option<&str>, services: &[&str]) -> Target {
    Target::Render(RenderTarget {
        api_key: SecretString::from(key),
        owner_id: owner_id.map(str::to_owned),
        services: services.iter().map(|name| (*name).to_owned()).collect(),
    })
}
