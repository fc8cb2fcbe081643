//! A check of each kind, as its author would write it: those that pass against the servers of tests and measurements.

/// A request whose answer's status and one member are judged.
pub fn http(port: u16) -> String {
    let json = "[{path: $.queue.depth, operator: AtMost, value: '9'}]";
    format!("http: {{url: 'http://127.0.0.1:{port}/', expect: {{json: {json}}}}}")
}

/// A connection.
pub fn tcp(port: u16) -> String {
    format!("tcp: {{host: 127.0.0.1, port: {port}}}")
}

/// The name that [`dns`] asks for.
pub const NAME: &str = "shop.example.com";

/// The address of a name.
pub fn dns() -> String {
    format!("dns: {{name: {NAME}, contains: [192.0.2.1]}}")
}

/// A handshake.
pub fn tls(port: u16) -> String {
    format!("tls: {{host: 127.0.0.1, port: {port}, minDaysLeft: 7}}")
}

/// The health of a server as a whole.
pub fn grpc(port: u16) -> String {
    format!("grpc: {{host: 127.0.0.1, port: {port}}}")
}

/// A value that is always there.
pub fn prometheus(port: u16) -> String {
    let url = format!("http://127.0.0.1:{port}");
    format!("prometheus: {{url: '{url}', query: vector(1), operator: Equals, value: '1'}}")
}

/// Two of a hundred series.
pub fn metrics(port: u16) -> String {
    let series = "[{name: queue_depth, operator: AtMost, value: '9'}, \
                  {name: requests_total, labels: {handler: /orders/7}}]";
    format!("metrics: {{url: 'http://127.0.0.1:{port}/metrics', series: {series}}}")
}

/// The models that a key may use.
pub fn external(port: u16) -> String {
    let key = "apiKey: {secretKeyRef: {name: models, key: key}}";
    format!("external: {{preset: openai, url: 'http://127.0.0.1:{port}', {key}}}")
}

/// Requests of one performance check.
pub const SAMPLES: u16 = 100;

/// The times of requests that follow each other on one connection.
pub fn performance(port: u16) -> String {
    let how = format!("samples: {SAMPLES}, concurrency: 1, warmup: 0, sampleTimeout: 5s");
    let limits = "maxP95: 5s";
    format!("performance: {{url: 'http://127.0.0.1:{port}/', {how}, {limits}}}")
}

/// Login, and a sign of life.
pub fn redis(port: u16) -> String {
    format!("redis: {{{}}}", cache(port))
}

fn cache(port: u16) -> String {
    let password = "password: {secretKeyRef: {name: cache, key: password}}";
    format!("host: 127.0.0.1, port: {port}, user: plumbline, {password}")
}

/// Login, and a question.
pub fn sql(engine: &str, port: u16) -> String {
    let database = if engine == "postgres" {
        "postgres"
    } else {
        "app"
    };
    let question = "query: {statement: 'SELECT 1', operator: Equals, value: '1'}";
    let place = server(port, database);
    format!("sql: {{engine: {engine}, {place}, {question}}}")
}

fn server(port: u16, database: &str) -> String {
    let password = "password: {secretKeyRef: {name: database, key: password}}";
    format!(
        "host: 127.0.0.1, port: {port}, database: {database}, user: plumbline, {password}, tls: Disable"
    )
}

/// A question to a file.
pub fn sqlite(path: &str) -> String {
    let question = "query: {statement: 'SELECT 1', operator: Equals, value: '1'}";
    format!("sql: {{engine: sqlite, path: '{path}', {question}}}")
}

/// Heartbeat and queue in Redis, without a job of the check's own: how long that takes is the worker's affair.
pub fn worker_redis(port: u16) -> String {
    let queue = "{key: jobs, enqueuedAt: at, maxAge: 12h, deadLetters: {key: dead}}";
    let heartbeat = "{key: beat, maxAge: 12h}";
    let store = cache(port);
    format!("worker: {{store: {{redis: {{{store}}}}}, heartbeat: {heartbeat}, queue: {queue}}}")
}

/// What [`worker_postgres`] asks.
pub const HEARTBEAT: &str = "SELECT max(seen_at) FROM workers";
pub const DEPTH: &str = "SELECT count(*) FROM jobs WHERE state = 'waiting'";
pub const OLDEST: &str = "SELECT min(created_at) FROM jobs WHERE state = 'waiting'";
pub const DEAD: &str = "SELECT count(*) FROM jobs WHERE state = 'dead'";

/// The same in tables of PostgreSQL.
pub fn worker_postgres(port: u16) -> String {
    let dead = format!("deadLetters: {{query: \"{DEAD}\"}}");
    let queue =
        format!("{{depthQuery: \"{DEPTH}\", oldestQuery: \"{OLDEST}\", maxAge: 12h, {dead}}}");
    let heartbeat = format!("{{query: \"{HEARTBEAT}\", maxAge: 12h}}");
    let place = server(port, "postgres");
    format!("worker: {{postgres: {{{place}, heartbeat: {heartbeat}, queue: {queue}}}}}")
}

/// A marker in a bucket that is put, read back and deleted.
pub fn bucket(port: u16, region: &str) -> String {
    let keys = "accessKeyId: {secretKeyRef: {name: storage, key: id}}, \
                secretAccessKey: {secretKeyRef: {name: storage, key: secret}}";
    let endpoint = format!("endpoint: 'http://127.0.0.1:{port}', region: {region}");
    format!("storage: {{s3: {{{endpoint}, bucket: files, {keys}}}}}")
}

/// The same in a folder.
pub fn folder(path: &str) -> String {
    format!("storage: {{local: {{path: '{path}'}}}}")
}

/// A service that runs and does not crash.
pub fn platform() -> String {
    "platform: {minInstances: 1, maxCrashes: 0}".to_owned()
}

/// The patterns that [`logs`] looks for.
pub const PATTERNS: [&str; 2] = [r"(?i)\b(error|panic|fatal)\b", "OutOfMemoryError"];

/// Patterns in what a service wrote.
pub fn logs() -> String {
    let [errors, memory] = PATTERNS;
    format!(
        "logs: {{window: 10m, patterns: [{{name: errors, matches: '{errors}', maxPerMinute: 5}}, \
         {{name: memory, matches: '{memory}', maxPerMinute: 0}}]}}"
    )
}
