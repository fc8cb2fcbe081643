//! The connection to the API server goes silent, is cut, or is refused.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::{Effort, reasons, timed, until_logged, until_requested};
use crate::support::{
    control_plane::ControlPlane,
    eventually::{eventually, within},
    proxy::{Mode, Proxy},
    scenario::{Scenario, external_spec, http_check, render_spec},
    target::Target,
};

/// A watch that has gone silent is given up 5 s after its time-out.
const SETTINGS: &str = "controller: {watchTimeout: 5s}";
const SILENCE: Duration = Duration::from_secs(5 + 5);

/// The longest time of a request, with the pause after it.
const HANGING: Duration = Duration::from_secs(10 + 4);

/// The longest pause between two tries after a short trouble.
const PAUSE: Duration = Duration::from_secs(10);

/// The longest time until an edit is noticed once the API server can be reached.
const NOTICED: Duration = Duration::from_secs(5 + 5 + 10 + 10);

async fn behind_a_proxy() -> (Proxy, Scenario) {
    let plane = ControlPlane::shared();
    let proxy = Proxy::start(&plane.facts.server).await;
    let scenario = Scenario::start_on(plane, SETTINGS, Some(proxy.url())).await;
    (proxy, scenario)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_watch_is_replaced_though_kept_connections_are_silent_too() {
    let (proxy, scenario) = behind_a_proxy().await;
    let (before, after) = (Target::start().await, Target::start().await);
    // Several at once, so that the controller keeps connections that it is not using.
    let names = ["web", "other", "third"];
    join_all(names.map(|name| scenario.apply(name, render_spec(&before.url())))).await;
    join_all(names.map(|name| scenario.until_ready(name, "True", "Validated"))).await;
    let kept = u32::try_from(proxy.accepted() - 1).unwrap();
    assert!(kept > 0, "nothing but the watch has a connection");
    proxy.freeze();
    scenario
        .edit(
            "web",
            json!({"checks": [http_check("health", &after.url())]}),
        )
        .await;
    let (took, ()) = timed(until_requested(&after, 1)).await;
    let limit = SILENCE + HANGING * kept + PAUSE;
    assert!(took < limit, "the edit was noticed after {took:?}");
    scenario.until_ready("web", "True", "Validated").await;
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_answers_nothing_for_a_while_costs_only_that_while() {
    let (proxy, scenario) = behind_a_proxy().await;
    let (target, after) = (Target::start().await, Target::start().await);
    scenario.apply("web", external_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.apply("other", external_spec(&target.url())).await;
    scenario.until_ready("other", "True", "Validated").await;

    proxy.set(Mode::Stall);
    let effort = Effort::of(&scenario.controller).await;
    target.answer(503, &json!({}));
    // The write of the verdict, and the watch, each hang and are given up.
    let retries = || async {
        scenario
            .controller
            .metric("plumbline_reconcile_retries_total")
            .await
    };
    eventually("hanging writes to be given up", || async {
        let retries = retries().await;
        if retries >= 2.0 { Ok(()) } else { Err(retries) }
    })
    .await;
    let lines = "the watch of deploymentvalidations failed";
    until_logged(&scenario.controller, lines, 1).await;
    effort.is_bounded(&scenario.controller, 2).await;
    proxy.set(Mode::Pass);
    scenario.until_ready("web", "False", "ChecksFailed").await;
    scenario
        .edit(
            "web",
            json!({"checks": [http_check("health", &after.url())]}),
        )
        .await;
    let (took, ()) = timed(until_requested(&after, 1)).await;
    eprintln!("noticed {took:?}");
    assert!(took < NOTICED, "the edit was noticed after {took:?}");
    scenario.until_ready("web", "True", "Validated").await;
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_and_refused_connections_are_made_again() {
    let (proxy, scenario) = behind_a_proxy().await;
    let (target, after) = (Target::start().await, Target::start().await);
    scenario.apply("web", external_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    for _ in 0..3 {
        let accepted = proxy.accepted();
        proxy.cut();
        within(Duration::from_secs(10), "a new connection", || async {
            if proxy.accepted() > accepted {
                Ok(())
            } else {
                Err(accepted)
            }
        })
        .await;
    }
    proxy.set(Mode::Refuse);
    proxy.cut();
    let effort = Effort::of(&scenario.controller).await;
    let accepted = proxy.accepted();
    target.answer(503, &json!({}));
    until_requested(&target, 3).await;
    effort.is_bounded(&scenario.controller, 1).await;
    let tried = proxy.accepted() - accepted;
    assert!((1..=40).contains(&tried), "{tried} connections were tried");

    proxy.set(Mode::Pass);
    scenario.until_ready("web", "False", "ChecksFailed").await;
    scenario
        .edit(
            "web",
            json!({"checks": [http_check("health", &after.url())]}),
        )
        .await;
    let (took, ()) = timed(until_requested(&after, 1)).await;
    eprintln!("noticed {took:?}");
    assert!(took < NOTICED, "the edit was noticed after {took:?}");
    scenario.until_ready("web", "True", "Validated").await;
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_not_made_again() {
    let plane = ControlPlane::shared();
    let proxy = Proxy::start(&plane.facts.server).await;
    // The watch goes silent with everything else and, with its usual time-out, stays so for longer than this test.
    let scenario = Scenario::start_on(plane, "", Some(proxy.url())).await;
    let target = Target::start().await;
    let mut spec = external_spec(&target.url());
    // The first failure is the verdict, and so the one write that a kept connection is there for.
    spec["checks"][0]["failureThreshold"] = json!(1);
    scenario.apply("web", spec).await;
    scenario.until_ready("web", "True", "Validated").await;
    // By the next run the event has been told as well, and its connection is kept for the next write.
    until_requested(&target, 1).await;
    proxy.set(Mode::Mute);
    target.answer(503, &json!({}));
    scenario.until_ready("web", "False", "ChecksFailed").await;
    proxy.freeze();
    proxy.set(Mode::Pass);
    until_logged(&scenario.controller, "could not write the status", 1).await;
    target.answer(200, &json!({"status": "ok"}));
    let object = scenario.until_ready("web", "True", "Validated").await;
    let history: Vec<_> = object["status"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["verdict"].as_str().unwrap(), entry["count"].as_u64()))
        .collect();
    assert_eq!(history, [("Passed", Some(2)), ("Failed", Some(1))]);
    scenario.until_recorded().await;
    assert_eq!(
        reasons(&scenario, "web"),
        ["None", "Running", "Validated", "ChecksFailed", "Validated"]
    );
    // That no condition's time has moved without its status is a rule of every scenario.
    scenario.finish().await;
}
