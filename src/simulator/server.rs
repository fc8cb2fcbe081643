//! The socket: start, serve, stop.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, routing::get};
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    api,
    app::{self, Behaviours},
    clock::{Clock, SystemClock},
    control::{self, Control, ControlError},
    rollout::Pace,
    seed::Seed,
    webhooks::delivery,
    world::{Signals, World},
};

/// How long open connections may take to end when a simulator stops.
pub(super) const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// How a simulator is started. The default is an empty platform on a free port.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 is a free one.
    pub port: u16,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long rollouts take.
    pub pace: Pace,
    /// What there is at the start.
    pub seed: Seed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            clock: Arc::new(SystemClock),
            pace: Pace::default(),
            seed: Seed::default(),
        }
    }
}

/// The simulator did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The port could not be had.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The seed contradicts itself.
    #[error("could not create what the seed says")]
    Seed {
        /// Why.
        source: ControlError,
    },
    /// Serving ended by itself.
    #[error("could not serve on {address}")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A connection did not end.
    #[error("could not end every connection within {} s", SHUTDOWN_LIMIT.as_secs())]
    Shutdown,
}

/// Render's API on a loopback port.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Binds the port and starts to serve.
    pub async fn start(options: Options) -> Result<Running, SimulatorError> {
        let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listen = |source| SimulatorError::Listen {
            address: asked,
            source,
        };
        let signals = Signals::default();
        let world = World::new(options.pace, &options.seed, &signals, options.clock.now())
            .map_err(|source| SimulatorError::Seed { source })?;
        let listener = TcpListener::bind(asked).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            clock: options.clock,
            pace: options.pace,
            seed: options.seed,
            signals,
            behaviours: Behaviours::default(),
            stopped,
        });
        let router = Router::new()
            .nest("/_simulator", control::routes::router())
            .route("/app/{service}/health", get(app::health))
            .fallback(api::serve)
            .with_state(Arc::clone(&shared));
        let ended = Arc::clone(&shared);
        let delivering = delivery::deliver(Arc::clone(&shared));
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(async move { ended.stopped().await });
        Ok(Running {
            address,
            control: Control::new(shared),
            stop,
            serving: tokio::spawn(async move { tokio::join!(serving.into_future(), delivering).0 }),
        })
    }
}

/// A simulator that serves until it is shut down or dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    control: Control,
    stop: watch::Sender<bool>,
    serving: JoinHandle<io::Result<()>>,
}

impl Running {
    /// The base address of the API, as in `https://api.render.com/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The handle that changes and shows its state.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Ends calls that hang, lets the others end, and waits until nothing is left, for at most 5 s.
    pub async fn shutdown(mut self) -> Result<(), SimulatorError> {
        self.stop.send_replace(true);
        let served = tokio::time::timeout(SHUTDOWN_LIMIT, &mut self.serving).await;
        let Ok(served) = served else {
            return Err(SimulatorError::Shutdown);
        };
        let source = match served {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(source)) => source,
            Err(panicked) => io::Error::other(panicked),
        };
        let address = self.address;
        Err(SimulatorError::Serve { address, source })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.serving.abort();
    }
}

/// What every call of either API has to do with.
#[derive(Debug)]
pub(super) struct Shared {
    world: Mutex<World>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    seed: Seed,
    signals: Signals,
    behaviours: Behaviours,
    stopped: watch::Receiver<bool>,
}

impl Shared {
    pub(super) fn behaviours(&self) -> &Behaviours {
        &self.behaviours
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns when the simulator is to stop.
    pub(super) async fn stopped(&self) {
        // An error means that whoever could stop it is gone, which is a reason to stop as well.
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }

    /// Returns when at least one call is held.
    pub(super) async fn holding(&self) {
        // An error means that no call will be held any more, and the caller has a limit for that.
        let _ = self
            .signals
            .held
            .subscribe()
            .wait_for(|held| *held > 0)
            .await;
    }

    /// Returns when at least one webhook is registered.
    pub(super) async fn observed(&self) {
        // An error means that none will be registered any more, and whoever waits also waits for the end.
        let mut registered = self.signals.webhooks.subscribe();
        let _ = registered.wait_for(|registered| *registered > 0).await;
    }

    pub(super) fn reset(&self) -> Result<(), ControlError> {
        let fresh = World::new(self.pace, &self.seed, &self.signals, self.now())?;
        *self.world() = fresh;
        self.behaviours.clear();
        Ok(())
    }
}
