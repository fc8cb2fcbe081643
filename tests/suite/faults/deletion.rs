//! Deletion never waits, and nothing is left of what is gone.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::{Value, json};

use super::{Effort, logged};
use crate::support::{
    eventually::{eventually, within},
    scenario::{Scenario, external_spec, render_spec},
    target::Target,
};

/// Longest time that a deletion and its consequences take.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A spec whose run hangs for much longer than any test waits.
fn hanging_spec(url: &str) -> Value {
    let mut spec = external_spec(url);
    spec["checks"][0]["timeout"] = json!("5m");
    spec
}

async fn until_watched(scenario: &Scenario, count: f64) {
    within(AT_ONCE, "the monitor to forget what is gone", || async {
        let watched = scenario
            .controller
            .metric("plumbline_validations_watched")
            .await;
        if (watched - count).abs() < f64::EPSILON {
            Ok(())
        } else {
            Err(watched)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_completes_at_once_while_a_run_hangs() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    target.hang();
    for name in ["web", "other"] {
        scenario.apply(name, hanging_spec(&target.url())).await;
    }
    eventually("both requests to hang", || async {
        if target.requests() == 2 {
            Ok(())
        } else {
            Err(target.requests())
        }
    })
    .await;
    eventually("the recorder to have seen them", || async {
        let versions = scenario.recorder.versions().len();
        if versions >= 2 { Ok(()) } else { Err(versions) }
    })
    .await;
    scenario
        .objects()
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    assert!(scenario.objects().get_opt("web").await.unwrap().is_none());
    until_watched(&scenario, 1.0).await;

    // What the namespace controller does: no control plane of the tests runs it.
    let namespaces: Api<Namespace> = Api::all(scenario.client.clone());
    namespaces
        .delete(&scenario.namespace, &DeleteParams::default())
        .await
        .unwrap();
    scenario
        .objects()
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap();
    until_watched(&scenario, 0.0).await;
    let mut namespace = namespaces.get(&scenario.namespace).await.unwrap();
    namespace.spec.get_or_insert_default().finalizers = Some(Vec::new());
    let emptied = serde_json::to_value(&namespace).unwrap();
    namespaces
        .replace_subresource(
            "finalize",
            &scenario.namespace,
            &PostParams::default(),
            &emptied,
        )
        .await
        .unwrap();
    within(AT_ONCE, "the namespace to be gone", || async {
        match namespaces.get_opt(&scenario.namespace).await.unwrap() {
            None => Ok(()),
            Some(namespace) => Err(namespace),
        }
    })
    .await;
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_while_it_was_reconciled_is_not_checked() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    let effort = Effort::of(&scenario.controller).await;
    // Each a little later after its creation, so that the deletions meet every stage of the reconcile.
    for round in 0..8 {
        join_all((0..8).map(|number| {
            let (scenario, target) = (&scenario, &target);
            async move {
                let name = format!("brief-{round}-{number}");
                scenario.apply(&name, render_spec(&target.url())).await;
                tokio::time::sleep(Duration::from_millis(3 * number)).await;
                scenario
                    .objects()
                    .delete(&name, &DeleteParams::default())
                    .await
                    .unwrap();
            }
        }))
        .await;
    }
    until_watched(&scenario, 0.0).await;
    effort.is_bounded(&scenario.controller, 64).await;
    assert_eq!(logged(&scenario.controller, "panicked"), 0);
    scenario.finish().await;
}
