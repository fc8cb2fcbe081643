//! Workers over tables of PostgreSQL.

use serde_json::{Value, json};

use super::super::row::{Row, refuse};

const CHECK: &str = "spec.checks[1]";

pub fn rows() -> Vec<Row> {
    let of = |more: Value| {
        let mut postgres = json!({"host": "a", "database": "d", "user": "u"});
        let fields = postgres.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        json!({"name": "port", "worker": {"postgres": postgres}})
    };
    let beat = json!({"heartbeat": {"query": "SELECT 1", "maxAge": "1m"}});
    let mut both = of(beat);
    both["worker"]["store"] = json!({"redis": {"host": "a"}});
    vec![
        refuse("S33", CHECK, of(json!({})))
            .naming("spec.checks[1].worker.postgres")
            .saying("at least one of heartbeat, queue, roundTrip must be set"),
        refuse("S33", CHECK, both).naming("spec.checks[1].worker")
            .saying("postgres excludes store"),
        refuse(
            "S33",
            CHECK,
            of(json!({"heartbeat": {"query": "DELETE FROM jobs", "maxAge": "1m"}})),
        )
        .naming("spec.checks[1].worker.postgres.heartbeat.query"),
        refuse(
            "S33",
            CHECK,
            of(json!({"queue": {"depthQuery": "SELECT 1", "maxAge": "1m"}})),
        )
        .naming("spec.checks[1].worker.postgres.queue")
            .saying("maxAge needs oldestQuery"),
        refuse(
            "S33",
            CHECK,
            of(json!({"roundTrip": {
                "enqueue": "INSERT INTO jobs VALUES (1)", "done": "SELECT $1", "cleanup": "DELETE FROM jobs WHERE id = $1",
            }})),
        )
        .naming("spec.checks[1].worker.postgres.roundTrip.enqueue"),
    ]
}
