//! What the watches tell, of each kind, comes late, twice, in another order or not at all.

use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::json;

use super::disturbed::Disturbed;
use crate::support::intercept::{Frame, FrameAction, FrameRule};

const KINDS: [&str; 3] = ["deploymentvalidations", "rollbackpolicies", "rollbacks"];

/// Worlds at one time.
const CONCURRENCY: usize = 5;

/// A watch ends so soon, and the next one begins at the last event that arrived.
const QUICK: &str = ", watchTimeout: 4s";

#[tokio::test(flavor = "multi_thread")]
async fn events_of_any_kind_that_are_lost_doubled_or_reordered_cost_nothing_but_time() {
    let actions = [
        FrameAction::Drop,
        FrameAction::Duplicate,
        FrameAction::Reorder,
    ];
    let rows = KINDS
        .into_iter()
        .flat_map(|kind| actions.map(|action| (kind, action)));
    stream::iter(rows)
        .for_each_concurrent(CONCURRENCY, |(kind, action)| async move {
            let disturbed = Disturbed::start_with(QUICK).await;
            let of_kind = move |frame: &Frame| frame.path.ends_with(&format!("/{kind}"));
            // Every other event, among them those of the controller's own writes. What is lost is so with all that would tell how
            // far the watch has come, as when its connection breaks.
            let bookmarks =
                FrameRule::new(FrameAction::Drop).when(|frame| frame.kind == "BOOKMARK");
            disturbed.api().frame_rule(bookmarks);
            for place in (1..=15).step_by(2) {
                let rule = FrameRule::new(action).when(of_kind).nth(place);
                disturbed.api().frame_rule(rule);
            }
            disturbed.world.ship_bad("api");
            disturbed.until_verified().await;
            assert_eq!(disturbed.states().await, ["Verified"], "{kind} {action:?}");
            assert_eq!(disturbed.world.rollbacks(), 1, "{kind} {action:?}");
            disturbed.finish().await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_watch_of_any_kind_is_behind_the_own_writes_no_attempt_is_made_twice() {
    stream::iter(KINDS)
        .for_each_concurrent(CONCURRENCY, |kind| async move {
            let disturbed = Disturbed::start().await;
            let frozen = disturbed
                .api()
                .freeze(move |path| path.ends_with(&format!("/{kind}")));
            disturbed.world.ship_bad("api");
            crate::support::eventually::eventually("an attempt to be on record", || async {
                let states = disturbed.states().await;
                if states.is_empty() { Err(()) } else { Ok(()) }
            })
            .await;
            // As long as it takes until nothing more is done without the watch.
            disturbed
                .world
                .scenario
                .until_still(Duration::from_secs(5))
                .await;
            assert_eq!(disturbed.states().await.len(), 1, "{kind}");
            drop(frozen);
            disturbed.until_verified().await;
            assert_eq!(disturbed.states().await, ["Verified"], "{kind}");
            assert_eq!(disturbed.world.rollbacks(), 1, "{kind}");
            disturbed.finish().await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_has_become_a_dry_run_without_the_watch_telling_is_heeded() {
    let disturbed = Disturbed::start().await;
    let frozen = disturbed
        .api()
        .freeze(|path| path.ends_with("/rollbackpolicies"));
    disturbed
        .world
        .apply_policy(json!({"mode": "DryRun"}))
        .await;
    disturbed.world.ship_bad("api");
    disturbed.world.until_rolled_back("False", "DryRun").await;
    disturbed
        .world
        .scenario
        .until_still(Duration::from_secs(3))
        .await;
    assert!(disturbed.world.records().await.is_empty());
    drop(frozen);
    disturbed.finish().await;
}
