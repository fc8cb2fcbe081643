//! Only what was seen to pass counts as brought back.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{BETTER, GOOD, World, message, said, time};
use crate::support::{
    scenario::{condition, http_check},
    target::Target,
};

fn states(records: &[Value]) -> Vec<&str> {
    let states = records.iter().map(|it| it["status"]["state"].as_str());
    states.map(Option::unwrap_or_default).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_it_was_brought_back_is_followed_by_the_next_candidate() {
    let world = World::start().await;
    let good = world.good_release().await;
    let better = world.ship_good(BETTER).await;
    let _bad = world.ship_bad("api");
    world.app.breaks(BETTER);
    let object = world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [better, good]);
    assert_eq!(world.live("api"), GOOD);
    let records = world.records().await;
    assert_eq!(states(&records), ["Failed", "Verified"]);
    let told = message(&records[0], "Ready");
    assert!(told.contains("the checks fail on"), "{told}");
    assert!(told.contains("api-health: status 503"), "{told}");
    assert_eq!(said(&records[0], "Verified"), "False RollbackFailed");
    // Both were live, and both have failed.
    let kept = object["status"]["candidates"].to_string();
    assert!(!kept.contains(&records[0]["status"]["result"]["release"].to_string()));
    // Both attempts are about the release that failed first.
    let failed = |record: &Value| record["spec"]["plan"]["failedRelease"].clone();
    assert_eq!(failed(&records[0]), failed(&records[1]));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_good_release_brought_back_in_vain_it_needs_a_person() {
    let world = World::start().await;
    let good = world.good_release().await;
    world.ship_bad("api");
    world.app.breaks(GOOD);
    let object = world.until_rolled_back("False", "RollbackFailed").await;
    assert!(message(&object, "RolledBack").contains("no good release is left"));
    assert_eq!(said(&object, "Ready"), "False RollbackFailed");
    assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_do_not_tell_in_time_are_no_proof() {
    let world = World::start().await;
    world
        .scenario
        .put_secret("visitor", &[("token", "t0k3n")])
        .await;
    let token = json!({"secretKeyRef": {"name": "visitor", "key": "token"}});
    let mut check = world.check("api", "health");
    check["http"]["headers"] = json!([{"name": "authorization", "valueFrom": token}]);
    world.apply_with(&["api"], json!({"checks": [check]})).await;
    world
        .apply_policy(json!({"verification": {"timeout": "10s"}}))
        .await;
    let good = world.good_release().await;
    let better = world.ship_good(BETTER).await;
    // It refuses the check's credentials, which says nothing of how it is.
    world.app.answers(BETTER, 401);
    world.ship_bad("api");
    let object = world
        .until("an attempt to end without proof", |object| {
            object["status"]["rollback"]["state"] == "Failed"
        })
        .await;
    let record = world.record().await;
    let told = message(&record, "Ready");
    assert!(
        told.contains("did not pass within 10s: api-health"),
        "{told}"
    );
    let live = time(&record, "/status/liveAt");
    let waited = time(&record, "/status/finishedAt").duration_since(live);
    assert!((10..20).contains(&waited.as_secs()), "{waited:#}");
    // What could not be told is no reason to go on.
    assert_eq!(said(&object, "Ready"), "Unknown Inconclusive");
    assert_eq!(world.rolled_back_to(), std::slice::from_ref(&better));
    world.app.breaks(BETTER);
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [better, good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_named_checks_prove_it_as_often_in_a_row_as_they_say() {
    let world = World::start().await;
    let payments = Target::start().await;
    let mut thorough = world.check("api", "health");
    thorough["successThreshold"] = json!(3);
    let mut other = http_check("payments", &payments.url());
    other["failureThreshold"] = json!(1);
    let checks = json!({"checks": [thorough, other]});
    world.apply_with(&["api"], checks).await;
    let named = json!({"verification": {"checks": ["api-health"]}});
    world.apply_policy(named).await;
    world.good_release().await;
    world.ship_bad("api");
    payments.answer(503, &json!({}));
    let before = world.app.requests("health", GOOD);
    let object = world.until_rolled_back("True", "RollbackVerified").await;
    let passes = world.app.requests("health", GOOD) - before;
    assert!((3..=4).contains(&passes), "{passes} requests");
    // The other one fails as before, which is no matter of this rollback.
    assert_eq!(condition(&object, "Healthy")["status"], "False");
    assert_eq!(said(&object, "Ready"), "False RolledBack");
    assert_eq!(
        said(&world.record().await, "Verified"),
        "True RollbackVerified"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_says_live_while_the_old_release_still_serves_is_not_believed() {
    let world = World::start().await;
    let mut check = world.check("api", "health");
    // So many runs do not fit into the time that it serves behind.
    check["failureThreshold"] = json!(5);
    world.apply_with(&["api"], json!({"checks": [check]})).await;
    let good = world.good_release().await;
    world.app.serves_behind(Duration::from_secs(4));
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    let record = world.record().await;
    let live = time(&record, "/status/liveAt");
    let waited = time(&record, "/status/finishedAt").duration_since(live);
    assert!(waited.as_secs() >= 3, "{waited:#}");
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}
