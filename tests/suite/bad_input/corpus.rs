//! The table of bad inputs, by the field that each is written in.

use serde_json::{Value, json};

use super::row::{Row, literal, refuse, reject, unreadable, works};

const URL: &str = "spec.checks[0].http.url";
const BODY_MATCHES: &str = "spec.checks[0].http.expect.bodyMatches";
const HEADERS: &str = "spec.checks[0].http.headers";
const HEADER: &str = "spec.checks[0].http.headers[0]";

/// Every row. `port` belongs to an address that must not be dialled, 127.0.0.2; at `health` is a page that passes.
pub fn rows(port: u16, health: &str) -> Vec<Row> {
    let parts = [
        durations(),
        budgets(),
        lists_and_names(),
        denied_addresses(port),
        denied_names(port),
        urls(health),
        headers(),
        methods_and_bodies(),
        statuses_and_patterns(),
        json_paths(),
        numbers(),
        references(),
        shapes(),
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
    ];
    let mut rows = Vec::new();
    for field in fields {
        rows.extend(spellings.map(|spelling| refuse("S1", field, spelling)));
        rows.extend([json!(5), json!(true), json!({})].map(|value| refuse("S1", field, value)));
        rows.push(refuse("S1", field, "9999999h"));
    }
    rows.extend([
        refuse("S1", "spec.interval", "0s").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.interval", "4999ms").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.interval", "24h1ms").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.retryInterval", "1s").saying("retryInterval must be between 5s and 24h"),
        refuse("S1", "spec.timeout", "16m").saying("timeout must be between 1s and 15m"),
        refuse("S1", "spec.soak", "25h").saying("soak must be at most 24h"),
        refuse("S1", "spec.checks[0].interval", "1s").saying("interval must be between 5s and 24h"),
        refuse("S1", "spec.checks[0].timeout", "0s").saying("timeout must be between 100ms and 5m"),
        refuse("S1", "spec.checks[0].http.expect.maxLatency", "0s").saying("maxLatency must be"),
        refuse("S1", "spec.checks[1].tcp.maxLatency", "6m").saying("maxLatency must be"),
        works("S1", "spec.interval", "0h0m10000ms"),
    ]);
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

fn denied_addresses(port: u16) -> Vec<Row> {
    let denied = |id, host: &str, saying| {
        let url = format!("http://{host}:{port}/");
        reject(id, URL, url, "TargetNotAllowed", saying)
    };
    let connect = |host: &str| json!({"name": "port", "tcp": {"host": host, "port": port}});
    let handshake = |host: &str| json!({"name": "port", "tls": {"host": host, "port": port}});
    vec![
        denied("S5", "127.0.0.2", "a loopback address"),
        denied("S5", "0.0.0.0", "the unspecified address"),
        denied("S5", "[::]", "the unspecified address"),
        denied("S5", "[::1]", "a loopback address"),
        denied("S6", "169.254.169.254", "a metadata service"),
        denied("S6", "metadata.google.internal", "a metadata service"),
        denied("S6", "Metadata.Google.Internal.", "a metadata service"),
        denied("S6", "[fd00:ec2::254]", "a metadata service"),
        denied("S7", "2130706434", "127.0.0.2:"),
        denied("S7", "0x7f000002", "127.0.0.2:"),
        denied("S7", "0x7f.2", "127.0.0.2:"),
        denied("S7", "0177.0.0.2", "127.0.0.2:"),
        denied("S7", "017700000002", "127.0.0.2:"),
        denied("S7", "127.2", "127.0.0.2:"),
        denied("S7", "%31%32%37.0.0.2", "127.0.0.2:"),
        denied("S7", "①②⑦.0.0.2", "127.0.0.2:"),
        denied("S8", "[::ffff:7f00:2]", "a loopback address"),
        denied("S8", "[::ffff:127.0.0.2]", "a loopback address"),
        denied("S8", "[::ffff:a9fe:a9fe]", "a metadata service"),
        denied("S8", "[64:ff9b::a9fe:a9fe]", "a metadata service"),
        denied("S8", "[2002:7f00:2::]", "a loopback address"),
        denied("S12", "10.96.0.10", "a private address"),
        reject(
            "S12",
            URL,
            "https://10.1.2.3:10250/pods",
            "TargetNotAllowed",
            "a kubelet port",
        ),
        reject(
            "S12",
            URL,
            "https://8.8.8.8:10255/pods",
            "TargetNotAllowed",
            "a kubelet port",
        ),
        reject(
            "S5",
            "spec.checks[1]",
            connect("127.0.0.2"),
            "TargetNotAllowed",
            "a loopback address",
        ),
        reject(
            "S7",
            "spec.checks[1]",
            connect("0x7f.2"),
            "TargetNotAllowed",
            "a loopback address",
        ),
        reject(
            "S8",
            "spec.checks[1]",
            connect("::ffff:127.0.0.2"),
            "TargetNotAllowed",
            "a loopback address",
        ),
        reject(
            "S6",
            "spec.checks[1]",
            handshake("169.254.169.254"),
            "TargetNotAllowed",
            "a metadata service",
        ),
    ]
}

/// Names that the test's own name server answers, each with an address that is denied.
fn denied_names(port: u16) -> Vec<Row> {
    let denied = |id, host: &str| {
        let url = format!("http://{host}:{port}/");
        reject(
            id,
            URL,
            url,
            "TargetNotAllowed",
            "which the egress rule denies",
        )
    };
    vec![
        denied("S9", "private.example"),
        denied("S9", "mixed.example"),
        denied("S9", "alias.example"),
        denied("S9", "rebinding.example"),
        // A homograph of apple.example, which is shown as what it is.
        reject(
            "S11",
            URL,
            format!("http://\u{430}pple.example:{port}/"),
            "TargetNotAllowed",
            "xn--pple-43d.example:",
        ),
    ]
}

fn urls(health: &str) -> Vec<Row> {
    let refused = [
        ("S10", "file:///etc/passwd"),
        ("S10", "gopher://example.com"),
        ("S10", "unix:/run/docker.sock"),
        ("S10", "ftp://example.com"),
        ("S10", "example.com"),
        ("S10", "//example.com"),
        ("S10", "http:example.com"),
        ("S10", "http:///example.com"),
        ("S10", ""),
        ("S11", "http://user@example.com"),
        ("S11", "http://user:password@example.com"),
        ("S11", "http://example.com/#fragment"),
        ("S11", "http://example.com/\r\nHost: evil"),
        ("S11", "http://example.com/a\tb"),
        ("S11", "http://example.com/a b"),
        ("S11", "http://example.com\\@evil.example"),
        ("S11", "http://example.com:0/"),
        ("S11", "http://example.com:65536/"),
        ("S11", "http://[::1/"),
    ];
    let mut rows: Vec<Row> = refused.map(|(id, url)| refuse(id, URL, url)).into();
    rows.extend([
        refuse(
            "S11",
            URL,
            format!("http://example.com/{}", "a".repeat(64 * 1024)),
        ),
        reject(
            "S11",
            URL,
            "http://1.2.3.4.5/",
            "InvalidSpec",
            "checks[health].http.url",
        ),
        reject(
            "S11",
            URL,
            "http://a..b/",
            "InvalidSpec",
            "checks[health].http.url",
        ),
        reject(
            "S11",
            URL,
            "http://a%00b/",
            "InvalidSpec",
            "checks[health].http.url",
        ),
        refuse("S11", URL, "http://example.com/\0/"),
        refuse("S11", URL, "http://example.com/\u{7f}/"),
        refuse("S11", "spec.checks[1].tcp.host", "example.com/path"),
        refuse("S11", "spec.checks[1].tcp.host", "user@example.com"),
        refuse("S11", "spec.checks[1].tcp.host", "a".repeat(254)),
        works("S10", URL, health.replace("http://", "HTTP://")),
    ]);
    rows
}

fn headers() -> Vec<Row> {
    let header = |name: &str, value: &str| json!({"name": name, "value": value});
    let many: Vec<Value> = (0..1000)
        .map(|number| header(&format!("X-{number}"), "x"))
        .collect();
    let twice = json!([header("X-Twice", "a"), header("x-twice", "b")]);
    let framing = [
        "Host",
        "host",
        "Transfer-Encoding",
        "CONTENT-LENGTH",
        "Connection",
        "Upgrade",
        "Expect",
    ];
    let secret = [
        "Authorization",
        "proxy-authorization",
        "Cookie",
        "X-Api-Key",
    ];
    let mut rows = Vec::new();
    rows.extend(framing.map(|name| {
        refuse("S13", HEADER, header(name, "x")).saying("frames the message or names its target")
    }));
    rows.extend(secret.map(|name| {
        refuse("S13", HEADER, header(name, "x"))
            .saying("carries a secret: use valueFrom.secretKeyRef")
    }));
    rows.extend([
        refuse(
            "S13",
            "spec.checks[0].http.headers[0].value",
            "a\r\nX-Evil: 1",
        ),
        refuse("S13", "spec.checks[0].http.headers[0].value", "a\0b"),
        refuse(
            "S13",
            "spec.checks[0].http.headers[0].value",
            "a".repeat(4097),
        ),
        refuse("S13", "spec.checks[0].http.headers[0].name", "X Evil"),
        refuse("S13", "spec.checks[0].http.headers[0].name", "X-Evil\n"),
        refuse("S13", HEADERS, many),
        reject(
            "S13",
            HEADERS,
            twice,
            "InvalidSpec",
            "http.headers[1].name: is used twice",
        ),
        refuse("S13", HEADER, json!({"name": "X-None"})).saying("exactly one of value, valueFrom"),
    ]);
    rows
}

fn methods_and_bodies() -> Vec<Row> {
    let post = |body: String| json!({"url": "http://example.com", "method": "POST", "body": body});
    let body = "spec.checks[0].http.body";
    let mut rows: Vec<Row> = ["CONNECT", "TRACE", "DELETE", "PUT", "get", ""]
        .map(|method| refuse("S14", "spec.checks[0].http.method", method))
        .into();
    rows.extend([
        refuse("S15", body, "{}")
            .naming("spec.checks[0].http")
            .saying("body is sent with method POST only"),
        refuse("S15", "spec.checks[0].http", post("a".repeat(16_385))).naming(body),
        refuse("S15", "spec.checks[0].http", post("a".repeat(2 << 20))).naming(body),
        unreadable(
            "S15",
            "spec.checks[0].http",
            post("a".repeat(5 << 20)),
            413,
            "too large",
        ),
        reject(
            "S15",
            "spec.checks[0].http",
            post("é".repeat(16_000)),
            "InvalidSpec",
            "http.body: is longer than 16384 bytes",
        ),
    ]);
    rows
}

fn statuses_and_patterns() -> Vec<Row> {
    let status = "spec.checks[0].http.expect.status[0]";
    let mut rows: Vec<Row> = ["0", "999", "2xx,", "", "200-", "20", "200-299-300", "200\n"]
        .map(|word| refuse("S16", status, word))
        .into();
    let range = "a status range must not end before it begins";
    let list = "spec.checks[0].http.expect.status";
    rows.extend([
        refuse("S16", status, "200-100").naming(list).saying(range),
        refuse("S16", list, json!([])).saying("name at least one status"),
        refuse("S16", status, 200),
        refuse("S17", BODY_MATCHES, "a".repeat(100 * 1024)),
        refuse("S17", BODY_MATCHES, ""),
        works("S17", BODY_MATCHES, "(o+)+k"),
    ]);
    let patterns = [
        "(",
        "(?<=a)b",
        "(?!a)b",
        r"(a)\1",
        "[z-a]",
        "(a{1000}){1000}",
        "a{1000000000}",
    ];
    let invalid = "http.expect.bodyMatches";
    rows.extend(
        patterns.map(|pattern| reject("S17", BODY_MATCHES, pattern, "InvalidSpec", invalid)),
    );
    let matches = "spec.checks[0].http.expect.headers[0].matches";
    rows.push(reject(
        "S17",
        matches,
        "(",
        "InvalidSpec",
        "http.expect.headers[0]",
    ));
    rows
}

fn json_paths() -> Vec<Row> {
    let path = "spec.checks[0].http.expect.json[0].path";
    let value = "spec.checks[0].http.expect.json[0].value";
    let operator = "spec.checks[0].http.expect.json[0].operator";
    let around = "spec.checks[0].http.expect.json[0]";
    let invalid = "http.expect.json[0].path";
    let mut rows: Vec<Row> = [
        "$[",
        "$.",
        "$..",
        "$[?",
        "$[?@.a ==]",
        "$.a b",
        "$[99999999999999999999]",
    ]
    .map(|text| reject("S18", path, text, "InvalidSpec", invalid))
    .into();
    rows.extend([
        refuse("S18", path, "status"),
        refuse("S18", path, "a".repeat(257)),
        refuse("S18", operator, "Matches"),
        refuse("S18", operator, "Exists")
            .naming(around)
            .saying("value is required by every operator but Exists"),
        reject(
            "S18",
            operator,
            "AtMost",
            "InvalidSpec",
            "http.expect.json[0].value",
        ),
        refuse("S20", value, 10),
    ]);
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
    let literals = ["-1", "9223372036854775808", "2147483648", "1e18", "1.5"];
    let mut rows = Vec::new();
    for field in fields {
        rows.extend(literals.map(|text| refuse("S20", field, literal(text))));
        rows.extend(["3", "99%", "NaN", "Inf"].map(|text| refuse("S19", field, text)));
        rows.push(unreadable("S19", field, literal("1e400"), 400, "1e400"));
        rows.push(unreadable(
            "S19",
            field,
            literal("NaN"),
            400,
            "invalid character",
        ));
    }
    let tls = |port: u32, days: u32| json!({"name": "port", "tls": {"host": "127.0.0.1", "port": port, "minDaysLeft": days}});
    rows.extend([
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
    let one_kind = "exactly one of http, tcp, dns, tls must be set";
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
