//! The platform refuses, is away, or answers with what cannot be used.

use std::time::Instant;

use futures::future::join_all;
use plumbline::simulator::{Control, Effect, Fault, NewKey, NewService};
use serde_json::{Value, json};

use super::reasons;
use crate::support::{
    scenario::{Scenario, condition, go_live, render_spec},
    target::Target,
};

/// Trouble that a person has to end, and the reason that says so.
fn refusals() -> Vec<(&'static str, Effect, &'static str)> {
    vec![
        ("unauthorized", Effect::status(401), "CredentialsRejected"),
        ("forbidden", Effect::status(403), "CredentialsRejected"),
        ("not-found", Effect::status(404), "ReferenceNotFound"),
    ]
}

/// Trouble that says nothing of the release, and a word of the message that tells of it.
fn outages() -> Vec<(&'static str, Effect, &'static str)> {
    let unknown = Effect::UnknownStatus {
        status: "live_somewhere".to_owned(),
    };
    vec![
        ("limited", Effect::status(429), "used up"),
        ("limited-long", Effect::rate_limited("8"), "used up"),
        ("broken", Effect::status(500), "status 500"),
        ("garbage", Effect::Garbage, "not the expected JSON"),
        ("error-body", Effect::ErrorBody, "not the expected JSON"),
        ("truncated", Effect::Truncated, "connection failed"),
        ("hanging", Effect::Hang, "timed out"),
        ("two-live", Effect::TwoLive, "more than one deploy is live"),
        ("none-live", Effect::WithoutLive, "no deploy is live"),
        ("unknown-status", unknown, "not known here"),
    ]
}

/// A service of this name, live, with a key of its own: what one key has to wait for holds no other back.
async fn furnish(scenario: &Scenario, render: &Control, name: &str) -> String {
    let service = render
        .create_service(&NewService {
            name: name.into(),
            ..Default::default()
        })
        .unwrap();
    go_live(render, name);
    let key = format!("rnd_PlantedKeyOf{name}");
    render
        .accept_key(&NewKey {
            key: key.clone(),
            workspaces: None,
        })
        .unwrap();
    scenario.put_secret(name, &[("apiKey", &key)]).await;
    service.id
}

fn spec(name: &str, target: &Target) -> Value {
    let mut spec = render_spec(&target.url());
    spec["target"]["render"]["apiKeySecretRef"]["name"] = json!(name);
    spec["target"]["render"]["services"] = json!([{"name": name}]);
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_the_platform_is_told_apart_and_never_taken_for_a_failure_of_the_release() {
    let scenario = Scenario::start().await;
    let render = scenario.render();
    let target = Target::start().await;
    let cases: Vec<_> = refusals().into_iter().chain(outages()).collect();
    let mut services = Vec::new();
    for (name, _, _) in &cases {
        services.push(furnish(&scenario, &render, name).await);
        scenario.apply(name, spec(name, &target)).await;
    }
    let validated = || {
        join_all(
            cases
                .iter()
                .map(|(name, _, _)| scenario.until_ready(name, "True", "Validated")),
        )
    };
    validated().await;

    let begun = Instant::now();
    render.forget_calls();
    for (service, (_, effect, _)) in services.iter().zip(&cases) {
        let path = format!("/v1/services/{service}/deploys");
        render.add_fault(Fault::get(path, effect.clone())).unwrap();
    }
    let refused = refusals().into_iter().map(|(name, _, reason)| {
        let scenario = &scenario;
        async move {
            let object = scenario.until_ready(name, "False", reason).await;
            assert_eq!(condition(&object, "Accepted")["reason"], reason);
            assert_eq!(condition(&object, "Healthy")["status"], "Unknown");
            assert_eq!(
                condition(&object, "Stalled"),
                &Value::Null,
                "it is looked at again"
            );
        }
    });
    let stale = outages().into_iter().map(|(name, _, word)| {
        let scenario = &scenario;
        async move {
            let object = scenario
                .until_ready(name, "Unknown", "ObservationStale")
                .await;
            let message = condition(&object, "Ready")["message"].as_str().unwrap();
            assert!(message.contains(word), "{name}: {message}");
            assert_eq!(condition(&object, "Accepted")["status"], "True");
        }
    });
    tokio::join!(join_all(refused), join_all(stale));
    let seconds = begun.elapsed().as_secs_f64();
    assert!(
        (15.0..30.0).contains(&seconds),
        "three intervals are 15 s, and it was stale after {seconds} s"
    );
    let calls: u64 = render.calls().values().sum();
    // Each is looked at once a second and by each run, with up to three tries; a failure answers for five seconds.
    let most = f64::from(u32::try_from(cases.len()).unwrap()) * 1.5 * seconds;
    assert!(
        f64::from(u32::try_from(calls).unwrap()) < most,
        "{calls} calls in {seconds} s"
    );

    render.clear_faults();
    validated().await;
    for (name, _, reason) in refusals() {
        assert_eq!(
            reasons(&scenario, name),
            ["None", "Running", "Validated", reason, "Validated"]
        );
    }
    for (name, _, _) in outages() {
        assert_eq!(
            reasons(&scenario, name),
            [
                "None",
                "Running",
                "Validated",
                "ObservationStale",
                "Validated"
            ]
        );
    }
    scenario.finish().await;
}
