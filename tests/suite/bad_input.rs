//! Bad input is refused by the API server with the field's name, or rejected in its object's own status. Nothing else
//! notices.

mod corpus;
mod generated;
mod hostile_targets;
mod names;
mod rollbacks;
mod row;
mod schema;
mod secrets;
mod stored;
mod stored_rollbacks;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kube::api::PostParams;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use self::row::{Kind, Row, create, hold, reject};
use crate::support::{
    controller::{Controller, Options},
    eventually::within,
    hostile::{Lookup, NameServer},
    scenario::{Scenario, condition},
    target::Target,
};

/// How many good validations run beside the bad ones, and how often.
const NEIGHBOURS: u16 = 20;
const INTERVAL: &str = "10s";

/// A tenth of [`INTERVAL`], as a bound of the buckets of the lateness.
const TOLERATED_LATENESS: &str = "1.0";

/// An object in which every row changes one field; without the change, it is good.
fn good_spec(target: &Target) -> Value {
    json!({
        "interval": INTERVAL, "retryInterval": "5s", "timeout": "1m", "soak": "1s",
        "target": {"external": {}},
        "history": {"successful": 3, "failed": 5},
        "checks": [
            {
                "name": "health", "timeout": "5s", "failureThreshold": 2, "successThreshold": 1, "retries": 1,
                "http": {
                    "url": target.url(), "method": "GET",
                    "headers": [{"name": "X-Test", "value": "yes"}],
                    "redirects": {"follow": 1},
                    "expect": {
                        "status": ["200"],
                        "headers": [{"name": "Content-Type", "matches": "json"}],
                        "bodyMatches": "status",
                        "json": [{"path": "$.status", "operator": "Equals", "value": "ok"}],
                        "maxLatency": "5s",
                    },
                },
            },
            {
                "name": "port", "dependsOn": ["health"], "timeout": "5s",
                "tcp": {"host": "127.0.0.1", "port": target.address().port(), "maxLatency": "5s"},
            },
        ],
    })
}

/// A scenario whose controller has other settings than every test's.
async fn scenario_with(settings: String) -> Scenario {
    let mut scenario = Scenario::start().await;
    let options = Options {
        namespace: &scenario.namespace,
        settings,
        server: None,
        authority: None,
    };
    scenario.controller.kill();
    scenario.controller = Controller::start(scenario.plane, &options).await;
    scenario
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_or_rejected_and_its_neighbours_stay_on_schedule() {
    let names = NameServer::start(denied_names()).await;
    let mut scenario = scenario_with(format!(
        "network: {{egress: {{allow: [127.0.0.1/32], private: Deny}}, dns: {{servers: ['{}']}}}}",
        names.address()
    ))
    .await;
    let target = Target::start().await;
    let forbidden = Forbidden::start().await;
    // What rows refer to that are bad for another reason.
    scenario.put_secret("a", &[("k", "good")]).await;
    let spec = good_spec(&target);
    for number in 0..NEIGHBOURS {
        scenario.apply(&neighbour(number), spec.clone()).await;
    }
    for number in 0..NEIGHBOURS {
        scenario
            .until_ready(&neighbour(number), "True", "Validated")
            .await;
    }

    hold(
        &scenario,
        Kind::Validation,
        &spec,
        &corpus::rows(forbidden.port, &target.url()),
    )
    .await;
    run_on(&target, 2 * usize::from(NEIGHBOURS)).await;

    assert_eq!(forbidden.connections(), 0, "a denied address was dialled");
    for number in 0..NEIGHBOURS {
        stayed_ready(&scenario, &neighbour(number));
    }
    stayed_on_schedule(&scenario).await;
    assert!(scenario.controller.is_running());
    let log = scenario.controller.log();
    assert!(!log.contains("panicked"), "{log}");
    scenario.finish().await;
}

fn neighbour(number: u16) -> String {
    format!("neighbour-{number}")
}

/// A script for names that lead to denied addresses, one of them only from its second query on.
fn denied_names() -> impl Fn(&str, usize) -> Lookup + Send + Sync {
    let asked = Mutex::new(HashMap::<String, usize>::new());
    move |name, _| {
        let mut asked = asked.lock().unwrap();
        let count = asked.entry(name.to_owned()).or_default();
        *count += 1;
        let addresses = match name {
            "private.example" => vec!["169.254.169.254"],
            "mixed.example" => vec!["127.0.0.1", "127.0.0.2"],
            "alias.example" => return Lookup::Alias("private.example".to_owned()),
            // Each resolution asks for both families.
            "rebinding.example" if *count <= 2 => vec!["127.0.0.1"],
            "rebinding.example" | "xn--pple-43d.example" => vec!["127.0.0.2"],
            _ => return Lookup::NoSuchName,
        };
        let addresses = addresses.into_iter().map(|text| text.parse().unwrap());
        Lookup::Addresses(addresses.collect::<Vec<IpAddr>>())
    }
}

/// Waits until `target` has answered this many requests more.
async fn run_on(target: &Target, requests: usize) {
    let enough = target.requests() + requests;
    within(
        Duration::from_mins(1),
        "the neighbours' next runs",
        || async {
            let requests = target.requests();
            if requests >= enough {
                Ok(())
            } else {
                Err(requests)
            }
        },
    )
    .await;
}

/// Once Ready, the object `name` was never anything else.
fn stayed_ready(scenario: &Scenario, name: &str) {
    let versions = scenario.recorder.versions_of(name);
    let ready = |object: &Value| condition(object, "Ready")["status"] == "True";
    let mut since = versions
        .iter()
        .skip_while(|object| !ready(object))
        .peekable();
    assert!(since.peek().is_some(), "{name} was never Ready");
    for object in since {
        assert!(ready(object), "{object}");
    }
}

/// No run began later than a tenth of the interval after its time.
async fn stayed_on_schedule(scenario: &Scenario) {
    let (_, metrics) = scenario.controller.get("/metrics").await.unwrap();
    let value = |series: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        let value = line.unwrap_or_else(|| panic!("no {series} in {metrics}"));
        value.trim().parse().unwrap()
    };
    let in_time = value(&format!(
        "plumbline_run_lateness_seconds_bucket{{le=\"{TOLERATED_LATENESS}\"}}"
    ));
    let all = value("plumbline_run_lateness_seconds_count");
    assert!(all >= f64::from(NEIGHBOURS));
    assert!(in_time >= all, "{} runs of {all} were late", all - in_time);
}

/// A listener at an address that the egress rule denies: 127.0.0.2.
struct Forbidden {
    port: u16,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Forbidden {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let counted = connections.clone();
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            port,
            connections,
            task,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_settings_let_no_check_at_this_machine_or_the_api_server() {
    let scenario = scenario_with(String::new()).await;
    let target = Target::start().await;
    let port = target.address().port();
    let mut rows: Vec<Row> = [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "a.localhost",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "%31%32%37.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[2002:7f00:1::]",
    ]
    .map(|host| {
        let url = format!("http://{host}:{port}/");
        let field = "spec.checks[0].http.url";
        reject("S5", field, url, "TargetNotAllowed", "a loopback address")
    })
    .into();
    let server = &scenario.plane.facts.server;
    rows.extend(
        [
            server.as_str(),
            "https://kubernetes.default",
            "https://kubernetes.default.svc.cluster.local.",
        ]
        .map(|url| {
            let field = "spec.checks[0].http.url";
            reject("S12", field, url, "TargetNotAllowed", "the API server")
        }),
    );
    hold(&scenario, Kind::Validation, &good_spec(&target), &rows).await;
    assert_eq!(target.requests(), 0, "a denied address was dialled");
    scenario.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typo_that_is_not_refused_is_warned_of_and_a_good_object_warns_of_nothing() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    let mut object = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
        "metadata": {"name": "good"}, "spec": good_spec(&target),
    });
    let (client, namespace) = (&scenario.client, &scenario.namespace);
    let answer = create(
        client,
        namespace,
        Kind::Validation,
        "Strict",
        object.to_string(),
    )
    .await;
    assert_eq!((answer.status, answer.warnings), (201, vec![]));
    object["metadata"]["name"] = json!("typo");
    object["spec"]["timout"] = json!("5s");
    let answer = create(
        client,
        namespace,
        Kind::Validation,
        "Warn",
        object.to_string(),
    )
    .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.warnings.len(), 1, "{:?}", answer.warnings);
    assert!(answer.warnings[0].contains("spec.timout"));
    assert!(answer.body["spec"]["timout"].is_null());
    scenario.until_ready("typo", "True", "Validated").await;
    scenario.finish().await;
}

/// Rules of the schema cost the API server time, and it refuses an object whose rules would take too much of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_spec_is_within_the_budget_that_the_api_server_has_for_its_rules() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("good", good_spec(&target)).await;
    let spec = largest_spec();
    let object = Kind::Validation.object("largest", &spec);
    assert!(object.to_string().len() > 1 << 20);
    // The store would refuse the object for its size, the rules must not.
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let objects = Kind::Validation.objects(&scenario);
    let object = serde_json::from_value(object).unwrap();
    objects.create(&parameters, &object).await.unwrap();
    scenario.until_ready("good", "True", "Validated").await;
    scenario.finish().await;
}

/// As many of everything as the schema lets in, where a rule goes through it.
fn largest_spec() -> Value {
    let list = |count: usize, item: fn(usize) -> Value| (0..count).map(item).collect::<Vec<_>>();
    let header = |place| json!({"name": format!("X-{place}"), "value": "x".repeat(64)});
    let expected = json!({
        "status": vec!["200-299"; 16],
        "headers": list(16, |place| json!({"name": format!("X-{place}"), "matches": "x"})),
        "json": vec![json!({"path": "$.a", "operator": "Equals", "value": "b"}); 16],
        "cel": vec!["status == 200"; 8],
        "maxLatency": "0h4m59s999ms",
    });
    let step = |place: usize| {
        json!({
            "name": format!("step-{place}"), "method": "POST", "path": "/", "body": "{}",
            "headers": list(8, header), "expect": expected.clone(),
            "capture": list(8, |place| json!({"name": format!("a{place}"), "json": "$.a"})),
        })
    };
    let steps: Vec<Value> = (0..10).map(step).collect();
    let name = |place: usize| format!("{place:03}{}", "a".repeat(60));
    let checks = (0..50_usize).map(|place| {
        let before: Vec<String> = (place.saturating_sub(16)..place).map(name).collect();
        json!({
            "name": name(place), "dependsOn": before, "timeout": "0h0m1s0ms", "interval": "0h1m0s0ms",
            "http": {"url": "http://target.example/", "headers": list(32, header), "steps": steps.clone()},
        })
    });
    json!({
        "interval": "0h5m0s0ms", "timeout": "0h15m0s0ms", "target": {"external": {}},
        "checks": checks.collect::<Vec<_>>(),
    })
}
