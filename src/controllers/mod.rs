//! One folder per kind, with its stages.

pub mod claims;
pub mod context;
pub mod fleet;
pub mod metrics;
pub mod outcome;
pub mod policy;
pub mod rollback;
mod undecodable;
pub mod validation;
pub mod wakes;
pub mod watch;
pub mod written;

use tokio::sync::watch::Receiver;

/// Resolves when the process is told to stop.
pub async fn until(mut stopped: Receiver<bool>) {
    // The sender is dropped only when the process ends, which is a reason to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
