//! What a check of each kind costs beside a bare client of the same protocol: `make bench-kinds` prints it. See docs/benchmarks.md.
//!
//! Both take turns in one process, on connections of their own, against the same real servers, which are in a process of their
//! own: compared are their processor time and their allocations, and the connections of a check are counted.

use std::{alloc::System, error::Error, process::ExitCode};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

mod comparison;
mod databases;
mod platform;
#[path = "../measure/process.rs"]
#[allow(dead_code, reason = "what the measurements share")]
mod process;
mod storage;
mod transport;
mod web;
mod workers;
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

use comparison::Comparison;
use world::World;

/// Any way in which a measurement can break.
type Broken = Box<dyn Error + Send + Sync>;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    // The second installation would fail, and this is the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Cargo adds flags of its own.
    let arguments = std::env::args().skip(1);
    let named: Vec<String> = arguments.filter(|it| !it.starts_with("--")).collect();
    match play_or_measure(named) {
        Ok(()) => ExitCode::SUCCESS,
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}

fn play_or_measure(named: Vec<String>) -> Result<(), Broken> {
    if named == [world::FLAG] {
        return tokio::runtime::Runtime::new()?.block_on(world::play());
    }
    // One thread, whose processor time the kernel knows to the nanosecond.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(named))
}

/// Compares all kinds, or those that are named by the beginning of their name.
async fn measure(named: Vec<String>) -> Result<(), Broken> {
    let (_playing, world) = World::start()?;
    let mut comparison = Comparison::new(&world, named)?;
    web::measure(&mut comparison, &world).await?;
    transport::measure(&mut comparison, &world).await?;
    databases::measure(&mut comparison, &world).await?;
    workers::measure(&mut comparison, &world).await?;
    storage::measure(&mut comparison, &world).await?;
    platform::measure(&mut comparison, &world).await?;
    comparison.print()
}
