//! What the controller may do, and does: no right is missing, none is for nothing, and no secret goes anywhere but to where
//! it belongs.

mod rights;

use std::{collections::BTreeMap, fs, net::SocketAddr, time::Duration};

use plumbline::simulator::{Effect, Fault};
use serde_json::{Value, json};

use crate::support::{
    control_plane::ControlPlane,
    eventually::within,
    hostile::{Behaviour, Server},
    scenario::{API_KEY, Scenario, external_spec, http_check, render_spec},
    target::Target,
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
