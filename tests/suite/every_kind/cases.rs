//! The smallest check of every kind, with an address of the test's choice and a Secret wherever one can be referred to.

use plumbline::api::Check;
use serde_json::{Value, json};

use super::protocol::Protocol;

/// A check that reaches one target.
#[derive(Clone, Debug)]
pub struct Case {
    /// Kind and variant.
    pub name: &'static str,
    pub kind: &'static str,
    /// The field of the check that holds the address.
    pub field: &'static str,
    /// What its target speaks.
    pub protocol: Protocol,
    /// The scheme, when the address is that of a URL.
    pub scheme: Option<&'static str>,
    /// What it measures is there as soon as there is a connection.
    pub measures_connecting: bool,
    fields: Value,
}

/// Where a check is sent.
#[derive(Clone, Debug)]
pub enum Address {
    Host(String, u16),
    /// A whole URL, for fields that hold one.
    Url(String),
}

impl Address {
    pub fn host(host: &str, port: u16) -> Self {
        Self::Host(host.to_owned(), port)
    }
}

impl Case {
    fn url(name: &'static str, field: &'static str, fields: Value) -> Self {
        Self {
            name,
            kind: field.split('.').next().unwrap(),
            field,
            protocol: Protocol::Http,
            scheme: Some("http"),
            measures_connecting: false,
            fields,
        }
    }

    fn host(name: &'static str, field: &'static str, protocol: Protocol, fields: Value) -> Self {
        Self {
            protocol,
            scheme: None,
            ..Self::url(name, field, fields)
        }
    }

    fn secured(mut self) -> Self {
        self.scheme = Some("https");
        self.protocol = Protocol::Tls;
        self
    }

    /// The check as it is written, called `case`.
    pub fn written(&self, address: &Address) -> Value {
        let mut check = json!({"name": "case", "timeout": "1s"});
        check[self.kind] = self.fields.clone();
        let mut place = &mut check;
        let (parents, field) = self.field.rsplit_once('.').unwrap();
        for parent in parents.split('.') {
            place = &mut place[parent];
        }
        match (address, self.scheme) {
            (Address::Url(url), _) => place[field] = url.as_str().into(),
            (Address::Host(host, port), Some(scheme)) => {
                let bracketed = format!("[{host}]");
                let host = if host.contains(':') { &bracketed } else { host };
                place[field] = format!("{scheme}://{host}:{port}").into();
            }
            (Address::Host(host, port), None) => {
                place[field] = host.as_str().into();
                place["port"] = (*port).into();
            }
        }
        check
    }

    pub fn check(&self, address: &Address) -> Check {
        let written = self.written(address);
        serde_json::from_value(written.clone())
            .unwrap_or_else(|error| panic!("{}: {error}: {written}", self.name))
    }
}

/// Every way in which a check of this kind reaches a target; none for those that ask the platform or the name servers alone.
pub fn of(kind: &str) -> Vec<Case> {
    match kind {
        "http" => http(),
        "tcp" => vec![Case {
            measures_connecting: true,
            ..Case::host("tcp", "tcp.host", Protocol::Any, json!({}))
        }],
        "tls" => vec![Case::host("tls", "tls.host", Protocol::Tls, json!({}))],
        "grpc" => grpc(),
        "sql" => sql(),
        "redis" => redis(),
        "worker" => worker(),
        "prometheus" => prometheus(),
        "external" => external(),
        "metrics" => vec![Case::url(
            "metrics",
            "metrics.url",
            json!({
                "bearerToken": secret(), "series": [{"name": "up"}],
            }),
        )],
        "storage" => vec![Case::url(
            "storage s3",
            "storage.s3.endpoint",
            json!({"s3": {
                "region": "auto", "bucket": "files", "accessKeyId": secret(), "secretAccessKey": secret(),
            }}),
        )],
        "performance" => vec![Case::url(
            "performance",
            "performance.url",
            json!({
                "headers": headers(), "samples": 5, "warmup": 1, "sampleTimeout": "1s", "maxP50": "1s",
            }),
        )],
        "security" => security(),
        "dns" | "platform" | "logs" => Vec::new(),
        new => panic!("write here how a check of kind {new} reaches its target"),
    }
}

fn secret() -> Value {
    json!({"secretKeyRef": {"name": "a", "key": "k"}})
}

fn headers() -> Value {
    json!([{"name": "Authorization", "valueFrom": secret()}])
}

fn expected() -> Value {
    json!({"json": [{"path": "$.status", "value": "ok"}]})
}

fn http() -> Vec<Case> {
    let one = Case::url(
        "http",
        "http.url",
        json!({"headers": headers(), "redirects": {"follow": 2}, "expect": expected()}),
    );
    let steps = json!({"headers": headers(), "steps": [
        {"name": "put", "method": "POST", "body": "{}", "expect": expected()},
        {"name": "tidy", "method": "DELETE", "path": "/${run}", "cleanup": true},
    ]});
    vec![
        Case {
            name: "http under TLS",
            ..one.clone()
        }
        .secured(),
        one,
        Case::url("http steps", "http.url", steps),
    ]
}

fn grpc() -> Vec<Case> {
    let fields = |tls| json!({"tls": tls, "metadata": headers()});
    vec![
        Case::host("grpc", "grpc.host", Protocol::Http2, fields(false)),
        Case::host("grpc under TLS", "grpc.host", Protocol::Tls, fields(true)),
    ]
}

fn sql() -> Vec<Case> {
    let fields = |engine, tls| {
        json!({
            "engine": engine, "database": "d", "user": "u", "password": secret(), "tls": tls,
            "query": {"statement": "SELECT 1", "value": "1"},
        })
    };
    let case =
        |name, protocol, engine, tls| Case::host(name, "sql.host", protocol, fields(engine, tls));
    vec![
        case("sql postgres", Protocol::Postgres, "postgres", "Disable"),
        case(
            "sql postgres under TLS",
            Protocol::PostgresTls,
            "postgres",
            "VerifyFull",
        ),
        case("sql mysql", Protocol::Mysql, "mysql", "Disable"),
        case(
            "sql mysql under TLS",
            Protocol::Mysql,
            "mysql",
            "VerifyFull",
        ),
    ]
}

fn redis() -> Vec<Case> {
    let fields =
        |tls| json!({"tls": tls, "user": "u", "password": secret(), "keys": [{"key": "jobs"}]});
    vec![
        Case::host("redis", "redis.host", Protocol::Redis, fields(false)),
        Case::host("redis under TLS", "redis.host", Protocol::Tls, fields(true)),
    ]
}

fn worker() -> Vec<Case> {
    let store = json!({
        "store": {"redis": {"password": secret()}}, "heartbeat": {"key": "beat", "maxAge": "1m"},
    });
    let postgres = json!({"postgres": {
        "database": "d", "user": "u", "password": secret(), "tls": "Disable",
        "queue": {"depthQuery": "SELECT 1", "maxDepth": 1},
    }});
    let health = json!({"health": {"headers": headers(), "expect": expected()}});
    vec![
        Case::url("worker health", "worker.health.url", health),
        Case::host(
            "worker redis",
            "worker.store.redis.host",
            Protocol::Redis,
            store,
        ),
        Case::host(
            "worker postgres",
            "worker.postgres.host",
            Protocol::Postgres,
            postgres,
        ),
    ]
}

fn security() -> Vec<Case> {
    let plain = Case::url("security", "security.url", json!({}));
    vec![
        Case {
            name: "security under TLS",
            ..plain.clone()
        }
        .secured(),
        plain,
    ]
}

fn prometheus() -> Vec<Case> {
    let fields = |credentials: Value| {
        let mut fields = json!({"query": "up", "operator": "Equals", "value": "1"});
        fields
            .as_object_mut()
            .unwrap()
            .extend(credentials.as_object().unwrap().clone());
        fields
    };
    let basic = json!({"basic": {"user": "u", "password": secret()}});
    let token = json!({"bearerToken": secret(), "maxAge": "1m"});
    vec![
        Case::url(
            "prometheus with a password",
            "prometheus.url",
            fields(basic),
        ),
        Case::url("prometheus with a token", "prometheus.url", fields(token)),
    ]
}

fn external() -> Vec<Case> {
    let case = |name, fields| Case::url(name, "external.url", fields);
    let keyed = |preset| json!({"preset": preset, "apiKey": secret()});
    vec![
        case("external openai", keyed("openai")),
        case("external anthropic", keyed("anthropic")),
        case("external llamaparse", keyed("llamaparse")),
        case("external stripe", keyed("stripe")),
        case("external sendgrid", keyed("sendgrid")),
        case("external github", keyed("github")),
        case("external s3", json!({"preset": "s3"})),
        case(
            "external generic",
            json!({"preset": "generic", "apiKey": secret(), "keyHeader": "X-Key"}),
        ),
    ]
}
