//! Others write to the object: its status is wiped, its metadata never rests, its spec flips.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{reasons, until_requested};
use crate::support::{
    eventually::eventually,
    scenario::{Scenario, condition, external_spec, go_live, http_check, render_spec},
    target::Target,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_status_is_written_again_with_the_truth() {
    let scenario = Scenario::start().await;
    let (target, failing) = (Target::start().await, Target::start().await);
    scenario.apply("web", render_spec(&target.url())).await;
    let mut spec = render_spec(&failing.url());
    spec["checks"][0]["failureThreshold"] = json!(3);
    scenario.apply("failing", spec).await;
    scenario.until_ready("failing", "True", "Validated").await;
    scenario.until_known_good("web").await;
    failing.answer(503, &json!({}));
    scenario
        .until_ready("failing", "False", "ChecksFailed")
        .await;
    let events = scenario.events_of("web").len();
    let before = scenario.recorder.versions().len();

    for name in ["web", "failing"] {
        let wipe = [
            "patch",
            "dv",
            name,
            "-n",
            &scenario.namespace,
            "--subresource=status",
            "--type=merge",
        ];
        let wipe: Vec<&str> = wipe
            .into_iter()
            .chain(["-p", r#"{"status": null}"#])
            .collect();
        scenario.plane.kubectl(&wipe, None).unwrap();
    }
    scenario.until_ready("web", "True", "Validated").await;
    let object = scenario
        .until_ready("failing", "False", "ChecksFailed")
        .await;
    assert_eq!(
        object["status"]["checks"][0]["failures"], 3,
        "the counter is what it was"
    );
    assert_eq!(object["status"]["checks"][0]["reason"], "UnexpectedStatus");
    let object = scenario.until_known_good("web").await;
    assert_eq!(
        object["status"]["lastKnownGood"]["release"],
        object["status"]["observedRelease"]["id"]
    );
    until_requested(&target, 2).await;
    let versions = scenario.recorder.versions().len() - before;
    assert!(versions <= 8, "{versions} versions to heal two statuses");
    let events = scenario.events_of("web").len() - events;
    assert!(events <= 2, "{events} events tell of one wipe");
    assert_eq!(
        reasons(&scenario, "web")
            .iter()
            .filter(|reason| *reason == "None")
            .count(),
        2,
        "the wipe was not seen"
    );
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_co_writer_that_never_rests_holds_up_nothing() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    let writes_before = scenario
        .controller
        .metric("plumbline_status_writes_total")
        .await;
    let (over, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let co_writer = async {
        while !over.load(Ordering::SeqCst) {
            let number = written.fetch_add(1, Ordering::SeqCst);
            let patch =
                json!({"metadata": {"annotations": {"example.com/beat": number.to_string()}}});
            scenario
                .objects()
                .patch("web", &PatchParams::default(), &Patch::Merge(patch))
                .await
                .unwrap();
        }
    };
    let truth = async {
        target.answer(503, &json!({}));
        scenario.until_ready("web", "False", "ChecksFailed").await;
        target.answer(200, &json!({"status": "ok"}));
        scenario.until_ready("web", "True", "Validated").await;
        let deploy = go_live(&scenario.render(), "api");
        eventually("the new release to be validated", || async {
            let object = scenario.get("web").await;
            let seen = object["status"]["observedRelease"]["id"] == json!(deploy);
            if seen && condition(&object, "Ready")["status"] == "True" {
                Ok(())
            } else {
                Err(object["status"].clone())
            }
        })
        .await;
        over.store(true, Ordering::SeqCst);
    };
    tokio::join!(co_writer, truth);
    let (beats, writes) = (
        written.load(Ordering::SeqCst),
        scenario
            .controller
            .metric("plumbline_status_writes_total")
            .await
            - writes_before,
    );
    assert!(beats > 100, "{beats} writes are no hot loop");
    // Those among them that found the object changed, twice at the most for one that goes through.
    assert!(
        writes <= 24.0,
        "{writes} status writes beside {beats} of the co-writer"
    );
    assert_eq!(
        reasons(&scenario, "web"),
        [
            "None",
            "Running",
            "Validated",
            "ChecksFailed",
            "Validated",
            "Running",
            "Validated"
        ]
    );
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_edits_in_quick_succession_the_last_one_is_judged() {
    let scenario = Scenario::start().await;
    let (first, second) = (Target::start().await, Target::start().await);
    second.answer(503, &json!({}));
    let mut spec = external_spec(&first.url());
    spec["checks"][0]["failureThreshold"] = json!(1);
    scenario.apply("web", spec.clone()).await;
    scenario.until_ready("web", "True", "Validated").await;
    let events = scenario.events_of("web").len();
    for _ in 0..10 {
        for target in [&second, &first] {
            let mut check = http_check("health", &target.url());
            check["failureThreshold"] = json!(1);
            scenario.edit("web", json!({"checks": [check]})).await;
        }
    }
    let object = scenario.until_ready("web", "True", "Validated").await;
    assert_eq!(object["metadata"]["generation"], 21);
    let requests = second.requests();
    until_requested(&first, 2).await;
    assert_eq!(second.requests(), requests, "an old spec is still checked");
    let last = scenario.recorder.versions_of("web").pop().unwrap();
    assert_eq!(last["status"]["observedGeneration"], 21);
    assert_eq!(condition(&last, "Ready")["reason"], "Validated");
    let events = scenario.events_of("web").len() - events;
    assert!(events <= 2 * 20, "{events} events of 20 edits");
    scenario.until_still(Duration::from_secs(3)).await;
    scenario.finish().await;
}
