//! The `plumbline` binary: parse, call, exit code.

use std::process::ExitCode;

use clap::Parser;
use plumbline::cli::{CommandLine, run};

#[tokio::main]
async fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        // Only a second installation fails, and this is the first.
        return ExitCode::FAILURE;
    }
    run(command_line).await
}
