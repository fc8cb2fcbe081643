//! The table of bad inputs, by the field that each is written in.

mod addresses;
mod every_kind;
mod kinds;
pub mod policies;
mod requests;
pub mod rollbacks;
mod security;
mod services;
mod storage;
mod workers;

use serde_json::{Value, json};

use super::row::{Row, literal, refuse, reject, unreadable, works};

const HEADER: &str = "spec.checks[0].http.headers[0]";

/// Every row. `port` belongs to an address that must not be dialled, 127.0.0.2; at `health` is a page that passes.
pub fn rows(port: u16, health: &str) -> Vec<Row> {
    let parts = [
        durations(),
        budgets(),
        lists_and_names(),
        addresses::rows(port),
        requests::rows(health),
        numbers(),
        references(),
        shapes(),
        security::rows(),
        services::rows(),
        storage::rows(),
        workers::rows(),
        kinds::rows(),
        every_kind::rows(port),
    ];
    parts.into_iter().flatten().collect()
}

fn durations() -> Vec<Row> {
    let fields = [
        "spec.interval",
        "spec.retryInterval",
        "spec.timeout",
        "spec.soak",
        "spec.checks[0].interval",
        "spec.checks[0].timeout",
        "spec.checks[0].http.expect.maxLatency",
        "spec.checks[1].tcp.maxLatency",
    ];
    let mut rows: Vec<Row> = fields.into_iter().flat_map(no_durations).collect();
    rows.extend([
        refuse("S1", "spec.interval", "0s").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.interval", "4999ms").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.interval", "24h1ms").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.retryInterval", "1s").saying("retryInterval must be between 5s and 24h"),
        refuse("S1", "spec.timeout", "16m").saying("timeout must be between 1s and 15m"),
        refuse("S1", "spec.soak", "25h").saying("soak must be between 0s and 24h"),
        refuse("S1", "spec.checks[0].interval", "1s").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.checks[0].timeout", "0s").saying("timeout must be between 100ms and 5m"),
        refuse("S1", "spec.checks[0].http.expect.maxLatency", "0s").saying("maxLatency must be"),
        refuse("S1", "spec.checks[1].tcp.maxLatency", "6m").saying("maxLatency must be"),
        works("S1", "spec.interval", "0h0m10000ms"),
    ]);
    rows
}

/// What is no duration, or too long for one, in `field`.
fn no_durations(field: &'static str) -> Vec<Row> {
    let spellings = [
        "-5s",
        "1ns",
        "1e3s",
        "5",
        "",
        "5 m",
        "P1D",
        "99999999s",
        "1d",
        "1s1s1s1s1s",
        "\u{663}s",
        "9999999h",
    ];
    let mut rows = spellings
        .map(|spelling| refuse("S1", field, spelling))
        .into_iter()
        .collect::<Vec<Row>>();
    rows.extend([json!(5), json!(true), json!({})].map(|value| refuse("S1", field, value)));
    rows
}

/// What is no whole number, or too large for one, in `field`.
fn no_numbers(field: &'static str) -> Vec<Row> {
    let literals = ["-1", "9223372036854775808", "2147483648", "1e18", "1.5"];
    let mut rows = literals
        .map(|text| refuse("S20", field, literal(text)))
        .into_iter()
        .collect::<Vec<Row>>();
    rows.extend(["3", "99%", "NaN", "Inf"].map(|text| refuse("S19", field, text)));
    rows.push(unreadable("S19", field, literal("1e400"), 400, "1e400"));
    rows.push(unreadable(
        "S19",
        field,
        literal("NaN"),
        400,
        "invalid character",
    ));
    rows
}

fn budgets() -> Vec<Row> {
    let check = |name: &str, depends_on: &[&str]| {
        json!({
            "name": name, "dependsOn": depends_on, "timeout": "40s", "retries": 1,
            "tcp": {"host": "127.0.0.1", "port": 9},
        })
    };
    let chain = vec![check("a", &[]), check("b", &["a"])];
    let circle = vec![check("a", &["c"]), check("b", &["a"]), check("c", &["b"])];
    vec![
        refuse("S2", "spec.timeout", "1s")
            .saying("a check's timeout must not be above the validation's timeout"),
        reject(
            "S2",
            "spec.checks",
            chain,
            "InvalidSpec",
            "the chain of checks a → b may take 160s, and timeout is 60s",
        ),
        reject(
            "S2",
            "spec.checks",
            circle,
            "InvalidSpec",
            "dependsOn leads in a circle through a, b, c",
        ),
        refuse("S2", "spec.checks[1].dependsOn", json!(["nobody"]))
            .naming("spec.checks")
            .saying("dependsOn must name checks"),
        refuse("S2", "spec.checks[1].dependsOn", json!(["port"]))
            .naming("spec.checks[1]")
            .saying("cannot depend on itself"),
        refuse(
            "S2",
            "spec.checks[1].dependsOn",
            json!(["health", "health"]),
        )
        .naming("spec.checks[1].dependsOn[1]"),
        refuse("S2", "spec.checks[1].dependsOn", json!(vec!["health"; 17])),
    ]
}

fn lists_and_names() -> Vec<Row> {
    let check = |number: usize| json!({"name": format!("c{number}"), "tcp": {"host": "127.0.0.1", "port": 9}});
    let checks = |count: usize| (0..count).map(check).collect::<Vec<Value>>();
    let mut rows = vec![
        refuse("S3", "spec.checks", json!([])),
        refuse("S3", "spec.checks", checks(51)),
        refuse("S3", "spec.checks", checks(10_000)),
        refuse("S3", "spec.checks[1].name", "health").naming("spec.checks[1]"),
    ];
    let names = [
        "x".repeat(5 * 1024),
        "x".repeat(64),
        "💥".to_owned(),
        "a\nb".to_owned(),
        "a\n".to_owned(),
        "../etc".to_owned(),
        "\u{202e}txt".to_owned(),
        "Health".to_owned(),
        "-a".to_owned(),
        "a-".to_owned(),
        String::new(),
    ];
    rows.extend(names.map(|name| refuse("S4", "spec.checks[0].name", name)));
    rows.push(refuse("S4", "spec.environment", "../production"));
    rows
}

fn numbers() -> Vec<Row> {
    let fields = [
        "spec.checks[0].failureThreshold",
        "spec.checks[0].successThreshold",
        "spec.checks[0].retries",
        "spec.checks[0].http.redirects.follow",
        "spec.checks[1].tcp.port",
        "spec.history.successful",
        "spec.history.failed",
    ];
    let mut rows: Vec<Row> = fields.into_iter().flat_map(no_numbers).collect();
    let tls = |port: u32, days: u32| json!({"name": "port", "tls": {"host": "127.0.0.1", "port": port, "minDaysLeft": days}});
    let logs = |patterns: Value| json!({"name": "port", "logs": {"patterns": patterns}});
    let platform = |fields: Value| json!({"name": "port", "platform": fields});
    let grpc = |fields: Value| json!({"name": "port", "grpc": fields});
    rows.extend([
        refuse("S20", "spec.checks[1]", logs(json!([]))).naming("spec.checks[1].logs.patterns"),
        refuse("S20", "spec.checks[1]", logs(json!([{"name": "a", "matches": "a", "maxPerMinute": 101}])))
            .naming("spec.checks[1].logs.patterns[0].maxPerMinute"),
        reject("S20", "spec.checks[1]", logs(json!([{"name": "a", "matches": "a", "maxPerMinute": 1}])), "InvalidSpec", "checks[port].logs"),
        refuse("S20", "spec.checks[1]", platform(json!({"minInstances": 0})))
            .naming("spec.checks[1].platform.minInstances"),
        refuse("S20", "spec.checks[1]", platform(json!({"maxCrashes": 101})))
            .naming("spec.checks[1].platform.maxCrashes"),
        refuse("S20", "spec.checks[1]", platform(json!({"window": "5m"}))).naming("spec.checks[1].platform").saying("window needs"),
        reject("S20", "spec.checks[1]", platform(json!({})), "InvalidSpec", "checks[port].platform"),
        refuse("S20", "spec.checks[1]", grpc(json!({"host": "a"}))).naming("spec.checks[1].grpc.port"),
        refuse("S20", "spec.checks[1]", grpc(json!({"host": "a b", "port": 1}))).naming("spec.checks[1].grpc.host"),
        refuse("S20", "spec.checks[1]", grpc(json!({"host": "a", "port": 1, "services": ["a", "a"]})))
            .naming("spec.checks[1].grpc.services[1]"),
        refuse("S20", "spec.checks[1]", grpc(json!({"host": "a", "port": 1, "metadata": [{"name": "grpc-timeout", "value": "1S"}]})))
            .naming("spec.checks[1].grpc.metadata"),
        refuse("S19", "spec.checks[0].failureThreshold", 0),
        refuse("S19", "spec.checks[0].failureThreshold", 21),
        refuse("S19", "spec.checks[0].retries", 6),
        refuse("S20", "spec.checks[1].tcp.port", 0),
        refuse("S20", "spec.checks[1].tcp.port", 65_536),
        refuse("S20", "spec.checks[1]", tls(65_536, 1)).naming("spec.checks[1].tls.port"),
        refuse("S20", "spec.checks[1]", tls(443, 0)).naming("spec.checks[1].tls.minDaysLeft"),
        works("S20", "spec.checks[0].failureThreshold", literal("3.0")),
        works("S20", "spec.checks[0].failureThreshold", literal("2e0")),
    ]);
    rows
}

fn references() -> Vec<Row> {
    let reference = |name: &str, key: &str| json!({"name": "X-Token", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}});
    let name = "spec.checks[0].http.headers[0].valueFrom.secretKeyRef.name";
    let key = "spec.checks[0].http.headers[0].valueFrom.secretKeyRef.key";
    let target = |secret: Value| json!({"render": {"apiKeySecretRef": secret, "services": [{"name": "api"}]}});
    let elsewhere = json!({"name": "X-Token", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k", "namespace": "kube-system"}}});
    let mut rows: Vec<Row> = ["", "kube-system/token", "a/b", "..", "Upper", "a_b", "a\n"]
        .map(|text| refuse("S21", HEADER, reference(text, "key")).naming(name))
        .into();
    rows.extend(
        ["", "a/b", "a b"].map(|text| refuse("S21", HEADER, reference("api", text)).naming(key)),
    );
    rows.extend([
        refuse(
            "S21",
            HEADER,
            json!({"name": "X-Token", "valueFrom": {"secretKeyRef": {"key": "k"}}}),
        )
        .naming(name),
        refuse(
            "S21",
            HEADER,
            json!({"name": "X-Token", "valueFrom": {"secretKeyRef": {"name": "a"}}}),
        )
        .naming(key),
        refuse("S21", "spec.target", target(json!({"key": "k"})))
            .naming("spec.target.render.apiKeySecretRef.name"),
        unreadable("S23", HEADER, elsewhere, 400, "secretKeyRef.namespace"),
        unreadable(
            "S23",
            "spec.target",
            target(json!({"name": "a", "key": "k", "namespace": "kube-system"})),
            400,
            "apiKeySecretRef.namespace",
        ),
    ]);
    rows
}

fn shapes() -> Vec<Row> {
    let both = json!({"external": {}, "render": {"apiKeySecretRef": {"name": "a", "key": "k"}, "services": [{"name": "api"}]}});
    let two_kinds = json!({"name": "port", "tcp": {"host": "127.0.0.1", "port": 9}, "dns": {"name": "example.com"}});
    let one_kind = "exactly one of http, tcp, dns, tls,";
    let one_target = "exactly one of render, external must be set";
    vec![
        unreadable(
            "S33",
            "spec.timout",
            "5s",
            400,
            "unknown field \\\"spec.timout\\\"",
        ),
        unreadable(
            "S33",
            "spec.checks[0].http.ur",
            "x",
            400,
            "unknown field \\\"spec.checks[0].http.ur\\\"",
        ),
        unreadable(
            "S33",
            "spec.suspend",
            literal("true, \"suspend\": false"),
            400,
            "duplicate field \\\"spec.suspend\\\"",
        ),
        unreadable(
            "S33",
            "apiVersion",
            "plumbline.dev/v1",
            400,
            "cannot be handled as a DeploymentValidation",
        ),
        refuse("S33", "kind", "DeploymentValidations"),
        refuse("S33", "spec", Value::Null),
        refuse("S33", "spec", json!([])),
        refuse("S33", "spec.checks", Value::Null),
        refuse("S33", "spec.checks", json!({})),
        refuse("S33", "spec.checks[0]", Value::Null),
        refuse("S33", "spec.checks[0].http", json!([])),
        refuse("S33", "spec.checks[0].area", "payments"),
        refuse("S33", "spec.checks[0].stage", "Smoke"),
        refuse("S33", "spec.checks[0].severity", "fatal"),
        refuse("S33", "spec.checks[0].http", Value::Null)
            .naming("spec.checks[0]")
            .saying(one_kind),
        refuse("S33", "spec.checks[1]", two_kinds)
            .naming("spec.checks[1]")
            .saying(one_kind),
        refuse("S33", "spec.target", both).saying(one_target),
        refuse("S33", "spec.target", json!({})).saying(one_target),
        refuse("S33", "spec.target", Value::Null),
        works("S33", "spec.interval", Value::Null),
    ]
}

#[test]
fn every_kind_of_check_has_rows_of_its_own() {
    let rows = rows(1, "http://a");
    for kind in plumbline::api::CheckKind::NAMES {
        let count = rows.iter().filter(|row| row.is_about(kind)).count();
        assert!(count >= 5, "{count} rows are about {kind}");
    }
}
