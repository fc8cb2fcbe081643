//! The API server is away, or forgets our kind.

use std::time::Duration;

use serde_json::json;

use super::{Effort, logged, plane_of_its_own, retire, timed, until_logged, until_requested};
use crate::support::{
    eventually::eventually,
    scenario::{Scenario, external_spec, http_check, render_spec},
    target::Target,
};

const WATCH_FAILED: &str = "the watch of deploymentvalidations failed";

/// The watch pauses for at most half a minute between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn checks_go_on_while_the_api_server_is_away_and_status_tells_the_truth_afterwards() {
    let plane = plane_of_its_own();
    let mut scenario = Scenario::start_on(plane, "", None).await;
    let target = Target::start().await;
    let refusing = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    let mut gone = external_spec(&refusing.url());
    gone["checks"][0]["area"] = json!("external");
    scenario.apply("gone", gone).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.until_ready("gone", "True", "Validated").await;

    plane.command("kill", "kube-apiserver");
    let effort = Effort::of(&scenario.controller).await;
    target.answer(503, &json!({}));
    drop(refusing);
    until_requested(&target, 3).await;
    // The reference, by default the API server, refuses as well: that is no failure of the target.
    let verdicts = async |verdict: &str| {
        let name =
            format!(r#"plumbline_check_verdicts_total{{area="external",verdict="{verdict}"}}"#);
        scenario.controller.metric(&name).await
    };
    assert!(verdicts("Unknown").await >= 2.0);
    assert!(verdicts("Fail").await < 1.0);
    assert!(scenario.controller.is_running());
    // What was listed once is still known, and the checks go on: nothing would be better without this process.
    assert_eq!(scenario.controller.ready().await, Ok(()));
    effort.is_bounded(&scenario.controller, 2).await;
    assert!(logged(&scenario.controller, WATCH_FAILED) <= 10);

    plane.command("start", "kube-apiserver");
    scenario.until_ready("web", "False", "ChecksFailed").await;
    scenario.until_ready("gone", "False", "ChecksFailed").await;

    target.answer(200, &json!({"status": "ok"}));
    scenario.until_ready("web", "True", "Validated").await;
    let moved = Target::start().await;
    scenario
        .edit(
            "gone",
            json!({"checks": [http_check("health", &moved.url())]}),
        )
        .await;
    let (took, _) = timed(scenario.until_ready("gone", "True", "Validated")).await;
    assert!(took < LONGEST_PAUSE, "an edit was noticed after {took:?}");
    scenario.finish().await;
    retire(plane);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_starts_before_the_api_server_becomes_ready_with_it() {
    let plane = plane_of_its_own();
    let mut scenario = Scenario::start_on(plane, "", None).await;
    let target = Target::start().await;
    scenario.apply("web", external_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    let namespace = scenario.namespace.clone();
    scenario.controller.kill();
    plane.command("kill", "kube-apiserver");
    let requests = target.requests();

    scenario.controller.relaunch(&namespace);
    until_logged(&scenario.controller, WATCH_FAILED, 2).await;
    assert!(scenario.controller.is_running());
    assert_eq!(scenario.controller.get("/livez").await.unwrap().0, 200);
    assert_eq!(scenario.controller.get("/readyz").await.unwrap().0, 503);
    assert_eq!(target.requests(), requests, "what was checked is not known");

    plane.command("start", "kube-apiserver");
    let (took, ()) = timed(scenario.controller.until_ready()).await;
    assert!(took < LONGEST_PAUSE, "it was ready after {took:?}");
    until_requested(&target, 1).await;
    scenario.finish().await;
    retire(plane);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_and_restored_crd_is_watched_again() {
    let plane = plane_of_its_own();
    let mut scenario = Scenario::start_on(plane, "controller: {watchTimeout: 5s}", None).await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    plane
        .kubectl(
            &["delete", "crd", "deploymentvalidations.plumbline.dev"],
            None,
        )
        .unwrap();
    eventually("the monitor to forget what is gone", || async {
        let watched = scenario
            .controller
            .metric("plumbline_validations_watched")
            .await;
        if watched == 0.0 { Ok(()) } else { Err(watched) }
    })
    .await;
    let effort = Effort::of(&scenario.controller).await;
    until_logged(&scenario.controller, WATCH_FAILED, 2).await;
    assert!(scenario.controller.is_running());
    effort.is_bounded(&scenario.controller, 1).await;
    let requests = target.requests();

    plane.install();
    assert_eq!(target.requests(), requests, "what is gone was checked");
    scenario.apply("web", render_spec(&target.url())).await;
    let (took, _) = timed(scenario.until_ready("web", "True", "Validated")).await;
    assert!(took < LONGEST_PAUSE, "the new kind was seen after {took:?}");
    scenario.finish().await;
    retire(plane);
}
