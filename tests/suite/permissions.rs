//! What the controller may do, and does: no right is missing, none is for nothing, and no secret goes anywhere but to where
//! it belongs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    time::Duration,
};

use kube::api::{Patch, PatchParams};
use plumbline::simulator::{Effect, Fault, NewDeploy};
use serde_json::{Value, json};

use crate::{
    crashes::workload::{User, Workload},
    support::{
        control_plane::ControlPlane,
        eventually::{eventually, within},
        hostile::{Behaviour, Server},
        intercept::{Action, Journal, RequestRule},
        scenario::{API_KEY, Scenario, external_spec, http_check, render_spec},
        target::Target,
    },
};

const USER: &str = "system:serviceaccount:plumbline-system:plumbline";

/// What a request asked for: `group/resource verb`.
type Right = String;

fn right(group: &str, resource: &str, verb: &str) -> Right {
    format!("{group}/{resource} {verb}")
}

/// The finished requests of the controller's account.
fn requests(plane: &ControlPlane) -> Vec<Value> {
    fs::read_to_string(&plane.facts.audit_log)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["user"]["username"] == USER)
        .collect()
}

fn asked(event: &Value) -> Right {
    let reference = &event["objectRef"];
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let resource = match reference["subresource"].as_str() {
        Some(subresource) => format!("{}/{subresource}", text(&reference["resource"])),
        None => text(&reference["resource"]),
    };
    right(
        &text(&reference["apiGroup"]),
        &resource,
        &text(&event["verb"]),
    )
}

/// Requests that no rule allowed. What an admission plugin or a missing object answers is another matter.
fn denied(requests: &[Value]) -> Vec<String> {
    requests
        .iter()
        .filter(|event| event["annotations"]["authorization.k8s.io/decision"] == "forbid")
        .map(|event| format!("{} {}", asked(event), event["requestURI"]))
        .collect()
}

/// Every right that the `ClusterRole` of the base grants.
fn granted(plane: &ControlPlane) -> BTreeSet<Right> {
    let role = plane
        .kubectl(&["get", "clusterrole", "plumbline", "-o", "json"], None)
        .unwrap();
    let role: Value = serde_json::from_str(&role).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        serde_json::from_value(value.clone()).expect("a list of texts")
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    rights.insert(right(&group, &resource, &verb));
                }
            }
        }
    }
    rights
}

/// Lets the API server store objects that do not fit the schema, as one of an older version would not.
fn loosen_the_schema(plane: &ControlPlane) {
    let name = "deploymentvalidations.plumbline.dev";
    let crd = plane
        .kubectl(&["get", "crd", name, "-o", "json"], None)
        .unwrap();
    let mut crd: Value = serde_json::from_str(&crd).unwrap();
    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    *schema = json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
        // Selectable, and so it has to be described.
        "properties": {"environment": {"type": "string"}},
    });
    plane
        .kubectl(&["replace", "-f", "-"], Some(&crd.to_string()))
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_right_of_the_role_is_used_and_no_other_is_missed() {
    let plane: &ControlPlane = Box::leak(Box::new(ControlPlane::start()));
    let journal = Journal::new();
    let mut scenario = Scenario::start_intercepted_on(plane, "", &journal).await;
    // An intent whose write gets no answer is read back.
    let status_of_a_record = |path: &str| path.contains("/rollbacks/") && path.ends_with("/status");
    let lost = RequestRule::new(Action::DropAfter)
        .path(status_of_a_record)
        .nth(1);
    scenario.intercepted.as_ref().unwrap().api.rule(lost);
    roll_back_and_forget(&scenario).await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    // The second failure repeats the event of the first.
    for _ in 0..2 {
        target.answer(503, &json!({}));
        scenario.until_ready("web", "False", "ChecksFailed").await;
        target.answer(200, &json!({"status": "ok"}));
        scenario.until_ready("web", "True", "Validated").await;
    }
    loosen_the_schema(plane);
    eventually("the schema to be loosened", || async {
        let misfit = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
            "metadata": {"name": "misfit"}, "spec": {"interval": "often"},
        });
        scenario
            .objects()
            .patch(
                "misfit",
                &PatchParams::apply("test-user").force(),
                &Patch::Apply(&misfit),
            )
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    scenario.until_ready("misfit", "False", "InvalidSpec").await;
    scenario.leaks_nothing(&[API_KEY]).await;

    // A watch is logged when it ends.
    scenario.controller.kill();
    let granted = granted(plane);
    within(
        Duration::from_secs(20),
        "every right to be used",
        || async {
            let used: BTreeSet<Right> = requests(plane).iter().map(asked).collect();
            let unused: Vec<Right> = granted.difference(&used).cloned().collect();
            if unused.is_empty() {
                Ok(())
            } else {
                Err(unused)
            }
        },
    )
    .await;
    let requests = requests(plane);
    assert_eq!(denied(&requests), Vec::<String>::new());
    let mut others: BTreeMap<Right, usize> = BTreeMap::new();
    for event in &requests {
        let asked = asked(event);
        if !granted.contains(&asked) {
            *others.entry(asked).or_default() += 1;
        }
    }
    assert_eq!(others, BTreeMap::new(), "another role grants these as well");
    scenario.finish().await;
    plane.command("kill", "kube-apiserver");
    plane.command("kill", "etcd");
}

/// A rollback, and the end of its record once nobody needs that any more, a minute later.
async fn roll_back_and_forget(scenario: &Scenario) {
    let user = User {
        client: scenario.client.clone(),
        namespace: scenario.namespace.clone(),
        render: scenario.render(),
        app: format!("http://{}/app", scenario.simulator.address),
    };
    user.run(Workload::RollsBack).await;
    let namespace = ["-n", &scenario.namespace];
    let change = |kind: &str, patch: Value| {
        let patch = patch.to_string();
        let arguments = ["patch", kind, "shop", "--type=merge", "-p", &patch];
        let arguments = [&arguments[..], &namespace[..]].concat();
        scenario.plane.kubectl(&arguments, None).unwrap();
    };
    change("rbp", json!({"spec": {"guard": {"budget": {"per": "1m"}}}}));
    change(
        "dv",
        json!({"spec": {"history": {"successful": 0, "failed": 0}}}),
    );
    scenario
        .render()
        .start_deploy(
            "api",
            &NewDeploy {
                immediately: true,
                ..NewDeploy::default()
            },
        )
        .unwrap();
    let mut token = 0;
    within(Duration::from_secs(100), "the record to be deleted", || {
        token += 1;
        let annotation =
            json!({"metadata": {"annotations": {"plumbline.dev/requestedAt": token.to_string()}}});
        change("dv", annotation);
        let user = &user;
        async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let records = user.rollbacks().await;
            if records.is_empty() {
                Ok(())
            } else {
                Err(records)
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_no_scenario_so_far_was_anything_denied() {
    let scenario = Scenario::start().await;
    let target = Target::start().await;
    scenario.apply("web", render_spec(&target.url())).await;
    scenario.until_ready("web", "True", "Validated").await;
    let requests = within(
        Duration::from_secs(20),
        "requests in the audit log",
        || async {
            let requests = requests(scenario.plane);
            if requests.is_empty() {
                Err("none")
            } else {
                Ok(requests)
            }
        },
    )
    .await;
    assert_eq!(denied(&requests), Vec::<String>::new());
    scenario.finish().await;
}

/// A value that URL encoding and JSON escaping change, for each place that can hold a secret.
const HEADER_VALUE: &str = "Pl4nted/Header+Value=\"with\\marks\"&more";
const QUERY_VALUE: &str = "Pl4ntedQueryValueThatMustNotLeak";

fn secret_check(name: &str, url: &str, expect: &Value) -> Value {
    let mut check = http_check(name, url);
    check["http"]["headers"] = json!([{
        "name": "x-password", "valueFrom": {"secretKeyRef": {"name": "password", "key": "value"}},
    }]);
    check["http"]["expect"] = expect.clone();
    check["failureThreshold"] = json!(1);
    check
}

/// Targets that give back what they were sent, or nothing that can be used.
struct Servers {
    echo: Server,
    refusing: Server,
    redirecting: Server,
    garbage: Server,
    hanging: Server,
    dead: SocketAddr,
}

impl Servers {
    async fn start() -> Self {
        let repeated = json!({"seen": HEADER_VALUE}).to_string();
        let elsewhere = format!("http://127.0.0.1:1/?token={QUERY_VALUE}");
        let garbage = format!("{HEADER_VALUE}\r\n{QUERY_VALUE}\r\n\r\n");
        Self {
            echo: Server::start(Behaviour::Echo).await,
            refusing: Server::start(Behaviour::Json(401, repeated)).await,
            redirecting: Server::start(Behaviour::Redirect(302, elsewhere)).await,
            garbage: Server::start(Behaviour::RawThenClose(garbage.into_bytes())).await,
            hanging: Server::start(Behaviour::Hang).await,
            dead: Server::start(Behaviour::Ok).await.address(),
        }
    }

    /// A check of each, and one for each way to expect something else than what the echo says.
    fn checks(&self, path: &str) -> Value {
        let echo = self.echo.url(path);
        let any = json!({});
        let json_path = json!({"json": [{"path": "$.head", "value": "other"}]});
        let text = json!({"bodyMatches": "^nothing$"});
        let header = json!({"headers": [{"name": "content-type", "matches": "^nothing$"}]});
        let handshake = format!("https://{}{path}", self.echo.address());
        let mut follow = secret_check("redirected", &self.redirecting.url(path), &any);
        follow["http"]["redirects"] = json!({"follow": 2});
        json!([
            secret_check("echoed", &echo, &any),
            secret_check("echoed-json", &echo, &json_path),
            secret_check("echoed-text", &echo, &text),
            secret_check("echoed-header", &echo, &header),
            secret_check("refused", &self.refusing.url(path), &any),
            secret_check("garbage", &self.garbage.url(path), &any),
            secret_check("hanging", &self.hanging.url(path), &any),
            secret_check("dead", &format!("http://{}{path}", self.dead), &any),
            secret_check("handshake", &handshake, &any),
            follow,
        ])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_for_a_log_a_status_an_event_or_a_metric_whatever_goes_wrong() {
    let scenario = Scenario::start().await;
    scenario
        .put_secret("password", &[("value", HEADER_VALUE)])
        .await;
    let servers = Servers::start().await;
    let path = format!("/health?token={QUERY_VALUE}&plain");
    let mut spec = render_spec(&servers.echo.url(&path));
    spec["checks"] = servers.checks(&path);
    scenario.apply("web", spec).await;
    let object = scenario.until_ready("web", "False", "ChecksFailed").await;
    let states: BTreeMap<&str, &str> = object["status"]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| {
            (
                check["name"].as_str().unwrap(),
                check["reason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(states["echoed"], "Passed");
    assert_eq!(states["refused"], "CredentialsRefused");
    let sent = servers.echo.requests().pop().unwrap().head;
    assert!(
        sent.contains(HEADER_VALUE) && sent.contains(QUERY_VALUE),
        "nothing was planted: {sent}"
    );

    let mut invalid = external_spec(&servers.echo.url(&path));
    invalid["checks"][0] = secret_check("twice", &servers.echo.url(&path), &json!({}));
    let headers = invalid["checks"][0]["http"]["headers"]
        .as_array_mut()
        .unwrap();
    let mut again = headers[0].clone();
    again["name"] = json!("X-Password");
    headers.push(again);
    scenario.apply("invalid", invalid).await;
    scenario
        .until_ready("invalid", "False", "InvalidSpec")
        .await;
    let forbidden = format!("http://169.254.169.254{path}");
    scenario.apply("forbidden", external_spec(&forbidden)).await;
    scenario
        .until_ready("forbidden", "False", "TargetNotAllowed")
        .await;

    // The platform refuses the key and repeats it.
    let repeated = Effect::Status {
        status: 401,
        body: Some(json!({"message": format!("bad key {API_KEY}"), "query": QUERY_VALUE})),
        text: None,
        retry_after: Some(API_KEY.to_owned()),
        ratelimit_reset: None,
    };
    scenario
        .render()
        .add_fault(Fault::get("/v1/services/*/deploys", repeated))
        .unwrap();
    scenario
        .until_ready("web", "False", "CredentialsRejected")
        .await;
    scenario
        .put_secret("render", &[("apiKey", &format!("{API_KEY}\nsecond line"))])
        .await;
    scenario
        .until_ready("web", "False", "SecretKeyMissing")
        .await;
    scenario.put_secret("render", &[("apiKey", API_KEY)]).await;
    scenario
        .until_ready("web", "False", "CredentialsRejected")
        .await;

    scenario
        .leaks_nothing(&[HEADER_VALUE, QUERY_VALUE, API_KEY])
        .await;
    let log = scenario.controller.log();
    assert!(
        log.contains("\"level\":\"DEBUG\""),
        "the log is not at its most talkative"
    );
    assert!(!log.contains("panicked"), "{log}");
    scenario.finish().await;
}
