//! What the engine and the controller cost: `make bench` prints it. See docs/benchmarks.md.
//!
//! Every figure is a ratio between processes that run side by side, a count, or a size, never a time alone: a machine that
//! does something else makes both sides of a ratio slower. A decision and a rollback are the exceptions: they are held to times.

use std::{error::Error, process::ExitCode};

mod bare;
mod chain;
mod cost;
mod crowd;
mod decision;
mod engine;
mod fleet;
mod lateness;
mod metrics;
mod mixed;
mod plumbline;
mod process;
mod reaction;
mod recovery;
mod role;
mod rounds;
mod table;
mod target;

#[path = "../kinds/world.rs"]
#[allow(dead_code, reason = "what the measurements share")]
mod world;

#[path = "../../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::doc_markdown,
    clippy::unwrap_used,
    reason = "what the tests share, where a panic is the way to fail and more of it is used"
)]
mod support;

/// Any way in which a measurement can break.
type Broken = Box<dyn Error + Send + Sync>;

/// What can be measured, in the order in which it is.
const SUBJECTS: [&str; 9] = [
    "cost", "lateness", "chain", "mixed", "decision", "reaction", "recovery", "crowd", "fleet",
];

#[tokio::main]
async fn main() -> ExitCode {
    // The second installation would fail, and this is the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [flag] if flag == world::FLAG => world::play().await,
        [flag, role] if flag == role::FLAG => role::play(role).await,
        // Cargo adds flags of its own.
        named => measure(named.iter().filter(|name| !name.starts_with("--"))).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(named: impl Iterator<Item = &String>) -> Result<(), Broken> {
    let mut subjects: Vec<&str> = named.map(String::as_str).collect();
    if subjects.is_empty() {
        subjects.extend(SUBJECTS);
    }
    if let Some(other) = subjects.iter().find(|name| !SUBJECTS.contains(name)) {
        return Err(format!("{other} is none of {}", SUBJECTS.join(", ")).into());
    }
    // What is wrong with one says nothing about the others.
    let mut wrong = Vec::new();
    for subject in subjects {
        if let Err(broken) = measure_one(subject).await {
            wrong.push(format!("{subject}: {broken}"));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("; ").into())
    }
}

async fn measure_one(subject: &str) -> Result<(), Broken> {
    match subject {
        "cost" => cost::measure().await,
        "lateness" => lateness::measure().await,
        "chain" => chain::measure().await,
        "mixed" => mixed::measure().await,
        "decision" => decision::measure(),
        "reaction" => reaction::measure().await,
        "recovery" => recovery::measure().await,
        "crowd" => crowd::measure().await,
        _ => fleet::measure().await,
    }
}
