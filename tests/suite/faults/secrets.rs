//! A referenced Secret disappears, comes back, or gets another value.

use std::time::Duration;

use plumbline::simulator::NewKey;
use serde_json::{Value, json};

use super::{reasons, timed};
use crate::support::{
    eventually::eventually,
    hostile::{Behaviour, Server},
    scenario::{API_KEY, Scenario, condition, external_spec, render_spec},
    target::Target,
};

/// A spec whose check sends the value of the Secret `header`.
fn spec_with_header(url: &str) -> Value {
    let mut spec = external_spec(url);
    spec["checks"][0]["http"]["headers"] = json!([{
        "name": "x-token", "valueFrom": {"secretKeyRef": {"name": "header", "key": "token"}},
    }]);
    spec
}

async fn until_sent(server: &Server, value: &str) {
    eventually("the new value to be sent", || async {
        let sent = server
            .requests()
            .last()
            .map(|request| request.head.clone())
            .unwrap_or_default();
        if sent.contains(value) {
            Ok(())
        } else {
            Err(sent)
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_gone_stalls_after_its_grace_and_heals_when_it_is_back() {
    let scenario =
        Scenario::start_with("controller: {referenceGrace: 5s, secretsRefresh: 5s}").await;
    let target = Target::start().await;
    let server = Server::start(Behaviour::Ok).await;
    scenario
        .put_secret("header", &[("token", "header-one-PlantedValue")])
        .await;
    scenario.apply("web", render_spec(&target.url())).await;
    let spec = spec_with_header(&server.url("/health"));
    scenario.apply("header", spec).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.until_ready("header", "True", "Validated").await;
    until_sent(&server, "header-one-PlantedValue").await;

    scenario
        .put_secret("header", &[("token", "header-two-PlantedValue")])
        .await;
    scenario.delete_secret("render").await;
    let object = scenario.until_ready("web", "False", "SecretNotFound").await;
    assert_eq!(
        condition(&object, "Reconciling")["reason"],
        "ProgressingWithRetry"
    );
    assert_eq!(condition(&object, "Stalled"), &Value::Null);
    let stalled = scenario.until("web", "Stalled", "True", "SecretNotFound");
    let (took, object) = timed(stalled).await;
    assert!(
        took > Duration::from_secs(2) && took < Duration::from_secs(9),
        "it was stalled after {took:?}"
    );
    assert_eq!(condition(&object, "Reconciling"), &Value::Null);
    let requests = target.requests();
    until_sent(&server, "header-two-PlantedValue").await;
    assert_eq!(target.requests(), requests, "it is checked without its key");

    scenario
        .put_secret("render", &[("wrongKey", API_KEY)])
        .await;
    scenario
        .until_ready("web", "False", "SecretKeyMissing")
        .await;
    scenario.put_secret("render", &[("apiKey", API_KEY)]).await;
    scenario.until_ready("web", "True", "Validated").await;
    assert_eq!(
        reasons(&scenario, "header"),
        ["None", "Running", "Validated"],
        "a new value of a Secret must not take back the verdict"
    );
    scenario
        .leaks_nothing(&["header-one-PlantedValue", "header-two-PlantedValue"])
        .await;
    scenario.finish().await;
}

/// The Secrets are read again for the refusal's sake: their values hold for five minutes otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_was_refused_is_read_again() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    let server = Server::start(Behaviour::Ok).await;
    scenario.put_secret("header", &[("token", "one")]).await;
    scenario.apply("web", render_spec(&target.url())).await;
    let spec = spec_with_header(&server.url("/health"));
    scenario.apply("header", spec).await;
    scenario.until_ready("web", "True", "Validated").await;
    scenario.until_ready("header", "True", "Validated").await;

    let next = "rnd_AnotherPlantedKey43";
    scenario.render().withdraw_key(API_KEY).unwrap();
    server.behave(Behaviour::Json(401, "{}".to_owned()));
    scenario
        .until_ready("web", "False", "CredentialsRejected")
        .await;
    let object = scenario
        .until_ready("header", "Unknown", "Inconclusive")
        .await;
    assert_eq!(
        object["status"]["checks"][0]["reason"],
        "CredentialsRefused"
    );

    scenario.put_secret("header", &[("token", "two")]).await;
    // Another key that is refused: for as long as nothing was accepted, nothing is said to be validated.
    scenario
        .put_secret("render", &[("apiKey", "rnd_RefusedPlantedKey44")])
        .await;
    let ((), ()) = tokio::join!(until_sent(&server, "x-token: two"), async {
        super::until_requested_of(&scenario.render(), 6).await;
    });
    assert_eq!(
        reasons(&scenario, "web"),
        ["None", "Running", "Validated", "CredentialsRejected"]
    );
    server.behave(Behaviour::Ok);
    scenario
        .render()
        .accept_key(&NewKey {
            key: next.into(),
            workspaces: None,
        })
        .unwrap();
    scenario.put_secret("render", &[("apiKey", next)]).await;
    let healed = async {
        tokio::join!(
            scenario.until_ready("web", "True", "Validated"),
            scenario.until_ready("header", "True", "Validated"),
        )
    };
    let (took, _) = timed(healed).await;
    // The retry interval, and one run.
    assert!(took < Duration::from_secs(15), "it healed after {took:?}");
    scenario
        .leaks_nothing(&[next, "rnd_RefusedPlantedKey44"])
        .await;
    scenario.finish().await;
}
