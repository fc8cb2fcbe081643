//! The health of the whole on a real API server: a user sees one root cause where many checks do not pass.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::support::{
    eventually::{eventually, within},
    scenario::{Scenario, condition, external_spec, http_check},
    services::free_port,
    target::Target,
};

/// A shop whose pages need its API, which needs its database.
fn spec(target: &Target, database: &TcpListener) -> Value {
    let address = database.local_addr().unwrap();
    let mut spec = external_spec(&target.url());
    let mut api = http_check("api-health", &target.url());
    api["dependsOn"] = json!(["database-connectivity"]);
    let mut checkout = http_check("checkout", &target.url());
    checkout["dependsOn"] = json!(["api-health"]);
    let assets = http_check("assets", &target.url());
    let database = json!({
        "name": "database-connectivity", "area": "database", "failureThreshold": 1,
        "tcp": {"host": address.ip().to_string(), "port": address.port()},
    });
    spec["checks"] = json!([checkout, api, database, assets]);
    spec
}

/// The columns of the one validation, as `kubectl get -o wide` has them.
async fn wide_columns(scenario: &Scenario) -> Map<String, Value> {
    let path = format!(
        "/apis/plumbline.dev/v1alpha1/namespaces/{}/deploymentvalidations",
        scenario.namespace
    );
    let request = http::Request::get(path)
        .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())
        .unwrap();
    let table: Value = scenario.client.request(request).await.unwrap();
    let names = table["columnDefinitions"].as_array().unwrap().iter();
    let cells = table["rows"][0]["cells"].as_array().unwrap().iter();
    names
        .zip(cells)
        .map(|(column, cell)| (column["name"].as_str().unwrap().to_owned(), cell.clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failed_database_is_one_root_cause_and_is_written_once() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    let database = TcpListener::bind("127.0.0.1:0").await.unwrap();
    scenario.apply("shop", spec(&target, &database)).await;
    let object = scenario.until_ready("shop", "True", "Validated").await;
    let health = &object["status"]["health"];
    assert_eq!(health["areas"][0]["state"], "Passing", "{health}");
    assert_eq!(health["rootCauses"], Value::Null);

    drop(database);
    let object = eventually(
        "the root cause to be told with what it explains",
        || async {
            let object = scenario.get("shop").await;
            if object["status"]["health"]["rootCauses"][0]["explained"] == 2 {
                Ok(object)
            } else {
                Err(object["status"].clone())
            }
        },
    )
    .await;
    let health = &object["status"]["health"];
    let cause = json!({
        "check": "database-connectivity", "area": "database", "severity": "critical",
        "state": "Failed", "reason": "ConnectionRefused",
        "explained": 2, "explains": ["api-health", "checkout"],
    });
    assert_eq!(health["rootCauses"], json!([cause]));
    let areas = json!([
        {"area": "database", "state": "Failed", "checks": 1, "passing": 0, "failed": 1},
        {"area": "api", "state": "Skipped", "checks": 3, "passing": 1, "skipped": 2},
    ]);
    assert_eq!(health["areas"], areas);
    let pattern = json!({
        "reason": "ConnectionRefused", "checks": 1, "hosts": 1, "areas": ["database"],
    });
    assert_eq!(health["patterns"], json!([pattern]));
    assert_eq!(health["systemic"], Value::Null);
    assert_eq!(
        wide_columns(&scenario).await["Root Cause"],
        "database-connectivity"
    );

    scenario.until_still(Duration::from_secs(3)).await;
    let (versions, requests) = (scenario.recorder.versions().len(), target.requests());
    within(Duration::from_secs(40), "three more runs", || async {
        if target.requests() >= requests + 3 {
            Ok(())
        } else {
            Err(target.requests())
        }
    })
    .await;
    assert_eq!(
        scenario.recorder.versions().len(),
        versions,
        "nothing has changed, and a status was written"
    );
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_fail_together_look_like_a_fault_of_the_environment() {
    let scenario = Scenario::start_with("network: {egress: {allow: ['127.0.0.0/8']}}").await;
    let port = free_port();
    let unreachable = |number: u8| {
        json!({
            "name": format!("target-{number}"), "failureThreshold": 1,
            "tcp": {"host": format!("127.0.0.{number}"), "port": port},
        })
    };
    let mut spec = external_spec("http://127.0.0.1");
    spec["checks"] = json!([unreachable(2), unreachable(3), unreachable(4)]);
    scenario.apply("shop", spec).await;
    let object = scenario.until_ready("shop", "False", "ChecksFailed").await;
    let systemic = &object["status"]["health"]["systemic"];
    assert_eq!(systemic["failing"], 3, "{object}");
    assert_eq!(systemic["targets"], 3);
    scenario.finish().await;
}

/// Has the one check of `shop` run, and gives the object as it is after that.
async fn run(scenario: &Scenario, token: &str) -> Value {
    let annotation = json!({"metadata": {"annotations": {"plumbline.dev/requestedAt": token}}});
    let (objects, parameters) = (scenario.objects(), PatchParams::default());
    let patch = Patch::Merge(annotation);
    objects.patch("shop", &parameters, &patch).await.unwrap();
    eventually("the run to end", || async {
        let object = scenario.get("shop").await;
        if object["status"]["lastHandledReconcileAt"] == token {
            Ok(object)
        } else {
            Err(object["status"].clone())
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_that_has_grown_is_the_bottleneck_until_it_is_as_before_also_over_a_restart() {
    let mut scenario = Scenario::start().await;
    let target = Target::start().await;
    let mut spec = external_spec(&target.url());
    spec["interval"] = json!("1h");
    scenario.apply("shop", spec).await;
    scenario.until_ready("shop", "True", "Validated").await;
    for number in 0..5 {
        run(&scenario, &format!("usual-{number}")).await;
    }
    target.take(Duration::from_secs(1));
    let mut object = Value::Null;
    for number in 0..3 {
        object = run(&scenario, &format!("slow-{number}")).await;
    }
    let told = object["status"]["health"]["bottleneck"].clone();
    assert_eq!(told["check"], "health", "{object}");
    assert_eq!(told["phase"], "firstByte");
    assert!(told["times"].as_u64() >= Some(2), "{told}");
    assert_eq!(condition(&object, "Ready")["status"], "True");

    let namespace = scenario.namespace.clone();
    scenario.controller.restart(&namespace).await;
    for number in 0..4 {
        let object = run(&scenario, &format!("restarted-{number}")).await;
        assert_eq!(object["status"]["health"]["bottleneck"], told);
    }
    target.take(Duration::ZERO);
    for number in 0..2 {
        object = run(&scenario, &format!("mended-{number}")).await;
    }
    assert_eq!(object["status"]["health"]["bottleneck"], Value::Null);
    scenario.finish().await;
}
