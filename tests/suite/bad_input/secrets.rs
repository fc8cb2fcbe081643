//! What is wrong with a referenced Secret is said without showing it, and its correction is found without a hand.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::support::{
    hostile::{Behaviour, Server},
    scenario::{Scenario, condition, external_spec},
};

/// Stands in every bad value that has room for it.
const PLANTED: &str = "PlantedTokenThatMustNotLeak7";

/// A name, what the Secret of that name holds under `token`, and what is said of it.
type Case = (&'static str, Option<Vec<u8>>, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let planted = |before: &[u8], after: &[u8]| Some([before, PLANTED.as_bytes(), after].concat());
    let missing = "SecretKeyMissing";
    vec![
        (
            "missing",
            None,
            "SecretNotFound",
            "Secret missing does not exist",
        ),
        (
            "empty",
            Some(Vec::new()),
            missing,
            "key token of Secret empty is empty",
        ),
        ("newline", Some(b"\n".to_vec()), missing, "is empty"),
        (
            "two-lines",
            planted(b"", b"\nsecond"),
            missing,
            "holds a control character",
        ),
        (
            "nul",
            planted(b"", b"\0"),
            missing,
            "holds a control character",
        ),
        (
            "latin-1",
            planted(b"\xe9", b""),
            missing,
            "is not UTF-8 text",
        ),
        ("binary", Some(vec![0xff; 64]), missing, "is not UTF-8 text"),
        (
            "huge",
            planted(&vec![b'a'; (1 << 20) - PLANTED.len()], b""),
            missing,
            "is larger than 8 KiB",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_secret_is_told_without_being_shown_and_its_correction_is_found() {
    let scenario = Scenario::start_with("controller: {referenceGrace: 1s}").await;
    let server = Server::start(Behaviour::Ok).await;
    for (name, value, ..) in cases() {
        if let Some(value) = value {
            put(&scenario, name, &json!({"token": STANDARD.encode(value)})).await;
        }
        scenario.apply(name, spec(&server, name)).await;
    }
    put(
        &scenario,
        "other-key",
        &json!({"tokens": STANDARD.encode(PLANTED)}),
    )
    .await;
    scenario
        .apply("other-key", spec(&server, "other-key"))
        .await;
    let other_key = (
        "other-key",
        None,
        "SecretKeyMissing",
        "Secret other-key has no key token",
    );
    let cases: Vec<Case> = cases().into_iter().chain([other_key]).collect();
    for (name, _, reason, saying) in &cases {
        scenario.until(name, "Stalled", "True", reason).await;
        let object = scenario.until_ready(name, "False", reason).await;
        assert_eq!(condition(&object, "Accepted")["reason"], *reason);
        let message = condition(&object, "Ready")["message"].as_str().unwrap();
        assert!(message.contains(saying), "{name}: {message}");
    }
    assert_eq!(server.connections(), 0, "a check ran without its secret");

    for (name, ..) in &cases {
        let corrected = STANDARD.encode(format!("{PLANTED}\n"));
        put(&scenario, name, &json!({"token": corrected})).await;
    }
    for (name, ..) in &cases {
        scenario.until_ready(name, "True", "Validated").await;
    }
    for request in server.requests() {
        assert!(
            request.head.contains(&format!("x-token: {PLANTED}\r\n")),
            "{}",
            request.head
        );
    }
    scenario.leaks_nothing(&[PLANTED]).await;
    scenario.finish().await;
}

fn spec(server: &Server, secret: &str) -> Value {
    let mut spec = external_spec(&server.url("/"));
    spec["checks"][0]["http"]["headers"] = json!([
        {"name": "X-Token", "valueFrom": {"secretKeyRef": {"name": secret, "key": "token"}}}
    ]);
    spec
}

/// Creates or replaces a Secret with base64 `data`.
async fn put(scenario: &Scenario, name: &str, data: &Value) {
    let secrets: Api<Secret> = Api::namespaced(scenario.client.clone(), &scenario.namespace);
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data});
    let parameters = PatchParams::apply("test-user").force();
    secrets
        .patch(name, &parameters, &Patch::Apply(&secret))
        .await
        .unwrap();
}
