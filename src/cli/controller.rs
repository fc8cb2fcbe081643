//! `plumbline controller`: watches the cluster until it is told to stop.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use futures::FutureExt;
use kube::runtime::reflector::{self, store::Writer};
use prometheus_client::registry::Registry as Metrics;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::timeout,
};
use tracing::level_filters::LevelFilter;

use crate::{
    checks::{
        engine::Engine,
        net::{Network, NetworkError, NetworkSettings, settings::EgressSettings},
        reference::{InvalidReference, Reference},
    },
    clock,
    controllers::{
        claims::Claims,
        context::{Context, Present},
        fleet::Fleet,
        metrics::Metrics as ControllerMetrics,
        policy,
        rollback::{self, Flag, Locks, Opened, Records, with_conditions},
        until,
        validation::{self, Rehearsals},
        wakes::{Wakes, Woken},
        written::Written,
    },
    kubernetes::{
        attempts::RollbackLedger,
        client::{self, ClientError, Connection},
        events::Events,
        secrets::Secrets,
    },
    monitor::{Monitor, MonitorMetrics},
    platforms::{Hub, PlatformMetrics, RegistryError},
    rollback::Executor,
    server::{self, Readiness, ServerError},
    settings::{Settings, SettingsError},
    telemetry::{self, LogFormat},
};

/// Longest time from the signal to the end of the process.
const SHUTDOWN: Duration = Duration::from_secs(9);

/// Watches `DeploymentValidations` in the cluster, runs their checks and writes their status.
#[derive(Debug, Args)]
pub struct ControllerArguments {
    /// Settings file; `config/plumbline.yaml` shows every key with its default.
    #[arg(long, value_name = "FILE", env = "PLUMBLINE_SETTINGS")]
    settings: Option<PathBuf>,
    /// Kubeconfig to use. Default: KUBECONFIG, the user's own, or the pod's service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Namespace to watch. Goes before `controller.watchNamespace`.
    #[arg(long, value_name = "NAMESPACE")]
    watch_namespace: Option<String>,
    /// Address for probes and metrics. Goes before `server.listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Level of this program's log lines: off, error, warn, info, debug, trace.
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_parser = telemetry::parse_level)]
    log_level: LevelFilter,
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

/// The controller could not start, or ended on its own.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The log cannot be set up.
    #[error("could not set up the log")]
    Telemetry(#[source] tracing_subscriber::util::TryInitError),
    /// The API server cannot be reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Probes and metrics cannot be served.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The network for checks cannot be set up.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A reference place cannot be used.
    #[error(transparent)]
    Reference(#[from] InvalidReference),
    /// The platforms cannot be set up.
    #[error(transparent)]
    Platforms(#[from] RegistryError),
    /// Signals cannot be received.
    #[error("could not listen for SIGTERM and SIGINT")]
    Signals(#[source] std::io::Error),
    /// A part that must not end has ended.
    #[error("{0} ended on its own, and the process with it")]
    EndedAlone(&'static str),
}

/// Runs the subcommand until SIGTERM or SIGINT.
pub async fn run(arguments: ControllerArguments) -> Result<(), ControllerError> {
    let mut settings = Settings::load(arguments.settings.as_deref())?;
    if let Some(listen) = arguments.listen {
        settings.server.listen = listen;
    }
    if arguments.watch_namespace.is_some() {
        settings.controller.watch_namespace = arguments.watch_namespace;
    }
    telemetry::init(arguments.log_level, arguments.log_format)
        .map_err(ControllerError::Telemetry)?;
    let mut signals = Signals::new().map_err(ControllerError::Signals)?;
    let listener = server::bind(settings.server.listen).await?;
    let watch_timeout = settings.controller.watch_timeout.get();
    let connection = client::connect(arguments.kubeconfig.as_deref(), watch_timeout).await?;
    tracing::info!(
        server = connection.server,
        listen = %settings.server.listen,
        version = env!("CARGO_PKG_VERSION"),
        "the controller starts"
    );

    let Parts {
        settings,
        context,
        actor,
        wakes,
        woken,
        validations,
        policies,
        metrics,
    } = Parts::new(settings, &connection)?;
    let settings = &settings.controller;
    let (stop, stopped) = watch::channel(false);
    let readiness = Readiness::default();
    let serve = server::serve(listener, metrics, readiness.clone(), until(stopped.clone()));
    let control = validation::run(
        context.clone(),
        settings,
        validations,
        (wakes, woken.validations),
        move || readiness.set(),
        stopped.clone(),
    );
    let rollbacks = rollback::run(context.clone(), settings, woken.rollbacks, stopped.clone());
    let policies = policy::run(context, settings, policies, woken.policies, stopped);
    let monitor = tokio::spawn(actor.run());
    let mut work =
        std::pin::pin!(async { tokio::join!(serve, control, rollbacks, policies).0 }.fuse());
    tokio::select! {
        served = &mut work => {
            served?;
            return Err(ControllerError::EndedAlone("the watch or the server"));
        }
        ended = monitor => {
            let _ = ended;
            return Err(ControllerError::EndedAlone("the monitor"));
        }
        () = signals.next() => {}
    }
    tracing::info!("told to stop: nothing new is started");
    stop.send_replace(true);
    tokio::select! {
        ended = timeout(SHUTDOWN, work) => if let Ok(served) = ended {
            served?;
        } else {
            tracing::warn!("what was under way did not end in time, and is given up");
        },
        () = signals.next() => tracing::warn!("told to stop again: what was under way is given up"),
    }
    Ok(())
}

struct Parts {
    settings: Settings,
    context: Arc<Context>,
    actor: crate::monitor::Actor,
    wakes: mpsc::UnboundedReceiver<crate::monitor::Subject>,
    woken: Woken,
    validations: Writer<validation::Guarded>,
    policies: Writer<policy::Guarded>,
    metrics: Metrics,
}

impl Parts {
    fn new(mut settings: Settings, connection: &Connection) -> Result<Self, ControllerError> {
        if settings.reference.addresses.is_empty() {
            settings.reference.addresses = vec![connection.server.clone()];
        }
        let mut metrics = Metrics::with_prefix("plumbline");
        let network = Network::new(&settings.network, connection.addresses.clone())?;
        let unrestricted = NetworkSettings {
            egress: EgressSettings::everything_allowed(),
            ..settings.network.clone()
        };
        let unrestricted = Network::new(&unrestricted, Vec::new())?;
        let reference = Reference::new(&settings.reference, unrestricted)?;
        let engine = Engine::new(network.clone(), reference.clone(), settings.checks);
        let monitor_metrics = MonitorMetrics::default();
        monitor_metrics.register(&mut metrics);
        let (wake, wakes) = mpsc::unbounded_channel();
        let (monitor, actor) = Monitor::new(engine, monitor_metrics, wake);
        let platform_metrics = PlatformMetrics::default();
        platform_metrics.register(&mut metrics);
        let platforms = Hub::new(settings.platforms.clone(), platform_metrics)?;
        let controller_metrics = ControllerMetrics::default();
        controller_metrics.register(&mut metrics);
        let client = connection.client.clone();
        let (validations_reader, validations) = reflector::store();
        let (policies_reader, policies) = reflector::store();
        let (wakes_of_controllers, woken) = Wakes::new();
        let ledger = RollbackLedger::new(client.clone(), |attempt, status| {
            with_conditions(attempt, status, clock::now())
        });
        let context = Arc::new(Context {
            monitor,
            reference,
            ledger: Arc::new(ledger),
            executor: Executor::new(
                format!("{:032x}", rand::random::<u128>()),
                settings.controller.send_within.get(),
            ),
            records: Records::default(),
            opened: Opened::default(),
            records_listed: Flag::default(),
            listed: Flag::default(),
            locks: Locks::default(),
            validations: validations_reader,
            policies: policies_reader,
            fleet: Fleet::default(),
            claims: Claims::default(),
            rehearsals: Rehearsals::default(),
            wakes: wakes_of_controllers,
            secrets: Secrets::new(client.clone(), settings.controller.secrets_refresh.get()),
            platforms,
            network,
            events: Events::new(client.clone(), "plumbline"),
            grace: settings.controller.reference_grace.get(),
            secrets_refresh: settings.controller.secrets_refresh.get(),
            metrics: controller_metrics,
            clock: clock::now,
            written: Written::default(),
            present: Present::default(),
            digest_key: rand::random(),
            client,
        });
        Ok(Self {
            settings,
            context,
            actor,
            wakes,
            woken,
            validations,
            policies,
            metrics,
        })
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
