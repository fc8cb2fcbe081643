//! The simulator's own routes, its ledger, and its first state.

use std::path::Path;

use http::{Method, StatusCode};
use plumbline::simulator::{
    ControlError, DeployStatus, NewDeploy, NewService, Options, Phase, Route, Seed, SeedError,
    Simulator, SimulatorError,
};
use serde_json::{Value, json};

use super::calls::{Answer, Api};

async fn ask(api: &Api, method: Method, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let headers: &[(&str, &str)] = if body.is_empty() {
        &[]
    } else {
        &[("content-type", "application/json")]
    };
    let path = format!("/_simulator{path}");
    api.send(method, &path, headers, &body).await.unwrap()
}

#[tokio::test]
async fn everything_can_be_changed_over_http() {
    let api = Api::start().await;
    let post = async |path: &str, body: Value| {
        let answer = ask(&api, Method::POST, path, &body).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        answer
    };
    post(
        "/workspaces",
        json!({"name": "Acme", "overlap": "override"}),
    )
    .await;
    let service =
        json!({"name": "api", "type": "private_service", "owner": "Acme", "instances": 2});
    let service = post("/services", service).await.json();
    let id = service["id"].as_str().unwrap();
    let phases =
        json!([{"status": "build_in_progress", "seconds": 3}, {"status": "update_failed"}]);
    let deploy =
        json!({"commit": "c0ffee", "message": "Wake up", "trigger": "manual", "phases": phases});
    let deploy = post("/services/api/deploys", deploy).await.json();
    let status = format!("/deploys/{}/status", deploy["id"].as_str().unwrap());
    let set = ask(&api, Method::PUT, &status, &json!({"status": "live"})).await;
    assert_eq!(set.json()["status"], "live");
    post("/services/api/suspend", json!({"by": "admin"})).await;
    post("/services/api/resume", Value::Null).await;
    post("/services/api/deploys", Value::Null).await;
    let seen = api.get(&format!("/services/{id}/deploys")).await.json();
    assert_eq!(seen[2]["deploy"]["commit"]["id"], "c0ffee");
    assert_eq!(seen[2]["deploy"]["status"], "live");

    post("/keys", json!({"key": "rnd_narrow", "workspaces": []})).await;
    let removed = ask(&api, Method::DELETE, "/keys", &json!({"key": "rnd_narrow"})).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let limit = json!({"calls": 7, "windowSeconds": 30});
    ask(&api, Method::PUT, "/limits/reads", &limit).await;
    assert_eq!(api.get("/owners").await.header("ratelimit-limit"), "7");

    let fault = json!({"path": "/v1/owners", "effect": {"kind": "status", "status": 500, "retryAfter": "9"}});
    let fault = post("/faults", fault).await.json()["id"].as_u64().unwrap();
    assert_eq!(api.get("/owners").await.header("retry-after"), "9");
    ask(
        &api,
        Method::DELETE,
        &format!("/faults/{fault}"),
        &Value::Null,
    )
    .await;
    assert_eq!(api.get("/owners").await.status, StatusCode::OK);

    let calls = ask(&api, Method::GET, "/calls", &Value::Null).await.json();
    assert_eq!(calls["GET /v1/owners"], 3);
    ask(&api, Method::DELETE, "/calls", &Value::Null).await;
    assert_eq!(api.control().calls_of(Route::ListOwners), 0);
    ask(&api, Method::DELETE, "/services/api", &Value::Null).await;
    assert_eq!(
        api.get(&format!("/services/{id}")).await.status,
        StatusCode::NOT_FOUND
    );
    let state = ask(&api, Method::GET, "/state", &Value::Null).await.json();
    assert_eq!(state["services"], json!([]));
    assert_eq!(state["limits"]["reads"]["calls"], 7);
    api.end().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_a_reason() {
    let api = Api::start().await;
    api.service("api");
    let long = json!({"phases": [{"status": "live", "seconds": 86_401}]});
    let refused = [
        ("/services", json!({"name": "api"}), 409),
        (
            "/services",
            json!({"name": "other", "owner": "nobody"}),
            404,
        ),
        ("/services/none/deploys", json!({}), 404),
        ("/services/none/suspend", Value::Null, 404),
        ("/services/api/deploys", long, 400),
        (
            "/services/api/deploys",
            json!({"phases": [{"status": "live", "seconds": -1}]}),
            400,
        ),
        ("/services/api/deploys", json!({"imediately": true}), 422),
        (
            "/faults",
            json!({"effect": {"kind": "status", "status": 99}}),
            400,
        ),
        ("/faults", json!({"effect": {"kind": "earthquake"}}), 422),
        ("/nothing", Value::Null, 404),
    ];
    for (path, body, status) in refused {
        let answer = ask(&api, Method::POST, path, &body).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}");
    }
    api.end().await;
}

#[tokio::test]
async fn the_ledger_has_every_change_with_before_and_after() {
    let api = Api::start().await;
    let service = api.service("api");
    let deploy = api.live(&service);
    api.control()
        .set_deploy_status(&deploy, DeployStatus::Canceled)
        .unwrap();
    api.control().delete_service("api").unwrap();
    let error = api.control().set_deploy_status(&deploy, DeployStatus::Live);
    assert_eq!(error, Err(ControlError::UnknownDeploy(deploy.clone())));
    let ledger = ask(&api, Method::GET, "/ledger", &Value::Null).await.json();
    let ledger = ledger.as_array().unwrap();
    let actions: Vec<_> = ledger
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let expected = [
        "accept API key",
        "create workspace",
        "create service",
        "start deploy",
        "set deploy status",
        "delete service",
    ];
    assert_eq!(actions, expected);
    let set = &ledger[4];
    assert_eq!(set["sequence"], 5);
    assert_eq!(set["at"], "2026-01-01T00:00:00Z");
    assert_eq!(set["actor"], "control");
    assert_eq!(set["subject"], json!(deploy));
    assert_eq!(set["before"]["status"], "live");
    assert_eq!(set["after"]["status"], "canceled");
    assert_eq!(ledger[5]["before"]["id"], json!(service));
    assert_eq!(ledger[5]["after"], Value::Null);
    api.end().await;
}

#[tokio::test]
async fn reading_changes_nothing() {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    let before = api.control().ledger();
    for route in Route::ALL {
        let path = route.path().trim_start_matches("/v1");
        api.get(&path.replace("{serviceId}", &service)).await;
    }
    assert_eq!(api.control().ledger(), before);
    api.end().await;
}

#[tokio::test]
async fn a_reset_returns_to_the_first_state_with_the_same_identifiers() {
    let seed = Seed::example().unwrap();
    let options = Options {
        seed,
        ..Options::default()
    };
    let running = Simulator::start(options).await.unwrap();
    let control = running.control();
    let first = control.service("api").unwrap();
    assert_eq!(
        control.deploys("api").unwrap()[0].status,
        DeployStatus::Live
    );
    assert_eq!(
        control.deploys("worker").unwrap()[0].status,
        DeployStatus::Live
    );
    assert_eq!(control.ledger(), []);
    control.delete_service("api").unwrap();
    control.reset().unwrap();
    assert_eq!(control.service("api").unwrap().id, first.id);
    assert_eq!(control.ledger(), []);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_simulator_listens_on_loopback_and_on_a_port_of_its_own() {
    let api = Api::start().await;
    assert!(api.running.address.ip().is_loopback());
    let taken = Options {
        port: api.running.address.port(),
        ..Options::default()
    };
    let error = Simulator::start(taken).await.unwrap_err();
    assert!(matches!(error, SimulatorError::Listen { .. }), "{error}");
    api.end().await;
}

#[tokio::test]
async fn a_seed_that_contradicts_itself_does_not_start() {
    let mut seed = Seed::example().unwrap();
    seed.services[1].service.name = "api".to_owned();
    let options = Options {
        seed,
        ..Options::default()
    };
    let error = Simulator::start(options).await.unwrap_err();
    let SimulatorError::Seed { source } = error else {
        panic!("{error}");
    };
    assert_eq!(source, ControlError::NameTaken("api".to_owned()));
}

/// The example of the documentation is a first state.
#[tokio::test]
async fn the_documented_first_state_is_one() {
    let page = include_str!("../../../docs/simulator.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), example).unwrap();
    let options = Options {
        seed: Seed::read(file.path()).unwrap(),
        ..Options::default()
    };
    let running = Simulator::start(options).await.unwrap();
    let control = running.control();
    assert_eq!(control.databases()[0].name, "main");
    let deploys = control.deploys("api").unwrap();
    assert_eq!(deploys[0].status, DeployStatus::BuildInProgress);
    assert_eq!(deploys[1].status, DeployStatus::Live);
    running.shutdown().await.unwrap();
}

#[test]
fn a_seed_file_is_read_or_named_in_the_error() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simulator/example.yaml");
    assert_eq!(Seed::read(&file).unwrap(), Seed::example().unwrap());
    let missing = Seed::read(Path::new("no/such/seed.yaml")).unwrap_err();
    assert!(matches!(&missing, SeedError::Read { path, .. } if path.contains("no/such")));
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let other = Seed::read(&manifest).unwrap_err();
    assert!(matches!(other, SeedError::Parse { .. }), "{other}");
}

#[tokio::test]
async fn phases_are_bounded() {
    let api = Api::start().await;
    let service = NewService {
        name: "api".to_owned(),
        ..NewService::default()
    };
    api.control().create_service(&service).unwrap();
    let deploy = |phases: usize, seconds: f64| NewDeploy {
        phases: vec![
            Phase {
                status: DeployStatus::BuildInProgress,
                seconds,
            };
            phases
        ],
        ..NewDeploy::default()
    };
    let start = |new: &NewDeploy| api.control().start_deploy("api", new);
    start(&deploy(100, 86_400.0)).unwrap();
    for wrong in [
        deploy(101, 1.0),
        deploy(1, f64::NAN),
        deploy(1, f64::INFINITY),
    ] {
        let error = start(&wrong).unwrap_err();
        assert!(matches!(error, ControlError::Invalid(_)), "{error}");
    }
    assert_eq!(api.get("/owners").await.status, StatusCode::OK);
    api.end().await;
}
