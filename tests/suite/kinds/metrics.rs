//! The sample of `metrics` against an endpoint of this process.

use std::time::SystemTime;

use super::{Sample, fails, validates};
use crate::support::{
    hostile::{Behaviour, Server},
    scenario::Scenario,
};

const TOKEN: &str = "canary-4f1d";

fn exposed(status: &str, metrics: &str) -> Behaviour {
    let length = metrics.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\n");
    Behaviour::Raw(format!("{head}content-length: {length}\r\n\r\n{metrics}").into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let metrics = format!(
        "# TYPE http_requests_total counter\nhttp_requests_total{{handler=\"/orders\"}} 7\n\
         queue_depth{{queue=\"mail\"}} 4\nqueue_depth{{queue=\"print\"}} 40\n\
         worker_heartbeat_timestamp_seconds {now}\n"
    );
    let server = Server::start(exposed("200 OK", &metrics)).await;
    let scenario = Scenario::start().await;
    scenario.put_secret("metrics", &[("token", TOKEN)]).await;
    let sample = Sample::of("metrics").with("http://api.example.com:9100", &server.url(""));
    validates(&scenario, "metrics", sample.spec()).await;
    for (name, from, to, reason) in [
        ("missing", "/orders", "/", "UnexpectedValue"),
        ("too-deep", "} 40", "} 4000", "UnexpectedValue"),
        ("dead", " 1", " 0", "UnexpectedValue"),
        ("malformed", "} 7", "} seven", "UnexpectedBody"),
    ] {
        server.behave(exposed("200 OK", &metrics.replace(from, to)));
        fails(&scenario, name, sample.spec(), "metrics", reason).await;
    }
    for (name, behaviour, reason) in [
        (
            "locked-out",
            exposed("401 Unauthorized", ""),
            "CredentialsRefused",
        ),
        (
            "no-number",
            exposed("200 OK", &metrics.replace("} 40", "} NaN")),
            "NoData",
        ),
    ] {
        server.behave(behaviour);
        scenario.apply(name, sample.spec()).await;
        let object = scenario.until_ready(name, "Unknown", "Inconclusive").await;
        let said = &object["status"]["checks"][0]["reason"];
        assert_eq!(said, reason, "{}", object["status"]);
    }
    scenario.leaks_nothing(&[TOKEN]).await;
    scenario.finish().await;
}
