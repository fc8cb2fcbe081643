//! What Render may do to a rollback: each kind of trouble ends as docs/rollback.md says, with one effect at the most per attempt.

use std::time::Duration;

use futures::{StreamExt, stream};
use plumbline::simulator::{DeployStatus, Effect, Fault, Route};
use serde_json::json;

use super::support::World;
use crate::support::{requests::validate_request, scenario::condition};

/// Worlds at one time: they wait for most of it.
const CONCURRENCY: usize = 8;

/// Trouble, and what has to come of it.
struct Row {
    name: &'static str,
    trouble: fn(&World),
    /// The states of the attempts, in their order.
    attempts: &'static [&'static str],
    /// Rollbacks that the platform has begun.
    effects: usize,
    /// Reason of `RolledBack`.
    reason: &'static str,
}

fn rollback(effect: Effect) -> Fault {
    Fault::of(Route::RollBack, effect).times(1)
}

fn fault(world: &World, fault: Fault) {
    world.render().add_fault(fault).unwrap();
}

/// Some lists of deploys go wrong from the deploy on, those that are read in the course of the rollback among them.
fn lists(world: &World, effect: Effect) {
    fault(
        world,
        Fault::of(Route::ListDeploys, effect).times(6).after(4),
    );
}

const ROWS: &[Row] = &[
    Row {
        name: "carried out, and never answered",
        trouble: |world| fault(world, rollback(Effect::CommitThenHang)),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "carried out, and cut off",
        trouble: |world| fault(world, rollback(Effect::CommitThenReset)),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "carried out, and answered with a server error",
        trouble: |world| {
            fault(
                world,
                rollback(Effect::CommitThenStatus {
                    status: 503,
                    body: None,
                    text: None,
                }),
            );
        },
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "a server error, and nothing carried out",
        trouble: |world| fault(world, rollback(Effect::status(500))),
        attempts: &["NotIssued", "Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "no answer, and nothing carried out",
        trouble: |world| fault(world, rollback(Effect::Hang)),
        attempts: &["NotIssued", "Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "taken without an id",
        trouble: |world| fault(world, rollback(Effect::WithoutId)),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "answered with somebody else's deploy",
        trouble: |world| fault(world, rollback(Effect::WrongDeploy)),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "something else is under way",
        trouble: |world| fault(world, rollback(Effect::status(409))),
        attempts: &["NotIssued", "Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "too many changes",
        trouble: |world| fault(world, rollback(Effect::rate_limited("1"))),
        attempts: &["NotIssued", "Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "too many changes, until a time that has passed",
        trouble: |world| {
            let past = "Sun, 01 Mar 2026 12:00:00 GMT";
            fault(world, rollback(Effect::rate_limited(past)));
        },
        attempts: &["NotIssued", "Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "payment is due",
        trouble: |world| fault(world, Fault::of(Route::RollBack, Effect::status(402))),
        attempts: &["Rejected"],
        effects: 0,
        reason: "RollbackRejected",
    },
    Row {
        name: "the key may not do it",
        trouble: |world| fault(world, Fault::of(Route::RollBack, Effect::status(403))),
        attempts: &["Rejected"],
        effects: 0,
        reason: "RollbackRejected",
    },
    Row {
        name: "the service is gone",
        trouble: |world| fault(world, Fault::of(Route::GetService, Effect::status(404))),
        attempts: &["Rejected"],
        effects: 0,
        reason: "RollbackRejected",
    },
    Row {
        name: "an error under a status of success, and nothing carried out",
        trouble: |world| fault(world, rollback(Effect::ErrorBody)),
        attempts: &["NotIssued", "Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "the artifact is gone",
        trouble: |world| {
            let deploys = world.render().deploys("api").unwrap();
            let good = deploys
                .iter()
                .find(|deploy| deploy.status == DeployStatus::Live);
            world.render().expire_artifact(&good.unwrap().id).unwrap();
        },
        attempts: &["Rejected"],
        effects: 0,
        reason: "RollbackRejected",
    },
    Row {
        name: "reads lag behind",
        trouble: |world| world.render().set_lag(Duration::from_millis(1500)).unwrap(),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "the list comes backwards",
        trouble: |world| fault(world, Fault::of(Route::ListDeploys, Effect::Reordered)),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "the list has everything twice",
        trouble: |world| fault(world, Fault::of(Route::ListDeploys, Effect::Duplicated)),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "the list lacks its newest item for a while",
        trouble: |world| lists(world, Effect::Omit),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "the list has no live deploy for a while",
        trouble: |world| lists(world, Effect::WithoutLive),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "the list has two live deploys for a while",
        trouble: |world| lists(world, Effect::TwoLive),
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "a deploy of the list has a status that nobody knows for a while",
        trouble: |world| {
            let status = "paused".to_owned();
            lists(world, Effect::UnknownStatus { status });
        },
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "the list is cut off, no JSON, and an outage for a while",
        trouble: |world| {
            for effect in [Effect::Truncated, Effect::Garbage, Effect::status(503)] {
                lists(world, effect);
            }
        },
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "automatic deploys are turned off, and no answer says so",
        trouble: |world| {
            fault(
                world,
                Fault::of(Route::PatchService, Effect::CommitThenReset).times(1),
            );
        },
        attempts: &["Verified"],
        effects: 1,
        reason: "RollbackVerified",
    },
    Row {
        name: "automatic deploys cannot be turned off",
        trouble: |world| {
            fault(world, Fault::of(Route::PatchService, Effect::status(403)));
        },
        attempts: &["Rejected"],
        effects: 0,
        reason: "RollbackRejected",
    },
    Row {
        name: "the new instances do not start",
        trouble: |world| {
            world.next(&[
                (DeployStatus::UpdateInProgress, 0.3),
                (DeployStatus::UpdateFailed, 0.0),
            ]);
        },
        attempts: &["Failed", "Verified"],
        effects: 2,
        reason: "RollbackVerified",
    },
    Row {
        name: "a person cancels it",
        trouble: |world| {
            world.next(&[
                (DeployStatus::UpdateInProgress, 0.3),
                (DeployStatus::Canceled, 0.0),
            ]);
        },
        attempts: &["Failed", "Verified"],
        effects: 2,
        reason: "RollbackVerified",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_render_does_an_attempt_has_one_effect_at_the_most_and_ends_as_promised() {
    let broken: Vec<String> = stream::iter(ROWS)
        .map(|row| async move { (row.name, play(row).await) })
        .buffer_unordered(CONCURRENCY)
        .filter_map(
            |(name, problem)| async move { problem.map(|problem| format!("{name}: {problem}")) },
        )
        .collect()
        .await;
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

/// What is otherwise than the row says.
async fn play(row: &Row) -> Option<String> {
    let world = World::start().await;
    world.good_release().await;
    (row.trouble)(&world);
    world.ship_bad("api");
    let what = format!("{}: RolledBack for {}", row.name, row.reason);
    let object = world
        .until(&what, |object| {
            condition(object, "RolledBack")["reason"] == row.reason
        })
        .await;
    let records = world.records().await;
    let states: Vec<&str> = records
        .iter()
        .map(|record| record["status"]["state"].as_str().unwrap_or(""))
        .collect();
    let effects = world.rollbacks();
    let requests = world.render().requests();
    let undescribed: Vec<String> = requests
        .iter()
        .filter_map(|request| {
            let described = validate_request(
                &request.method,
                &request.path,
                &request.query,
                request.body.as_ref(),
            );
            described.err()
        })
        .collect();
    let told = (states == row.attempts && effects == row.effects && undescribed.is_empty())
        .then_some(())
        .map_or_else(
            || {
                Some(format!(
                    "{states:?} with {effects} effects, undescribed {undescribed:?}: {:#}",
                    json!({"status": object["status"], "records": records})
                ))
            },
            |()| None,
        );
    world.finish().await;
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_takes_too_long_needs_a_person_and_goes_on_once_the_platform_tells() {
    let world = World::start().await;
    world.apply_policy(json!({"timeout": "10s"})).await;
    world.good_release().await;
    world.next(&[
        (DeployStatus::UpdateInProgress, 16.0),
        (DeployStatus::Live, 0.0),
    ]);
    world.ship_bad("api");
    let object = world.until_rolled_back("Unknown", "OutcomeUnknown").await;
    assert_eq!(condition(&object, "Ready")["status"], "False");
    assert_eq!(condition(&object, "Ready")["reason"], "OutcomeUnknown");
    assert_eq!(condition(&object, "Stalled")["reason"], "OutcomeUnknown");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}
