//! `plumbline simulate`: a platform on a loopback port, for trying things out.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::simulator::{
    NewKey, Options, Pace, Seed, SeedError, Simulator, SimulatorError, SystemClock,
};

/// Simulates a platform, and what its services serve.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    #[command(subcommand)]
    subject: Subject,
}

/// What can be simulated.
#[derive(Debug, Subcommand)]
enum Subject {
    /// Render's API, on 127.0.0.1. Prints one line of JSON with its addresses, then serves until it is interrupted.
    Render(RenderArguments),
}

#[derive(Debug, Args)]
struct RenderArguments {
    /// Port to listen on; 0 is a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// YAML file with the first workspaces, keys, services and deploys. Default: a small example.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// API key to accept for every workspace. It stands for nothing outside of the simulator.
    #[arg(long, value_name = "KEY", default_value = "rnd_simulated")]
    api_key: String,
    /// How many times faster rollouts pass.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = positive)]
    speed: f64,
    /// How long a build takes, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    build_seconds: u32,
    /// How long new instances take to serve, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    update_seconds: u32,
}

/// The simulation did not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The first state could not be had.
    #[error("could not prepare the simulator's first state")]
    Seed(#[from] SeedError),
    /// The simulator failed.
    #[error("could not simulate Render's API")]
    Simulator(#[source] SimulatorError),
    /// Signals could not be listened for.
    #[error("could not listen for signals")]
    Signals(#[source] io::Error),
    /// Standard output is gone.
    #[error("could not write the address to standard output")]
    Output(#[source] io::Error),
}

/// Runs the subcommand until Ctrl-C or SIGTERM.
pub async fn run(arguments: SimulateArguments) -> Result<ExitCode, SimulateError> {
    let mut interrupted = signal(SignalKind::interrupt()).map_err(SimulateError::Signals)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(SimulateError::Signals)?;
    let ended = async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    };
    match arguments.subject {
        Subject::Render(arguments) => render(&arguments, ended).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn render(
    arguments: &RenderArguments,
    ended: impl Future<Output = ()>,
) -> Result<(), SimulateError> {
    let running = Simulator::start(options(arguments)?)
        .await
        .map_err(SimulateError::Simulator)?;
    announce(&json!({
        "api": running.base_url(),
        "control": format!("http://{}/_simulator", running.address),
        "app": format!("http://{}/app", running.address),
    }))?;
    tracing::info!(address = %running.address, "Simulating Render's API; Ctrl-C ends it");
    ended.await;
    running.shutdown().await.map_err(SimulateError::Simulator)
}

/// Writes the addresses to standard output, on one line.
fn announce(addresses: &serde_json::Value) -> Result<(), SimulateError> {
    let mut output = io::stdout().lock();
    writeln!(output, "{addresses}").map_err(SimulateError::Output)?;
    output.flush().map_err(SimulateError::Output)
}

fn options(arguments: &RenderArguments) -> Result<Options, SeedError> {
    let mut seed = match &arguments.state {
        Some(file) => Seed::read(file)?,
        None => Seed::example()?,
    };
    seed.keys.push(NewKey {
        key: arguments.api_key.clone(),
        workspaces: None,
    });
    Ok(Options {
        port: arguments.port,
        clock: Arc::new(SystemClock),
        pace: Pace {
            build: Duration::from_secs(arguments.build_seconds.into()),
            update: Duration::from_secs(arguments.update_seconds.into()),
            speed: arguments.speed,
        },
        seed,
    })
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_normal() && *number > 0.0)
        .ok_or_else(|| "not a positive number".to_owned())
}
