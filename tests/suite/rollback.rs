//! A failed release is rolled back to the last one that was validated, once, and the checks prove it.

mod by_hand;
mod faults;
mod platform;
pub mod support;

use serde_json::json;

use self::support::{World, bad_then_back};
use crate::support::scenario::condition;

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_release_is_rolled_back_to_the_last_known_good_one_and_verified() {
    let world = World::start().await;
    let good = world.good_release().await;
    let bad = world.ship_bad("api");
    let object = world.until_rolled_back("True", "RollbackVerified").await;
    bad_then_back(&world, &good, &bad);
    let status = &object["status"];
    assert_eq!(condition(&object, "Ready")["reason"], "RolledBack");
    assert_eq!(condition(&object, "Ready")["status"], "False");
    assert_eq!(condition(&object, "Stalled")["reason"], "RolledBack");
    assert_eq!(condition(&object, "Healthy")["status"], "True");
    assert_eq!(status["rollback"]["state"], "Verified");
    // What was brought back is validated like any other release, and what it was brought back from is not gone back to.
    let kept = status["candidates"].to_string() + &status["lastKnownGood"].to_string();
    assert!(kept.contains(&good) && !kept.contains(&bad), "{kept}");
    let record = world.record().await;
    assert_eq!(record["spec"]["from"]["release"], json!(bad));
    assert_eq!(record["spec"]["to"]["release"], json!(good));
    assert_eq!(condition(&record, "Succeeded")["status"], "True");
    world.finish().await;
}
