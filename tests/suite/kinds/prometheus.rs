//! The sample of `prometheus` against a server that scrapes an exporter.

use super::{Sample, fails, validates};
use crate::support::{
    prometheus::{PASSWORD, Prometheus},
    scenario::Scenario,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let Some(prometheus) = Prometheus::start("queue_depth 4\n", true).await else {
        return;
    };
    let scenario = Scenario::start().await;
    scenario
        .put_secret("prometheus", &[("password", PASSWORD), ("wrong", "astray")])
        .await;
    let sample =
        Sample::of("prometheus").with("http://prometheus.example.com:9090", &prometheus.url());
    validates(&scenario, "prometheus", sample.spec()).await;
    let mut twin = sample.spec();
    twin["checks"][1]["prometheus"]["value"] = "3".into();
    let check = "queue-is-worked-off";
    fails(&scenario, "twin", twin, check, "UnexpectedValue").await;
    let mut locked_out = sample.spec();
    for check in locked_out["checks"].as_array_mut().unwrap() {
        check["prometheus"]["basic"]["password"]["secretKeyRef"]["key"] = "wrong".into();
    }
    scenario.apply("locked-out", locked_out).await;
    let object = scenario
        .until_ready("locked-out", "Unknown", "Inconclusive")
        .await;
    let said = &object["status"]["checks"][0]["reason"];
    assert_eq!(said, "CredentialsRefused", "{}", object["status"]);
    scenario.leaks_nothing(&[PASSWORD]).await;
    scenario.finish().await;
}
