//! Targets that misbehave in every way at once cost their own checks, and nothing else.

use std::{fs, time::Duration};

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::{
    eventually::eventually,
    hostile::{Behaviour, Server},
    scenario::{Scenario, condition},
};

const PLANTED: &str = "PlantedTokenThatMustNotLeak8";

/// The longest message, in bytes.
const LONGEST_MESSAGE: usize = 1024;

/// How much the controller may grow over a few runs, in KiB: what an allocator keeps, and not one body too many.
const GROWTH: u64 = 16 * 1024;

/// A name, what the target does, what is expected of it, and what status says.
type Case = (&'static str, Behaviour, Value, &'static str, &'static str);

fn cases() -> Vec<Case> {
    let content = || json!({"bodyMatches": "nothing of the kind"});
    let answer =
        |head: &str| Behaviour::RawThenClose(format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes());
    let shouted = format!("\u{1b}[31m\r\n{{{{ danger }}}}<script>\u{202e}{PLANTED}");
    let shouted = json!({"status": shouted}).to_string();
    vec![
        (
            "endless",
            Behaviour::Endless,
            content(),
            "UnexpectedBody",
            "the body is longer than 1 MiB",
        ),
        (
            "bomb",
            Behaviour::GzipBomb(16 << 20),
            content(),
            "UnexpectedBody",
            "the body is encoded as gzip",
        ),
        (
            "header",
            answer(&format!("x: {}\r\n", "a".repeat(1 << 20))),
            json!({}),
            "ProtocolError",
            "did not answer with valid HTTP",
        ),
        (
            "headers",
            Behaviour::EndlessHead,
            json!({}),
            "ProtocolError",
            "did not answer with valid HTTP",
        ),
        (
            "garbage",
            Behaviour::RawThenClose(vec![0xfe; 4096]),
            json!({}),
            "ProtocolError",
            "did not answer with valid HTTP",
        ),
        (
            "deep",
            Behaviour::Json(200, "[".repeat(100_000)),
            json!({"json": [{"path": "$", "operator": "Exists"}]}),
            "UnexpectedBody",
            "cannot be read as JSON",
        ),
        (
            "drip",
            Behaviour::Drip(Duration::from_millis(50)),
            content(),
            "TimedOut",
            "timed out",
        ),
        ("hang", Behaviour::Hang, json!({}), "TimedOut", "timed out"),
        (
            "echo",
            Behaviour::Echo,
            json!({"json": [{"path": "$.head", "value": "other"}]}),
            "UnexpectedBody",
            "$.head",
        ),
        (
            "shout",
            Behaviour::Json(200, shouted),
            json!({"json": [{"path": "$.status", "value": "ok"}]}),
            "UnexpectedBody",
            "$.status",
        ),
        (
            "reset",
            Behaviour::ResetInBody,
            content(),
            "ConnectionReset",
            "closed the connection",
        ),
        (
            "flood",
            Behaviour::InterimFlood,
            json!({}),
            "ProtocolError",
            "too many interim answers",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_targets_fail_their_own_checks_and_cost_the_controller_nothing() {
    let mut scenario = Scenario::start().await;
    scenario.put_secret("api", &[("token", PLANTED)]).await;
    let mut servers = Vec::new();
    let mut checks = Vec::new();
    for (name, behaviour, expect, ..) in cases() {
        let server = Server::start(behaviour).await;
        checks.push(check(
            name,
            &server.url(&format!("/{PLANTED}?key={PLANTED}")),
            &expect,
        ));
        servers.push(server);
    }
    let looping = Server::start(Behaviour::Ok).await;
    looping.behave(Behaviour::Redirect(302, looping.url("/again")));
    checks.push(check("loop", &looping.url("/"), &json!({})));
    let healthy = Server::start(Behaviour::Ok).await;
    checks.push(check("healthy", &healthy.url("/"), &json!({})));
    let spec = json!({
        "interval": "1h", "timeout": "30s", "target": {"external": {}}, "checks": checks,
    });
    scenario.apply("web", spec).await;
    let object = scenario.until_ready("web", "False", "ChecksFailed").await;
    judge(&object);

    run(&scenario, 0).await;
    let before = resident(scenario.controller.pid());
    for number in 1..=5 {
        run(&scenario, number).await;
    }
    let after = resident(scenario.controller.pid());
    assert!(after < before + GROWTH, "from {before} to {after} KiB");
    judge(&scenario.get("web").await);
    assert!(
        looping.requests().len() <= 7 * 6,
        "redirects were followed without an end"
    );
    assert!(healthy.requests()[0].head.contains(PLANTED));
    assert!(scenario.controller.is_running());
    scenario.leaks_nothing(&[PLANTED]).await;
    scenario.finish().await;
}

fn check(name: &str, url: &str, expect: &Value) -> Value {
    // What must be cut off by its time alone is; the others must have the time that a busy machine takes.
    let timeout = if ["drip", "hang"].contains(&name) {
        "1s"
    } else {
        "20s"
    };
    json!({
        "name": name, "timeout": timeout, "failureThreshold": 1,
        "http": {
            "url": url, "expect": expect, "redirects": {"follow": 5},
            "headers": [{"name": "X-Token", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}],
        },
    })
}

/// Every check says what is wrong with its target, on one short line.
fn judge(object: &Value) {
    let checks = object["status"]["checks"].as_array().unwrap();
    let of = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap();
    let looping = ("loop", "RedirectRefused", "redirects");
    let expected = cases()
        .into_iter()
        .map(|(name, _, _, reason, saying)| (name, reason, saying));
    for (name, reason, saying) in expected.chain([looping]) {
        let check = of(name);
        assert_eq!(
            (&check["state"], &check["reason"]),
            (&json!("Failed"), &json!(reason)),
            "{check}"
        );
        assert!(
            check["message"].as_str().unwrap().contains(saying),
            "{check}"
        );
    }
    assert_eq!(of("healthy")["state"], "Passing");
    assert_eq!(object["status"]["summary"], format!("1/{}", checks.len()));
    let conditions = object["status"]["conditions"].as_array().unwrap();
    assert_eq!(condition(object, "Stalled")["reason"], "ChecksFailed");
    for told in checks.iter().chain(conditions) {
        let message = told["message"].as_str().unwrap_or_default();
        assert!(message.len() <= LONGEST_MESSAGE, "{message}");
        assert!(
            !message.contains(|character: char| character.is_control() || character == '\u{202e}'),
            "{message}"
        );
    }
}

/// Has all checks run once more, and waits until they have.
async fn run(scenario: &Scenario, number: usize) {
    let token = format!("run-{number}");
    let annotation = json!({"metadata": {"annotations": {"plumbline.dev/requestedAt": token}}});
    let parameters = PatchParams::default();
    scenario
        .objects()
        .patch("web", &parameters, &Patch::Merge(annotation))
        .await
        .unwrap();
    eventually("a requested run to end", || async {
        let object = scenario.get("web").await;
        if object["status"]["lastHandledReconcileAt"] == json!(token) {
            Ok(())
        } else {
            Err(object["status"].clone())
        }
    })
    .await;
}

/// The part of the process `pid` that is in memory, in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}
