//! Two hundred validations on one key: brake and budgets hold, and the platform's limits are kept.

use std::time::Duration;

use super::support::message;
use crate::support::crowd::{BUDGET, Crowd, FAILING, FAILING_MORE, POLICIES, Tempo};

/// A minute of the platform takes ten seconds here, as everything else is six times as fast.
const QUICK: Tempo = Tempo {
    settings: "controller: {sendWithin: 5s}\n\
         platforms: {render: {url: RENDER, timeout: 5s, pollInterval: 20s, consistencyWindow: 5s}}",
    interval: "10s",
    retry_interval: "5s",
    window: 10,
    patience: Duration::from_mins(3),
};

/// With nothing written for so long, nothing more is to come.
const STILL: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_on_one_key_those_that_fail_are_rolled_back_within_every_limit() {
    let crowd = Crowd::start(QUICK).await;
    crowd.until_good().await;

    crowd.ship_bad(FAILING);
    crowd.until_decided(FAILING).await;
    let by_policy = crowd.verified().await;
    assert_eq!(by_policy.len(), POLICIES);
    assert!(
        by_policy.values().all(|spent| *spent == BUDGET),
        "{by_policy:?}"
    );
    assert_eq!(crowd.world.rollbacks(), POLICIES * BUDGET);

    crowd.ship_bad(FAILING_MORE);
    crowd.until_braked(FAILING_MORE).await;
    crowd.allow(100).await;
    crowd.world.scenario.until_still(STILL).await;
    crowd.until_braked(FAILING_MORE).await;
    let told = message(&crowd.get(FAILING_MORE.start).await, "RolledBack");
    assert!(told.contains("of 200 validations turned bad"), "{told}");
    assert_eq!(crowd.world.rollbacks(), POLICIES * BUDGET);

    let refused = crowd.world.render().refused();
    assert_eq!(refused, 0, "Render had to say that it was too much");
    crowd.world.finish().await;
}
