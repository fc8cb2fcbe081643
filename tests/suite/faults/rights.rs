//! The controller loses its rights while it runs.

use serde_json::json;

use super::{Effort, logged, plane_of_its_own, retire, until_logged, until_requested};
use crate::support::{
    eventually::eventually,
    scenario::{Scenario, render_spec},
    target::Target,
};

#[tokio::test(flavor = "multi_thread")]
async fn lost_rights_cost_what_they_allow_and_nothing_more() {
    let plane = plane_of_its_own();
    let mut scenario = Scenario::start_on(plane, "controller: {watchTimeout: 5s}", None).await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;

    let rules = plane
        .kubectl(&["get", "clusterrole", "plumbline", "-o", "json"], None)
        .unwrap();
    let rules: serde_json::Value = serde_json::from_str(&rules).unwrap();
    let kept: Vec<_> = rules["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["resources"] != json!(["events"]))
        .collect();
    let patch = json!({"rules": kept}).to_string();
    plane
        .kubectl(
            &[
                "patch",
                "clusterrole",
                "plumbline",
                "--type=merge",
                "-p",
                &patch,
            ],
            None,
        )
        .unwrap();
    let effort = Effort::of(&scenario.controller).await;
    target.answer(503, &json!({}));
    scenario.until_ready("web", "False", "ChecksFailed").await;
    target.answer(200, &json!({"status": "ok"}));
    scenario.until_ready("web", "True", "Validated").await;
    eventually("both events to be given up", || async {
        match logged(&scenario.controller, "could not publish an event") {
            2 => Ok(()),
            other => Err(other),
        }
    })
    .await;
    let retries = scenario
        .controller
        .metric("plumbline_reconcile_retries_total")
        .await;
    assert!(
        retries <= effort.retries,
        "a reconcile failed for an event's sake"
    );

    plane
        .kubectl(&["delete", "clusterrolebinding", "plumbline"], None)
        .unwrap();
    let effort = Effort::of(&scenario.controller).await;
    target.answer(503, &json!({}));
    let denied = "the watch of deploymentvalidations failed";
    let lines = logged(&scenario.controller, denied);
    until_logged(&scenario.controller, denied, 2).await;
    until_requested(&target, 3).await;
    effort.is_bounded(&scenario.controller, 1).await;
    let lines = logged(&scenario.controller, denied) - lines;
    assert!(lines <= 10, "the watch was tried {lines} times");
    assert!(scenario.controller.is_running());

    plane.install();
    scenario.until_ready("web", "False", "ChecksFailed").await;
    let after = Target::start().await;
    let mut spec = render_spec(&after.url());
    spec["checks"][0]["name"] = json!("another");
    scenario.apply("web", spec).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.finish().await;
    retire(plane);
}
