//! A failed release is rolled back to the last one that was validated, once, and the checks prove it.

mod approval;
mod attribution;
mod conflict;
mod faults;
mod forgery;
mod goals;
mod guard;
mod interference;
mod mass;
mod platform;
mod policy;
mod request;
mod schema;
mod services;
mod verification;

use serde_json::{Value, json};

pub use crate::support::world as support;

use self::support::{BETTER, World, bad_then_back, moments, said};
use crate::support::{eventually::eventually, scenario::condition};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_release_is_rolled_back_to_the_last_known_good_one_and_verified() {
    let world = World::start().await;
    let good = world.good_release().await;
    let bad = world.ship_bad("api");
    let object = world.until_rolled_back("True", "RollbackVerified").await;
    bad_then_back(&world, &good, &bad);
    let status = &object["status"];
    assert_eq!(said(&object, "Healthy"), "True ChecksPassed");
    assert_eq!(status["rollback"]["state"], "Verified");
    // What was brought back is validated like any other release, and what it was brought back from is not gone back to.
    let kept = status["candidates"].to_string() + &status["lastKnownGood"].to_string();
    assert!(kept.contains(&good) && !kept.contains(&bad), "{kept}");
    let record = world.record().await;
    assert_eq!(record["spec"]["from"]["release"], json!(bad));
    assert_eq!(record["spec"]["to"]["release"], json!(good));
    assert_eq!(said(&record, "Succeeded"), "True RollbackVerified");
    let versions = world.scenario.recorder.versions_of("shop");
    every_version_says_how_far_it_is(&since(&versions, &bad));
    one_event_tells_of_each_transition(&world, &versions).await;
    world.finish().await;
}

/// What `RolledBack` says in the course of a rollback, and what goes with it.
const COURSE: [(&str, &[&str], &str, &str); 6] = [
    (
        "False NotRequired",
        &["Unknown Running"],
        "True Progressing",
        "",
    ),
    (
        "Unknown IntentRecorded",
        &["False ChecksFailed"],
        "True RollingBack",
        "",
    ),
    (
        "Unknown Issued",
        &["False ChecksFailed", "Unknown Running"],
        "True RollingBack",
        "",
    ),
    (
        "Unknown Verifying",
        &["False ChecksFailed", "Unknown Running"],
        "True Verifying",
        "",
    ),
    (
        "True RollbackVerified",
        &["False RolledBack"],
        "",
        "True RolledBack",
    ),
    ("", &[], "", ""),
];

fn every_version_says_how_far_it_is(versions: &[Value]) {
    let mut place = 0;
    for version in versions {
        let now = said(version, "RolledBack");
        while COURSE[place].0 != now {
            place += 1;
            assert!(
                place < COURSE.len(),
                "{now} comes too late or never: {version}"
            );
        }
        let (_, ready, reconciling, stalled) = COURSE[place];
        let told = said(version, "Ready");
        assert!(
            ready.contains(&told.as_str()),
            "{now}, and {told}: {version}"
        );
        assert_eq!(said(version, "Reconciling"), reconciling, "{version}");
        assert_eq!(said(version, "Stalled"), stalled, "{version}");
        let healthy = said(version, "Healthy");
        let failed = healthy == "False ChecksFailed";
        assert_eq!(failed, told == "False ChecksFailed", "{healthy}: {version}");
    }
    let seen = moments(versions, |version| said(version, "RolledBack"));
    for told in ["Unknown Issued", "True RollbackVerified"] {
        assert!(
            seen.iter().any(|it| it == told),
            "{told} is not in {seen:?}"
        );
    }
}

/// The versions from the one on that names this release.
fn since(versions: &[Value], release: &str) -> Vec<Value> {
    let is_named = |object: &&Value| object["status"]["observedRelease"]["id"] != json!(release);
    versions.iter().skip_while(is_named).cloned().collect()
}

async fn one_event_tells_of_each_transition(world: &World, versions: &[Value]) {
    let transition = |object: &Value| {
        let known = object["status"]["observedRelease"]["id"].clone();
        (said(object, "Ready"), known)
    };
    let mut moments = moments(versions, transition);
    // Before the first look, and the first release of all.
    moments.retain(|(ready, _)| !ready.is_empty());
    if moments.len() > 1 && moments[0].0 == moments[1].0 && moments[0].1.is_null() {
        moments.remove(0);
    }
    let mut expected: Vec<String> = moments
        .iter()
        .map(|(ready, _)| match ready.split_once(' ').unwrap() {
            ("False", reason) => format!("Warning {reason}"),
            (_, reason) => format!("Normal {reason}"),
        })
        .collect();
    // Of the rollback itself those are told that say what is done, beside the verdict.
    let rollback = |object: &Value| said(object, "RolledBack");
    let told = ["Unknown IntentRecorded", "Unknown Issued"];
    let rollback = self::moments(versions, rollback);
    let rollback = rollback.iter().filter(|it| told.contains(&it.as_str()));
    expected.extend(rollback.map(|it| it.replace("Unknown", "Normal")));
    expected.sort();
    eventually("one event for each transition", || async {
        let told = world.scenario.events_of("shop");
        if told == expected {
            Ok(())
        } else {
            Err((told, expected.clone()))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_edit_and_a_new_deploy_clear_the_rolled_back_state() {
    let world = World::start().await;
    world.good_release().await;
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    world.scenario.edit("shop", json!({"interval": "6s"})).await;
    let object = world.until_ready_again().await;
    // The record is still about what is live.
    assert_eq!(object["status"]["rollback"]["state"], "Verified");

    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    let better = world.app.ship("api", BETTER);
    let object = world.until_ready_again().await;
    assert_eq!(object["status"]["observedRelease"]["id"], json!(better));
    assert!(object["status"]["rollback"].is_null(), "{object}");
    let versions = world.scenario.recorder.versions_of("shop");
    let first = &since(&versions, &better)[0];
    assert_eq!(said(first, "Ready"), "Unknown Running");
    assert_eq!(said(first, "Healthy"), "Unknown Running");
    assert_eq!(said(first, "RolledBack"), "False NotRequired");
    assert_eq!(world.rollbacks(), 2);
    world.finish().await;
}

impl World {
    /// Waits until the live release is validated and nothing is said of a rollback.
    pub async fn until_ready_again(&self) -> Value {
        let object = self
            .until("the live release to be validated", |object| {
                condition(object, "Ready")["reason"] == "Validated"
            })
            .await;
        assert_eq!(said(&object, "RolledBack"), "False NotRequired");
        assert_eq!(said(&object, "Stalled"), "");
        object
    }
}
