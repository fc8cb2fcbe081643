//! Requests that cannot be sent, and answers that cannot be expected.

use serde_json::{Value, json};

use super::super::row::{Row, refuse, reject, unreadable, works};

const URL: &str = "spec.checks[0].http.url";
const BODY_MATCHES: &str = "spec.checks[0].http.expect.bodyMatches";
const HEADERS: &str = "spec.checks[0].http.headers";
const HEADER: &str = "spec.checks[0].http.headers[0]";

/// Every row. At `health` is a page that passes.
pub fn rows(health: &str) -> Vec<Row> {
    let parts = [
        urls(health),
        headers(),
        methods_and_bodies(),
        steps(),
        statuses_and_patterns(),
        json_paths(),
    ];
    parts.into_iter().flatten().collect()
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
    let mut rows: Vec<Row> = ["CONNECT", "TRACE", "QUERY", "get", ""]
        .map(|method| refuse("S14", "spec.checks[0].http.method", method))
        .into();
    rows.extend([
        refuse("S15", body, "{}")
            .naming("spec.checks[0].http")
            .saying("body is sent with method POST, PUT or PATCH only"),
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

fn steps() -> Vec<Row> {
    let http = "spec.checks[0].http";
    let chain = |steps: Value| json!({"url": "http://example.com", "steps": steps});
    let first = |step: Value| chain(json!([step]));
    let unknown = first(json!({"name": "a", "path": "/${id}"}));
    let early = chain(json!([{"name": "a"}, {"name": "b", "cleanup": true}, {"name": "c"}]));
    let mut single = first(json!({"name": "a"}));
    single["method"] = "POST".into();
    let both = json!([{"name": "a", "json": "$.a", "header": "b"}]);
    let many: Vec<Value> = (0..11)
        .map(|place| json!({"name": format!("s{place}")}))
        .collect();
    vec![
        refuse("S15", http, chain(json!([]))).naming("spec.checks[0].http.steps"),
        refuse("S15", http, chain(json!(many))).naming("spec.checks[0].http.steps"),
        refuse("S15", http, single).saying("are those of each step"),
        refuse("S15", http, first(json!({"name": "a", "path": "b"})))
            .naming("spec.checks[0].http.steps[0].path"),
        refuse("S15", http, first(json!({"name": "a", "capture": both})))
            .naming("spec.checks[0].http.steps[0].capture[0]")
            .saying("exactly one of json, header"),
        reject(
            "S15",
            http,
            unknown,
            "InvalidSpec",
            "refers to ${id}, which no step before captures",
        ),
        reject("S15", http, early, "InvalidSpec", "http.steps[2].cleanup"),
    ]
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
