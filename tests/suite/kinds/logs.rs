//! The sample of `logs` against the simulated Render.

use plumbline::simulator::{Bucket, Effect, Fault, Limit, NewLine, Route};

use super::{Sample, fails, validates};
use crate::support::scenario::{API_KEY, Scenario};

const CHECK: &str = "shop-writes-no-errors";

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let scenario = Scenario::start().await;
    let render = scenario.render();
    let generous = Limit {
        calls: 1000,
        window_seconds: 60,
    };
    render.set_limit(Bucket::Logs, generous).unwrap();
    let write = |message: &str| {
        let message = message.to_owned();
        let line = NewLine {
            message,
            ..NewLine::default()
        };
        render.add_lines("api", &[line]).unwrap();
    };
    for number in 0..250 {
        write(&format!("request {number} is answered"));
    }
    let sample = Sample::of("logs").with("shop-api", "api");
    validates(&scenario, "logs", sample.spec()).await;
    write("OutOfMemoryError in canary-31f0");
    fails(&scenario, "twin", sample.spec(), CHECK, "UnexpectedValue").await;
    let full = Fault::get(Route::ListLogs.path(), Effect::rate_limited("30"));
    render.add_fault(full).unwrap();
    let mut other = sample.spec();
    other["target"]["render"]["services"][0]["name"] = "api".into();
    scenario.apply("full", other).await;
    let object = scenario
        .until_ready("full", "Unknown", "Inconclusive")
        .await;
    let said = &object["status"]["checks"][0]["reason"];
    assert_eq!(said, "PlatformUnavailable", "{}", object["status"]);
    scenario.leaks_nothing(&[API_KEY, "canary-31f0"]).await;
    scenario.finish().await;
}
