//! Fields of the kinds of checks that cannot be meant so, apart from their addresses.

use serde_json::{Value, json};

use super::super::row::{Row, refuse, reject, unreadable};

const CHECK: &str = "spec.checks[1]";

/// Every row.
pub fn rows() -> Vec<Row> {
    let parts = [
        performance(),
        databases(),
        redis(),
        prometheus(),
        names(),
        workers(),
        platforms(),
    ];
    parts.into_iter().flatten().collect()
}

/// A check of `kind` that has `base` and, in the place of some of its fields, `more`.
fn check(kind: &str, base: Value, more: &Value) -> Value {
    let mut fields = base;
    let changed = more.as_object().unwrap().clone();
    fields.as_object_mut().unwrap().extend(changed);
    json!({"name": "port", kind: fields})
}

fn performance() -> Vec<Row> {
    let of = |more: &Value| {
        let base = json!({"url": "http://a", "maxP50": "1s"});
        check("performance", base, more)
    };
    let secret = json!([{"name": "Authorization", "value": "x"}]);
    let baseline = |p50: &str, samples| json!({"p50": p50, "p95": "1s", "samples": samples});
    let mut rows: Vec<Row> = [
        ("S20", "samples", json!(4), "samples", ""),
        ("S20", "samples", json!(201), "samples", ""),
        ("S20", "samples", json!(1.5), "samples", ""),
        ("S20", "samples", json!("20"), "samples", ""),
        ("S20", "concurrency", json!(0), "concurrency", ""),
        ("S20", "concurrency", json!(9), "concurrency", ""),
        ("S20", "warmup", json!(51), "warmup", ""),
        ("S1", "sampleTimeout", json!("1ms"), "sampleTimeout", ""),
        ("S1", "maxP50", json!("0s"), "maxP50", ""),
        ("S19", "maxErrorRate", json!("101%"), "maxErrorRate", ""),
        ("S19", "maxErrorRate", json!("NaN%"), "maxErrorRate", ""),
        ("S19", "maxErrorRate", json!("1"), "maxErrorRate", ""),
        ("S19", "minThroughput", json!(0), "minThroughput", ""),
        ("S14", "method", json!("POST"), "method", ""),
        ("S16", "status", json!(["2xx"]), "status[0]", ""),
        ("S16", "status", json!(["300-200"]), "status", "end before"),
        ("S13", "headers", secret, "headers[0]", "carries a secret"),
        ("S19", "minSamples", json!(21), "", "not be above samples"),
        (
            "S19",
            "baseline",
            baseline("2s", 50),
            "baseline",
            "above p95",
        ),
        ("S19", "baseline", baseline("1s", 4), "baseline.samples", ""),
    ]
    .into_iter()
    .map(|(id, field, value, named, saying)| {
        let named = format!("spec.checks[1].performance.{named}").leak();
        refuse(id, CHECK, of(&json!({field: value})))
            .naming(named.trim_end_matches('.'))
            .saying(saying)
    })
    .collect();
    rows.push(
        refuse(
            "S33",
            CHECK,
            json!({"name": "port", "performance": {"url": "http://a"}}),
        )
        .naming("spec.checks[1].performance")
        .saying("at least one of maxP50"),
    );
    rows.push(unreadable(
        "S33",
        CHECK,
        of(&json!({"body": "x"})),
        400,
        "performance.body",
    ));
    rows
}

fn databases() -> Vec<Row> {
    let base = || json!({"engine": "postgres", "host": "a", "database": "d", "user": "u"});
    let of = |more: Value| check("sql", base(), &more);
    let query = |statement: &str| of(json!({"query": {"statement": statement, "value": "1"}}));
    let statement = "spec.checks[1].sql.query.statement";
    let mut rows: Vec<Row> = [
        "DELETE FROM users",
        "INSERT INTO users VALUES (1)",
        "DROP TABLE users",
        "EXPLAIN SELECT 1",
        "SELECTED",
        "; SELECT 1",
        "-- SELECT 1",
        "",
    ]
    .map(|text| refuse("S33", CHECK, query(text)).naming(statement))
    .into();
    rows.extend([
        refuse("S33", CHECK, query(&format!("SELECT {}", "1".repeat(4096)))).naming(statement),
        refuse("S33", CHECK, of(json!({"engine": "oracle"}))).naming("spec.checks[1].sql.engine"),
        refuse("S33", CHECK, of(json!({"engine": "sqlite"})))
            .naming("spec.checks[1].sql")
            .saying("sqlite takes path alone"),
        refuse("S33", CHECK, of(json!({"user": "a\nb"}))).naming("spec.checks[1].sql.user"),
        refuse("S20", CHECK, of(json!({"port": 0}))).naming("spec.checks[1].sql.port"),
        refuse("S20", CHECK, of(json!({"port": 65_536}))).naming("spec.checks[1].sql.port"),
        refuse("S33", CHECK, of(json!({"tls": "Prefer"}))).naming("spec.checks[1].sql.tls"),
        refuse(
            "S33",
            CHECK,
            of(json!({"activity": {"maxConnectionsPercent": 101}})),
        )
        .naming("spec.checks[1].sql.activity.maxConnectionsPercent"),
        refuse(
            "S33",
            CHECK,
            of(json!({"migration": {"version": "1", "tool": "Django"}})),
        )
        .naming("spec.checks[1].sql.migration")
        .saying("app is taken by tool Django"),
        refuse(
            "S3",
            CHECK,
            of(json!({"tables": vec![json!({"name": "a"}); 65]})),
        )
        .naming("spec.checks[1].sql.tables"),
        refuse("S1", CHECK, of(json!({"maxLatency": {"query": "0s"}})))
            .naming("spec.checks[1].sql.maxLatency.query"),
        unreadable(
            "S23",
            CHECK,
            of(json!({"password": {"value": "x"}})),
            400,
            "sql.password.value",
        ),
    ]);
    rows
}

fn redis() -> Vec<Row> {
    let of = |more: Value| check("redis", json!({"host": "a"}), &more);
    vec![
        refuse("S20", CHECK, of(json!({"port": 0}))).naming("spec.checks[1].redis.port"),
        refuse("S20", CHECK, of(json!({"database": -1}))).naming("spec.checks[1].redis.database"),
        refuse("S33", CHECK, of(json!({"user": "u"})))
            .naming("spec.checks[1].redis")
            .saying("user needs a password"),
        refuse("S4", CHECK, of(json!({"keys": [{"key": "a\r\nFLUSHALL"}]})))
            .naming("spec.checks[1].redis.keys[0].key"),
        refuse(
            "S20",
            CHECK,
            of(json!({"keys": [{"key": "a", "length": {"value": -1}}]})),
        )
        .naming("spec.checks[1].redis.keys[0].length.value"),
        refuse("S19", CHECK, of(json!({"maxMemoryPercent": 101})))
            .naming("spec.checks[1].redis.maxMemoryPercent"),
        refuse(
            "S33",
            CHECK,
            of(json!({"replication": {"role": "Replica", "minReplicas": 1}})),
        )
        .naming("spec.checks[1].redis.replication")
        .saying("minReplicas is of role Primary only"),
        refuse("S21", CHECK, of(json!({"password": "hunter2"})))
            .naming("spec.checks[1].redis.password"),
    ]
}

fn prometheus() -> Vec<Row> {
    let base = || json!({"url": "http://a", "query": "up", "operator": "Equals", "value": "1"});
    let of = |more: Value| check("prometheus", base(), &more);
    let value = "spec.checks[1].prometheus.value";
    let mut rows: Vec<Row> = ["NaN", "Inf", "-Inf", "1e400", "99%", "", "0x1", "1,5", "1 "]
        .map(|text| refuse("S19", CHECK, of(json!({"value": text}))).naming(value))
        .into();
    let key = json!({"secretKeyRef": {"name": "a", "key": "k"}});
    rows.extend([
        refuse("S19", CHECK, of(json!({"value": 1}))).naming(value),
        refuse("S33", CHECK, of(json!({"query": ""}))).naming("spec.checks[1].prometheus.query"),
        refuse("S33", CHECK, of(json!({"operator": "Exists"})))
            .naming("spec.checks[1].prometheus.operator"),
        refuse("S1", CHECK, of(json!({"maxAge": "25h"})))
            .naming("spec.checks[1].prometheus.maxAge"),
        refuse("S33", CHECK, of(json!({"url": "http://a/?x=1"})))
            .naming("spec.checks[1].prometheus.url"),
        refuse(
            "S21",
            CHECK,
            of(json!({"bearerToken": key, "basic": {"user": "u", "password": key}})),
        )
        .naming("spec.checks[1].prometheus")
        .saying("at most one of bearerToken, basic"),
        refuse(
            "S21",
            CHECK,
            of(json!({"basic": {"user": "a:b", "password": key}})),
        )
        .naming("spec.checks[1].prometheus.basic.user"),
    ]);
    rows
}

fn names() -> Vec<Row> {
    let of = |fields: Value| json!({"name": "port", "dns": fields});
    let name = "spec.checks[1].dns.name";
    let mut rows: Vec<Row> = ["", "a b", "a:53", "[::1]", "http://a", "user@a", "a\nb"]
        .map(|text| refuse("S11", CHECK, of(json!({"name": text}))).naming(name))
        .into();
    rows.extend([
        refuse("S11", CHECK, of(json!({"name": "a".repeat(254)}))).naming(name),
        reject(
            "S7",
            CHECK,
            of(json!({"name": "127.0.0.1"})),
            "InvalidSpec",
            "checks[port].dns.name",
        ),
        reject(
            "S7",
            CHECK,
            of(json!({"name": "0x7f.1"})),
            "InvalidSpec",
            "checks[port].dns.name",
        ),
        reject(
            "S11",
            CHECK,
            of(json!({"name": "a..b"})),
            "InvalidSpec",
            "checks[port].dns.name",
        ),
        reject(
            "S33",
            CHECK,
            of(json!({"name": "a.example", "contains": ["::1"]})),
            "InvalidSpec",
            "checks[port].dns.contains[0]",
        ),
        refuse("S33", CHECK, of(json!({"name": "a", "recordType": "ANY"})))
            .naming("spec.checks[1].dns.recordType"),
        refuse(
            "S3",
            CHECK,
            of(json!({"name": "a", "contains": vec!["a"; 17]})),
        )
        .naming("spec.checks[1].dns.contains"),
    ]);
    rows
}

fn workers() -> Vec<Row> {
    let of = |more: Value| {
        let base = json!({"store": {"redis": {"host": "a"}}, "queue": {"key": "jobs"}});
        check("worker", base, &more)
    };
    let trip = |job: &str, done: &str| of(json!({"roundTrip": {"job": job, "doneKey": done}}));
    vec![
        refuse("S33", CHECK, json!({"name": "port", "worker": {}}))
            .naming("spec.checks[1].worker")
            .saying("at least one of health"),
        refuse("S33", CHECK, of(json!({"store": {}}))).naming("spec.checks[1].worker.store"),
        refuse(
            "S33",
            CHECK,
            of(json!({"queue": {"key": "jobs", "group": "g"}})),
        )
        .naming("spec.checks[1].worker.queue")
        .saying("group is of type Stream only"),
        refuse(
            "S33",
            CHECK,
            of(json!({"queue": {"key": "jobs", "maxAge": "1m"}})),
        )
        .naming("spec.checks[1].worker.queue")
        .saying("needs enqueuedAt"),
        refuse("S33", CHECK, trip("without one", "done:{marker}"))
            .naming("spec.checks[1].worker.roundTrip.job"),
        refuse("S33", CHECK, trip("{\"id\": \"{marker}\"}", "without one"))
            .naming("spec.checks[1].worker.roundTrip.doneKey"),
        refuse(
            "S33",
            CHECK,
            trip("{\"id\": \"{marker}\"}", "done\r\n{marker}"),
        )
        .naming("spec.checks[1].worker.roundTrip.doneKey"),
        refuse(
            "S20",
            CHECK,
            of(json!({"store": {"redis": {"host": "a", "port": 0}}})),
        )
        .naming("spec.checks[1].worker.store.redis.port"),
        unreadable(
            "S33",
            CHECK,
            json!({"name": "port", "worker": {"health": {"url": "http://a", "steps": []}}}),
            400,
            "health.steps",
        ),
    ]
}

fn platforms() -> Vec<Row> {
    let of = |fields: Value| json!({"name": "port", "platform": fields});
    let pattern = |name: &str, matches: &str| json!({"patterns": [{"name": name, "matches": matches, "maxPerMinute": 1}]});
    let logs = |more: Value| check("logs", pattern("error", "error"), &more);
    let many: Vec<String> = (0..33).map(|number| format!("s{number}")).collect();
    vec![
        refuse("S3", CHECK, of(json!({"services": many})))
            .naming("spec.checks[1].platform.services"),
        refuse("S3", CHECK, of(json!({"services": ["api", "api"]})))
            .naming("spec.checks[1].platform.services[1]"),
        refuse("S4", CHECK, of(json!({"version": "abc\ndef0"})))
            .naming("spec.checks[1].platform.version"),
        refuse("S1", CHECK, of(json!({"maxCrashes": 1, "window": "25h"})))
            .naming("spec.checks[1].platform.window"),
        refuse("S1", CHECK, logs(json!({"window": "59s"}))).naming("spec.checks[1].logs.window"),
        refuse("S17", CHECK, logs(pattern("error", &"a".repeat(257))))
            .naming("spec.checks[1].logs.patterns[0].matches"),
        refuse("S4", CHECK, logs(pattern("An Error", "error")))
            .naming("spec.checks[1].logs.patterns[0].name"),
    ]
}
