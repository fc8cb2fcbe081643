//! Waits for a condition, with a limit.

use std::{
    fmt::Debug,
    future::Future,
    time::{Duration, Instant},
};

/// Longest time that a test waits for anything.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Asks until the answer is `Ok`; panics with the last `Err` after `limit`.
pub async fn within<T, E: Debug, F: Future<Output = Result<T, E>>>(
    limit: Duration,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if begun.elapsed() > limit => {
                panic!("waited {limit:?} for {what}; last: {last:#?}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// [`within`] the usual limit.
pub async fn eventually<T, E: Debug, F: Future<Output = Result<T, E>>>(
    what: &str,
    ask: impl FnMut() -> F,
) -> T {
    within(LIMIT, what, ask).await
}
