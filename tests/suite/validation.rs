//! The main path on a real API server: a user applies a validation, and its verdict stands in the conditions.

use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{
    control_plane::ControlPlane,
    eventually::{eventually, within},
    scenario::{Scenario, condition, external_spec, go_live, http_check, render_spec},
    target::Target,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_validated_fails_and_recovers() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    let object = scenario.until_ready("web", "True", "Validated").await;
    assert_eq!(object["status"]["summary"], "1/1");
    assert_eq!(condition(&object, "ApiHealthy")["status"], "True");
    let release = object["status"]["observedRelease"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(release.starts_with("dep-"), "{release}");

    target.answer(503, &json!({"status": "down"}));
    let object = scenario.until_ready("web", "False", "ChecksFailed").await;
    assert_eq!(
        condition(&object, "Ready")["message"],
        "health: status 503, expected 200-299"
    );
    assert_eq!(condition(&object, "Stalled")["reason"], "ChecksFailed");
    assert_eq!(object["status"]["checks"][0]["failures"], 2);

    target.answer(200, &json!({"status": "ok"}));
    scenario.until_ready("web", "True", "Validated").await;
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_release_takes_ready_back_in_the_write_that_names_it() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    let deploy = go_live(&scenario.render(), "api");
    eventually("the new release to be validated", || async {
        let object = scenario.get("web").await;
        let seen = object["status"]["observedRelease"]["id"] == json!(deploy);
        let ready = condition(&object, "Ready")["status"] == "True";
        if seen && ready {
            Ok(())
        } else {
            Err(object["status"].clone())
        }
    })
    .await;
    let versions = scenario.recorder.versions_of("web");
    let first = versions
        .iter()
        .find(|object| object["status"]["observedRelease"]["id"] == json!(deploy))
        .unwrap();
    for type_ in ["Ready", "Healthy"] {
        assert_eq!(condition(first, type_)["status"], "Unknown", "{first}");
        assert_eq!(condition(first, type_)["reason"], "Running", "{first}");
    }
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_soaked_is_the_last_known_good_one() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    let object = scenario.until_known_good("web").await;
    assert_eq!(
        object["status"]["lastKnownGood"]["release"],
        object["status"]["observedRelease"]["id"]
    );
    assert_eq!(object["status"]["history"][0]["verdict"], "Passed");
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_validation_checks_nothing_until_it_is_resumed() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", external_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.edit("web", json!({"suspend": true})).await;
    scenario.until_ready("web", "Unknown", "Suspended").await;
    let requests = target.requests();
    scenario.until_still(Duration::from_secs(7)).await;
    assert_eq!(
        target.requests(),
        requests,
        "a suspended validation was checked"
    );
    scenario.edit("web", json!({"suspend": false})).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requested_run_happens_now_and_its_token_is_echoed() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    let mut spec = external_spec(&target.url());
    spec["interval"] = json!("1h");
    scenario.apply("web", spec).await;
    scenario.until_ready("web", "True", "Validated").await;
    let requests = target.requests();
    let annotation = json!({"metadata": {"annotations": {"plumbline.dev/requestedAt": "token-7"}}});
    scenario
        .objects()
        .patch("web", &PatchParams::default(), &Patch::Merge(annotation))
        .await
        .unwrap();
    eventually("the token to be echoed", || async {
        let object = scenario.get("web").await;
        let echoed = object["status"]["lastHandledReconcileAt"] == "token-7";
        if echoed {
            Ok(())
        } else {
            Err(object["status"].clone())
        }
    })
    .await;
    assert_eq!(target.requests(), requests + 1);
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_edit_cancels_the_run_in_flight_and_asks_for_a_fresh_verdict() {
    let scenario = Scenario::start().await;
    let hanging = Target::start().await;
    hanging.hang();
    let target = Target::start().await;
    let mut spec = external_spec(&hanging.url());
    spec["checks"][0]["timeout"] = json!("60s");
    spec["checks"][0]["failureThreshold"] = json!(1);
    scenario.apply("web", spec).await;
    eventually("the request to hang", || async {
        if hanging.requests() > 0 {
            Ok(())
        } else {
            Err("no request")
        }
    })
    .await;
    scenario
        .edit(
            "web",
            json!({"checks": [http_check("health", &target.url())]}),
        )
        .await;
    let begun = std::time::Instant::now();
    scenario.until_ready("web", "True", "Validated").await;
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "the old run was waited for"
    );
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_validation_writes_nothing_and_stays_ready() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.until_known_good("web").await;
    let (versions, requests) = (scenario.recorder.versions().len(), target.requests());
    let writes = scenario
        .controller
        .metric("plumbline_status_writes_total")
        .await;
    within(Duration::from_secs(40), "three more runs", || async {
        if target.requests() >= requests + 3 {
            Ok(())
        } else {
            Err(target.requests())
        }
    })
    .await;
    assert_eq!(
        scenario.recorder.versions().len(),
        versions,
        "a re-check has written a status"
    );
    let more = scenario
        .controller
        .metric("plumbline_status_writes_total")
        .await
        - writes;
    assert!(more < 0.5, "a re-check has sent {more} writes");
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_go_on_counting_over_a_restart() {
    let mut scenario = Scenario::start().await;
    let target = Target::start().await;
    let mut spec = external_spec(&target.url());
    spec["checks"][0]["failureThreshold"] = json!(4);
    scenario.apply("web", spec).await;
    scenario.until_ready("web", "True", "Validated").await;
    target.answer(500, &json!({}));
    let failures = |object: &Value| {
        object["status"]["checks"][0]["failures"]
            .as_u64()
            .unwrap_or(0)
    };
    eventually("two failures", || async {
        let object = scenario.get("web").await;
        if failures(&object) >= 2 {
            Ok(())
        } else {
            Err(object["status"].clone())
        }
    })
    .await;
    let namespace = scenario.namespace.clone();
    scenario.controller.restart(&namespace).await;
    scenario.until_ready("web", "False", "ChecksFailed").await;
    let counted: Vec<u64> = scenario
        .recorder
        .versions_of("web")
        .iter()
        .map(failures)
        .collect();
    let mut sorted = counted.clone();
    sorted.sort_unstable();
    assert_eq!(counted, sorted, "a restart has reset the counter");
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_writes_nothing_and_keeps_ready() {
    let mut scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.until_known_good("web").await;
    let versions = scenario.recorder.versions().len();
    let namespace = scenario.namespace.clone();
    scenario.controller.restart(&namespace).await;
    let requests = target.requests();
    eventually("the next run", || async {
        if target.requests() > requests {
            Ok(())
        } else {
            Err("no request")
        }
    })
    .await;
    scenario.until_still(Duration::from_secs(3)).await;
    assert_eq!(scenario.recorder.versions().len(), versions);
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_validation_is_forgotten_at_once() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", external_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario
        .objects()
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    eventually("the monitor to forget it", || async {
        let watched = scenario
            .controller
            .metric("plumbline_validations_watched")
            .await;
        if watched == 0.0 { Ok(()) } else { Err(watched) }
    })
    .await;
    scenario.apply("web", external_spec(&target.url())).await;
    let object = scenario.until_ready("web", "True", "Validated").await;
    assert_eq!(
        object["status"]["history"][0]["count"], 1,
        "the new object inherited from the old one"
    );
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_tells_of_each_transition() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", external_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    target.answer(503, &json!({}));
    scenario.until_ready("web", "False", "ChecksFailed").await;
    let reasons = eventually("the events", || async {
        let reasons = scenario.events_of("web");
        if reasons.len() >= 3 {
            Ok(reasons)
        } else {
            Err(reasons)
        }
    })
    .await;
    assert_eq!(
        reasons,
        ["Normal Running", "Normal Validated", "Warning ChecksFailed"]
    );
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_shows_and_explains_and_waits() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    let plane = ControlPlane::shared();
    plane
        .kubectl(
            &[
                "wait",
                "dv/web",
                "-n",
                &scenario.namespace,
                "--for=condition=Ready",
                "--timeout=60s",
            ],
            None,
        )
        .unwrap();
    let table = plane
        .kubectl(&["get", "dv", "-n", &scenario.namespace], None)
        .unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        header,
        [
            "NAME", "READY", "HEALTHY", "RELEASE", "ROLLBACK", "REASON", "AGE"
        ]
    );
    assert!(table.contains("Validated"), "{table}");
    let text = plane
        .kubectl(&["explain", "dv.spec.checks.failureThreshold"], None)
        .unwrap();
    assert!(
        text.contains("Consecutive failing runs after which the check has failed"),
        "{text}"
    );
    let difference = plane.kubectl(
        &["diff", "-n", &scenario.namespace, "--server-side", "--field-manager=test-user", "-f", "-"],
        Some(
            &json!({
                "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
                "metadata": {"name": "web", "namespace": scenario.namespace}, "spec": render_spec(&target.url()),
            })
            .to_string(),
        ),
    );
    assert_eq!(
        difference.as_deref(),
        Ok(""),
        "the applied manifest differs from the object"
    );
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_controller_in_time_and_cleanly() {
    let mut scenario = Scenario::start().await;
    let target = Target::start().await;
    target.hang();
    let mut spec = external_spec(&target.url());
    spec["checks"][0]["timeout"] = json!("60s");
    scenario.apply("web", spec).await;
    eventually("a request under way", || async {
        if target.requests() > 0 {
            Ok(())
        } else {
            Err("no request")
        }
    })
    .await;
    let (took, status) = scenario.controller.terminate().await;
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    assert!(status.success(), "{status}");
}
