//! Targets hang, or cannot be told apart from a cut network.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::{reasons, until_requested};
use crate::support::{
    eventually::within,
    scenario::{Scenario, external_spec},
    target::Target,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenth_of_the_targets_hanging_delays_no_other() {
    let scenario = Scenario::start().await;
    let (target, hanging) = (Target::start().await, Target::start().await);
    hanging.hang();
    let name = |number: usize| format!("web-{number}");
    join_all((0..40).map(|number| {
        let hangs = number % 10 == 0;
        let mut spec = external_spec(&if hangs { &hanging } else { &target }.url());
        spec["checks"][0]["timeout"] = json!("4s");
        let scenario = &scenario;
        async move { scenario.apply(&name(number), spec).await }
    }))
    .await;
    let healthy = || (0..40).filter(|number| number % 10 != 0);
    let ready = |number| {
        let scenario = &scenario;
        async move {
            scenario
                .until_ready(&name(number), "True", "Validated")
                .await
        }
    };
    join_all(healthy().map(ready)).await;
    until_requested(&target, 36 * 3).await;
    for number in [0, 10, 20, 30] {
        scenario
            .until_ready(&name(number), "False", "ChecksFailed")
            .await;
    }
    for number in healthy() {
        assert_eq!(
            reasons(&scenario, &name(number)),
            ["None", "Running", "Validated"]
        );
    }
    let lateness = "plumbline_run_lateness_seconds";
    let all = scenario
        .controller
        .metric(&format!("{lateness}_count"))
        .await;
    let in_time = format!(r#"{lateness}_bucket{{le="1.0"}}"#);
    let in_time = scenario.controller.metric(&in_time).await;
    assert!(all >= 36.0 * 4.0);
    assert!(in_time >= all, "{} of {all} runs were late", all - in_time);
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_blamed_only_while_the_reference_answers() {
    let reference = Target::start().await;
    let dead = Target::start().await.address();
    let cut_off = async {
        let scenario = Scenario::start_with(&format!("reference: {{addresses: ['{dead}']}}")).await;
        let (target, answering) = (Target::start().await, Target::start().await);
        scenario.apply("web", external_spec(&target.url())).await;
        scenario
            .apply("answering", external_spec(&answering.url()))
            .await;
        scenario.until_ready("web", "True", "Validated").await;
        drop(target);
        answering.answer(503, &json!({}));
        let object = scenario.until_ready("web", "Unknown", "Inconclusive").await;
        assert_eq!(object["status"]["checks"][0]["reason"], "CutOff");
        // What answers is no matter of the network.
        scenario
            .until_ready("answering", "False", "ChecksFailed")
            .await;
        within(Duration::from_secs(30), "two more runs", || async {
            let name = r#"plumbline_check_verdicts_total{area="api",verdict="Unknown"}"#;
            let runs = scenario.controller.metric(name).await;
            if runs >= 4.0 { Ok(()) } else { Err(runs) }
        })
        .await;
        assert!(!reasons(&scenario, "web").contains(&"ChecksFailed".to_owned()));
        scenario.finish().await;
    };
    let connected = async {
        let settings = format!(
            "reference: {{addresses: ['{dead}', '{}']}}",
            reference.address()
        );
        let scenario = Scenario::start_with(&settings).await;
        let target = Target::start().await;
        scenario.apply("web", external_spec(&target.url())).await;
        scenario.until_ready("web", "True", "Validated").await;
        drop(target);
        let object = scenario.until_ready("web", "False", "ChecksFailed").await;
        assert_eq!(object["status"]["checks"][0]["reason"], "ConnectionRefused");
        scenario.finish().await;
    };
    tokio::join!(cut_off, connected);
}
