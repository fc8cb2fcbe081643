//! The command line: one file per subcommand; they hold no rules.

pub mod controller;
pub mod crd;
pub mod simulate;

use std::{error::Error, io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::telemetry::chain;

/// Holds what runs in an environment against its plumb line.
#[derive(Debug, Parser)]
#[command(name = "plumbline", version, propagate_version = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watches `DeploymentValidations` in a cluster and runs their checks.
    Controller(controller::ControllerArguments),
    /// Writes the custom resource definitions.
    Crd(crd::CrdArguments),
    /// Simulates a platform on a loopback port.
    Simulate(simulate::SimulateArguments),
}

/// Exit code for wrong usage, settings that cannot be used, and everything that kept a command from doing its work.
const UNUSABLE: u8 = 2;

/// Runs the command; what went wrong is said on standard error, in one line.
pub async fn run(command_line: CommandLine) -> ExitCode {
    let ended: Result<ExitCode, Box<dyn Error>> = match command_line.command {
        Command::Controller(arguments) => controller::run(arguments)
            .await
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
        Command::Crd(arguments) => crd::run(arguments)
            .map(|text| print(&text))
            .map_err(Into::into),
        Command::Simulate(arguments) => simulate::run(arguments).await.map_err(Into::into),
    };
    ended.unwrap_or_else(|error| {
        // Standard error is the last place to complain to.
        let _ = writeln!(std::io::stderr(), "plumbline: {}", chain(error.as_ref()));
        ExitCode::from(UNUSABLE)
    })
}

/// Writes data to standard output; a reader that has gone away is no error.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
