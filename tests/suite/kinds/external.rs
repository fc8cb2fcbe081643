//! The sample of `external` against servers that answer as the services document.

use super::{Sample, fails, validates};
use crate::support::{
    hostile::{Behaviour, Server},
    scenario::Scenario,
};

const KEY: &str = "canary-4f1d";

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let models = r#"{"object":"list","data":[{"id":"gpt","object":"model"}]}"#;
    let model = Server::start(Behaviour::Json(200, models.to_owned())).await;
    let mail = Server::start(Behaviour::Ok).await;
    let scenario = Scenario::start().await;
    scenario
        .put_secret("services", &[("openai", KEY), ("mail", KEY)])
        .await;
    let mut spec = Sample::of("external")
        .with("https://mail.example.com", &mail.url(""))
        .spec();
    spec["checks"][0]["external"]["url"] = model.url("").into();
    validates(&scenario, "external", spec.clone()).await;
    let spent = r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#;
    for (name, status, body, reason) in [
        ("spent", 429, spent, "QuotaSpent"),
        ("degraded", 503, "{}", "Degraded"),
    ] {
        model.behave(Behaviour::Json(status, body.to_owned()));
        fails(&scenario, name, spec.clone(), "language-model", reason).await;
    }
    for (name, status, reason) in [
        ("locked-out", 401, "CredentialsRefused"),
        ("limited", 429, "RateLimited"),
    ] {
        model.behave(Behaviour::Json(status, "{}".to_owned()));
        scenario.apply(name, spec.clone()).await;
        let object = scenario.until_ready(name, "Unknown", "Inconclusive").await;
        let said = &object["status"]["checks"][0]["reason"];
        assert_eq!(said, reason, "{}", object["status"]);
    }
    scenario.leaks_nothing(&[KEY]).await;
    scenario.finish().await;
}
